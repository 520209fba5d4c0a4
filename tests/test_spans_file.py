"""From `select` to `unlearn`: a file of spans is a forget corpus that has lost nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairforget.cli import main
from fairforget.corpora import Mention, Span, read_corpus
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record

from .models import save_tiny

ROWS = [
    {
        "id": "own",
        "text": "Those folks are vile drivers.",
        "domain": "gender",
        "group": "women",
        "spans": [[21, 28]],
        "mentions": [[6, 11, "people"]],
        "split": "train",
        "hateful": True,
    },
    {"id": "found", "text": "Muslims are v1le, I think.", "domain": "religion", "group": "muslim"},
    {"id": "none", "text": "The river has a bridge.", "domain": "religion"},
]


@pytest.fixture
def spans(tmp_path: Path) -> Path:
    """What `select` makes of a corpus with a word list."""
    corpus, words, output = (tmp_path / n for n in ("mine.jsonl", "words.txt", "spans.jsonl"))
    corpus.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    words.write_text("vile\n")
    args = ["--method", "lexicon", "--lexicon", str(words), "--output", str(output)]
    main(["select", str(corpus), *args])
    return output


def test_spans_are_new_and_all_else_stays(spans: Path) -> None:
    own, found, none = read_corpus(str(spans))
    assert (own.id, own.domain, own.group) == ("own", "gender", "women")
    assert (own.split, own.hateful) == ("train", True)
    assert own.spans == (Span(16, 20),)
    assert own.mentions == (Mention(6, 11, ("people",)),)
    assert found.spans == (Span(12, 16),)
    assert found.mentions[0].word == "People"
    assert (none.spans, none.domain) == ((), "religion")
    assert [text.id for text in read_corpus(f"{spans}:religion")] == ["found", "none"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("part", "args", "texts"),
    [
        ("", ["--objective", "ascent"], 2),
        ("", ["--objective", "counterfactual-kl", "--selection", "spans"], 2),
        (":religion", ["--objective", "counterfactual-kl"], 1),
        (":muslim", ["--objective", "ascent"], 1),
    ],
)
def test_unlearning_takes_them(
    spans: Path, tmp_path: Path, capsys, part: str, args: list[str], texts: int
) -> None:
    retain = tmp_path / "retain.jsonl"
    rivers = [f"The river number {n} has a bridge and a mill." for n in range(200)]
    retain.write_text("".join(json.dumps({"text": river}) + "\n" for river in rivers))
    model, forget = str(save_tiny("llama", tmp_path / "tiny")), f"{spans}{part}"
    args += ["--forget", forget, "--retain", str(retain), "--steps", "1", "--batch_size", "2"]
    main(["unlearn", model, *args, "--device", "cpu", "--output", str(tmp_path / "out")])
    facts = read_record(tmp_path / "out" / "record.json", UnlearningRecord).corpora[0]
    assert (facts.name, facts.texts) == (forget, texts)
    assert facts.domain == (part.removeprefix(":") or None)
    assert facts.tokens >= texts


@pytest.mark.slow
def test_plain_lines_are_retained_but_cannot_be_forgotten(
    spans: Path, tmp_path: Path, capsys
) -> None:
    notes = tmp_path / "notes.txt"
    notes.write_text("".join(f"The river number {n} has a mill.\n\n" for n in range(200)))
    model, output = str(save_tiny("llama", tmp_path / "tiny")), str(tmp_path / "out")
    args = ["--objective", "ascent", "--steps", "1", "--batch_size", "2", "--device", "cpu"]
    args = ["unlearn", model, *args, "--retain", str(notes), "--output", output]
    with pytest.raises(SystemExit) as exit_:
        main([*args, "--forget", str(notes)])
    assert exit_.value.code == 2
    assert "'spans' needs `spans`" in capsys.readouterr().err
    main([*args, "--forget", str(spans)])
    facts = read_record(tmp_path / "out" / "record.json", UnlearningRecord).corpora
    assert (facts[1].name, facts[1].role, facts[1].texts) == (str(notes), "retain", 120)
