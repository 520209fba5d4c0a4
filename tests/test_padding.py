"""Models that padding changes in spite of the attention mask: batches of equal lengths."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf

from fairforget.errors import InputError
from fairforget.forward.padding import group_by_length, supports_batches, supports_padding
from fairforget.generation.decoding import Decoding
from fairforget.generation.engine import generate
from fairforget.methods.erasure import mean_states
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.masked import mask_one_at_a_time, masked_log_probs
from fairforget.targets import Targets
from fairforget.training.config import UnlearningConfig
from fairforget.training.trainability import check_trainable
from fairforget.training.trainer import UnlearningTrainer

from .models import (
    CAUSAL,
    CAUSAL_WITHOUT_PADDING,
    MASKED,
    MASKED_WITHOUT_PADDING,
    SENTENCES,
    tiny,
    tiny_model,
    word_tokenizer,
)

TEXTS = [[1, 20, 30, 40, 2], [1, *range(50, 70), 2], [1, 21, 31, 41, 2], [1, 5, 2]]
PROMPTS = ["Women", "The river has a bridge and an old mill near", "They", "Most people are"]


@pytest.mark.parametrize("family", [*CAUSAL, *MASKED])
def test_padding_leaves_most_models_unchanged(family: str) -> None:
    assert supports_padding(tiny(family), "right" if family in MASKED else "left")


@pytest.mark.parametrize("family", CAUSAL_WITHOUT_PADDING)
def test_padding_before_a_text_changes_some_causal_models(family: str) -> None:
    model = tiny(family)
    assert not supports_padding(model, "left")
    assert supports_batches(model) == (family != "rwkv")
    assert supports_padding(model, "right")


@pytest.mark.parametrize(("family", "side"), [("llama", "left"), ("fnet", "right")])
def test_a_model_is_tested_once_and_left_as_it_was(
    family: str, side: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, calls = tiny(family).train(), []
    forward = type(model).forward

    def count(self, *args, **kwargs):
        calls.append(self.training)
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(type(model), "forward", count)
    state = torch.get_rng_state()
    results = {supports_padding(model, side) for _ in range(2)}
    assert len(results) == 1
    assert calls == [False] * (4 if side == "left" else 2)
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)


def test_a_model_that_fails_the_test_with_an_error_is_not_padded() -> None:
    """The test needs eight positions."""
    config = tiny("gpt2").config
    config.n_positions = 7
    model = hf.GPT2LMHeadModel(config).eval()
    assert not supports_padding(model, "left")
    lm = LanguageModel(model, word_tokenizer(), "gpt2", "causal", "<|endoftext|>")
    decoding = Decoding(tokens=2)
    together = generate(lm, ["They", "Women are"], decoding)
    assert together == [generate(lm, [prompt], decoding)[0] for prompt in ("They", "Women are")]


@pytest.mark.parametrize("setting", [{"stop_strings": ["."]}, {"max_length": 8}])
def test_the_settings_of_a_checkpoint_do_not_matter(
    setting: dict[str, object], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its own strings that end a text, every prompt would be continued alone."""
    monkeypatch.setattr(hf.logging.get_logger("transformers"), "propagate", True)
    model = tiny("llama")
    model.generation_config.update(**setting)
    assert supports_padding(model, "left")
    assert supports_batches(model)
    assert not caplog.records


def test_groups_without_padding_have_one_size() -> None:
    items = ["a", "b", "cc", "dd", "ee", "fff"]
    assert [*group_by_length(items, len, 4, padded=False)] == [
        ["a", "b"],
        ["cc", "dd"],
        ["ee"],
        ["fff"],
    ]
    assert [*group_by_length(items, len, None, padded=False)] == [
        ["a", "b"],
        ["cc", "dd", "ee"],
        ["fff"],
    ]
    assert [*group_by_length(items, len, 6)] == [["a", "b", "cc"], ["dd", "ee"], ["fff"]]


@pytest.mark.parametrize("family", MASKED_WITHOUT_PADDING)
def test_a_masked_score_does_not_depend_on_the_batch(family: str) -> None:
    model = tiny(family)
    assert not supports_padding(model, "right")
    texts = [text for ids in TEXTS for text in mask_one_at_a_time(ids, range(1, len(ids) - 1), 3)]
    for text, found in zip(texts, masked_log_probs(model, texts), strict=True):
        with torch.no_grad():
            logits = model(input_ids=torch.tensor([text.ids])).logits[0]
        expected = logits[list(text.positions)].log_softmax(-1)[0, text.targets[0]]
        np.testing.assert_allclose(found, [float(expected)], atol=1e-3)


@pytest.mark.parametrize("family", ["convbert", "fnet"])
def test_an_erased_state_does_not_depend_on_the_batch(family: str) -> None:
    lm = tiny_model(family)
    together = mean_states(lm, SENTENCES)
    alone = torch.cat([mean_states(lm, [sentence]) for sentence in SENTENCES])
    torch.testing.assert_close(together, alone, rtol=0, atol=1e-4)


def test_a_head_that_is_not_called_cannot_be_erased() -> None:
    with pytest.raises(InputError, match="without calling it"):
        mean_states(tiny_model("mobilebert"), SENTENCES)


@pytest.mark.parametrize("family", CAUSAL_WITHOUT_PADDING)
def test_a_continuation_does_not_depend_on_the_batch(family: str) -> None:
    lm = tiny_model(family)
    for decoding in (Decoding(tokens=8, temperature=1.0, draws=2), Decoding(tokens=8)):
        together = generate(lm, PROMPTS, decoding)
        assert together == [generate(lm, [prompt], decoding)[0] for prompt in PROMPTS]
        assert together[::-1] == generate(lm, PROMPTS[::-1], decoding, batch_rows=3)


@pytest.mark.parametrize("family", MASKED_WITHOUT_PADDING)
def test_training_is_refused(family: str, tmp_path: Path) -> None:
    lm = tiny_model(family)
    message = "ForMaskedLM cannot be trained, because padding"
    with pytest.raises(InputError, match=message):
        check_trainable(lm)
    config = UnlearningConfig(
        str(tmp_path), objective="ascent", retain_loss="none", use_cpu=True, learning_rate=1e-5
    )
    targets = [Targets((1, 20, 30, 2), (False, True, False, False))]
    with pytest.raises(InputError, match=message):
        UnlearningTrainer(lm.model, config, targets, processing_class=lm.tokenizer)
