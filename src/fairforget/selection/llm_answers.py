"""What a language model answers about a text, checked against the text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from fairforget.selection.identity import identity_ranges, is_between
from fairforget.selection.selected import SelectedSpan, merge_adjacent

INSTRUCTIONS = """\
You help to remove social bias from language models. Given a text, list the words and phrases in \
it that are harmful: insults, slurs, threats, dehumanising or demeaning words about people. \
Copy them from the text letter by letter, as short as possible. Never list words that merely name \
a group of people, such as "women" or "Muslims". Give a reason of a few words for each. If \
nothing is harmful, give an empty list. Answer with JSON only: \
{"spans": [{"text": "copied words", "reason": "why"}]}"""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "spans": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"text": {"type": "string"}, "reason": {"type": "string"}},
                "required": ["text", "reason"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["spans"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Answer:
    """A checked answer."""

    choices: tuple[SelectedSpan, ...]
    absent: tuple[str, ...]
    """Spans that the model named and the text does not have."""


def read_answer(text: str, answer: str) -> Answer | None:
    """The spans of an answer that occur in the text, and those that do not.

    Words that name a group are left out, whatever the model says.

    Returns:
        None where the answer is not what was asked for.
    """
    spans = _spans(answer)
    if spans is None:
        return None
    named = identity_ranges(text)
    choices, absent = [], []
    for words, reason in spans:
        places = [
            match.span()
            for match in re.finditer(rf"(?<!\w){re.escape(words)}(?!\w)", text, re.IGNORECASE)
        ]
        if not places:
            absent.append(words)
        choices += [
            SelectedSpan(start, end, f"llm: {reason}" if reason else "llm")
            for place in places
            for start, end in is_between(text, place, named)
        ]
    return Answer(tuple(merge_adjacent(text, choices)), tuple(absent))


def objection(answer: Answer | None) -> str:
    """What to tell the model about an answer that cannot be used as it is."""
    if answer is None:
        return 'That is not the JSON that I asked for. Answer with {"spans": […]} only.'
    missing = ", ".join(f'"{words}"' for words in answer.absent)
    return f"The text does not contain {missing}. Copy spans letter by letter. Answer again."


def _spans(answer: str) -> list[tuple[str, str]] | None:
    """The spans of the JSON object in the answer, whatever surrounds it; each once.

    Of one that broke off, which happens to models that repeat themselves, those that are complete.
    """
    start, end = answer.find("{"), answer.rfind("}")
    if start < 0 or end < start:
        return None
    try:
        listed = json.loads(answer[start : end + 1])["spans"]
    except (ValueError, KeyError, TypeError, RecursionError):
        listed = _complete(answer) or None
    if not isinstance(listed, list):
        return None
    try:
        found = [
            (str(one["text"]).strip(), " ".join(str(one.get("reason", "")).split()))
            if isinstance(one, dict)
            else (str(one).strip(), "")
            for one in listed
        ]
    except (KeyError, TypeError):
        return None
    return [(words, reason) for words, reason in dict.fromkeys(found) if words]


def _complete(answer: str) -> list[dict[str, Any]]:
    """The objects without further ones in them that have a `text`."""
    found = []
    for match in re.finditer(r"\{[^{}]*\}", answer):
        try:
            one = json.loads(match[0])
        except ValueError:
            continue
        if "text" in one:
            found.append(one)
    return found
