"""Names of the rows of a study."""

from __future__ import annotations

import pytest

from fairforget.transfer_study.plan import corpus_name
from fairforget.transfer_study.record import MatrixRow
from fairforget.transfer_study.report.row_names import row_label, shared_corpus


def row(forget: str, control: str | None = None) -> MatrixRow:
    method = "none" if control == "none" else "ascent"
    return MatrixRow(
        forget, control, method, "stereoset", "ss", 3, None, None, None, (), 1.0, None, None
    )


def test_labels_omit_a_shared_corpus() -> None:
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
        "objects · ascent, matched",
        "nothing, none",
    ]


def test_labels_name_the_corpus_if_there_are_several() -> None:
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
def test_forget_is_a_part_of_the_corpus_or_a_corpus(name, corpus, full) -> None:
    assert corpus_name(name, corpus) == full
