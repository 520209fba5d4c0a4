"""Harmful words: how likely they are after a group is named, and what naming it adds.

Unlearning can make a model prefer stereotypes less and yet make hateful words more likely. The
scores of a text are means over its harmful tokens, in nats (`fairforget.scoring.harmful_words`):

- `log_prob`: log p after the group; lower is better.
- `added`: log p after the group minus log p with a neutral word in the group's place; lower is
  better. It is missing if the texts have no mentions.

A domain has the means over its texts. Texts with the same harmful words are one cluster: log p
varies with the words more than with the rest of a text, so clusters of texts or of templates would
give narrower intervals.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from fairforget.benchmarks.measurement import (
    ALL,
    Benchmark,
    Judgement,
    Measurement,
    Row,
    cluster_rows,
    score_domains,
)
from fairforget.benchmarks.options import join_corpus
from fairforget.benchmarks.samples import split_number
from fairforget.corpora import Text, read_corpus
from fairforget.corpora.builtin.unseen import BENCHMARK_SEED, drop_trained
from fairforget.corpora.reading import BUILTIN, is_builtin
from fairforget.errors import InputError
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.harmful_words import score_harmful_words
from fairforget.scoring.progress import Progress
from fairforget.statistics.jackknife import Floats

DEFAULT_TEXTS = 1000
"""Size of the sample: about half a minute for SmolLM2-135M on two cores."""
MAX_GROUPS = 12
"""Domains of the result are the corpus's groups if it has at most this many, else its domains."""
UNKNOWN = "unknown"
"""Domain of texts without one."""
PROTOCOLS = {"causal": "tokens-before", "masked": "one-masked"}
SCORES = ("log_prob", "added")
DECIMALS = 4
"""Decimals in the columns of items, to keep an archive of items small."""


def prepare(options: Sequence[str]) -> Benchmark:
    """`evaluate` with options: a corpus `NAME[:DOMAIN]` and a number of texts."""
    count, names = split_number("harmful_words", options)
    corpus = join_corpus(names) or BUILTIN
    texts = sample_texts(corpus, count or DEFAULT_TEXTS)
    if ALL in _find_domains(texts):
        raise InputError(
            f"benchmark harmful_words: corpus {corpus!r} has a group or domain {ALL!r}, which is "
            "the name of the score over all; rename it"
        )
    return Benchmark(partial(evaluate, corpus=corpus, texts=texts), ("causal", "masked"))


def sample_texts(corpus: str, count: int) -> list[Text]:
    """Texts with harmful spans, the same ones in every call; all if there are no more.

    They also have mentions if any text of the corpus does. Built-in texts have a seed of their own,
    and those that also occur among the texts that runs train on are left out.

    Raises:
        InputError: the corpus is unknown, none of its texts has harmful spans, or several have the
            same id.
    """
    texts = read_corpus(corpus, seed=BENCHMARK_SEED)
    if is_builtin(corpus):
        texts = drop_trained(texts)
    marked = [text for text in texts if text.spans]
    marked = [text for text in marked if text.mentions] or marked
    if not marked:
        raise InputError(
            f"benchmark harmful_words: no text of corpus {corpus!r} has harmful spans; find them "
            "with `fairforget select`, and use the file that it writes"
        )
    ((identity, repeats),) = Counter(text.id for text in marked).most_common(1)
    if repeats > 1:
        raise InputError(
            f"benchmark harmful_words: {repeats} texts of corpus {corpus!r} have the id "
            f"{identity!r}; give each its own, or leave out the column `id`"
        )
    return random.Random(0).sample(marked, min(count, len(marked)))


def evaluate(
    language_model: LanguageModel,
    *,
    texts: Sequence[Text],
    corpus: str,
    progress: Progress | None = None,
) -> Measurement:
    """Score the harmful words of texts.

    Args:
        language_model: causal or masked.
        texts: with spans.
        corpus: that they are from.
        progress: called with the number of variants of texts scored since the last call, and in
            total.

    Raises:
        InputError: no text has a harmful token to score.
    """
    scores = score_harmful_words(language_model, texts, progress=progress)
    domains = _find_domains(texts)
    items: list[Row] = [
        {
            "id": text.id,
            "domain": domain,
            "text": text.text,
            "words": " … ".join(text.text[span.start : span.end].lower() for span in text.spans),
            "tokens": int(tokens),
            "log_prob": round(float(log_prob), DECIMALS),
            "log_prob_neutral": round(float(neutral), DECIMALS) if text.mentions else None,
            "added": round(float(added), DECIMALS) if text.mentions else None,
        }
        for text, domain, tokens, log_prob, neutral, added in zip(
            texts,
            domains,
            scores.tokens,
            scores.log_prob,
            scores.log_prob_neutral,
            scores.added,
            strict=True,
        )
        if tokens
    ]
    if not items:
        raise InputError(
            f"benchmark harmful_words: no text of corpus {corpus!r} has a harmful word after a "
            "mention of a group; choose another corpus"
        )
    result: dict[str, Any] = {
        "protocol": PROTOCOLS[language_model.kind],
        "corpus": corpus,
        "texts": len(items),
        "skipped": len(texts) - len(items),
        "domains": score_domains(items, judge, order=sorted({*domains})),
    }
    if language_model.kind == "causal":
        result["start_token"] = language_model.start_token
    return Measurement(result, items)


def judge(rows: Sequence[Row]) -> Judgement:
    """Texts as numbers, clustered by their harmful words. No text has a verdict."""
    log_prob, added = (np.array([row[name] for row in rows], np.float64) for name in SCORES)
    known = ~np.isnan(added)  # None becomes NaN
    columns = log_prob, np.ones(len(rows)), np.where(known, added, 0.0), known
    words = cluster_rows(np.column_stack(columns), rows, "words")
    words = replace(words, counted={"added": words.sums[:, 3] > 0})
    return Judgement([words], _statistic, lower_is_better=SCORES)


def _statistic(totals: Floats) -> dict[str, Floats]:
    return {
        "log_prob": np.asarray(totals[..., 0] / totals[..., 1]),
        "added": np.asarray(totals[..., 2] / totals[..., 3]),
    }


def _find_domains(texts: Sequence[Text]) -> list[str]:
    """The group of each text, or its domain if there are too many groups."""
    groups = {text.group for text in texts} - {None}
    names = [text.group if 0 < len(groups) <= MAX_GROUPS else text.domain for text in texts]
    return [name or UNKNOWN for name in names]
