"""Perplexity: the windows predict every token once; WikiText-2 is the published text."""

from __future__ import annotations

import hashlib
import math
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fairforget.benchmarks import benchmark_names, load_benchmark, load_benchmarks
from fairforget.benchmarks.perplexity import _with_blank_lines, evaluate, load_text, split_windows
from fairforget.errors import InputError

from .models import tiny_model

WIKITEXT2_RAW = "173c87a53759e0201f33e0ccf978e510c2042d7f2cb78229d9a50d79b9e7dd08"
TEXT = "The river has a bridge and an old mill near the town. They lie and they are late. " * 40


@given(st.integers(2, 500), st.integers(2, 60))
def test_windows_predict_every_token_after_the_first_once(tokens: int, half: int) -> None:
    spans = split_windows(tokens, 2 * half, half)
    predicted = [i for _, first, end in spans for i in range(first, end)]
    assert predicted == list(range(1, tokens))
    for start, first, end in spans:
        assert end - start <= 2 * half
        assert start == 0 or first - start >= half, "at least half a window of context"


@given(st.integers(2, 500), st.integers(2, 60))
def test_adjacent_windows(tokens: int, window: int) -> None:
    spans = split_windows(tokens, window, window)
    assert spans[0][0] == 0
    for (_, _, end), (start, first, _) in pairwise(spans):
        assert start == end
        assert first == start + 1
    assert tokens - spans[-1][2] in (0, 1), "a last window of one token predicts nothing"


@pytest.fixture
def corpus(tmp_path: Path) -> str:
    path = tmp_path / "river.csv"
    path.write_text(f"text\n{TEXT}\n")
    return str(path)


def losses(lm, ids: list[int]) -> torch.Tensor:
    with torch.no_grad():
        logits = lm.model(input_ids=torch.tensor([ids])).logits[0, :-1]
    return torch.nn.functional.cross_entropy(logits, torch.tensor(ids[1:]), reduction="none")


def test_stride(corpus: str) -> None:
    lm = tiny_model("gpt2")
    ids = lm.tokenizer(load_text(corpus))["input_ids"]
    assert len(ids) > 600
    window, stride = 255, 127  # one token of the context is the start token
    parts = [losses(lm, [lm.start_id, *ids[:window]])[1:]]
    for end in range(window + stride, len(ids) + stride, stride):
        stop = min(end, len(ids))
        text = [lm.start_id, *ids[end - window : stop]]
        parts.append(losses(lm, text)[-(stop - (end - stride)) :])
    nll = torch.cat(parts)
    assert len(nll) == len(ids) - 1
    result = evaluate(lm, corpus=corpus).result
    assert result["value"] == pytest.approx(math.exp(nll.mean()), rel=1e-4)
    assert result == {
        **result,
        "protocol": "stride",
        "tokens": len(ids) - 1,
        "window": window,
        "stride": stride,
        "share": 1.0,
        "start_token": lm.start_token,
    }


def test_bias_bench(corpus: str) -> None:
    lm = tiny_model("gpt2")
    ids = lm.tokenizer(load_text(corpus))["input_ids"]
    window = 256 - 32
    total = 0.0
    for start in range(0, len(ids), window):
        part = ids[start : start + window]
        total += float(losses(lm, part).mean()) * len(part)
    result = load_benchmark(f"perplexity:bias-bench:{corpus}").evaluate(lm).result
    assert result["value"] == pytest.approx(math.exp(total / len(ids)), rel=1e-4)
    assert result["tokens"] == len(ids)
    assert (result["window"], result["stride"]) == (window, window)
    assert "start_token" not in result


def test_a_share_is_the_start_of_the_text_and_is_recorded(corpus: str) -> None:
    lm = tiny_model("gpt2")
    ids = lm.tokenizer(load_text(corpus))["input_ids"]
    result = load_benchmark(f"perplexity:{corpus}:10%").evaluate(lm).result
    assert result["share"] == pytest.approx(0.1)
    assert result["tokens"] == math.ceil(len(ids) / 10) - 1
    expected = losses(lm, [lm.start_id, *ids[: math.ceil(len(ids) / 10)]])[1:].mean()
    assert result["value"] == pytest.approx(math.exp(expected), rel=1e-4)


@pytest.mark.parametrize("share", ["0%", "101%", "x%", "-5%"])
def test_invalid_shares_are_refused(share: str) -> None:
    with pytest.raises(InputError, match=share):
        load_benchmark(f"perplexity:{share}")


def test_masked_models_have_no_perplexity(corpus: str) -> None:
    with pytest.raises(InputError, match="needs a causal model"):
        load_benchmarks([f"perplexity:{corpus}"], tiny_model("bert"))


def test_unknown_corpus() -> None:
    with pytest.raises(InputError, match="'wikitext3' is unknown"):
        evaluate(tiny_model("gpt2"), corpus="wikitext3")


@pytest.mark.shared_data
def test_wikitext2_is_the_published_text(shared_file) -> None:
    raw = shared_file("wikitext2/wiki.test.raw").read_bytes().decode()
    lines = _with_blank_lines(raw.replace("\r\n", "\n").removesuffix("\n").split("\n"))
    published = "\n".join(lines) + "\n"
    assert hashlib.sha256(published.encode()).hexdigest() == WIKITEXT2_RAW
    assert _with_blank_lines(lines) == lines
    rows = load_text("wikitext2").split("\n\n")
    assert rows[0] == ""
    assert load_text("wikitext2").startswith("\n\n = Robert Boulter = \n\n\n\n\n Robert Boulter is")


def test_an_option_of_a_corpus_may_have_several_values() -> None:
    names = ["perplexity:dghs?round=2,3", "stereoset:test", "harmful_words:edos?split=dev,test:200"]
    assert benchmark_names(", ".join(names)) == names
