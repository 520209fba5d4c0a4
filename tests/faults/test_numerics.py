"""Models that are broken or know nothing: refused or doubted, never a lucky 50."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path

import pytest
import torch
import transformers as hf
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from fairforget.benchmarks import winobias
from fairforget.benchmarks.bbq import evaluate as bbq
from fairforget.benchmarks.crows_pairs import evaluate as crows_pairs
from fairforget.benchmarks.degenerate import check_finite_scores, find_warnings
from fairforget.benchmarks.holistic_bias import evaluate as holistic_bias
from fairforget.benchmarks.stereoset import evaluate as stereoset
from fairforget.comparison.compare import compare
from fairforget.data.bbq import Question
from fairforget.data.crows_pairs import Pair
from fairforget.data.holistic_bias import Descriptor
from fairforget.data.stereoset import Item
from fairforget.data.winobias import Pair as WinoBiasPair
from fairforget.errors import InputError
from fairforget.evaluation.directory import evaluate_into
from fairforget.evaluation.evaluate import evaluate
from fairforget.models.language_model import LanguageModel
from fairforget.records.paths import RECORD
from fairforget.records.records import EvaluationRecord
from fairforget.records.store import read_record
from fairforget.report.terminal import show_evaluation
from tests.models import VOCABULARY, tiny_model

ITEMS = [
    Item(
        str(i),
        "gender",
        f"term {i % 3}",
        (f"They are {a}.", f"They are {b}.", f"They are {c}."),
        "They are BLANK.",
    )
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


def constant(family: str = "gpt2") -> LanguageModel:
    """Every token is equally likely, whatever stands around."""
    model = tiny_model(family)
    for parameter in model.model.parameters():
        parameter.data.zero_()
    return model


def one_word() -> LanguageModel:
    """A vocabulary of one token."""
    words = Tokenizer(WordLevel({"<|endoftext|>": 0}, unk_token="<|endoftext|>"))
    words.pre_tokenizer = Whitespace()
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
    assert whole["ties"] == whole["items"] == len(ITEMS)
    assert whole["ss"] == whole["lms"] == whole["icat"] == 0  # a tie is no stereotype
    show_evaluation(record)
    printed = "".join(capsys.readouterr().out.split())
    assert f"Warning:{benchmark}:{whole['ties']}of{len(ITEMS)}itemsareties" in printed
    notes = compare(tmp_path / "out", tmp_path / "out").notes
    assert sum("are ties" in note for note in notes) == 2


def test_a_model_with_opinions_is_not_doubted(benchmark: str) -> None:
    record = evaluate(tiny_model("gpt2"), [benchmark]).record
    assert find_warnings(record.results) == []


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_weights_that_are_not_finite_give_no_scores(value: float, benchmark: str) -> None:
    model = tiny_model("gpt2")
    model.model.get_input_embeddings().weight.data.fill_(value)
    with pytest.raises(InputError, match=r"item .*: its score.* is not a number; the model's"):
        evaluate(model, [benchmark])


PAIRS = [
    Pair(str(n), "gender", f"Women {verb} late.", f"Most people {verb} late.")
    for n, verb in enumerate(["are", "were", "lie"])
]
QUESTIONS = [
    Question(str(n), "Age", f"t{n % 2}", n % 2 == 0, "Late.", "Who?", answers, 2, 2, 0)
    for n, answers in enumerate([("The old man", "The boy", "Not known")] * 4)
]
WINOBIAS = [
    WinoBiasPair(str(n), "type1", "dev", f"{n}", f"{n}", f"He {verb} late.", f"She {verb} late.")
    for n, verb in enumerate(["is", "was", "lies"])
]
DESCRIPTORS = [Descriptor("age", "all", word, "", ("men", "kids")) for word in ("old", "young")]
MEASURES = {
    "stereoset": partial(stereoset, items=ITEMS),
    "crows_pairs": partial(crows_pairs, pairs=PAIRS),
    "bbq": partial(bbq, questions=QUESTIONS),
    "winobias": partial(winobias.evaluate, pairs=WINOBIAS),
}
MEASURED = [
    *(("gpt2", name, {}) for name in MEASURES),
    ("bert", "stereoset", {}),
    ("roberta", "stereoset", {}),
    ("bert", "crows_pairs", {"protocol": "bias-bench"}),
    ("bert", "crows_pairs", {"protocol": "nangia"}),
]


@pytest.mark.parametrize(("family", "name", "options"), MEASURED)
def test_a_constant_model_ties_in_every_item(
    family: str, name: str, options: dict[str, str]
) -> None:
    found = MEASURES[name](constant(family), **options)
    whole = found.result["domains"]["all"]
    assert whole["ties"] == len(found.items) > 0
    (doubt,) = find_warnings({name: found.result})
    assert f"{whole['ties']} of {len(found.items)} items are ties" in doubt
    if name == "bbq":
        assert {item["answer"] for item in found.items} == {0}  # the first of equals
    else:
        assert whole["ss" if name == "stereoset" else "stereotype"] == 0


@pytest.mark.parametrize(("family", "name", "options"), [*MEASURED, ("gpt2", "holistic_bias", {})])
def test_a_diverged_model_is_refused_by_every_benchmark(
    family: str, name: str, options: dict[str, str]
) -> None:
    model = tiny_model(family)
    for parameter in model.model.parameters():
        parameter.data.fill_(math.nan)
    measures = {**MEASURES, "holistic_bias": partial(holistic_bias, descriptors=DESCRIPTORS)}
    with pytest.raises(InputError, match=rf"{name} item .* is not a number; the model's weights"):
        check_finite_scores(name, measures[name](model, **options))


@pytest.mark.parametrize(("make", "value"), [(one_word, 1.0), (constant, VOCABULARY)])
def test_perplexity_of_equally_likely_words_is_their_number(
    make, value: float, tmp_path: Path
) -> None:
    (tmp_path / "text.jsonl").write_text('{"text": "a b c d e f"}')
    name = f"perplexity:{tmp_path / 'text.jsonl'}"
    record = evaluate(make(), [name]).record
    assert record.results[name]["value"] == pytest.approx(value, rel=1e-5)


def test_a_text_of_one_token_has_no_perplexity(tmp_path: Path) -> None:
    (tmp_path / "text.jsonl").write_text('{"text": "a"}')
    with pytest.raises(InputError, match="has fewer than two tokens"):
        evaluate(one_word(), [f"perplexity:{tmp_path / 'text.jsonl'}"])


def test_scores_of_an_exploded_model_stay_defined() -> None:
    model = tiny_model("gpt2")
    with torch.no_grad():
        for parameter in model.model.parameters():
            parameter.mul_(1e4)
    measured = stereoset(model, items=ITEMS)
    scores = measured.result["domains"]["all"]
    assert all(math.isfinite(scores[name]) for name in ("ss", "lms", "icat"))
