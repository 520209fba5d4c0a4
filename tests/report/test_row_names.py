"""What rows are called."""

from __future__ import annotations

import pytest

from fairforget.report.row_names import row_label, shared_corpus
from fairforget.transfer_study.record import MatrixRow
from fairforget.transfer_study.study import _corpus_name


def row(forget: str, control: str | None = None) -> MatrixRow:
    method = "none" if control == "none" else "ascent"
    return MatrixRow(forget, control, method, "stereoset", 3, None, None, None, (), 1.0, None, None)


def test_a_corpus_that_all_share_is_not_said_again() -> None:
    rows = [
        row("hatecheck:gender"),
        row("hatecheck:race"),
        row("hatecheck:race", "random"),
        row("builtin:control", "matched"),
        row("none", "none"),
    ]
    corpus = shared_corpus(rows)
    assert corpus == "hatecheck"
    assert [row_label(r, corpus) for r in rows] == [
        "gender · ascent",
        "race · ascent",
        "race · ascent, random",
        "things · ascent, matched",
        "nothing, none",
    ]


def test_of_several_corpora_each_is_named() -> None:
    rows = [row("hatecheck:gender"), row("edos")]
    assert shared_corpus(rows) == ""
    assert [row_label(r) for r in rows] == ["hatecheck:gender · ascent", "edos · ascent"]


@pytest.mark.parametrize(
    ("name", "corpus", "full"),
    [
        ("gender", "builtin", "builtin:gender"),
        ("all", "hatecheck?label=all", "hatecheck?label=all"),
        ("gender", "hatecheck?label=all", "hatecheck:gender?label=all"),
        ("women?label=other", "hatecheck?split=test", "hatecheck:women?split=test&label=other"),
        ("hatecheck", "builtin", "hatecheck"),
        ("ethos?label=all", "builtin", "ethos?label=all"),
        ("dghs:women", "builtin", "dghs:women"),
        ("posts.jsonl", "builtin", "posts.jsonl"),
    ],
)
def test_what_is_forgotten_is_a_part_of_the_corpus_or_another(name, corpus, full) -> None:
    assert _corpus_name(name, corpus) == full
