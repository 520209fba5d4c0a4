"""HateXplain (Mathew et al. 2021): posts with the rationales of three annotators."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from fairforget.corpora.domains import Labels
from fairforget.corpora.text import Span, Text
from fairforget.data.catalogue import CATALOGUE
from fairforget.data.locate import find_file
from fairforget.errors import InputError

TARGETS = {
    "Women": "women",
    "Men": "men",
    "African": "black",
    "Caucasian": "white",
    "Asian": "asian",
    "Arab": "middle_eastern",
    "Hispanic": "hispanic",
    "Indian": "indian",
    "Indigenous": "indigenous",
    "Minority": "minorities",
    "Islam": "muslim",
    "Jewish": "jewish",
    "Christian": "christian",
    "Hindu": "hindu",
    "Buddhism": "buddhist",
    "Nonreligious": "nonreligious",
    "Homosexual": "gay",
    "Bisexual": "bisexual",
    "Asexual": "asexual",
    "Heterosexual": "straight",
    "Refugee": "migrants",
    "Immigrant": "migrants",
    "Disability": "disabled",
    "Economic": "class",
    "None": "",
}
"""Label → group, or domain. "Other" has no domain here, so it is counted as unmapped."""
HARMFUL = ("hatespeech", "offensive")


def hatexplain_texts() -> Iterator[Text]:
    """Yield all posts in file order, with the label and the targets of most annotators."""
    labels = Labels("hatexplain", TARGETS)
    path = find_file(*CATALOGUE["hatexplain"].files)
    with path.open(encoding="utf-8") as file:
        posts = json.load(file)
    for name, post in posts.items():
        try:
            text, spans, hateful, targets = _parse_post(post)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}, post {name!r}: unexpected format ({error!r})") from error
        if not text:
            continue
        domain, group = labels(targets)
        yield Text(f"hatexplain:{name}", text, domain, group, spans, hateful=hateful)
    labels.report()


def _parse_post(post: dict[str, Any]) -> tuple[str, tuple[Span, ...], bool, list[str]]:
    annotators = post["annotators"]
    labels = Counter(annotator["label"] for annotator in annotators)
    hateful = sum(labels[label] for label in HARMFUL) * 2 > len(annotators)
    targets = Counter(target for annotator in annotators for target in annotator["target"])
    agreed = [target for target, count in targets.items() if count * 2 > len(annotators)]
    tokens = [str(token) for token in post["post_tokens"]]
    spans = rationale_spans(tokens, post["rationales"]) if hateful else ()
    return " ".join(tokens), spans, hateful, agreed


def rationale_spans(tokens: Sequence[str], rationales: Sequence[Sequence[int]]) -> tuple[Span, ...]:
    """Return the tokens that most annotators marked, as spans of the tokens joined by spaces.

    Raises:
        ValueError: a rationale and the tokens differ in length.
    """
    if any(len(rationale) != len(tokens) for rationale in rationales):
        raise ValueError("a rationale and the post differ in length")
    spans: list[Span] = []
    at = 0
    for token, *marks in zip(tokens, *rationales, strict=True):
        if token and sum(marks) * 2 > len(rationales):
            if spans and spans[-1].end == at - 1:
                spans[-1] = Span(spans[-1].start, at + len(token))
            else:
                spans.append(Span(at, at + len(token)))
        at += len(token) + 1
    return tuple(spans)
