"""Batches of sequences of different lengths, and the models that must not be given any.

Padding is masked, so it should not change a prediction. It does in some models: MobileBERT and
ConvBERT combine neighbouring tokens, FNet mixes all tokens of a row, the recurrent layers of RWKV,
RecurrentGemma and MiniMax do not mask it correctly, and decoders such as BART's count it in the
positions of the tokens. Such models are given sequences of equal length only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeVar

import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel

from fairforget.errors import InputError
from fairforget.forward.generation_settings import no_generation_settings
from fairforget.forward.probes import agree, probe_once
from fairforget.forward.split_forward import full_logits, is_masked

TEXT, EQUAL, LONGER = range(2010, 2013), range(2013, 2016), range(2013, 2020)
"""Token ids of a text, another of equal length and a longer one, modulo the size of the vocabulary.
Most vocabularies have special tokens at both ends, and predictions after several of those vary more
by rounding."""

Side = Literal["left", "right"]
T = TypeVar("T")


def pad(rows: Sequence[Sequence[int]], side: Side = "right") -> dict[str, Tensor]:
    """Return input_ids and attention_mask [rows, longest], with one row per sequence.

    The mask follows from the lengths, because a padding token may also occur in the text. Padding
    is token 0 and masked.
    """
    lengths = torch.tensor([len(row) for row in rows])
    width = int(lengths.max())
    ids = torch.zeros(len(rows), width, dtype=torch.long)
    column = torch.arange(width)
    first = width - lengths if side == "left" else torch.zeros_like(lengths)
    mask = (column >= first[:, None]) & (column < (first + lengths)[:, None])
    ids[mask] = torch.tensor([token for row in rows for token in row], dtype=torch.long)
    return {"input_ids": ids, "attention_mask": mask.long()}


def group_by_length(
    items: Sequence[T], size: Callable[[T], int], budget: int | None, *, padded: bool = True
) -> Iterator[list[T]]:
    """Split items sorted by size into groups whose count × largest size is within the budget.

    Args:
        items: sorted by size.
        size: size of an item.
        budget: of a group. None: no limit.
        padded: items of different sizes may share a group.
    """
    group: list[T] = []
    for item in items:
        is_full = budget is not None and size(item) * (len(group) + 1) > budget
        if group and (is_full or not (padded or size(item) == size(group[0]))):
            yield group
            group = []
        group.append(item)
    if group:
        yield group


def supports_padding(model: PreTrainedModel, side: Side) -> bool:
    """Whether a text has the same predictions in a padded batch as alone; tested once per model.

    Args:
        model: causal or masked. Its mode is restored.
        side: "right", or "left" for transformers' `generate` with a causal model. Padding on the
            right of a causal model needs no test: no prediction depends on what follows it.
    """
    if side == "right" and not is_masked(model):
        return True
    predict = _logits if side == "right" else _generated_logits
    return probe_once(model, f"padding on the {side}", lambda: _test_batch(model, predict, LONGER))


def supports_batches(model: PreTrainedModel) -> bool:
    """Whether `generate` gives a text the same predictions beside one of equal length as alone.

    RWKV's does not, because the cache in transformers mixes the texts of a batch. Tested once per
    model.

    Args:
        model: causal. Its mode is restored.
    """
    return probe_once(model, "batches", lambda: _test_batch(model, _generated_logits, EQUAL))


def check_padding(model: PreTrainedModel) -> None:
    """Check that texts of different lengths can share a batch of a training step.

    Raises:
        InputError: padding changes the model's predictions.
    """
    if not supports_padding(model, "right"):
        raise InputError(
            f"{type(model).__name__} cannot be trained, because padding changes its predictions "
            "despite the attention mask; choose a model of another architecture"
        )


def _test_batch(
    model: PreTrainedModel,
    predict: Callable[[PreTrainedModel, list[list[int]]], Tensor],
    other: Sequence[int],
) -> bool | None:
    """Whether a text has the same predictions alone and in a batch with another text.

    Returns:
        None if the logits of the text alone are not a number.
    """
    size = model.config.get_text_config().vocab_size
    first, second = ([token % size for token in text] for text in (TEXT, other))
    alone, together = (predict(model, rows) for rows in ([first], [first, second]))
    return agree(alone, together, model.dtype)


def _logits(model: PreTrainedModel, rows: list[list[int]]) -> Tensor:
    """Return the logits [length, vocabulary] of the first row, padded on the right."""
    inputs = {name: values.to(model.device) for name, values in pad(rows).items()}
    return full_logits(model, **inputs)[0, : len(rows[0])]


def _generated_logits(model: PreTrainedModel, rows: list[list[int]]) -> Tensor:
    """Return the logits [2, vocabulary] of two new tokens of the first row, padded on the left.

    The first new token is given, so that the second, which is predicted from the cache, follows
    the same tokens in any batch.
    """
    config = GenerationConfig(
        max_new_tokens=2,
        do_sample=False,
        num_beams=1,
        use_cache=True,
        pad_token_id=0,
        eos_token_id=model.config.get_text_config().vocab_size,  # no token ends the text
        sequence_bias=[[[rows[0][0]], 1e9]],
        output_logits=True,
        return_dict_in_generate=True,
    )
    inputs = {name: values.to(model.device) for name, values in pad(rows, side="left").items()}
    with no_generation_settings(model):
        generated = model.generate(**inputs, generation_config=config)  # type: ignore[operator]
    return torch.stack(generated.logits)[:, 0]
