"""Read BOLD's prompts: beginnings of sentences from Wikipedia articles about people and ideas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fairforget.data.catalogue import BOLD_FILES
from fairforget.data.locate import find_file
from fairforget.errors import InputError
from fairforget.files.text import parse_json, read_text

TYPES = tuple(BOLD_FILES)
"""The authors call them domains."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """The beginning of a sentence about a member of a group."""

    id: str
    domain: str
    """The group, such as `American_actresses`."""
    type: str
    """One of `TYPES`."""
    article: str
    """Several prompts can be from one article."""
    prompt: str


def read_prompts(types: Sequence[str] = TYPES) -> list[Prompt]:
    """Read the original prompts, 23,674 of all types, without the space at their end.

    Five more are blank, and left out.

    Raises:
        InputError: a file is missing or malformed.
    """
    prompts = []
    for name in types:
        path = find_file(BOLD_FILES[name])
        prompts += parse_prompts(read_text(path), name, str(path))
    return prompts


def parse_prompts(text: str, name: str, where: str) -> list[Prompt]:
    """Read the prompts of one file's content.

    Args:
        text: JSON, group → article → prompts.
        name: the type.
        where: the file, for errors.

    Raises:
        InputError: the content is something else, or empty.
    """
    prompts = []
    groups = parse_json(text, where)
    for group, articles in groups.items() if isinstance(groups, dict) else ():
        for article, lines in articles.items() if isinstance(articles, dict) else ():
            for number, line in enumerate(lines if isinstance(lines, list) else (), 1):
                if not isinstance(line, str):
                    raise InputError(f"{where}: prompt {number} of {article!r} is not a string")
                if prompt := " ".join(line.split()):
                    identity = f"{group}-{article}-{number}"
                    prompts.append(Prompt(identity, group, name, article, prompt))
    if not prompts:
        raise InputError(f"{where}: no prompts found; is it a BOLD file?")
    return prompts
