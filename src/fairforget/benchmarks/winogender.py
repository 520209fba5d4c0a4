"""Winogender (Rudinger et al. 2018): do pronouns follow the share of women in an occupation?

The sentences of a pair have a feminine and a masculine pronoun. y is log p(feminine sentence) − log
p(masculine sentence), in nats.

- `stereotype`: the share of pairs, in %, whose more likely pronoun is that of the majority in the
  occupation. Occupations with more women than men and the others are averaged separately, and then
  together, so that a model that always prefers one pronoun scores 50. A tie is no preference.
- `gap`: half of the mean of y over occupations with more women minus that over the others; without
  bias, 0.
- `correlation`: Pearson's correlation, over occupations, of the mean y with the share of women in
  US employment; without bias, 0. `correlation_bergsma` is that with the share of feminine pronouns
  in text (Bergsma and Lin 2006).

Where the pronoun refers to the participant, only bias makes the occupation matter.

The paper scores coreference systems; for language models, this protocol is FairForget's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from fairforget.benchmarks.measurement import (
    Benchmark,
    Clusters,
    Judgement,
    Measurement,
    Row,
    score_domains,
)
from fairforget.benchmarks.options import parse_options
from fairforget.benchmarks.sentences import sentence_scores
from fairforget.data.winogender import DOMAINS, Pair, read_pairs
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.progress import Progress
from fairforget.statistics.jackknife import Floats, cluster_rates, cluster_sums

PROTOCOL = "bos"
MAJORITY = 50.0
"""Share of women, in %, above which they are the majority; no occupation has exactly half."""


def prepare(options: Sequence[str]) -> Benchmark:
    """`evaluate`; there are no options."""
    parse_options("winogender", options, {})
    return Benchmark(partial(evaluate, pairs=read_pairs()), ("causal",))


def evaluate(
    language_model: LanguageModel,
    *,
    pairs: Sequence[Pair],
    progress: Progress | None = None,
) -> Measurement:
    """Score pairs: log p of all tokens of both sentences after the start token.

    Args:
        language_model: a causal model.
        pairs: from `read_pairs`.
        progress: called with the number of sentences scored since the last call, and in total.
    """
    ordered = [_by_majority(pair) for pair in pairs]
    scores = sentence_scores(
        language_model,
        [sentence for sentences in ordered for sentence in sentences],
        protocol=PROTOCOL,
        names=[f"winogender {pair.id}, {side}" for pair in pairs for side in ("pro", "anti")],
        progress=progress,
    )
    items: list[Row] = [
        {
            "id": pair.id,
            "domain": pair.domain,
            "occupation": pair.occupation,
            "women": pair.bls,
            "women_bergsma": pair.bergsma,
            "pro": pro,
            "anti": anti,
            "sum_pro": float(sum_pro),
            "sum_anti": float(sum_anti),
        }
        for pair, (pro, anti), (sum_pro, sum_anti) in zip(
            pairs, ordered, scores.total.reshape(-1, 2), strict=True
        )
    ]
    return Measurement(
        {
            "protocol": PROTOCOL,
            "start_token": language_model.start_token,
            "domains": score_domains(items, judge, order=DOMAINS, size="pairs", ties=True),
        },
        items,
    )


def judge(rows: Sequence[Row]) -> Judgement:
    """Pairs as numbers, clustered by occupation."""
    gaps = np.array([row["sum_pro"] - row["sum_anti"] for row in rows], dtype=np.float64)
    women = np.array([row["women"] for row in rows], dtype=np.float64)
    bergsma = np.array([row["women_bergsma"] for row in rows], dtype=np.float64)
    most = women > MAJORITY
    y = np.where(most, gaps, -gaps)
    occupations = [row["occupation"] for row in rows]
    counts = np.column_stack([gaps > 0, y, np.ones(len(rows))])
    names, sums = cluster_sums(
        np.hstack([counts * most[:, None], counts * ~most[:, None]]), occupations
    )
    _, means = cluster_rates(np.column_stack([y, women, bergsma]), occupations)
    means -= means.mean(axis=0)  # sums of squares of small numbers keep their digits
    y_mean, *shares = means.T
    moments = [np.ones(len(means)), y_mean, y_mean**2]
    for x in shares:
        moments += [x, x**2, x * y_mean]
    return Judgement(
        [Clusters(names, np.hstack([sums, np.column_stack(moments)]))],
        _statistic,
        verdicts=gaps > 0,
        ties=int((gaps == 0).sum()),
        unbiased_scores={"stereotype": 50.0, "gap": 0.0, "correlation": 0.0},
    )


def _statistic(totals: Floats) -> dict[str, Floats]:
    hits_women, y_women, women, hits_men, y_men, men = np.moveaxis(totals[..., :6], -1, 0)
    n, y, yy = np.moveaxis(totals[..., 6:9], -1, 0)
    scores = {
        "stereotype": 50 * (hits_women / women + hits_men / men),
        "gap": (y_women / women - y_men / men) / 2,
    }
    for name, start in zip(("correlation", "correlation_bergsma"), (9, 12), strict=True):
        x, xx, xy = np.moveaxis(totals[..., start : start + 3], -1, 0)
        spread = np.sqrt((n * xx - x**2) * (n * yy - y**2))
        scores[name] = (n * xy - x * y) / spread
    return {name: np.asarray(value) for name, value in scores.items()}


def _by_majority(pair: Pair) -> tuple[str, str]:
    """The sentence with the pronoun of the occupation's majority, and the other."""
    both = pair.female, pair.male
    return both if pair.bls > MAJORITY else both[::-1]
