"""Generate text without the settings that a checkpoint brings."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from transformers import GenerationConfig, PreTrainedModel


@contextmanager
def no_generation_settings(model: PreTrainedModel) -> Iterator[None]:
    """Ignore the checkpoint's own settings: transformers fills in those that a call leaves open."""
    own = model.generation_config
    model.generation_config = GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = own
