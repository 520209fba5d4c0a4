"""The report page of a leaderboard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fairforget.comparison.score_change import Score
from fairforget.leaderboards.headline import headline
from fairforget.leaderboards.page import context, describe_seeds, limitations, read
from fairforget.leaderboards.plan import EQUAL
from fairforget.leaderboards.record import LeaderboardRecord, MethodEffect
from fairforget.leaderboards.tables import make_parts, scores_table
from fairforget.methods import METHODS
from fairforget.report.page import write_report

from ..report.runs import write_leaderboard

SCALED = "contribution_scaled"


@pytest.fixture
def record(tmp_path: Path) -> LeaderboardRecord:
    """Within the budget, the method `change` (two seeds) and the control `noise`; also `prompt`."""
    return read(write_leaderboard(tmp_path))


def judged(record: LeaderboardRecord, **changes: tuple[float, float, float]) -> LeaderboardRecord:
    """The record with these changes of the scaled contribution from 0.25, with intervals."""

    def change(effect: MethodEffect) -> MethodEffect:
        if effect.measure != SCALED or effect.method not in changes:
            return effect
        value, low, high = changes[effect.method]
        score = Score(value, (low, high))
        before = Score(0.25, (0.2, 0.3))
        return replace(effect, before=before, distance=score, verdict=score.direction)

    return replace(record, effects=[change(effect) for effect in record.effects])


def with_method(record: LeaderboardRecord, name: str, like: str) -> LeaderboardRecord:
    """The record with another debiasing method, with the results of a known one."""
    facts = replace(record.methods[like], is_control=False)
    return replace(
        record,
        methods={**record.methods, name: facts},
        rows=record.rows + [replace(row, method=name) for row in record.rows if row.method == like],
        effects=record.effects
        + [replace(effect, method=name) for effect in record.effects if effect.method == like],
    )


def with_seeds(record: LeaderboardRecord, seeds: int) -> LeaderboardRecord:
    """The record with so many seeds of every method."""
    rows = [
        replace(row, seed=seed)
        for row in record.rows
        if row.seed == 0
        for seed in range(1 if row.method == "original" else seeds)
    ]
    effects = [replace(effect, seeds=seeds) for effect in record.effects]
    return replace(record, rows=rows, effects=effects)


def test_the_headline_and_the_table_show_the_first_of_two_benchmarks(
    record: LeaderboardRecord,
) -> None:
    second = [
        replace(effect, benchmark="stereoset:typos", after=Score(9.0), verdict="more")
        for effect in record.effects
    ]
    both = replace(record, effects=[*record.effects, *second])
    assert headline(both) == headline(record)
    assert scores_table(both, "tiny", "equal") == scores_table(record, "tiny", "equal")


def test_the_headline_gives_the_paired_change_of_the_scaled_score(
    record: LeaderboardRecord,
) -> None:
    found = headline(judged(record, change=(-0.05, -0.06, -0.04), noise=(0.01, 0.005, 0.02)))
    assert found.sentences[:2] == [
        "Within the budget, the scaled contribution of the group (0.250 MADs in the original; 0: "
        "no bias) came closer to 0 with change (−0.050, 95 % interval [−0.060, −0.040], or −20 %).",
        "Within the budget, it moved away from 0 with noise (control) (+0.010, 95 % interval "
        "[0.005, 0.020], or +4 %).",
    ]


def test_there_is_no_percentage_of_a_score_that_may_be_0(record: LeaderboardRecord) -> None:
    board = judged(record, change=(-0.05, -0.06, -0.04))
    effects = [replace(effect, before=Score(0.01, (-0.02, 0.04))) for effect in board.effects]
    (sentence, *_) = headline(replace(board, effects=effects)).sentences
    assert "with change (−0.050, 95 % interval [−0.060, −0.040]) and" in sentence
    assert "%" not in sentence.replace("95 %", "")


def test_methods_at_inference_have_a_sentence_of_their_own(record: LeaderboardRecord) -> None:
    *others, last = headline(judged(record, prompt=FALL)).sentences
    assert "prompt (scaled contribution −0.050, bias fell; LMS 0.0; perplexity +2.0 %)" in last
    assert "were not scaled to the limits" in last
    assert not any("prompt" in sentence for sentence in others)


def test_a_method_with_fewer_seeds_is_not_best_unless_it_has_no_randomness(
    record: LeaderboardRecord,
) -> None:
    fewer = [
        replace(effect, seeds=1 if effect.method == "change" else 2)
        for effect in judged(with_method(record, "other", "change"), change=FALL).effects
    ]
    small = (-0.02, -0.03, -0.01)
    board = judged(
        replace(with_method(record, "other", "change"), effects=fewer), change=FALL, other=small
    )
    assert headline(board).title.startswith("change and other lowered bias within the budget")
    named = replace(METHODS["cda"], name="change", is_seeded=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fairforget.leaderboards.effects.METHODS", {"change": named})
        assert headline(board).title.startswith("change lowered bias most within the budget")


def test_a_method_of_which_nothing_is_left_is_not_undecided(record: LeaderboardRecord) -> None:
    rows = [
        replace(r, alpha=0.0) if r.method == "noise" and r.cost == EQUAL else r for r in record.rows
    ]
    found = headline(replace(judged(record, change=FALL), rows=rows)).sentences
    assert "Within the budget, nothing is left of the update of noise (control) (α = 0)." in found
    assert not any("undecided with noise" in sentence for sentence in found)


FALL, RISE, NOTHING = (-0.05, -0.06, -0.04), (0.05, 0.04, 0.06), (0.0, -0.01, 0.01)


@pytest.mark.parametrize(
    ("change", "noise", "other", "title"),
    [
        (FALL, NOTHING, (-0.02, -0.03, -0.01), "change lowered bias most within the budget"),
        (FALL, NOTHING, (-0.045, -0.05, -0.03), "change and other lowered bias within the budget"),
        (FALL, (-0.02, -0.05, 0.01), (-0.02, -0.03, -0.01), "change and other lowered bias within"),
        (FALL, NOTHING, NOTHING, "change lowered bias within the budget"),
        (NOTHING, FALL, RISE, "Bias did not fall significantly with any method within the budget"),
    ],
)
def test_the_title_is_the_finding(
    record: LeaderboardRecord,
    change: tuple[float, float, float],
    noise: tuple[float, float, float],
    other: tuple[float, float, float],
    title: str,
) -> None:
    """Bias fell most with a method only if its interval is below all others, the control's too."""
    board = judged(with_method(record, "other", "noise"), change=change, noise=noise, other=other)
    assert headline(board).title.startswith(title)
    assert headline(board).title.endswith(" (2 methods, up to 2 seeds)")


def test_the_title_counts_neither_controls_nor_methods_at_inference(
    record: LeaderboardRecord,
) -> None:
    assert headline(record).title.endswith("(1 method, up to 2 seeds)")
    assert headline(with_seeds(record, 2)).title.endswith("(1 method, 2 seeds)")
    assert headline(with_seeds(record, 1)).title.endswith("(1 method, 1 seed)")
    published = [row for row in record.rows if row.cost != EQUAL]
    found = headline(replace(record, rows=published))
    assert found.title == "No method was evaluated within the budget"


def test_without_a_contribution_the_headline_says_so(record: LeaderboardRecord) -> None:
    others = [effect for effect in record.effects if effect.measure != SCALED]
    found = headline(replace(record, effects=others))
    assert found.title == "Methods compared within the budget (1 method, up to 2 seeds)"
    assert found.sentences[0].startswith("The contribution of the group was not measured")


def with_masked(record: LeaderboardRecord) -> LeaderboardRecord:
    """The record with a second model that has no contribution, as a masked one."""
    second = [
        replace(effect, model="masked") for effect in record.effects if effect.measure != SCALED
    ]
    return replace(
        record,
        models={**record.models, "masked": record.models["tiny"]},
        rows=[*record.rows, *(replace(row, model="masked") for row in record.rows)],
        effects=[*record.effects, *second],
    )


def test_the_headline_names_the_model_without_a_contribution(record: LeaderboardRecord) -> None:
    *_, last = headline(with_masked(record)).sentences
    assert last == "masked: The contribution of the group was not measured."
    for other in (record, replace(record, effects=[])):
        assert not any("not measured" in line for line in headline(other).sentences)


def test_a_model_on_which_all_methods_failed_is_not_called_unmeasured(
    record: LeaderboardRecord,
) -> None:
    board = with_masked(record)
    board = replace(board, effects=record.effects)
    *_, last = headline(board).sentences
    assert last == "masked: No method was compared; see the failed runs."


def test_sentences_about_a_model_come_from_its_own_runs(record: LeaderboardRecord) -> None:
    """The second model has smaller α, no movement, and no method that acts at inference."""
    board = with_masked(record)
    far = {("tiny", EQUAL): {"alpha": 2.0, "movement": 0.01}}
    near = {("masked", EQUAL): {"alpha": 0.5, "movement": None}}
    rows = [
        replace(row, **(far | near).get((row.model, row.cost), {}))
        for row in board.rows
        if (row.model, row.method) != ("masked", "prompt")
    ]
    budget = {"perplexity": 1.01, "movement": 0.02}
    board = replace(board, rows=rows, settings={**board.settings, "budget": budget})
    parts = {part.title: part.intro for part in make_parts(board)}
    assert "went beyond α = 1" in parts["At full strength, tiny"]
    assert "went beyond" not in parts["At full strength, masked"]
    assert "Methods that act at inference (prompt)" in parts["At full strength, tiny"]
    assert "at inference" not in parts["At full strength, masked"]
    assert "a movement" in parts["Within the budget, tiny"]
    assert "a movement" not in parts["Within the budget, masked"]


def test_one_of_several_seeds_is_not_the_method(record: LeaderboardRecord) -> None:
    rows = [
        replace(row, alpha=2.0 if (row.cost, row.seed) == (EQUAL, 0) else row.alpha)
        for row in record.rows
    ]
    intros = [part.intro for part in make_parts(replace(record, rows=rows))]
    assert any("noise went beyond" in intro for intro in intros)  # it has one seed


def test_a_single_domain_is_named(record: LeaderboardRecord) -> None:
    board = replace(record, settings={**record.settings, "domain": "gender"})
    *_, intro = (part.intro for part in make_parts(board))
    assert "methods debias the domain gender only" in intro
    assert "all domains" not in intro


def test_tables_without_rows_are_left_out(record: LeaderboardRecord) -> None:
    found = context(with_masked(record))
    assert all(table.rows for table in found["by_domain"])
    assert len(found["by_domain"]) == 2 * len(context(record)["by_domain"]) - 1
    original = [row for row in record.rows if row.method == "original"]
    alone = replace(record, rows=original, effects=[])
    assert context(alone)["costs"] == []
    assert "Cost" not in str(alone)


def test_one_seed_is_not_a_mean_over_seeds(record: LeaderboardRecord) -> None:
    assert describe_seeds(record).startswith("Results are means over up to 2 seeds")
    assert "Means over seeds" in scores_table(record, "tiny", "equal").note
    single = with_seeds(record, 1)
    assert describe_seeds(single) == (
        "Each method was run with one seed: intervals cover the choice of items only; another seed "
        "would give different numbers."
    )
    shown = str(context(single)["parts_by_cost"]) + str([*limitations(single)])
    assert "over seeds" not in shown
    assert "exact test" not in shown  # of the verdicts on two evaluations


def test_without_effects_the_seeds_are_still_counted(record: LeaderboardRecord) -> None:
    """As of a leaderboard of perplexity alone, or one whose run of the original failed."""
    found = replace(record, effects=[])
    assert describe_seeds(found) == describe_seeds(record)
    assert headline(found).title.endswith("(1 method, up to 2 seeds)")
    without = replace(found, rows=[row for row in found.rows if row.method != "original"])
    assert headline(without).title == "No method was compared"
    assert headline(without).sentences[-1] == "tiny: No method was compared; see the failed runs."


def test_tuned_settings_are_disclosed(record: LeaderboardRecord) -> None:
    assert "Not held out." not in dict(limitations(record))
    both = with_method(record, "trait-kl", "change")
    text = dict(limitations(both))["Not held out."]
    assert text.startswith(
        "The default settings of trait-kl were chosen with SmolLM2, partly by scores on StereoSet "
        "and CrowS-Pairs."
    )
    assert "The other methods were not tuned" in text
    alone = replace(both, effects=[e for e in both.effects if e.method == "trait-kl"])
    assert "other methods" not in dict(limitations(alone))["Not held out."]


def test_the_default_method_has_tuned_settings() -> None:
    assert METHODS["trait-kl"].uses_unlearn_defaults
    assert not METHODS["ascent"].uses_unlearn_defaults


def test_the_page_describes_the_budget_and_does_not_rank_by_overlap(tmp_path: Path) -> None:
    page = write_report(write_leaderboard(tmp_path)).read_text(encoding="utf-8")
    assert "All methods that change weights have the same limits:" in page
    assert "overlapping intervals are inconclusive" in page
    assert "do not rank" not in page
    assert "1. change" in page
