"""Which runs a study has, and when two of them are the same."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fairforget.budget import STUDY_BUDGET
from fairforget.errors import InputError
from fairforget.transfer_study import plan as plan_module
from fairforget.transfer_study.plan import (
    CONTROLS,
    Recipe,
    StudyRun,
    control_run,
    lacks_cause,
    name_controls,
    order_stages,
    plan_runs,
)
from fairforget.transfer_study.study import transfer

RECIPE = Recipe(model="smollm2")


def test_every_run_once_and_whole_seeds_first() -> None:
    runs = plan_runs(
        RECIPE,
        ["builtin:gender", "builtin:race"],
        objectives=["ascent", "counterfactual-kl"],
        controls=["random", "matched", "none"],
        seeds=3,
    )
    # a seed: 2 corpora × 2 objectives, each with its random control; matched once for each
    # objective, as built-in controls are the same texts for all domains; none once
    assert len(runs) == len(set(runs)) == 3 * (4 + 4 + 2 + 1)
    assert [run.seed for run in runs] == sorted(run.seed for run in runs)


def test_other_corpora_have_matched_controls_of_their_own() -> None:
    corpora = ["hatecheck:gender", "hatecheck:race"]
    runs = plan_runs(RECIPE, corpora, objectives=["ascent"], controls=["matched"], seeds=1)
    assert [run.forget for run in runs if run.control] == corpora


def test_the_name_changes_with_all_that_determines_the_result() -> None:
    run = StudyRun("builtin:gender", "counterfactual-kl", None, 0, RECIPE)
    others = [
        replace(run, seed=1),
        replace(run, control="random"),
        replace(run, objective="ascent"),
        replace(run, recipe=replace(RECIPE, steps=31)),
        *(
            replace(run, recipe=replace(RECIPE, budget=replace(STUDY_BUDGET, **bound)))
            for bound in ({"perplexity": 1.05}, {"movement": 0.02}, {"harmful_log_prob": 0.0})
        ),
        replace(run, recipe=replace(RECIPE, benchmarks=("stereoset",))),
        replace(run, recipe=replace(RECIPE, doses="0.5")),
    ]
    names = {other.name("data") for other in others} | {run.name("other data")}
    assert len(names) == len(others) + 1
    assert run.name("data") not in names
    assert replace(run).name("data") == run.name("data")
    assert run.name("data").startswith("builtin_gender-counterfactual_kl-seed0-")
    assert "/" not in replace(run, forget="hub:a/b:c?x=1").name("data")


def test_finished_runs_keep_their_directories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_module, "VERSIONS", {"fairforget": "1"})
    name = StudyRun("builtin:gender", "counterfactual-kl", "random", 1, RECIPE).name("data")
    assert name == "builtin_gender-counterfactual_kl-random-seed1-dcb0db925ef4"


def test_spaces_in_a_list_of_doses_make_no_other_run() -> None:
    run = StudyRun("builtin:gender", "ascent", None, 0, RECIPE)

    def name(doses: str) -> str:
        return replace(run, recipe=replace(RECIPE, doses=doses)).name("data")

    assert name(" 0.25, 0.5 ") == name("0.25,0.5") != name("0.5")
    assert name(" ") == name("")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"objectives": ["none"]}, "objectives: 'none' is unknown"),
        ({"objectives": ["nop?beta=1"]}, "objectives: 'nop' is unknown"),
        ({"objectives": ["npo?"]}, "is not a list of constants, such as"),
        ({"objectives": ["npo?beta"]}, r"objective 'npo\?beta': \?beta is not a list"),
        ({"objectives": ["npo?beta=few"]}, "is not a list of constants"),
        ({"objectives": ["npo?alpha=1"]}, "is not a list of constants"),
        ({"objectives": ["simnpo?beta=1&gamma="]}, "is not a list of constants"),
        ({"objectives": ["npo?beta=1&beta=2"]}, "is not a list of constants"),
        ({"objectives": ["npo?gamma=1"]}, "'npo' has no gamma"),
        ({"objectives": ["npo?beta=0"]}, "beta is 0.0"),
        ({"objectives": ["npo?beta=1", "npo?beta=1.0"]}, "are the same"),
        ({"objectives": ["npo", "npo?beta=0.1"]}, "are the same"),
        ({"controls": ["placebo"]}, f"choose from {', '.join(CONTROLS)}"),
        ({"seeds": 0}, "seeds is 0"),
        ({"seeds": 10**20}, "it must be between 1 and 1000"),
        ({"forget": []}, "forget is empty"),
        ({"forget": ["a", "a"]}, "'a' is listed twice"),
    ],
)
def test_bad_plans_are_refused(asked, message) -> None:
    plan = {"forget": ["builtin:gender"], "objectives": ["ascent"], "controls": [], "seeds": 1}
    with pytest.raises(InputError, match=message):
        plan_runs(RECIPE, **{**plan, **asked})


def test_random_tokens_are_no_control_of_what_is_not_a_choice_of_harmful_ones() -> None:
    recipe = replace(RECIPE, selection="mention-to-span")
    plan = {"forget": ["builtin:gender"], "objectives": ["counterfactual-kl"], "seeds": 1}
    assert len(plan_runs(recipe, controls=["matched", "none", "all"], **plan)) == 4
    refused = "cannot control for selection 'mention-to-span'; remove it from --controls"
    with pytest.raises(InputError, match=refused):
        plan_runs(recipe, controls=["matched", "random"], **plan)


def test_no_benchmark_is_evaluated_on_what_is_unlearned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even one without a bias score."""
    monkeypatch.setattr("fairforget.transfer_study.study.load_benchmarks", dict.fromkeys)
    output, benchmarks = tmp_path / "study", ["stereoset", "harmful_words:hatecheck"]
    with pytest.raises(InputError, match="'harmful_words:hatecheck': corpus 'hatecheck:"):
        transfer("none", output_dir=output, forget="hatecheck:women", benchmarks=benchmarks)
    assert not output.exists()


@pytest.mark.parametrize("nothing", [{"retain_per_forget": 0.0}, {"retain_loss_weight": 0.0}])
def test_training_on_retain_texts_alone_takes_some(nothing) -> None:
    alone = replace(RECIPE, **nothing, retain_loss="none")
    with pytest.raises(InputError, match="retain_per_forget or retain_loss_weight is 0"):
        plan_runs(alone, ["builtin"], objectives=["ascent"], controls=["none"], seeds=1)


def test_harm_about_anyone_is_the_cause() -> None:
    for objective in ("ascent", "npo?beta=1"):
        with_cause = {name for name in CONTROLS if not lacks_cause(name, objective)}
        assert with_cause == {"all", "swapped"}
    assert not lacks_cause("swapped@movement", "ascent")
    assert lacks_cause("harmless@movement", "ascent")


@pytest.mark.parametrize("objective", ["trait-kl", "counterfactual-kl", "counterfactual-excess"])
def test_random_tokens_after_a_mention_are_the_cause_too(objective: str) -> None:
    """They also become independent of the group."""
    with_cause = {name for name in CONTROLS if not lacks_cause(name, objective)}
    assert with_cause == {"all", "swapped", "random"}
    assert not lacks_cause("random@movement", objective)


def test_harmless_words_do_not_control_for_distributions_before_them() -> None:
    plan = {"forget": ["builtin"], "controls": ["harmless"], "seeds": 1}
    assert len(plan_runs(RECIPE, objectives=["ascent", "counterfactual-excess"], **plan)) == 4
    with pytest.raises(InputError, match="'harmless' replaces the harmful words, but objective"):
        plan_runs(RECIPE, objectives=["ascent", "counterfactual-kl"], **plan)


def test_the_matched_control_is_not_forgotten_itself() -> None:
    with pytest.raises(InputError, match="'matched' trains on builtin:control, which is also"):
        plan_runs(
            RECIPE,
            ["builtin:gender", "builtin:control"],
            objectives=["ascent"],
            controls=["matched"],
            seeds=1,
        )


@pytest.mark.parametrize(("match", "copies"), [("perplexity", 0), ("movement", 1), ("both", 2)])
def test_a_control_matched_on_movement_belongs_to_one_run_and_follows_it(match, copies) -> None:
    corpora, controls = ["builtin:gender", "builtin:race"], ["random", "matched", "none"]
    runs = plan_runs(
        replace(RECIPE, match=match), corpora, objectives=["ascent"], controls=controls, seeds=2
    )
    moved = [run for run in runs if run.matched_on]
    assert len(moved) == (2 * 2 * 3 if copies else 0)  # none is shared by two corpora
    assert len(runs) - len(moved) == 2 * 2 + (2 * (2 + 1 + 1) if match != "movement" else 0)
    for run in moved:
        assert run.matched_on in runs[: runs.index(run)]
        assert run.matched_on.group == (run.forget, "ascent", None)
    named = name_controls(controls, match)
    assert len(named) == 3 * max(copies, 1)
    forgets = [run for run in runs if not run.control]
    controls_of = [
        control_run(run.forget, run.objective, name, run.seed, run.recipe)
        for run in forgets
        for name in named
    ]
    assert {*runs} == {*forgets, *controls_of}
    assert order_stages(runs, parallel=False) == [runs]  # complete seeds come first
    assert order_stages(runs, parallel=True) == [[r for r in runs if r not in moved], moved]


def test_what_controls_are_matched_on_makes_no_other_run_of_the_rest() -> None:
    plan = {"forget": ["builtin"], "objectives": ["ascent"], "controls": ["random"], "seeds": 1}
    both = replace(RECIPE, match="both")
    names = {run.name("data") for run in plan_runs(RECIPE, **plan)}
    assert names < {run.name("data") for run in plan_runs(both, **plan)}
