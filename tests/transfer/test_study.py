"""A whole study on a tiny model: planned, run, interrupted, resumed, spread over a cluster."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from fairforget.cli import main
from fairforget.corpora import Mention, Text
from fairforget.errors import InputError
from fairforget.models.fingerprint import model_identity
from fairforget.models.loading import load_model
from fairforget.training.early_stopping import WITH_MINIMUM
from fairforget.training.from_settings import load_to_train
from fairforget.training.interpolation import MOVEMENT_SHARE, ROUGH_SHARE
from fairforget.transfer_study import runs
from fairforget.transfer_study import study as study_module
from fairforget.transfer_study.plan import Recipe, StudyRun
from fairforget.transfer_study.runs import (
    begin_study,
    compute_digests,
    forget_corpus,
    run_one,
)
from fairforget.transfer_study.study import transfer

from ..models import save_tiny
from ..stereoset_file import write_items
from .small import run, study_arguments, without_times

MODEL = {"weights": "some"}

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("little_data")]


@pytest.fixture
def arguments(model: str, tmp_path: Path) -> list[str]:
    return study_arguments(model, tmp_path)


def unless_race(instead: Callable[[], None]) -> Callable[[StudyRun, Path], None]:
    """Does every run but those that forget race, for which it does something else."""

    def carried(task: StudyRun, directory: Path) -> None:
        if task.forget == "builtin:race":
            instead()
        else:
            run_one(task, directory)

    return carried


def run_in_part(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[dict[str, Any], str]:
    """A small study some runs of which fail, and what it prints to stderr."""
    short = ["--objectives", "counterfactual-kl", "--controls", "", "--seeds", "1", "--json"]
    with pytest.raises(SystemExit) as exit_:
        main([*arguments, *short])
    assert exit_.value.code == 1
    captured = capsys.readouterr()
    return json.loads(captured.out), captured.err


def test_a_study_has_every_cell_and_a_report(arguments, tmp_path, capsys) -> None:
    study = run(capsys, *arguments, "--seeds", "1", "--output", str(tmp_path / "study"))
    assert study["kind"] == "study"
    assert study["failed"] == []
    rows = {(row["forget"], row["method"], row["control"]) for row in study["rows"]}
    mains = {(f"builtin:{d}", o, None) for d in ("gender", "race") for o in ("ascent", "trait-kl")}
    assert mains < rows
    assert ("builtin:control", "trait-kl", "matched") in rows
    assert ("none", "none", "none") in rows
    assert len(rows) == 4 + 4 + 2 + 1
    domains, measures = 3, 2  # SS and the smoothed one: these items have no neutral words
    assert len(study["matrix"]) == len(study["cells"]) == len(rows) * domains * measures
    judged = [cell for cell in study["matrix"] if cell["control"] is None]
    assert {tuple(cell["excess"]) for cell in judged} == {("random", "matched", "none")}
    assert all(cell["verdict"] for cell in judged)
    html = (tmp_path / "study" / "report.html").read_text()
    assert "change in bias, alone and beyond each control" in html
    assert not list((tmp_path / "study" / "runs").glob("*/model"))


def test_controls_move_as_far_as_the_run_that_they_control(arguments, tmp_path, capsys) -> None:
    asked = ["--objectives", "ascent", "--controls", "swapped,none", "--seeds", "1"]
    output = tmp_path / "study"
    command = [*arguments, *asked, "--output", str(output)]
    run(capsys, *command)
    few = {path.name for path in (output / "runs").iterdir()}
    study = run(capsys, *command, "--match", "both")
    assert study["failed"] == []
    assert few < {path.name for path in (output / "runs").iterdir()}  # they are not repeated
    names = {"swapped", "none", "swapped@movement", "none@movement"}
    assert {row["control"] for row in study["rows"]} == {None, *names}
    assert all({*cell["excess"]} == names for cell in study["matrix"] if not cell["control"])
    budgets = {}
    for path in output.glob("runs/*/record.json"):
        record = json.loads(path.read_text())
        budgets[path.parent.name.rpartition("-")[0], record["method"]["control"]] = record["budget"]
    for domain in ("gender", "race"):
        moved = budgets[f"builtin_{domain}-ascent-seed0", None]["movement"]
        assert moved > 0
        for control in ("swapped", "none"):
            name = f"builtin_{domain}-ascent-{control}_movement-seed0"
            budget = budgets[name, f"{control}@movement"]
            assert budget["movement_asked"] == moved
            short = "not used up" in budget["note"]
            assert budget["alpha"] == 2 if short else 0.98 * moved <= budget["movement"] <= moved


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_a_study_of_a_masked_model(family, tmp_path) -> None:
    items = write_items(tmp_path / "items.jsonl", subject="It is", count=8)
    study = transfer(
        save_tiny(family, tmp_path / family),
        output_dir=tmp_path / "study",
        forget="gender,race",
        benchmarks=f"stereoset:{items}",
        controls="random,matched",
        match="both",
        doses="0.5",
        seeds=1,
        steps=2,
        batch_size=2,
    )
    assert study.failed == []
    assert len(study.rows) == 2 * (2 + 2 + 1 + 2 * 2)  # with one matched control for both
    assert {cell.measure for cell in study.matrix} == {"ss"}
    assert all(row.perplexity_ratio <= 1.03 for row in study.rows)
    assert all(row.movement for row in study.rows)
    assert {dose.dose for dose in study.doses} == {0.0, 0.5, 1.0}
    assert "change in bias" in (tmp_path / "study" / "report.html").read_text()


def test_a_model_is_a_name_or_a_path(model, tmp_path) -> None:
    items = write_items(tmp_path / "items.jsonl", subject="It is", count=8)
    study = transfer(
        Path(model),
        output_dir=tmp_path / "study",
        forget="gender",
        benchmarks=f"stereoset:{items}",
        objectives="ascent",
        controls="",
        seeds=1,
        steps=2,
        batch_size=2,
    )
    assert study.model.source == model
    with pytest.raises(InputError, match="model is a LanguageModel; give its name or directory"):
        transfer(load_model(model), output_dir=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_control_of_a_run_that_failed_fails(arguments, tmp_path, capsys, monkeypatch) -> None:
    def tired() -> None:
        raise InputError("the machine is tired")

    only = ["--match", "movement", "--forget", "gender,race", "--seeds", "1", "--json"]
    monkeypatch.setattr(
        study_module,
        "run_one",
        lambda task, path: (
            run_one(task, path) if task.control or "gender" in task.forget else tired()
        ),
    )
    asked = ["--objectives", "ascent", "--controls", "none", "--output", str(tmp_path / "study")]
    with pytest.raises(SystemExit):
        main([*arguments, *only, *asked])
    errors = [failure["error"] for failure in json.loads(capsys.readouterr().out)["failed"]]
    assert errors[0] == "the machine is tired"
    assert "movement of run builtin_race-ascent-seed0-" in errors[1]
    assert errors[1].endswith("which has not finished; run the same command again")


@pytest.mark.parametrize("control", ["matched", "swapped", "harmless"])
def test_a_control_that_replaces_mentions_needs_some(control, tmp_path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text("text\nIt rains.\n")
    with pytest.raises(InputError, match=f"controls: '{control}' replaces group mentions, and no"):
        forget_corpus(StudyRun(str(path), "ascent", control, 0, Recipe(model="none")))


def test_objectives_have_constants_of_their_own(arguments, tmp_path, capsys) -> None:
    asked = ["--objectives", "npo,simnpo?beta=0.1&gamma=1", "--controls", "", "--seeds", "1"]
    output = tmp_path / "study"
    study = run(capsys, *arguments, *asked, "--output", str(output))
    assert {row["method"] for row in study["rows"]} == {"npo", "simnpo?beta=0.1&gamma=1"}
    methods = [json.loads(p.read_text())["method"] for p in output.glob("runs/*/record.json")]
    found = {(m["objective"], m.get("beta"), m.get("gamma")) for m in methods}
    assert found == {("npo", None, None), ("simnpo", 0.1, 1.0)}


@pytest.mark.parametrize("asked", ["ascent?beta=1", "npo?gamma=1", "npo?beta=0"])
def test_constants_that_an_objective_cannot_take_are_refused(
    asked, arguments, tmp_path, capsys
) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([*arguments, "--objectives", asked, "--output", str(tmp_path / "study")])
    assert exit_.value.code == 2
    assert asked.partition("?")[2].partition("=")[0] in capsys.readouterr().err
    assert not (tmp_path / "study").exists()


def test_an_interrupted_study_resumes_and_ends_the_same(
    arguments, tmp_path, capsys, monkeypatch
) -> None:
    short = ["--objectives", "counterfactual-kl", "--controls", "random", "--seeds", "1"]
    whole = run(capsys, *arguments, *short, "--output", str(tmp_path / "whole"))
    begun: list[str] = []

    def interrupted(task: Any, directory: Path) -> None:
        begun.append(directory.name)
        if len(begun) == 3:
            raise KeyboardInterrupt
        run_one(task, directory)

    monkeypatch.setattr(study_module, "run_one", interrupted)
    again = [*arguments, *short, "--output", str(tmp_path / "again")]
    with pytest.raises(SystemExit) as exit_:
        main(again)
    assert exit_.value.code == 130
    torn = tmp_path / "again" / "runs" / begun[2]
    torn.mkdir(parents=True)
    (torn / "after").mkdir()  # what a killed run may leave
    capsys.readouterr()
    assert without_times(run(capsys, *again)) == without_times(whole)
    assert len(begun) == 3 + 4 - 2  # two were done and are not done again


@pytest.mark.parametrize(
    ("more", "seeds"),
    [
        ([], 2),
        (["--forget", "religion,race,gender"], 1),
        (["--objectives", "ascent,counterfactual-kl"], 1),
    ],
    ids=["seeds", "domains", "objectives"],
)
def test_a_study_asked_for_more_does_the_rest_only(
    arguments, more, seeds, tmp_path, capsys
) -> None:
    short = [
        "--objectives",
        "counterfactual-kl",
        "--controls",
        "",
        "--output",
        str(tmp_path / "study"),
    ]
    run(capsys, *arguments, *short, "--seeds", "1")
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "study").glob("runs/*/record.json")}
    assert len(before) == 2
    study = run(capsys, *arguments, *short, *more, "--seeds", str(seeds))
    assert study["matrix"][0]["seeds"] == seeds
    assert len(study["cells"]) > len(before) * 3
    after = {p: p.stat().st_mtime_ns for p in (tmp_path / "study").glob("runs/*/record.json")}
    assert before.items() < after.items()


def test_a_failed_run_is_reported_and_stops_no_other(
    arguments, tmp_path, capsys, monkeypatch
) -> None:
    def tired() -> None:
        raise InputError("the machine is tired")

    monkeypatch.setattr(study_module, "run_one", unless_race(tired))
    study, printed = run_in_part(capsys, *arguments, "--output", str(tmp_path / "study"))
    assert [failure["error"] for failure in study["failed"]] == ["the machine is tired"]
    assert {cell["forget"] for cell in study["matrix"]} == {"builtin:gender"}
    assert "the machine is tired" in printed


def test_harmful_words_may_be_selected_in_passing(tmp_path) -> None:
    sentences = ["women are such hopeless fools", "the weather is such fun"]
    path = tmp_path / "posts.csv"
    path.write_text(
        "text,hateful\n" + "".join(f"{sentences[n % 2]} {n},{n % 2 == 0}\n" for n in range(40))
    )
    recipe = Recipe(model="none", select="contrast", train=str(path))
    corpus = forget_corpus(StudyRun(f"{path}?label=hateful", "ascent", None, 0, recipe))
    first = corpus.texts[0]
    assert any(first.text[s.start : s.end] for s in first.spans)
    assert not any("women" in first.text[s.start : s.end] for s in first.spans)
    given = replace(recipe, select="given")
    assert not forget_corpus(StudyRun(str(path), "ascent", None, 0, given)).texts[0].spans


def test_kept_runs_let_a_study_resume_elsewhere(
    arguments, tmp_path, capsys, monkeypatch, script
) -> None:
    archive = script("run_archive")
    short = [*arguments, "--objectives", "ascent", "--controls", "random", "--seeds", "1"]
    here, elsewhere = tmp_path / "here", tmp_path / "elsewhere"
    study = run(capsys, *short, "--output", str(here))
    archive.archive_runs(here, tmp_path / "runs.tar.xz")
    archive.restore_runs(tmp_path / "runs.tar.xz", elsewhere)
    kept = "".join(path.read_text("utf-8", "replace") for path in elsewhere.rglob("*.parquet"))
    assert "score_stereotype" in kept
    assert "It is" not in kept  # no sentence of a benchmark
    monkeypatch.setattr(study_module, "run_one", None)  # nothing is left to do
    assert without_times(run(capsys, *short, "--output", str(elsewhere))) == without_times(study)


def test_a_corpus_that_changed_is_read_anew(tmp_path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text("text\nIt rains.\n")
    run = StudyRun(str(path), "ascent", None, 0, Recipe(model="none"))
    before = compute_digests([run], MODEL)
    assert compute_digests([run], MODEL) == before
    path.write_text("text\nIt snows.\n")
    assert compute_digests([run], MODEL) != before
    assert forget_corpus(run).texts[0].text == "It snows."


def test_a_corpus_without_spans_is_refused_before_any_run(model, tmp_path) -> None:
    path, output = tmp_path / "posts.csv", tmp_path / "out"
    path.write_text("text\nIt rains.\n")
    with pytest.raises(InputError, match=r"has harmful spans; let a method .* --select contrast"):
        transfer(model, forget=str(path), controls="random", output_dir=output, device="cpu")
    assert not output.exists()


def test_a_process_forgets_what_it_read_for_another_study(tmp_path) -> None:
    """As a worker of a cluster does, which can outlive a study."""
    path = tmp_path / "posts.csv"
    path.write_text("text\nIt rains.\n")
    run = StudyRun(str(path), "ascent", None, 0, Recipe(model="none"))
    for study, text in (("one", "It rains."), ("one", "It rains."), ("two", "It snows.")):
        begin_study(study)
        assert forget_corpus(run).texts[0].text == text
        path.write_text("text\nIt snows.\n")


def test_a_machine_with_other_texts_does_no_run_of_the_study(model, tmp_path) -> None:
    path = tmp_path / "posts.csv"
    path.write_text("text\nIt rains.\n")
    run = StudyRun(str(path), "ascent", "all", 0, Recipe(model=model, device="cpu"))
    planned = run.name(
        compute_digests([run], model_identity(load_to_train(run.recipe.model, run.recipe)))[run]
    )
    path.write_text("text\nIt snows.\n")
    compute_digests([run], MODEL)  # as in another process, nothing is remembered
    with pytest.raises(InputError, match="differs from the machine that started the study"):
        run_one(run, tmp_path / planned)


def test_what_a_recipe_only_names_distinguishes_runs(monkeypatch, tmp_path) -> None:
    items = tmp_path / "items.jsonl"
    items.write_text("one item")
    recipe = Recipe(model="none", benchmarks=(f"stereoset:{items}",))
    run = StudyRun("builtin:gender", "counterfactual-kl", None, 0, recipe)
    random = replace(run, control="random")
    to_harm = replace(run, recipe=replace(recipe, selection="mention-to-span"))
    before = compute_digests([run, random, to_harm], MODEL)
    assert len(set(before.values())) == 3  # other tokens
    assert compute_digests([run], MODEL)[run] == before[run]
    assert compute_digests([run], {"weights": "others"})[run] != before[run]
    items.write_text("another item")
    changed = compute_digests([run], MODEL)[run]
    assert changed != before[run]
    for name in ("FIXED", "SEARCH"):
        with monkeypatch.context() as patch:
            patch.setattr(f"fairforget.transfer_study.runs.{name}", "another number")
            assert compute_digests([run], MODEL)[run] != changed
    assert all(constant in runs.SEARCH for constant in (MOVEMENT_SHARE, ROUGH_SHARE, WITH_MINIMUM))
    monkeypatch.setattr("fairforget.transfer_study.runs.hash_words", lambda name: "other words")
    assert compute_digests([run], MODEL)[run] != changed


@pytest.mark.parametrize(
    ("changed", "value"), [("LOSS_CONSTANTS", ()), ("hash_trait_words", lambda: "other words")]
)
def test_only_runs_of_an_objective_with_a_target_depend_on_its_words_and_constants(
    changed: str, value: object, monkeypatch
) -> None:
    trait_kl = StudyRun("builtin:gender", "trait-kl", None, 0, Recipe(model="none"))
    studied = [trait_kl, *(replace(trait_kl, objective=name) for name in ("npo", "ascent"))]
    studied.append(replace(trait_kl, control="none"))
    before = compute_digests(studied, MODEL)
    monkeypatch.setattr(f"fairforget.objectives.inputs.{changed}", value)
    after = compute_digests(studied, MODEL)
    assert [run for run in studied if after[run] != before[run]] == [trait_kl]


def test_what_changes_no_result_makes_no_other_run() -> None:
    recipe = Recipe(model="none", device="cpu")
    run = StudyRun("builtin:gender", "counterfactual-kl", None, 0, recipe)
    name = run.name(compute_digests([run], MODEL)[run])
    for same in (
        replace(recipe, device="cpu:0"),
        replace(recipe, train="ethos"),
        replace(recipe, trust_remote_code=True),
    ):
        other = replace(run, recipe=same)
        assert other.name(compute_digests([other], MODEL)[other]) == name


def test_matched_texts_are_part_of_what_they_are_known_by(monkeypatch) -> None:
    run = StudyRun("ethos", "counterfactual-kl", "matched", 0, Recipe(model="none"))
    text = Text("1", "Women are late.", mentions=(Mention(0, 5, ("People",)),), domain="gender")
    monkeypatch.setattr(runs, "read_corpus", lambda *_, **__: [text])
    before = compute_digests([run], MODEL)
    monkeypatch.setitem(runs.REWRITERS, "matched", lambda texts, seed: texts)
    assert compute_digests([run], MODEL) != before


def test_a_model_that_changed_wants_another_directory(arguments, model, tmp_path, capsys) -> None:
    mine = shutil.copytree(model, tmp_path / "model")
    command = ["transfer", str(mine), *arguments[2:], "--output", str(tmp_path / "study")]
    main([*command, "--objectives", "ascent", "--controls", "random", "--seeds", "1"])
    changed = load_model(str(mine), device="cpu").model
    with torch.no_grad():
        next(changed.parameters()).mul_(1.5)
    changed.save_pretrained(mine)
    with pytest.raises(SystemExit) as exit_:
        main(command)
    assert exit_.value.code == 2
    assert "with weights" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--forget", "weather"], "weather"),
        (["--controls", "placebo"], "'placebo' is unknown"),
        (["--objectives", "hope"], "'hope' is unknown"),
        (["--benchmarks", "perplexity:wikipedia"], "no bias score"),
    ],
)
def test_bad_input_is_one_line(arguments, tmp_path, capsys, flags, message) -> None:
    with pytest.raises(SystemExit) as exit_:
        main([*arguments, *flags, "--output", str(tmp_path / "study")])
    assert exit_.value.code == 2
    lines = [
        line for line in capsys.readouterr().err.splitlines() if line.startswith("fairforget:")
    ]
    assert len(lines) == 1
    assert message in lines[0]


def test_a_damaged_run_is_done_again(arguments, tmp_path, capsys) -> None:
    short = ["--objectives", "ascent", "--controls", "", "--seeds", "1"]
    command = [*arguments, *short, "--output", str(tmp_path / "study")]
    whole = run(capsys, *command)
    one, other = sorted((tmp_path / "study" / "runs").iterdir())
    (one / "record.json").write_text("{")
    items = other / "after" / "items.parquet"
    items.write_bytes(items.read_bytes()[:-100])
    main([*command, "--json"])
    printed = capsys.readouterr()
    assert without_times(json.loads(printed.out)) == without_times(whole)
    assert printed.err.count("repeating the run") == 2


def test_a_run_that_left_nothing_has_failed(arguments, tmp_path, capsys, monkeypatch) -> None:
    """As where a worker's files lie on another machine."""

    monkeypatch.setattr(study_module, "run_one", unless_race(lambda: None))
    study, _ = run_in_part(capsys, *arguments, "--output", str(tmp_path / "study"))
    (failure,) = study["failed"]
    assert "give an --output that all machines share" in failure["error"]
