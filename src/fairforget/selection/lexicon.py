"""Lexicon: the words and phrases of a list, also inflected, in leetspeak or with spaced letters."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from fairforget.corpora.text import Text
from fairforget.errors import InputError
from fairforget.extras import find_package
from fairforget.files.text import read_text
from fairforget.selection.identity import exclude_groups, identity_ranges, is_protected
from fairforget.selection.selected import SelectedSpan, Selector, merge_adjacent
from fairforget.selection.words import WORD, Word, split_words
from fairforget.settings import SelectSettings
from fairforget.terminal.messages import show_message

COMMENT = re.compile(r"(?:^|\s)#.*")
IGNORED = re.compile(r"[\s\-'’.,!?\"()/]+")
"""What an entry may contain besides words."""
END = re.compile(r"[.!?]\s|\n\s*\n")
"""What ends a sentence or a paragraph."""


@dataclass(frozen=True, slots=True)
class Lexicon:
    """The selector."""

    entries: dict[str, tuple[tuple[str, ...], ...]]
    """First form of an entry → the forms of all entries that begin with it, longest first."""

    def __call__(self, texts: Sequence[Text]) -> list[list[SelectedSpan]]:
        """Return the entries in each text, the longest at each position, without group terms."""
        return [self._select(text.text) for text in texts]

    def _select(self, text: str) -> list[SelectedSpan]:
        words, groups = list(split_words(text)), identity_ranges(text)
        forms = [word.form for word in words]
        spans, at = [], 0
        while at < len(words):
            for entry in self.entries.get(forms[at], ()):
                last = at + len(entry) - 1
                found = words[at : last + 1]
                if tuple(forms[at : last + 1]) == entry and _in_one_sentence(text, found):
                    phrase = " ".join(word.plain for word in found)
                    span = found[0].start, found[-1].end
                    spans += [
                        SelectedSpan(start, end, f"lexicon: {phrase}")
                        for start, end in exclude_groups(text, span, groups)
                    ]
                    at = last
                    break
            at += 1
        return merge_adjacent(text, spans)


def read_lexicon(source: str) -> Lexicon:
    """Read a text file with one entry per line, or a file of a package (PACKAGE:PATH).

    Blank lines, comments (#) and entries that only name groups are skipped. So are entries with
    signs that are not part of a word, such as "f***", with a message.

    Raises:
        InputError: the file or the package is missing, or the file has no entry.
    """
    entries: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    unreadable = []
    for line in read_text(_find_path(source)).splitlines():
        entry = COMMENT.sub("", line).strip()
        words = list(split_words(entry))
        if IGNORED.sub("", WORD.sub("", entry)):
            unreadable.append(entry)
        elif words and not all(is_protected(word.plain) for word in words):
            forms = tuple(word.form for word in words)
            entries[forms[0]].add(forms)
    if unreadable:
        show_message(
            f"Lexicon {source}: skipped {len(unreadable):,} of the entries, because they contain "
            f"signs that are not part of a word, such as {unreadable[0]!r}"
        )
    if not entries:
        raise InputError(f"lexicon {source} has no entries; write one word or phrase per line")
    return Lexicon(
        {first: tuple(sorted(forms, key=len, reverse=True)) for first, forms in entries.items()}
    )


def _in_one_sentence(text: str, words: Sequence[Word]) -> bool:
    """Return whether no sentence or paragraph ends between the words."""
    between = (text[before.end : after.start] for before, after in pairwise(words))
    return not any(END.search(part) for part in between)


def _find_path(source: str) -> Path:
    package, _, path = source.partition(":")
    if not (path and package.isidentifier()) or Path(source).is_file():
        return Path(source)
    directory = find_package(package)
    if directory is None:
        raise InputError(f"lexicon {source}: package {package!r} is not installed; check the name")
    return directory / path


def build(settings: SelectSettings) -> Selector:
    """Read the word list of the settings.

    Raises:
        InputError: the settings name none.
    """
    if not settings.lexicon:
        raise InputError("method 'lexicon' needs --lexicon FILE, with one word or phrase per line")
    return read_lexicon(settings.lexicon)
