"""The tables and plots of a leaderboard."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fairforget.leaderboards.cost_tables import costs_table
from fairforget.leaderboards.limits import describe_budget, nearest_limit
from fairforget.leaderboards.page import read
from fairforget.leaderboards.plan import EQUAL, PUBLISHED
from fairforget.leaderboards.record import LeaderboardRecord, Row
from fairforget.leaderboards.tables import domains_table, make_parts, scores_table
from fairforget.report.tables import IntervalCell, Table

from ..report.runs import write_leaderboard

BUDGET = {"perplexity": 1.01, "everyday_perplexity": 1.01, "movement": 0.02, "max_alpha": 2.5}


@pytest.fixture
def record(tmp_path: Path) -> LeaderboardRecord:
    return read(write_leaderboard(tmp_path))


def cells(table: Table, title: str) -> list[Any]:
    number = [column.title for column in table.columns].index(title)
    return [row[number] for row in table.rows]


def test_only_methods_that_change_weights_are_shown_within_the_budget(
    record: LeaderboardRecord,
) -> None:
    equal, published = make_parts(record)
    assert cells(equal.table, "Method") == ["1. change", "2. noise (control)"]
    assert cells(published.table, "Method") == [*cells(equal.table, "Method"), "3. prompt"]
    assert "(prompt)" in published.intro
    assert "prompt" not in equal.intro


def test_marks_have_the_numbers_of_the_rows(record: LeaderboardRecord) -> None:
    """At both costs, although a method is missing at one of them."""
    prompt_first = replace(
        record,
        rows=sorted(
            record.rows, key=lambda row: ["original", "prompt", "change", "noise"].index(row.method)
        ),
    )
    for part in make_parts(prompt_first):
        assert part.plot
        names = [str(name) for name in cells(part.table, "Method")]
        tips = [point.tip for point in part.plot.points]
        assert [tip.partition(":")[0] for tip in tips] == ["0. original", *names]
        numbers = ", ".join(point.label.text for point in part.plot.points if point.label.text)
        assert sorted(numbers.split(", ")) == ["0", *(name.partition(".")[0] for name in names)]


def test_the_main_table_has_the_paired_change_of_the_judged_score(
    record: LeaderboardRecord,
) -> None:
    table = scores_table(record, "tiny", EQUAL)
    scaled, nats = (
        next(
            e
            for e in record.effects
            if (e.method, e.cost, e.measure, e.domain) == ("change", EQUAL, measure, "all")
        )
        for measure in ("contribution_scaled", "contribution")
    )
    assert scaled.distance
    cell, _ = cells(table, "Scaled contribution, change")
    assert (cell.value, cell.ci) == (scaled.distance.value, scaled.distance.ci)
    words = {"less": "bias fell", "more": "bias rose", "undecided": "undecided"}
    assert cell.mark == words[str(scaled.verdict)]
    published, _ = cells(table, "Contribution in nats, change")
    assert published == IntervalCell(nats.change.value, nats.change.ci, change=True, digits=3)


def test_each_task_of_lm_eval_has_a_column(record: LeaderboardRecord) -> None:
    tasks = {"lm-eval:tasks/piqa.yaml:10%": "Accuracy, piqa 10%", "lm-eval:copa": "Accuracy, copa"}
    lms = [e for e in record.effects if (e.measure, e.domain) == ("lms", "all")]
    accuracies = [
        replace(e, benchmark=task, measure="accuracy", change=replace(e.change, value=number))
        for number, task in enumerate(tasks, start=1)
        for e in lms
    ]
    for others in ([], record.effects):
        table = scores_table(replace(record, effects=[*others, *accuracies]), "tiny", EQUAL)
        for number, title in enumerate(tasks.values(), start=1):
            assert [cell.value for cell in cells(table, f"{title}, change")] == [number] * 2
        assert ("Scaled scores" in table.note) == bool(others)
        assert "Accuracies are in percentage points" in table.note
    assert "Accuracies" not in scores_table(record, "tiny", EQUAL).note


def test_the_plot_shows_the_paired_change(record: LeaderboardRecord) -> None:
    plot = make_parts(record)[0].plot
    assert plot
    assert plot.caption.startswith("Change in bias (scaled contribution of the group)")
    assert plot.zero.text == "no change"
    original, *others = plot.points
    assert original.y.x == plot.zero.x
    assert all(point.y.low < point.y.x < point.y.high for point in others)


def test_costs_and_verdicts_are_in_words(record: LeaderboardRecord) -> None:
    table = domains_table(record, "tiny", "stereoset", "ss")
    assert {*cells(table, "Cost")} == {"within the budget", "at full strength"}
    few = "Religion"  # three target terms
    found = [row[7] for row in table.rows if row[2] != few]
    words = {"less": "bias fell", "more": "bias rose", "undecided": "undecided"}
    assert found == [
        words[str(e.verdict)]
        for e in record.effects
        if (e.benchmark, e.measure) == ("stereoset", "ss") and e.domain != "religion"
    ]
    assert {(row[6], row[7]) for row in table.rows if row[2] == few} == {
        ("–", "too few target terms")
    }
    assert "Domains with fewer than 6 target terms are not tested." in table.note


def row(*, perplexity: float = 1.0, everyday: float = 1.0, movement: float | None = None) -> Row:
    ratios = {"perplexity": perplexity, "everyday_perplexity": everyday}
    return Row("tiny", "change", 0, EQUAL, 0.5, "", ratios, 1.0, None, 1.0, {}, movement)


@pytest.mark.parametrize(
    ("result", "budget", "limit"),
    [
        (row(perplexity=0.94, everyday=0.89, movement=0.0195), BUDGET, "movement, 98 %"),
        (
            row(perplexity=1.004, everyday=1.0092, movement=0.004),
            BUDGET,
            "everyday perplexity, 92 %",
        ),
        (row(perplexity=1.0095, everyday=1.009), BUDGET, "Wikipedia perplexity, 95 %"),
        (row(perplexity=0.9, movement=0.0195), {**BUDGET, "movement": None}, "–"),
        (row(perplexity=1.01), {**BUDGET, "perplexity": 1.0}, "–"),
        (row(perplexity=1.01), {}, "–"),
    ],
)
def test_the_limit_of_which_most_is_used(result: Row, budget: dict[str, Any], limit: str) -> None:
    assert nearest_limit(result, budget) == limit


def test_the_costs_give_the_limit(record: LeaderboardRecord) -> None:
    board = replace(record, settings={**record.settings, "budget": {**BUDGET, "perplexity": 1.02}})
    table = costs_table(board, "tiny")
    assert cells(table, "Method") == ["change", "noise (control)", "prompt"]
    limit = "Wikipedia perplexity, 50 %"
    assert cells(table, "Nearest limit, share used") == [f"{limit}; {limit}", limit, "–"]
    assert len(board.rows) == len([r for r in board.rows if r.cost == PUBLISHED]) + 3


@pytest.mark.parametrize(
    ("budget", "text"),
    [
        (
            BUDGET,
            "limits: a rise in perplexity of 1 % on either kind of held-out text and a movement "
            "(mean KL divergence from the original) of 0.02 nats per token. The weights",
        ),
        (
            {**BUDGET, "everyday_perplexity": 1.035, "movement": None},
            "limits: a rise in perplexity of 1 % on held-out Wikipedia passages or 3.5 % on "
            "everyday sentences. The weights",
        ),
    ],
)
def test_the_budget_is_described_by_the_limits_of_the_record(
    record: LeaderboardRecord, budget: dict[str, Any], text: str
) -> None:
    rows = [
        replace(r, ratios={**r.ratios, "everyday_perplexity": 1.0}, movement=0.01)
        for r in record.rows
    ]
    board = replace(record, rows=rows, settings={"budget": budget})
    assert text in describe_budget(board, "tiny")


def test_numbers_of_seeds_are_shown_where_they_differ(record: LeaderboardRecord) -> None:
    table = scores_table(record, "tiny", EQUAL)
    assert cells(table, "Seeds") == ["2", "1"]
    rows = [row for row in record.rows if row.seed == 0]
    assert "Seeds" not in [
        c.title for c in scores_table(replace(record, rows=rows), "tiny", EQUAL).columns
    ]


def test_a_limit_on_texts_that_were_not_measured_is_not_named(record: LeaderboardRecord) -> None:
    """Nor is a movement that could not be measured."""
    text = describe_budget(replace(record, settings={"budget": BUDGET}), "tiny")
    assert "limits: a rise in perplexity of 1 % on held-out Wikipedia passages. The weights" in text
    assert "everyday" not in text
    assert "either" not in text


def test_with_several_models_each_table_names_its_model(record: LeaderboardRecord) -> None:
    (name, facts), rows = next(iter(record.models.items())), list(record.rows)
    others = [replace(row, model="other") for row in rows]
    effects = [*record.effects, *(replace(effect, model="other") for effect in record.effects)]
    both = replace(
        record, models={name: facts, "other": facts}, rows=[*rows, *others], effects=effects
    )
    tables = [
        table
        for model in both.models
        for table in (
            costs_table(both, model),
            scores_table(both, model, EQUAL),
            domains_table(both, model, "stereoset", "ss"),
        )
    ]
    assert len({table.caption for table in tables}) == len(tables)
    assert all(name not in costs_table(record, name).caption for name in record.models)
