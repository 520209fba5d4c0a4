"""The scores beside the stereotype score: on pages, in the headline and in the terminal."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fairforget.benchmarks import crows_pairs, stereoset, winobias
from fairforget.benchmarks.measures import COMPANIONS, MEASURES, measure_of
from fairforget.comparison.compare import compare
from fairforget.comparison.score_change import Change
from fairforget.records.evaluation import read_evaluation
from fairforget.report import evaluation_page
from fairforget.report.before_after import BeforeAfter, before_after, from_comparison
from fairforget.report.contents import read_unlearning
from fairforget.report.evaluation_headline import evaluation_headline
from fairforget.report.evidence import Intervals, list_limitations, list_units
from fairforget.report.further_scores import FURTHER, LMS_PARTS, NOTES
from fairforget.report.headline import change_headline
from fairforget.report.results import benchmark_section, cost_table
from fairforget.report.tables import IntervalCell, Table
from fairforget.report.wording import format_number

from .runs import crows_rows, stereoset_rows, write_evaluation, write_unlearning


def changes_of(directory: Path) -> BeforeAfter:
    run = read_unlearning(directory)
    assert run.before is not None
    assert run.after is not None
    return before_after(run.before, run.after)


def column(table: Table, title: str) -> list[object]:
    (number,) = (n for n, c in enumerate(table.columns) if c.title == title)
    return [row[number] for row in table.rows]


def test_every_bias_score_is_described_with_its_unbiased_value() -> None:
    for judgement in (
        stereoset.judge(stereoset_rows()),
        crows_pairs.judge(crows_rows()),
        winobias.judge(
            [{"sum_pro": -9.0, "sum_anti": -8.0, "masculine": "guard", "feminine": "cook"}]
        ),
    ):
        for name, value in judgement.unbiased_scores.items():
            assert MEASURES[name].ideal == value
    assert {*FURTHER} <= {*MEASURES}
    assert measure_of("own_rate").title == "Own rate"


def test_every_companion_has_a_short_title_a_verdict_and_a_note() -> None:
    for name in COMPANIONS:
        assert MEASURES[name].short
        assert MEASURES[name].judged_by in MEASURES
        assert name in NOTES


def test_the_contribution_is_beside_the_stereotype_score(tmp_path: Path) -> None:
    changes = changes_of(write_unlearning(tmp_path))
    section = benchmark_section("stereoset", changes, "")
    bias, ability = section.tables
    assert "Stereotype score before" in [c.title for c in bias.columns]
    assert "LMS before" in [c.title for c in ability.columns]
    record = read_evaluation(tmp_path / "after").record.results["stereoset"]["domains"]
    after = column(bias, "Contribution after")
    for cell, scores in zip(after, record.values(), strict=True):
        assert isinstance(cell, IntervalCell)
        assert cell.value == scores["contribution"]
        assert cell.number == f"{scores['contribution']:.3f}".replace("-", "−")
        assert cell.ci == tuple(scores["contribution_ci"])
    verdicts = [
        change.further["contribution_scaled"].cell for change in changes.benchmarks["stereoset"]
    ]
    for text, verdict in zip(column(bias, "Scaled: verdict"), verdicts, strict=True):
        assert verdict is not None
        assert str(text).startswith("undecided") == (verdict.verdict == "undecided")
    plot = section.plots[-1]
    assert plot.id == "plot-stereoset-contribution"
    assert plot.ideal.text == "0: no bias"
    assert all(0 <= row.after.low <= row.after.x <= row.after.high <= 100 for row in plot.rows)
    assert [t.caption for t in section.folded] == [
        "StereoSet: scaled contribution of the group, MADs",
        "StereoSet: smoothed stereotype score, points",
    ]


def test_the_cost_has_both_parts_of_lms(tmp_path: Path) -> None:
    table = cost_table(changes_of(write_unlearning(tmp_path)))
    assert table is not None
    scores = read_evaluation(tmp_path / "after").record.results["stereoset"]["domains"]["all"]
    after = dict(zip(map(str, column(table, "Measure")), column(table, "After"), strict=True))
    for name in LMS_PARTS:
        row = f"{measure_of(name).title} (higher is better, maximum 100)"
        assert after[row] == format_number(scores[name])


def test_crows_pairs_has_both_parts_of_its_log_ratio(tmp_path: Path) -> None:
    section = benchmark_section("crows_pairs", changes_of(write_unlearning(tmp_path)), "")
    (table,) = section.tables
    assert {"Conditional before", "Scaled: verdict"} <= {c.title for c in table.columns}
    assert [t.caption for t in section.folded] == [
        "CrowS-Pairs: scaled conditional log-ratio, MADs",
        "CrowS-Pairs: prior log-ratio, nats per pair",
    ]


def test_a_comparison_has_the_same_changes_as_the_two_evaluations(tmp_path: Path) -> None:
    write_unlearning(tmp_path)
    whole = changes_of(tmp_path)
    stored = from_comparison(compare(tmp_path / "before", tmp_path / "after"))
    assert stored.others == []
    for one, other in zip(
        whole.benchmarks["stereoset"], stored.benchmarks["stereoset"], strict=True
    ):
        assert one.further.keys() == other.further.keys()
        for name, further in one.further.items():
            assert other.further[name].change == pytest.approx(further.change)
            assert other.further[name].before.value == pytest.approx(further.before.value)


CLOSER = "the scaled contribution came closer to 0 (p"
AWAY = "the scaled contribution moved away from 0 (p"


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [(0.0, 0.08, CLOSER), (0.0, -0.5, AWAY), (0.9, 0.4, CLOSER), (0.4, 0.9, AWAY)],
)
def test_the_headline_has_the_contribution_of_the_group(
    tmp_path: Path, before: float, after: float, words: str
) -> None:
    """A shift above 0.1 makes it negative; it is then closer to 0 where it rises."""
    sides = (
        read_evaluation(write_evaluation(tmp_path / str(shift), shift=shift))
        for shift in (before, after)
    )
    found = change_headline(before_after(*sides), [])
    (sentence,) = (s for s in found.sentences if "instead of a neutral word" in s)
    assert "where 0 means no bias" in sentence
    assert words in sentence
    (figure,) = (f for f in found.figures if f.name.startswith("Contribution of the group"))
    assert f"went from {figure.before} to {figure.value} nats per token" in sentence


def test_without_a_contribution_the_headline_does_not_mention_it(tmp_path: Path) -> None:
    evaluation = read_evaluation(write_evaluation(tmp_path))
    results = evaluation.record.results
    text = " ".join(evaluation_headline("tiny", results).sentences)
    assert "Naming the group adds" in text
    for scores in results["stereoset"]["domains"].values():
        for name in [n for n in scores if n.startswith(("contribution", "ss_smoothed"))]:
            del scores[name]
    assert "Naming the group" not in " ".join(evaluation_headline("tiny", results).sentences)
    first, *_ = evaluation_page.context(evaluation)["benchmarks"]
    assert len(first.plots) == 1
    assert first.folded == []
    assert not any("ontribution" in c.title for c in first.tables[0].columns)


def test_the_evaluation_page_has_the_contribution_with_its_interval(tmp_path: Path) -> None:
    evaluation = read_evaluation(write_evaluation(tmp_path))
    first, second, *_ = evaluation_page.context(evaluation)["benchmarks"]
    (table,) = first.tables
    shown = column(table, "Contribution of the group, nats per token")
    assert all(isinstance(cell, IntervalCell) and cell.ci for cell in shown)
    assert [plot.id for plot in second.plots] == [
        "plot-crows_pairs",
        "plot-crows_pairs-conditional",
    ]


def test_the_terminal_has_three_tables_in_80_columns(tmp_path: Path) -> None:
    write_unlearning(tmp_path)
    compared = compare(tmp_path / "before", tmp_path / "after")
    cells = [  # with the longest name of a domain of CrowS-Pairs
        replace(c, domain="physical-appearance")
        if (c.benchmark, c.domain) == ("crows_pairs", "age")
        else c
        for c in compared.cells
    ]
    text = str(replace(compared, cells=tuple(cells)))
    lines = text.splitlines()
    assert max(map(len, lines)) <= 80
    assert "…" not in text
    assert sum(line.startswith("stereoset: ") for line in lines) == 3
    assert "smoothed" not in text
    evaluated = str(read_evaluation(tmp_path / "after"))
    assert max(map(len, evaluated.splitlines())) <= 80
    assert "contribution" in evaluated
    assert "…" not in evaluated


def test_the_terminal_has_no_negative_zero(tmp_path: Path) -> None:
    write_unlearning(tmp_path)
    evaluation = read_evaluation(tmp_path / "after")
    for scores in evaluation.record.results["stereoset"]["domains"].values():
        scores |= {"contribution": -0.0003, "contribution_ci": [-0.02, -0.0002]}
    shown = str(evaluation)
    assert "[-0.020," in shown
    compared = compare(tmp_path / "before", tmp_path / "after")
    tiny = Change(-0.0004, -0.0001, -0.0003, (-0.0004, -0.0001))
    cells = [replace(c, score=tiny, beside=dict.fromkeys(c.beside, tiny)) for c in compared.cells]
    for text in (shown, str(replace(compared, cells=tuple(cells)))):
        assert not re.search(r"-0(\.0+)?(?![.\d])", text)


def test_limitations_name_the_clusters_of_the_benchmarks_at_hand() -> None:
    assert list_units(["stereoset", "crows_pairs:en"]) == "target terms or pairs"
    names = ["bbq:Age", "honest", "perplexity", "bold:9"]
    assert list_units(names, titled=True) == (
        "templates (BBQ), templates and identities (HONEST) or articles (BOLD)"
    )
    text = " ".join(text for _, text in list_limitations(["bbq:Age"], "changes"))
    assert "t interval over whole templates (BBQ)" in text
    assert "at least 6 templates" in text
    assert "With few templates" in text
    assert "terms" not in text
    assert "pairs" not in text
    assert len(list_limitations(["perplexity"], "changes")) == 1  # no intervals: coverage alone


def test_limitations_say_where_intervals_come_from() -> None:
    kinds: tuple[Intervals, ...] = ("scores", "changes", "study")
    texts = {
        kind: " ".join(text for _, text in list_limitations(["stereoset"], kind)) for kind in kinds
    }
    assert "a single score" in texts["scores"]
    assert "paired t test" not in texts["scores"]
    assert "a single score" in texts["changes"]
    assert "paired t test" in texts["changes"]
    assert "may have crossed that value" in texts["changes"]
    assert "jackknife" in texts["study"]
    assert "a single score" not in texts["study"]
    assert not any("resampl" in text for text in texts.values())
