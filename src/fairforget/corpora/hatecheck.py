"""HateCheck (Röttger et al. 2021): 3,728 functional tests of hate speech detectors.

Harmful spans come from the column `focus_words`. Mentions come from the placeholders of the
template, which give the position of the group and its number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from fairforget.corpora.domains import Labels
from fairforget.corpora.text import Mention, Span, Text
from fairforget.data.locate import read_data_csv
from fairforget.errors import InputError

TARGETS = {
    "women": "women",
    "gay people": "gay",
    "trans people": "trans",
    "disabled people": "disabled",
    "Muslims": "muslim",
    "black people": "black",
    "immigrants": "migrants",
}
NEUTRAL = {"P": ("people", "individuals"), "S": ("person", "individual"), "A": ("human",)}
"""Neutral words for [IDENTITY_P] (plural), [IDENTITY_S] (singular) and [IDENTITY_A] (adjective)."""
ARTICLES = {"person": "a", "individual": "an", "human": "a"}
UNMARKED = "-"
ENDING = re.compile(r"(?:e?s|e?d|[a-z]?ing|e?r|ly)(?![a-z])")
"""Endings of an inflected focus word: kill, killing."""
LEET = str.maketrans("013457", "oleast")


def hatecheck_texts() -> Iterator[Text]:
    """Yield all cases in file order; only the hateful ones have spans."""
    labels = Labels("hatecheck", TARGETS)
    columns = ("case_id", "test_case", "label_gold", "target_ident", "focus_words", "case_templ")
    for where, row in read_data_csv("hatecheck", columns):
        text = row["test_case"].strip()
        domain, group = labels([row["target_ident"]] if row["target_ident"] else [])
        slots = placeholders(text, row["case_templ"].strip(), where)
        hateful = row["label_gold"] == "hateful"
        yield Text(
            f"hatecheck:{row['case_id']}",
            text,
            domain,
            group,
            spans=_spans(text, row["focus_words"], slots) if hateful else (),
            mentions=tuple(
                _mention(text, start, end, name[len("IDENTITY_")])
                for name, start, end in slots
                if name.startswith("IDENTITY_")
            ),
            hateful=hateful,
        )
    labels.report()


def placeholders(text: str, template: str, where: str) -> list[tuple[str, int, int]]:
    """Return the name, start and end of each placeholder of the template in the text.

    Raises:
        InputError: the text does not match the template.
    """
    parts = re.split(r"\[([A-Z]\w*)\]", template)
    pattern = r"(.+?)".join(
        re.sub(r"\b([Aa])\\s\+$", r"\1n?\\s+", r"\s+".join(map(re.escape, part.split(" "))))
        for part in parts[::2]
    )  # "a [IDENTITY_S]" may have become "an immigrant"
    match = re.fullmatch(pattern, text)
    if match is None:
        raise InputError(f"{where}: {text!r} does not match the template {template!r}")
    return [(name, *match.span(number)) for number, name in enumerate(parts[1::2], 1)]


def _mention(text: str, start: int, end: int, number: str) -> Mention:
    neutral = NEUTRAL[number]
    article = re.search(r"\b(an?)\s+$", text[:start], re.IGNORECASE)
    if article and number != "P":
        start = article.start()
        neutral = tuple(f"{ARTICLES[words]} {words}" for words in neutral)
    if text[start].isupper() and (start == 0 or text[:start].rstrip()[-1:] in '.!?"“'):
        neutral = tuple(words.capitalize() for words in neutral)
    return Mention(start, end, neutral)


def _spans(text: str, focus: str, slots: list[tuple[str, int, int]]) -> tuple[Span, ...]:
    """Locate the focus words: a placeholder, a phrase, or parts of one joined by "..."."""
    if focus == UNMARKED:
        return ()
    names = re.findall(r"\[([A-Z]\w*)\]", focus)
    if names:
        return tuple(Span(start, end) for name, start, end in slots if name in names)
    blocked = [range(start, end) for _, start, end in slots]
    spans: list[Span] = []
    at = 0
    for piece in filter(None, re.split(r"\s*(?:\.\.\.|,)\s*", focus)):
        if span := _find(text, piece, at, blocked):
            spans.append(span)
            at = span.end
            continue
        for word in piece.split():
            if span := _find(text, word, at, blocked):
                spans.append(span)
                at = span.end
    return tuple(spans)


def _find(text: str, words: str, at: int, blocked: list[range]) -> Span | None:
    """Find the words from `at` on, preferably at a word boundary, and include an inflection."""
    plain = text.translate(LEET)
    for pattern, where in (
        (rf"\b{re.escape(words)}", text),
        (re.escape(words), text),
        (re.escape(words.translate(LEET)), plain),
    ):
        for match in re.compile(pattern, re.IGNORECASE).finditer(where, at):
            start, end = match.span()
            ending = ENDING.match(text, end)
            if ending and not any(end in part for part in blocked):
                end = ending.end()
            if not any(start < part.stop and end > part.start for part in blocked):
                return Span(start, end)
    return None
