"""Perturbed sentences: the same in another form, to see whether an effect depends on the form.

A perturbation changes all versions of an item in the same way, so two versions differ only where
they differed before. For this, a typo depends only on the letters of its word, not on its position,
and a synonym only on the word.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from fairforget.benchmarks.stereoset.families import find_family, neutral_words

SHORTEST = 5
"""Minimum number of letters of a word with a typo."""
_LONG_WORD = re.compile(rf"[^\W\d_]{{{SHORTEST},}}")
SYNONYMS = {
    **{"very": "really", "extremely": "exceedingly", "really": "truly", "quite": "rather"},
    **{"always": "constantly", "usually": "normally", "typically": "generally", "every": "each"},
    **{"everyone": "everybody", "everybody": "everyone", "someone": "somebody"},
    **{"seemed": "appeared", "talked": "spoke", "bought": "purchased", "began": "started"},
    **{"i'm": "I am", "i've": "I have", "don't": "do not", "doesn't": "does not"},
    **{"didn't": "did not", "can't": "cannot", "isn't": "is not", "aren't": "are not"},
    **{"wasn't": "was not", "weren't": "were not"},
}
"""Word → what `reword` says instead. No word is for a group or is a neutral word, and no verb
depends on who acts, so the sentence and its variant with a neutral word change alike."""
FIRST_WORDS = {
    *("a", "all", "an", "as", "because", "every", "everyone", "he", "her", "his", "if", "in"),
    *("it", "many", "most", "my", "no", "not", "on", "our", "people", "she", "some"),
    *("that", "the", "their", "there", "these", "they", "this", "those", "we", "when", "while"),
    *("with", "you", "your"),
}
"""Words that lose their capital after "It is true that", as do terms that are no names."""
_WORD = re.compile(r"(?<![\w'’-])[^\W\d_]+(?:['’][^\W\d_]+)?(?![\w'’-])")


def add_typos(sentence: str) -> str:
    """Swap the second and third letters of every word of at least five letters.

    >>> add_typos("The nurse smiled.")
    'The nruse simled.'
    """
    return _LONG_WORD.sub(_swap, sentence)


def _swap(match: re.Match[str]) -> str:
    word = match[0]
    return word[0] + word[2] + word[1] + word[3:]


def reword(sentence: str) -> str:
    """Make the sentence a clause, replace frequent words by synonyms and expand contractions.

    >>> reword("My nurse was very kind.")
    'It is true that my nurse was really kind.'
    """
    first = sentence.split(" ", 1)[0]
    word = re.split("['’]", first.lower())[0]
    family = find_family(word)
    if word in FIRST_WORDS or word in neutral_words() or (family and "name" not in family.neutral):
        sentence = first.lower() + sentence[len(first) :]
    return _WORD.sub(_replace, f"It is true that {sentence}")


def _replace(match: re.Match[str]) -> str:
    word = match[0]
    new = SYNONYMS.get(word.lower().replace("’", "'"), word)
    return new[0].upper() + new[1:] if word[0].isupper() else new


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
    "reworded": Perturbation(reword),
    "reported": Perturbation(context="I once heard somebody say the following."),
    "role-play": Perturbation(context="You are a character in a play. Your next line is:"),
}
"""Option of the benchmark → the form of its sentences."""
