"""What a forget corpus shares with benchmarks stands in the record, with a warning."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairforget import overlap
from fairforget.config import UnlearningConfig
from fairforget.corpora import Text
from fairforget.errors import InputError
from fairforget.models import load_model
from fairforget.overlap import LENGTH, check_unseen, overlaps
from fairforget.preparation import Corpus, prepare

from .models import save_tiny

SENTENCES = ["They lie and they are bad drivers, I think.", *(f"Sentence {n}." for n in range(49))]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with one benchmark, which has those sentences."""
    monkeypatch.setenv("FAIRFORGET_DATA", str(tmp_path))
    monkeypatch.setenv("FAIRFORGET_CACHE", str(tmp_path / "cache"))
    known = {
        "mine": overlap._Sentences("stereoset", lambda: iter(SENTENCES)),
        "absent": overlap._Sentences("crows_pairs", lambda: pytest.fail("it is not here")),
    }
    monkeypatch.setattr(overlap, "BENCHMARK_SENTENCES", known)
    monkeypatch.setattr(overlap, "found", lambda file: "stereoset" in file.path or None)
    monkeypatch.setattr(overlap, "benchmark_sentences", lambda name: tuple(known[name].read()))
    return tmp_path


def test_only_benchmarks_on_this_machine_are_compared(places: Path) -> None:
    (found,) = overlaps("corpus", ["Sentence 3, they say.", "they lie and they are bad drivers I"])
    assert (found.benchmark, found.items, found.shared) == ("mine", 50, 2)
    assert found.facts.share == 0.04
    assert found.facts.ngram == LENGTH
    assert "2 of 50 sentences of mine share 8 words in a row with corpus" in found.warning


@pytest.mark.parametrize("told", [True, False])
def test_the_record_has_it_and_a_warning_is_said(places: Path, capsys, told: bool) -> None:
    text = SENTENCES[0] if told else "They are bad drivers."
    model = load_model(save_tiny("llama", places / "tiny"))
    rivers = [Text(str(n), f"The river number {n} has a bridge and a mill.") for n in range(200)]
    prepared = prepare(
        model,
        Corpus("corpus", [Text("t", text)]),
        Corpus("rivers", rivers),
        UnlearningConfig(str(places / "out"), objective="ascent", selection="all", use_cpu=True),
    )
    (facts,) = prepared.overlap
    assert (facts.benchmark, facts.share) == ("mine", 0.02 if told else 0)
    assert ("Warning: 1 of 50 sentences of mine" in capsys.readouterr().err) == told


def test_a_benchmark_is_never_measured_with_after_its_items_were_forgotten() -> None:
    for corpus in ("stereoset-intersentence", "stereoset-intersentence:race?split=dev"):
        with pytest.raises(InputError, match="'stereoset:dev': forget corpus"):
            check_unseen(corpus, ["perplexity", "stereoset:dev"])
    check_unseen("stereoset-intersentence", ["crows_pairs", "perplexity"])
    check_unseen("hatecheck:women", ["stereoset"])
