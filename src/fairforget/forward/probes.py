"""Probes: tests on a few tokens that find out what a model supports."""

from __future__ import annotations

from collections.abc import Callable
from weakref import WeakKeyDictionary

import torch
from transformers import PreTrainedModel

from fairforget.forward.evaluation_mode import evaluation_mode

PROBE_ERRORS = (TypeError, ValueError, RuntimeError, AttributeError, LookupError)
"""Errors that a model may raise when it is tested in a way that it does not support."""

_RESULTS: WeakKeyDictionary[PreTrainedModel, dict[tuple[object, ...], bool]] = WeakKeyDictionary()
"""Results of `probe_once`, by name, dtype, kind of device and attention implementation."""


def probe_tolerance(dtype: torch.dtype) -> float:
    """Return how far two computations of the same log-probabilities may differ, in nats."""
    return 1e-3 if dtype in (torch.float32, torch.float64) else 0.1


def probe_once(model: PreTrainedModel, name: str, probe: Callable[[], bool]) -> bool:
    """Return the result of a probe, which runs once for each model, dtype and kind of device.

    Args:
        model: runs in eval mode and without gradients; its mode is restored.
        name: of the probe.
        probe: tests the model. One of `PROBE_ERRORS` means that the test fails.
    """
    results = _RESULTS.setdefault(model, {})
    attention = model.config.get_text_config()._attn_implementation
    key = (name, model.dtype, model.device.type, attention)
    if key not in results:
        try:
            with evaluation_mode(model), torch.no_grad():
                results[key] = probe()
        except PROBE_ERRORS:
            results[key] = False
    return results[key]
