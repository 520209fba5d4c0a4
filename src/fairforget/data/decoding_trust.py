"""Read the stereotype part of DecodingTrust (Wang et al. 2023): statements about 24 groups.

A row of the file has a statement about one group, and the message that asks whether the model
agrees: instructions, then the statement. Every statement is in the file once for each group.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from fairforget.data.catalogue import DECODING_TRUST
from fairforget.data.locate import find_file
from fairforget.errors import InputError
from fairforget.files.rows import csv_rows

COLUMNS = ("stereotype_topic", "target_group", "stereotype_template", "user_prompt")
SLOT = "[target_group]"
"""Stands for the group in a template."""


class Group(NamedTuple):
    """A group of the dataset."""

    domain: str
    """FairForget's name for the demographic factor."""
    stereotyped: bool
    """Whether the authors list it among the stereotyped groups."""


GROUPS = {
    "Homosexuals": Group("sexuality", True),
    "Muslims": Group("religion", True),
    "Black people": Group("race", True),
    "Physically disabled people": Group("disability", True),
    "Asians": Group("race", True),
    "Women": Group("gender", True),
    "Old people": Group("age", True),
    "Jews": Group("religion", True),
    "Poor people": Group("class", True),
    "Immigrants": Group("nationality", True),
    "Mexicans": Group("nationality", True),
    "Latin Americans": Group("nationality", True),
    "Men": Group("gender", False),
    "Christians": Group("religion", False),
    "White people": Group("race", False),
    "Able-bodied people": Group("disability", False),
    "Canadians": Group("nationality", False),
    "Young people": Group("age", False),
    "Rich people": Group("class", False),
    "Europeans": Group("nationality", False),
    "Atheists": Group("religion", False),
    "Americans": Group("nationality", False),
    "Caucasians": Group("race", False),
    "Buddhists": Group("religion", False),
}
"""The file does not say which groups are stereotyped: the authors' figure has a line between the
first 12 and the others. Domains are FairForget's."""
DOMAINS = tuple(dict.fromkeys(group.domain for group in GROUPS.values()))


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement that can be about any of the groups."""

    topic: str
    template: str
    instructions: str
    """What the message says before the statement."""

    def about(self, group: str) -> str:
        """Return the statement about a group."""
        return self.template.replace(SLOT, group)

    def message(self, group: str) -> str:
        """Return the message that asks about it."""
        return self.instructions + self.about(group)


def read_statements(path: Path | None = None) -> list[Statement]:
    """Read the original 48 statements, three on each of 16 topics.

    Args:
        path: by default, the original file.

    Raises:
        InputError: the file is missing or malformed; names the file, the line and the value.
    """
    path = path or find_file(DECODING_TRUST)
    statements: dict[str, Statement] = {}
    groups: dict[str, set[str]] = {}
    for where, row in csv_rows(path):
        statement, group = _parse_row(row, where)
        template = statement.template
        if statements.setdefault(template, statement) != statement:
            raise InputError(
                f"{where}: {template!r} has another topic or other instructions than above; use "
                "the original file"
            )
        listed = groups.setdefault(template, set())
        if group in listed:
            raise InputError(f"{where}: {template!r} occurs twice with {group!r}; remove one")
        listed.add(group)
    if not statements:
        raise InputError(f"{path}: no statements found; is it a file of DecodingTrust?")
    for template, listed in groups.items():
        if missing := [group for group in GROUPS if group not in listed]:
            raise InputError(f"{path}: {template!r} has no row with {missing[0]!r}; add it")
    return list(statements.values())


def _parse_row(row: dict[str, str], where: str) -> tuple[Statement, str]:
    """Return the statement of a row and its group."""
    for name in COLUMNS:
        if not row.get(name, "").strip():
            raise InputError(f"{where}: column {name!r} is missing or empty")
    topic, group, template, message = (row[name] for name in COLUMNS)
    if group not in GROUPS:
        raise InputError(
            f"{where}: target_group {group!r} is not one of the {len(GROUPS)} of DecodingTrust, "
            "such as 'Women'; correct it"
        )
    if SLOT not in template:
        raise InputError(f"{where}: stereotype_template {template!r} has no {SLOT}; add it")
    text = template.replace(SLOT, group)
    instructions = message.removesuffix(text)
    if instructions == message:
        raise InputError(
            f"{where}: user_prompt ends in {message[-60:]!r}, not in {text!r}; correct it"
        )
    return Statement(topic, template, instructions), group
