"""Models that are broken or know nothing: refused or doubted, never a lucky 50."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
import transformers as hf
from tokenizers import Tokenizer
from tokenizers.models import WordLevel

from fairforget.benchmarks.degenerate import doubts_of
from fairforget.benchmarks.stereoset import Item
from fairforget.benchmarks.stereoset import evaluate as stereoset
from fairforget.compare import compare
from fairforget.console import show_evaluation
from fairforget.errors import InputError
from fairforget.evaluation import evaluate, evaluate_into
from fairforget.models import LanguageModel
from fairforget.records import RECORD, EvaluationRecord, read_record
from tests.models import tiny_model

ITEMS = [
    Item(str(i), "gender", f"term {i % 3}", (f"They are {a}.", f"They are {b}.", f"They are {c}."))
    for i, (a, b, c) in enumerate([("late", "kind", "seven"), ("bad", "old", "river")] * 6)
]
LINES = "\n".join(
    f'{{"type": "intrasentence", "target": "{item.term}", "bias_type": "gender", "context": "x",'
    f' "stereotype": "{item.sentences[0]}", "anti-stereotype": "{item.sentences[1]}",'
    f' "unrelated": "{item.sentences[2]}"}}'
    for item in ITEMS
)


@pytest.fixture
def benchmark(tmp_path: Path) -> str:
    (tmp_path / "items.jsonl").write_text(LINES)
    return f"stereoset:{tmp_path / 'items.jsonl'}"


def constant() -> LanguageModel:
    """Every token is equally likely, whatever stands before."""
    model = tiny_model("gpt2")
    for parameter in model.model.parameters():
        parameter.data.zero_()
    return model


def one_word() -> LanguageModel:
    """A vocabulary of one token."""
    words = Tokenizer(WordLevel({"<|endoftext|>": 0}, unk_token="<|endoftext|>"))
    tokenizer = hf.PreTrainedTokenizerFast(tokenizer_object=words, bos_token="<|endoftext|>")
    sizes = {"n_embd": 8, "n_layer": 1, "n_head": 1, "n_positions": 64}
    config = hf.GPT2Config(vocab_size=1, bos_token_id=0, eos_token_id=0, **sizes)
    return LanguageModel(
        hf.GPT2LMHeadModel(config).eval(), tokenizer, "one word", "causal", "<|endoftext|>"
    )


@pytest.mark.parametrize("make", [constant, one_word])
def test_equal_scores_are_ties_and_doubted(make, tmp_path: Path, benchmark: str, capsys) -> None:
    model = make()
    evaluate_into(tmp_path / "out", model, [benchmark])
    record = read_record(tmp_path / "out" / RECORD, EvaluationRecord)
    whole = record.results[benchmark]["domains"]["all"]
    if make is one_word:
        assert whole["ties"] == whole["items"] == len(ITEMS)
        assert whole["ss"] == 0  # a tie is no stereotype
        assert whole["lms"] == 0
    assert whole["ties"] >= len(ITEMS) / 2
    show_evaluation(record)
    told = "".join(capsys.readouterr().out.split())
    assert f"Warning:{benchmark}:{whole['ties']}of{len(ITEMS)}itemsareties" in told
    notes = compare(tmp_path / "out", tmp_path / "out").notes
    assert sum("are ties" in note for note in notes) == 2


def test_a_model_with_opinions_is_not_doubted(benchmark: str) -> None:
    record, _ = evaluate(tiny_model("gpt2"), [benchmark])
    assert doubts_of(record.results) == []


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_give_no_scores(value: float, benchmark: str) -> None:
    model = tiny_model("gpt2")
    model.model.get_input_embeddings().weight.data.fill_(value)
    with pytest.raises(InputError, match=r"item .*: its score.* is not a number; the model's"):
        evaluate(model, [benchmark])


def test_one_word_has_perplexity_one(tmp_path: Path) -> None:
    (tmp_path / "text.jsonl").write_text('{"text": "a b c d e f"}')
    name = f"perplexity:{tmp_path / 'text.jsonl'}"
    try:
        record, _ = evaluate(one_word(), [name])
    except InputError as error:  # nothing but unknown words may also count as no text
        assert "fewer than two tokens" in str(error)  # noqa: PT017
    else:
        assert record.results[name]["value"] == pytest.approx(1.0)


def test_scores_of_an_exploded_model_stay_defined() -> None:
    model = tiny_model("gpt2")
    with torch.no_grad():
        for parameter in model.model.parameters():
            parameter.mul_(1e4)
    measured = stereoset(model, items=ITEMS)
    scores = measured.result["domains"]["all"]
    assert all(math.isfinite(scores[name]) for name in ("ss", "lms", "icat"))
