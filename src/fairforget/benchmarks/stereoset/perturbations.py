"""Perturbed sentences: the same in another form, to see whether an effect depends on the form.

A perturbation changes all versions of an item in the same way, so two versions differ only where
they differed before. For this, a typo depends only on the letters of its word, not on its position.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

SHORTEST = 5
"""Minimum number of letters of a word with a typo."""
_WORD = re.compile(rf"[^\W\d_]{{{SHORTEST},}}")


def add_typos(sentence: str) -> str:
    """Swap the second and third letters of every word of at least five letters.

    >>> add_typos("The nurse smiled.")
    'The nruse simled.'
    """
    return _WORD.sub(_swap, sentence)


def _swap(match: re.Match[str]) -> str:
    word = match[0]
    return word[0] + word[2] + word[1] + word[3:]


@dataclass(frozen=True, slots=True)
class Perturbation:
    """Another form of a sentence."""

    rewrite: Callable[[str], str] = str
    """Rewrites the sentence."""
    context: str = ""
    """Text before it, which is not scored itself: the sentence's tokens are scored given it."""


PERTURBATIONS = {
    "lowercase": Perturbation(str.lower),
    "uppercase": Perturbation(str.upper),
    "typos": Perturbation(add_typos),
    "reported": Perturbation(context="I once heard somebody say the following."),
    "role-play": Perturbation(context="You are a character in a play. Your next line is:"),
}
"""Option of the benchmark → the form of its sentences."""
