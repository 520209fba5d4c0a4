"""HateXplain (Mathew et al. 2021): posts in which three annotators marked why they are hateful."""

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
"""Label -> group, or domain. "Other" is none of ours, and so is counted as unmapped."""
HARMFUL = ("hatespeech", "offensive")


def hatexplain_texts() -> Iterator[Text]:
    """All posts, in file order; the label and the targets are what most annotators say."""
    labels = Labels("hatexplain", TARGETS)
    path = find_file(*CATALOGUE["hatexplain"].files)
    with path.open(encoding="utf-8") as file:
        posts = json.load(file)
    for name, post in posts.items():
        try:
            text, spans, hateful, targets = _read(post)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}, post {name!r}: not as HateXplain's ({error!r})") from error
        if not text:
            continue
        domain, group = labels(targets)
        yield Text(f"hatexplain:{name}", text, domain, group, spans, hateful=hateful)
    labels.report()


def _read(post: dict[str, Any]) -> tuple[str, tuple[Span, ...], bool, list[str]]:
    annotators = post["annotators"]
    said = Counter(annotator["label"] for annotator in annotators)
    hateful = sum(said[label] for label in HARMFUL) * 2 > len(annotators)
    targets = Counter(target for annotator in annotators for target in annotator["target"])
    agreed = [target for target, count in targets.items() if count * 2 > len(annotators)]
    tokens = [str(token) for token in post["post_tokens"]]
    spans = rationale_spans(tokens, post["rationales"]) if hateful else ()
    return " ".join(tokens), spans, hateful, agreed


def rationale_spans(tokens: Sequence[str], rationales: Sequence[Sequence[int]]) -> tuple[Span, ...]:
    """The tokens that most annotators marked, as spans of the tokens joined by blanks.

    Raises:
        ValueError: a rationale is not as long as the tokens.
    """
    if any(len(rationale) != len(tokens) for rationale in rationales):
        raise ValueError("a rationale has another length than the post")
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
