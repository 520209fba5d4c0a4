"""The `ratio` selector on a tiny model: tuning teaches, and the sums are those of the words."""

from __future__ import annotations

import pytest
import torch

from fairforget.corpora import Span, Text
from fairforget.errors import InputError
from fairforget.scoring.causal import token_log_probs
from fairforget.selection.calibration import best_threshold
from fairforget.selection.counts import count_words
from fairforget.selection.ratio import Ratio, tuned_ratio
from fairforget.selection.tuning import fine_tune
from fairforget.selection.words import Word

from .models import save_tiny, tiny_model

TRAINING = [
    Text(f"t{n}", ("The river has a mill", "Women are bad drivers")[n % 2], hateful=n % 2 > 0)
    for n in range(12)
]
COUNTS = count_words(TRAINING)


def test_tuning_makes_its_texts_likelier_and_is_deterministic() -> None:
    sequences = [[0, 5, 6, 7, 8], [0, 9, 8, 7]]
    after = []
    for _ in range(2):
        model = tiny_model("llama").model
        before = sum(float(row.sum()) for row in token_log_probs(model, sequences))
        fine_tune(model, sequences, steps=12)
        after.append(sum(float(row.sum()) for row in token_log_probs(model, sequences)))
        assert after[-1] > before
        assert all(parameter.grad is None for parameter in model.parameters())
    assert after[0] == after[1]


def test_padding_does_not_change_what_is_learned() -> None:
    """A short and a long text together give the gradient of their tokens, no more."""
    one, other = tiny_model("llama").model, tiny_model("llama").model
    fine_tune(one, [[0, 5, 6, 7]], steps=1)
    fine_tune(other, [[0, 5, 6, 7], [0]], steps=1)  # a start token alone has no target
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-6)


def test_a_words_score_is_the_sum_over_its_tokens() -> None:
    hateful, other = tiny_model("llama", 0), tiny_model("llama", 1)
    text = "Women are bad drivers"
    ((bad, drivers),) = [
        [row for row in words if row[0].plain in ("bad", "drivers")]
        for words in Ratio(hateful, other, COUNTS).scores([Text("t", text)])
    ]
    ids = [hateful.start_id, *hateful.tokenizer(text)["input_ids"]]
    mine, theirs = (token_log_probs(m.model, [ids])[0] for m in (hateful, other))
    offsets = hateful.tokenizer(text, return_offsets_mapping=True)["offset_mapping"]
    for word, _, ratio in (bad, drivers):
        inside = [i for i, (a, b) in enumerate(offsets) if a < word.end and word.start < b]
        assert ratio == pytest.approx(float((mine - theirs)[inside].sum()), abs=1e-4)


def test_a_text_longer_than_the_model_is_read_as_far_as_it_goes() -> None:
    """Words that it does not see whole have no score, and so no span."""
    hateful, other = tiny_model("gpt2", 0), tiny_model("gpt2", 1)
    selector = Ratio(hateful, other, COUNTS, threshold=-100.0)
    text = Text("long", "They lie and they are bad drivers, I think. " * 40)
    tokens = hateful.tokenizer(text.text, return_offsets_mapping=True)["offset_mapping"]
    assert len(tokens) > hateful.longest_input == 256
    reach = tokens[254][1]  # beside the start token
    short = Text("short", text.text[:reach])
    (found, whole), (spans, _) = selector.scores([text, short]), selector([text, short])
    assert spans
    assert max(choice.end for choice in spans) <= reach
    assert 0 <= len(whole) - len(found) <= 1  # a word that is cut
    for (word, score, ratio), (same, *values) in zip(found, whole, strict=False):
        assert word == same
        assert (score, ratio) == pytest.approx(tuple(values), abs=1e-4)


def test_the_selector_from_texts_to_choices(tmp_path) -> None:
    directory = save_tiny("llama", tmp_path)
    training = [
        Text(
            f"t{n}", "Women are bad drivers" if n % 2 else "The river has a mill", hateful=n % 2 > 0
        )
        for n in range(12)
    ]
    calibration = [Text("c", "Women are bad", spans=(Span(10, 13),))]
    selector = tuned_ratio(str(directory), training, [], calibration)
    ((*choices,),) = selector([calibration[0]])
    named = [calibration[0].text[c.start : c.end] for c in choices]
    assert "bad" in " ".join(named)
    assert not any("Women" in part for part in named)
    with pytest.raises(InputError, match="needs other texts"):
        tuned_ratio(str(directory), training[1::2], training[::2], calibration)


def test_a_masked_model_is_refused(tmp_path) -> None:
    directory = save_tiny("bert", tmp_path)
    training = [Text("a", "bad", hateful=True), Text("b", "fine", hateful=False)]
    with pytest.raises(InputError, match="needs a causal model"):
        tuned_ratio(str(directory), training, [], [])


def test_the_best_threshold_separates_what_can_be_separated() -> None:
    text = Text("t", "aaaa bbbb cccc", spans=(Span(5, 9),))
    words = [(Word(0, 4, "aaaa"), 1.1), (Word(5, 9, "bbbb"), 3.0), (Word(10, 14, "cccc"), 2.2)]
    threshold = best_threshold([text], [words])
    assert [word.plain for word, score in words if score > threshold] == ["bbbb"]
