"""The tables of a study: what it says comes first, and what is not known is left out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fairforget.report.contents import read_directory
from fairforget.report.study_page import context, parts
from fairforget.report.study_words import count_noun
from fairforget.report.tables import Table
from fairforget.terminal.tables import show_study
from fairforget.transfer_study.record import StudyRecord

from .runs import write_study


@pytest.fixture
def study(tmp_path: Path) -> StudyRecord:
    """Gender and religion, which has three terms, of one corpus, each with a control."""
    found = read_directory(write_study(tmp_path))
    assert isinstance(found, StudyRecord)
    return replace(
        found,
        rows=[replace(row, forget=f"mine:{row.forget}") for row in found.rows],
        matrix=[replace(cell, forget=f"mine:{cell.forget}") for cell in found.matrix],
        cells=[replace(cell, forget=f"mine:{cell.forget}") for cell in found.cells],
    )


def titles(table: Table) -> list[str]:
    return [column.title for column in table.columns]


def test_what_the_study_says_is_one_line_for_each_forgetting(study: StudyRecord) -> None:
    (part,) = parts(study)
    assert part.tables[0] is part.answer
    assert titles(part.answer)[:3] == ["Forgotten (mine)", "Objective", "Gender"]
    assert [row[:2] for row in part.answer.rows] == [
        ["gender", "counterfactual-kl"],
        ["religion", "counterfactual-kl"],
    ]
    for row in part.answer.rows:
        own = [str(cell).endswith("(own)") for cell in row[2:]]
        assert own == [title.lower() == row[0] for title in titles(part.answer)[2:]]
    words = {" yes": "supported", " no": "contradicted", " ?": "undecided"}
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
    assert "too few terms in 2" in part.counts


def test_every_cell_is_counted_once(study: StudyRecord) -> None:
    own, other, _ = count_noun(study.matrix)
    assert own.startswith("Of 2 measurements of a domain that was forgotten")
    assert other.startswith("Of 4 measurements of a domain that was not")


def test_what_went_with_it_is_told_apart_from_what_it_cost(study: StudyRecord) -> None:
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
    assert part.map.table().columns[0].title == "Forgotten (mine)"
    assert [name for name, _ in part.map.rows] == [row[0] for row in part.costs.rows]
    assert "* the distance" in part.map.table().note


def test_an_undecided_cell_says_why_or_what_would_decide_it(study: StudyRecord) -> None:
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


def test_seeds_that_would_do_are_told_from_those_that_would_not(study: StudyRecord) -> None:
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


def test_the_terminal_says_the_same(study: StudyRecord, capsys) -> None:
    show_study(study)
    shown = " ".join(capsys.readouterr().out.split())
    for sentence in count_noun(study.matrix):
        assert sentence in shown
    assert "]*" in shown
    assert "gender · counterfactual-kl," in shown  # what follows may be on the next line
