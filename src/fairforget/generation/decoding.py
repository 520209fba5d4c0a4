"""Decoding settings, and the continuations they produce."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from fairforget.errors import InputError


@dataclass(frozen=True, slots=True)
class Decoding:
    """How to continue a prompt.

    Raises:
        InputError: a value is out of range.
        ValueError: several draws of greedy text, which would all be the same.
    """

    tokens: int = 24
    """Maximum number of new tokens."""
    temperature: float = 0.0
    """Sampling temperature; 0 is greedy decoding, 1 the model's own distribution."""
    draws: int = 1
    """Continuations of each prompt; 1 with greedy decoding."""
    seed: int = 0
    """Seed for sampling."""
    chat: bool = False
    """Whether each prompt is a user's message in the tokenizer's chat template."""

    def __post_init__(self) -> None:
        for name in ("tokens", "draws"):
            if (value := getattr(self, name)) < 1:
                raise InputError(f"{name} of a continuation is {value}; set it to at least 1")
        if not 0 <= self.temperature < float("inf"):
            raise InputError(
                f"temperature is {self.temperature}; set it to 0 (greedy) or a positive number"
            )
        if self.draws > 1 and not self.temperature:
            raise ValueError(f"{self.draws} draws of greedy text would all be the same")


@dataclass(frozen=True, slots=True)
class Continuation:
    """What a model wrote after a prompt."""

    text: str
    """Without the prompt and without special tokens."""
    tokens: int
    """New tokens, without the one that ends the text."""
    ended: bool
    """Whether the model ended its text; if not, it reached the limit."""

    @property
    def is_empty(self) -> bool:
        """Whether it has only white space, or nothing."""
        return not self.text.strip()


def summarize(continuations: Sequence[Continuation]) -> dict[str, float]:
    """Summarise continuations for a record: counts, length and diversity.

    A model that writes short or repetitive text can score well on bias because it says little.

    Returns:
        `continuations`, of which `empty`, and `at_limit`; `mean_tokens`; and `distinct_2` (Li et
        al. 2016, arXiv 1510.03055): distinct word bigrams ÷ all word bigrams. It falls as the
        number of continuations grows: compare it on the same prompts only.
    """
    bigrams = [pair for c in continuations for pair in pairwise(c.text.split())]
    return {
        "continuations": len(continuations),
        "empty": sum(c.is_empty for c in continuations),
        "at_limit": sum(not c.ended for c in continuations),
        "mean_tokens": round(sum(c.tokens for c in continuations) / max(1, len(continuations)), 2),
        "distinct_2": round(len({*bigrams}) / max(1, len(bigrams)), 4),
    }
