"""The tables of a study."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fairforget.report.tables import Table
from fairforget.transfer_study.record import StudyRecord
from fairforget.transfer_study.report.page import context, parts, read
from fairforget.transfer_study.report.summary import count_verdicts
from fairforget.transfer_study.report.terminal import show_study

from .runs import write_study


@pytest.fixture
def study(tmp_path: Path) -> StudyRecord:
    """Two forget corpora with a control each: gender, and religion, which has three terms."""
    record = read(write_study(tmp_path))
    return replace(
        record,
        rows=[replace(row, forget=f"mine:{row.forget}") for row in record.rows],
        matrix=[replace(cell, forget=f"mine:{cell.forget}") for cell in record.matrix],
        cells=[replace(cell, forget=f"mine:{cell.forget}") for cell in record.cells],
    )


def titles(table: Table) -> list[str]:
    return [column.title for column in table.columns]


def test_the_answer_has_one_row_per_forget_corpus(study: StudyRecord) -> None:
    (part,) = parts(study)
    assert part.tables[0] is part.answer
    assert titles(part.answer)[:3] == ["Unlearned (mine)", "Objective", "Gender"]
    assert [row[:2] for row in part.answer.rows] == [
        ["gender", "counterfactual-kl"],
        ["religion", "counterfactual-kl"],
    ]
    for row in part.answer.rows:
        own = [str(cell).endswith("(own)") for cell in row[2:]]
        assert own == [title.lower() == row[0] for title in titles(part.answer)[2:]]
    words = {" yes": "supported", " no": "contradicted", " ≤": "no more than margin"} | {
        " ?": "undecided"
    }
    for row, forget in zip(part.answer.rows, ("mine:gender", "mine:religion"), strict=True):
        mine = [c for c in study.matrix if c.forget == forget and c.control is None]
        for text, cell in zip(row[2:], mine, strict=True):
            (verdict,) = [
                verdict
                for sign, verdict in words.items()
                if str(text).removesuffix(" (own)").endswith(sign)
            ]
            assert verdict == cell.verdict
    assert part.counts in " ".join(context(study)["headline"].sentences)
    assert "too few terms (2)" in part.counts


def test_every_cell_is_counted_once(study: StudyRecord) -> None:
    own, other, _ = count_verdicts(study.matrix)
    assert own.startswith("Of 2 measurements of unlearned domains")
    assert other.startswith("Of 4 measurements of other domains")


def test_transfer_and_costs_are_separate_tables(study: StudyRecord) -> None:
    (part,) = parts(study)
    assert [row[0] for row in part.rows.rows] == ["gender", "religion"]
    assert {"own beyond random", "others beyond random"} <= {*titles(part.rows)}
    assert "Benchmark" not in titles(part.rows)
    own = [str(row[titles(part.rows).index("Own")]) for row in part.rows.rows]
    assert [text.endswith("too few terms") for text in own] == [False, True]
    assert "Perplexity, %" in titles(part.costs)
    assert [row[0] for row in part.costs.rows] == [
        "gender · counterfactual-kl",
        "religion · counterfactual-kl",
        "gender · counterfactual-kl, random",
        "religion · counterfactual-kl, random",
    ]
    assert part.map.table().columns[0].title == "Unlearned (mine)"
    assert [name for name, _ in part.map.rows] == [row[0] for row in part.costs.rows]
    assert "* the distance" in part.map.table().note


def test_an_undecided_cell_has_a_reason_or_the_required_data(study: StudyRecord) -> None:
    (part,) = parts(study)
    place = {title: number for number, title in enumerate(titles(part.excess))}
    assert {"p, corrected", "Why undecided"} <= {*place}
    for row, cell in zip(
        part.excess.rows, [c for c in study.matrix if c.control is None], strict=True
    ):
        assert row[place["Why undecided"]] == (cell.reason or "–")
        if cell.domain == "religion":
            assert cell.reason == "too few terms"
            assert row[place["p, corrected"]] == "–"
        else:
            assert row[place["p, corrected"]] != "–"


def test_required_seeds_may_not_exist(study: StudyRecord) -> None:
    first = next(c for c in study.matrix if c.control is None)
    open_ = replace(first, verdict="undecided", p_verdict=0.3, reason=None, data_needed=4.0)
    for seeds, needed, shown in ((2, 12, "12"), (2, None, "none would")):
        cell = replace(open_, seeds=seeds, seeds_needed=needed)
        (part,) = parts(replace(study, matrix=[cell]))
        table = part.excess
        told = dict(zip(titles(table), map(str, table.rows[0]), strict=True))
        assert told["Data needed"] == "× 4.0"
        assert told.get("Seeds needed", "–") == shown
        assert "Data needed" in table.note


def test_the_terminal_has_the_same_sentences(study: StudyRecord, capsys) -> None:
    show_study(study)
    shown = " ".join(capsys.readouterr().out.split())
    for sentence in count_verdicts(study.matrix):
        assert sentence in shown
    assert "]*" in shown
    assert "counterfactual-kl," in shown  # the table wraps long names
