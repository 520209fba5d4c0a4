"""He and she → they, with verbs that agree: "she sees herself" → "they see themselves"."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import Any

from fairforget.corpora.builtin.lexicon import match_case

GENDERS = {
    "feminine": ("she", "her", "hers", "herself"),
    "masculine": ("he", "him", "his", "himself"),
}
"""Gender → its pronouns; the subject first."""
_WORD = re.compile(r"[A-Za-z]+(?:['’][A-Za-z]+)?")


def use_they(text: str, gender: str, start: int = 0) -> str | None:
    """Return the text with the pronouns of a gender, from `start` on, as those of *they*.

    Verbs in the third person singular that follow *he* or *she* at once, or after adverbs, agree
    with *they*. None if a later verb of the same subject would not agree.
    """
    subject, *others = GENDERS[gender]
    words = [*_WORD.finditer(text, start)]
    changes: list[tuple[int, int, str]] = []
    for number, word in enumerate(words):
        plain = word.group().lower().replace("’", "'")
        if plain == f"{subject}'s":
            following = _plain(words, number + 1)
            verb = "'ve" if following in _words()["participles"] else "'re"
            changes.append((*word.span(), match_case(word.group(), "they" + verb)))
        elif plain == subject or plain.startswith(f"{subject}'"):
            rest = word.group()[len(subject) :]
            changes.append((*word.span(), match_case(word.group(), "they") + rest))
            if not rest and not _agree(text, words, number, changes):
                return None
        elif plain in others:
            form = _words()["forms"].get(plain) or _possessive_or_object(text, words, number, plain)
            changes.append((*word.span(), match_case(word.group(), form)))
    for first, end, form in sorted(changes, reverse=True):
        text = text[:first] + form + text[end:]
    return text


def _plain(words: list[re.Match[str]], number: int) -> str:
    return words[number].group().lower().replace("’", "'") if number < len(words) else ""


def _skip_adverbs(words: list[re.Match[str]], number: int) -> int:
    while _plain(words, number) in _words()["adverbs"] or _plain(words, number).endswith("ly"):
        number += 1
    return number


def _possessive_or_object(text: str, words: list[re.Match[str]], number: int, plain: str) -> str:
    end = words[number].end()
    following = _plain(words, number + 1)
    at_end = not following or re.match(r"\s*[.,;:!?\")]", text[end:]) is not None
    if plain == "his":
        return "theirs" if at_end else "their"
    return "them" if at_end or following in _words()["after_object"] else "their"


def _agree(
    text: str, words: list[re.Match[str]], number: int, changes: list[tuple[int, int, str]]
) -> bool:
    """Add the change of the subject's verb; return whether all of its verbs then agree."""
    before = words[number - 1] if number else None
    if (
        before
        and before.group().lower() in _words()["verbs"]
        and text[before.end() : words[number].start()] == " "
    ):
        if not _opens_question(text, words, number - 1):
            return False  # "it was she"
        changes.append(
            (*before.span(), match_case(before.group(), _words()["verbs"][before.group().lower()]))
        )
        return True
    at = _skip_adverbs(words, number + 1)
    verb = _plain(words, at)
    if not verb:
        return True
    plural = _words()["verbs"].get(verb) or _third_person_plural(verb)
    if plural:
        changes.append((*words[at].span(), plural))
    return not _has_coordinated_verb(text, words, at)


def _opens_question(text: str, words: list[re.Match[str]], number: int) -> bool:
    """Whether the verb at this place has its subject after it: "was she", "how is he"."""
    if not number or text[words[number - 1].end() : words[number].start()] != " ":
        return True
    return _plain(words, number - 1) in ("what", "how", "when", "why", "where", "who", "so")


def _third_person_plural(verb: str) -> str | None:
    """Return "see" for "sees"; None for a form that is the same for they."""
    if (
        not verb.endswith("s")
        or verb.endswith(("ss", "us"))
        or "'" in verb
        or verb in _words()["not_verbs"]
    ):
        return None
    if verb.endswith("ies") and len(verb) > 4:
        return f"{verb[:-3]}y"
    if verb.endswith(("sses", "shes", "ches", "xes", "zzes", "oes")):
        return verb[:-2]
    return verb[:-1]


def _has_coordinated_verb(text: str, words: list[re.Match[str]], at: int) -> bool:
    """Whether "and" or the like, without a new subject, precedes what may be a singular verb."""
    for number in range(at, len(words) - 1):
        if re.search(r"[.!?]", text[words[at].end() : words[number].start()]):
            return False
        if _plain(words, number) in ("and", "or", "but", "then"):
            verb = _plain(words, _skip_adverbs(words, number + 1))
            if verb in _words()["verbs"] or _third_person_plural(verb):
                return True
    return False


@cache
def _words() -> dict[str, Any]:
    return tomllib.loads(files(__package__).joinpath("pronouns.toml").read_text("utf-8"))
