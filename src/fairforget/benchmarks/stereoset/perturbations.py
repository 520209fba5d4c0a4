"""Perturbed prompts: the same sentences in another form, to see whether an effect depends on it.

A perturbation changes every version of an item alike: what differs between two versions afterwards
is what differed before. So it depends on a word's letters alone, not on its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable

SHORTEST = 5
"""Letters of the shortest word with a typo."""
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
    """Paraphrase the sentence as reported speech."""
    return f"I once heard somebody say the following. {sentence}"


PERTURBATIONS: dict[str, Callable[[str], str]] = {
    "lowercase": str.lower,
    "uppercase": str.upper,
    "typos": add_typos,
    "reported": report,
    "role-play": role_play,
}
"""Option of the benchmark → function of a sentence."""
