"""Read pairs of WinoBias from the authors' text files.

A file has one numbered sentence per line, such as `1 [The cook] thanked the guard because [she] was
ill.` Line *n* of the pro-stereotyped file and line *n* of the anti-stereotyped one are a pair. Two
lines in a row, from an odd one on, are about the same two occupations, one of which has a masculine
stereotype and the other a feminine one. Each is named in brackets in one of the lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fairforget.data.catalogue import WINOBIAS_FILES
from fairforget.data.locate import find_file
from fairforget.errors import InputError
from fairforget.files.text import read_lines

TYPES = ("type1", "type2")
"""Type 1: only meaning resolves the pronoun. Type 2: syntax does."""
SPLITS = ("dev", "test")
MASCULINE = frozenset(("he", "him", "his", "himself"))
FEMININE = frozenset(("she", "her", "hers", "herself"))

_LINE = re.compile(r"(\d+) +(\S.*)")
_BRACKETS = re.compile(r"\[([^\[\]]+)\]")


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence with the pronoun that fits the stereotype of an occupation, and its opposite."""

    id: str
    domain: str
    """One of `TYPES`."""
    split: str
    masculine: str
    """The occupation whose stereotype is masculine; pairs with the same one are not independent."""
    feminine: str
    """The occupation whose stereotype is feminine; the same holds for it."""
    pro: str
    """The sentence that follows the stereotype."""
    anti: str
    """The sentence that goes against it."""


def read_pairs(types: Sequence[str] = TYPES, splits: Sequence[str] = SPLITS) -> list[Pair]:
    """Read the original pairs, 396 of each type and split.

    Raises:
        InputError: a file is missing or malformed; names file and line.
    """
    pairs = []
    for name in types:
        for split in splits:
            pro, anti = (
                find_file(WINOBIAS_FILES[f"{side}_stereotyped_{name}.txt.{split}"])
                for side in ("pro", "anti")
            )
            pairs += read_split(pro, anti, domain=name, split=split)
    return pairs


def read_split(pro: Path, anti: Path, *, domain: str, split: str) -> list[Pair]:
    """Read the pairs of one type and split from two files.

    Args:
        pro: the file of pro-stereotyped sentences.
        anti: the file of anti-stereotyped sentences.
        domain: the type.
        split: the split.

    Raises:
        InputError: a line is malformed, or the numbers of lines do not match.
    """
    rows, others = _read_sentences(pro), _read_sentences(anti)
    if len(rows) != len(others):
        raise InputError(
            f"{anti}: {len(others)} sentences, but {pro} has {len(rows)}; use both files from the "
            "same version"
        )
    if not rows or len(rows) % 2:
        raise InputError(
            f"{pro}: {len(rows)} sentences; expected an even number above 0, because two in a row "
            "are about the same occupations"
        )
    pairs = []
    for number, (row, other) in enumerate(zip(rows, others, strict=True)):
        first = number - number % 2
        by_gender = {it.is_masculine: it.occupation for it in rows[first : first + 2]}
        if len(by_gender) < 2:
            raise InputError(
                f"{pro}, lines {first + 1} and {first + 2}: their pronouns have the same gender; "
                "expected one stereotype about men and one about women"
            )
        pairs.append(
            Pair(
                f"{domain}-{split}-{number + 1}",
                domain,
                split,
                masculine=by_gender[True],
                feminine=by_gender[False],
                pro=row.text,
                anti=other.text,
            )
        )
    return pairs


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    """Without brackets."""
    occupation: str
    """That in brackets."""
    is_masculine: bool
    """Whether the pronoun in brackets is."""


def _read_sentences(path: Path) -> list[_Sentence]:
    """The sentences of a file."""
    sentences = []
    for number, line in enumerate(read_lines(path), 1):
        if not (text := line.strip()):
            continue
        match = _LINE.fullmatch(text)
        words = [word.strip().lower() for word in _BRACKETS.findall(text)]
        occupations = [word for word in words if word not in MASCULINE | FEMININE]
        if not match or int(match[1]) != number or len(occupations) != 1 or len(words) < 2:
            raise InputError(
                f"{path}, line {number}: {text[:60]!r} is not a line of WinoBias; expected its "
                "number and a sentence with one occupation and its pronouns in brackets, such as "
                f"'{number} [The cook] thanked the guard because [she] was ill.'"
            )
        sentence = " ".join(match[2].replace("[", "").replace("]", "").split())
        occupation = re.sub(r"^(the|an?) +", "", occupations[0])
        sentences.append(_Sentence(sentence, occupation, not MASCULINE.isdisjoint(words)))
    return sentences
