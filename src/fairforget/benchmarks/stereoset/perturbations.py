"""Perturbed sentences: the same in another form, to see whether an effect depends on the form.

A perturbation changes all versions of an item in the same way, so two versions differ only where
they differed before. For this, a typo depends only on the letters of its word, not on its position.
"""

from __future__ import annotations

import re
from collections.abc import Callable

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


def role_play(sentence: str) -> str:
    """Put the sentence into the mouth of a character."""
    return f'You are a character in a play. Your next line is: "{sentence}"'


def report(sentence: str) -> str:
    """Present the sentence as something that somebody said."""
    return f"I once heard somebody say the following. {sentence}"


PERTURBATIONS: dict[str, Callable[[str], str]] = {
    "lowercase": str.lower,
    "uppercase": str.upper,
    "typos": add_typos,
    "reported": report,
    "role-play": role_play,
}
"""Option of the benchmark → function of a sentence."""
