"""`Method`: a way to debias a model, which gives a model that everything else here accepts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # settings list the methods, and `--help` loads nothing heavy
    from fairforget.models.language_model import LanguageModel

Change = Literal["weights", "inference"]
"""What a method changes: the weights, or how the next token is predicted from them."""


@dataclass(frozen=True, slots=True)
class MethodOptions:
    """The options that all methods share; a method ignores those it has no use for."""

    work_dir: Path
    """An empty directory for checkpoints."""
    domain: str | None = None
    """Domain of the built-in lexicon whose groups the method treats alike; None for all."""
    seed: int = 0
    """Seed of the data order and of sampled texts."""
    steps: int | None = None
    """Optimizer steps of the methods that train; None, here and below, for the method's own."""
    batch_size: int | None = None
    """Texts per step."""
    learning_rate: float | None = None
    """Peak learning rate of AdamW."""


@dataclass(frozen=True, slots=True)
class Method:
    """A debiasing method."""

    name: str
    apply: Callable[[LanguageModel, MethodOptions], LanguageModel]
    """Debiases a model at the strength of the paper. May change the weights of its argument.

    Raises `InputError` for a model that the method does not support."""
    paper: str
    """Where it was published."""
    summary: str
    """What it does, in one sentence."""
    change: Change = "weights"
    """Weights can be saved, and interpolated to a lower cost."""
    max_alpha: float = 1.0
    """The largest interpolation factor. A trained change can be extrapolated; a projection that
    is whole at 1 cannot."""
    is_seeded: bool = True
    """Whether the result depends on the seed."""
    is_control: bool = False
    """Whether it trains without a debiasing step, to show what training alone does."""
