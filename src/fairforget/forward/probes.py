"""Probes: tests on a few tokens that find out what a model supports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.forward.evaluation_mode import evaluation_mode

PROBE_ERRORS = (TypeError, ValueError, RuntimeError, AttributeError, LookupError)
"""Errors that a model may raise when it is tested in a way that it does not support."""
OUT_OF_MEMORY = ("out of memory", "can't allocate memory")
"""In the messages of other errors that say nothing about what a model supports."""

_RESULTS: WeakKeyDictionary[PreTrainedModel, dict[tuple[object, ...], bool]] = WeakKeyDictionary()
"""Results of `probe_once`, by name, class, adapter, dtype, kind of device and attention."""


def probe_tolerance(dtype: torch.dtype) -> float:
    """Return how far two computations of the same log-probabilities may differ, in nats."""
    return 1e-3 if dtype in (torch.float32, torch.float64) else 0.1


def probe_inputs(
    model: PreTrainedModel, texts: Sequence[Sequence[int]], device: torch.device
) -> dict[str, Tensor]:
    """Return the input of a forward pass over short texts of equal length.

    Args:
        model: its vocabulary limits the token ids, which start again at 0 beyond it.
        texts: token ids.
        device: where the model computes.
    """
    ids = torch.tensor(texts, device=device) % model.config.get_text_config().vocab_size
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def agree(first: Tensor, second: Tensor, dtype: torch.dtype) -> bool | None:
    """Return whether two computations of the same logits [..., vocabulary] agree up to rounding.

    At every position, the standard deviation of the differences may be at most `probe_tolerance`
    times that of the logits. Rounding to bfloat16 alone gave ratios of up to 0.04 with SmolLM2-135M
    and Gemma 3 270M, and to float32 of 4e-6.

    Returns:
        None if one of the first is not a number.
    """
    expected, found = first.float(), second.float()
    if expected.isnan().any():
        return None
    difference, spread = (x.std(-1, correction=0) for x in (expected - found, expected))
    return bool((difference <= probe_tolerance(dtype) * spread).all())


def probe_once(model: PreTrainedModel, name: str, probe: Callable[[], bool | None]) -> bool:
    """Return the result of a probe, which runs once for each model, dtype and kind of device.

    It runs again while the model has an adapter, or another class, as FSDP gives it.

    Args:
        model: runs in eval mode and without gradients; its mode is restored.
        name: of the probe.
        probe: tests the model, as for `run_probe`. What it cannot tell counts as False, and is
            tested again at the next call.
    """
    results = _RESULTS.setdefault(model, {})
    attention = model.config.get_text_config()._attn_implementation
    has_adapter = hasattr(model, "peft_config")
    key = (name, type(model), has_adapter, model.dtype, model.device.type, attention)
    if key not in results:
        result = run_probe(model, probe)
        if result is None:
            return False
        results[key] = result
    return results[key]


def run_probe(model: PreTrainedModel, probe: Callable[[], bool | None]) -> bool | None:
    """Return the result of a probe.

    Args:
        model: runs in eval mode and without gradients; its mode is restored.
        probe: tests the model. One of `PROBE_ERRORS` means that the test fails, unless memory ran
            out. None: weights that are not a number hide the result.
    """
    try:
        with evaluation_mode(model), torch.no_grad():
            return probe()
    except PROBE_ERRORS as error:
        no_memory = any(words in str(error) for words in OUT_OF_MEMORY)
        if no_memory or isinstance(error, torch.OutOfMemoryError):
            raise
        return False
