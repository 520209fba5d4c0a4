"""Lexicon: the words and phrases of a list, inflected, in leetspeak or with letters set apart."""

from __future__ import annotations

import importlib.util
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fairforget.corpora.text import Text
from fairforget.errors import InputError
from fairforget.files.text import read_text
from fairforget.selection.identity import identity_ranges, is_between, is_protected
from fairforget.selection.selected import SelectedSpan, merge_adjacent
from fairforget.selection.words import split_words

COMMENT = "#"


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The selector."""

    entries: dict[str, tuple[tuple[str, ...], ...]]
    """First form of an entry → the forms of all entries that begin with it, longest first."""

    def __call__(self, texts: Sequence[Text]) -> list[list[SelectedSpan]]:
        """Where entries stand in each text; the longest entry wins, without groups it names."""
        return [self._found(text.text) for text in texts]

    def _found(self, text: str) -> list[SelectedSpan]:
        words, named = list(split_words(text)), identity_ranges(text)
        forms = [word.form for word in words]
        found, at = [], 0
        while at < len(words):
            for entry in self.entries.get(forms[at], ()):
                if tuple(forms[at : at + len(entry)]) == entry:
                    last = at + len(entry) - 1
                    shown = " ".join(word.plain for word in words[at : last + 1])
                    place = words[at].start, words[last].end
                    found += [
                        SelectedSpan(start, end, f"lexicon: {shown}")
                        for start, end in is_between(text, place, named)
                    ]
                    at = last
                    break
            at += 1
        return merge_adjacent(text, found)


def read_lexicon(source: str) -> Lexicon:
    """The entries of a text file, one a line, or of one that a package carries: PACKAGE:PATH.

    Blank lines and those that begin with # are passed over, and so are words that name groups.

    Raises:
        InputError: the file or the package is missing, or the file has no entry.
    """
    entries: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for line in read_text(_path(source)).splitlines():
        if line.startswith(COMMENT):
            continue
        words = list(split_words(line))
        if words and not all(is_protected(word.plain) for word in words):
            forms = tuple(word.form for word in words)
            entries[forms[0]].add(forms)
    if not entries:
        raise InputError(f"lexicon {source} has no entry; one word or phrase a line is expected")
    return Lexicon(
        {first: tuple(sorted(forms, key=len, reverse=True)) for first, forms in entries.items()}
    )


def _path(source: str) -> Path:
    package, _, path = source.partition(":")
    if Path(source).is_file() or not (path and package.isidentifier()):
        return Path(source)
    found = importlib.util.find_spec(package)  # located, never imported
    if found is None or not found.submodule_search_locations:
        raise InputError(f"lexicon {source}: no package {package!r} is installed")
    return Path(found.submodule_search_locations[0]) / path
