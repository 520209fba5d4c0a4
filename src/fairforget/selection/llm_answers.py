"""Prompt of the LLM selector, and the check of its answers against the text."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from fairforget.selection.identity import exclude_groups, identity_ranges
from fairforget.selection.selected import SelectedSpan, merge_adjacent
from fairforget.selection.words import MARK

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
UNSPACED = (
    "\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
"""Characters of scripts without spaces between words, for a set of a regular expression: Thai, Lao,
Tibetan; Burmese; Khmer; Han and Kana."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A checked answer."""

    spans: tuple[SelectedSpan, ...]
    absent: tuple[str, ...]
    """Words that the model listed, but that the text does not contain."""


def read_answer(text: str, answer: str) -> Answer | None:
    """Return the spans of an answer that occur in the text, and the words that do not.

    Words that name a group are left out.

    Returns:
        None if the answer does not have the requested format.
    """
    entries = _parse_answer(answer)
    if entries is None:
        return None
    groups = identity_ranges(text)
    spans, absent = [], []
    for words, reason in entries:
        occurrences = _find_words(words, text)
        if not occurrences:
            absent.append(words)
        spans += [
            SelectedSpan(start, end, f"llm: {reason}" if reason else "llm")
            for occurrence in occurrences
            for start, end in exclude_groups(text, occurrence, groups)
        ]
    return Answer(tuple(merge_adjacent(text, spans)), tuple(absent))


def _find_words(words: str, text: str) -> list[tuple[int, int]]:
    """Return (start, end) of every occurrence of words in a text, whatever their case.

    A part of a word does not count: "rat" does not occur in "rather". Where the words or what they
    touch are in a script without spaces between words, no end of a word can be told.
    """
    letter = rf"[^\W{UNSPACED}]"
    starts, ends = (re.match(f"[{UNSPACED}]", edge) is None for edge in (words[0], words[-1]))
    before = rf"(?<!{letter})(?<!{MARK})" if starts else ""
    after = rf"(?!{letter}|{MARK})" if ends else ""
    pattern = re.compile(before + re.escape(words) + after, re.IGNORECASE)
    return [match.span() for match in pattern.finditer(text)]


def objection(answer: Answer | None) -> str:
    """Return the message to the model about an invalid answer."""
    if answer is None:
        return 'That is not the JSON that I asked for. Answer with {"spans": […]} only.'
    missing = ", ".join(f'"{words}"' for words in answer.absent)
    return f"The text does not contain {missing}. Copy spans letter by letter. Answer again."


def _parse_answer(answer: str) -> list[tuple[str, str]] | None:
    """Return the distinct words and reasons of the JSON object in the answer.

    Of a truncated object, which models that repeat themselves produce, the complete entries.
    """
    start, end = answer.find("{"), answer.rfind("}")
    if start < 0 or end < start:
        return None
    try:
        entries = json.loads(answer[start : end + 1])["spans"]
    except (ValueError, KeyError, TypeError, RecursionError):
        entries = _complete_entries(answer) or None
    if not isinstance(entries, list):
        return None
    try:
        pairs = [
            (_text_of(entry["text"]).strip(), " ".join(_text_of(entry.get("reason")).split()))
            if isinstance(entry, dict)
            else (_text_of(entry).strip(), "")
            for entry in entries
        ]
    except (KeyError, TypeError):
        return None
    return [(words, reason) for words, reason in dict.fromkeys(pairs) if words]


def _text_of(value: object) -> str:
    """Return a JSON value as text; null is empty."""
    return "" if value is None else str(value)


def _complete_entries(answer: str) -> list[dict[str, Any]]:
    """Return the innermost JSON objects that have a `text`."""
    entries = []
    for match in re.finditer(r"\{[^{}]*\}", answer):
        try:
            entry = json.loads(match[0])
        except ValueError:
            continue
        if "text" in entry:
            entries.append(entry)
    return entries
