"""WinoBias (Zhao et al. 2018): is the pronoun that fits an occupation's stereotype more likely?

The sentences of a pair differ in the gender of the pronouns. `gap` is the mean of log p(sentence
with the stereotype) − log p(sentence against it), in nats per pair; `stereotype` is the share of
pairs, in %, in which the first is more likely. A tie does not count as a preference. Without bias
they are 0 and 50: each gender is the stereotype in half of the pairs, so that the frequencies of
the pronouns cancel.

The paper scores coreference systems; for language models, this protocol is FairForget's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from fairforget.benchmarks.measurement import (
    Benchmark,
    Judgement,
    Measurement,
    Row,
    cluster_rows,
    score_domains,
)
from fairforget.benchmarks.options import parse_options
from fairforget.benchmarks.sentences import sentence_scores
from fairforget.data.winobias import SPLITS, TYPES, Pair, read_pairs
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.progress import Progress
from fairforget.statistics.jackknife import Floats

PROTOCOL = "bos"


def prepare(options: Sequence[str]) -> Benchmark:
    """`evaluate` with options: a type and a split (default: both of each)."""
    by_kind = parse_options("winobias", options, {"type": TYPES, "split": SPLITS})
    types = (by_kind["type"],) if "type" in by_kind else TYPES
    splits = (by_kind["split"],) if "split" in by_kind else SPLITS
    return Benchmark(partial(evaluate, pairs=read_pairs(types, splits)), ("causal",))


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
    scores = sentence_scores(
        language_model,
        [sentence for pair in pairs for sentence in (pair.pro, pair.anti)],
        protocol=PROTOCOL,
        names=[f"winobias {pair.id}, {side}" for pair in pairs for side in ("pro", "anti")],
        progress=progress,
    )
    items: list[Row] = [
        {
            "id": pair.id,
            "domain": pair.domain,
            "masculine": pair.masculine,
            "feminine": pair.feminine,
            "pro": pair.pro,
            "anti": pair.anti,
            "sum_pro": float(pro),
            "sum_anti": float(anti),
        }
        for pair, (pro, anti) in zip(pairs, scores.total.reshape(-1, 2), strict=True)
    ]
    return Measurement(
        {
            "protocol": PROTOCOL,
            "split": ", ".join(dict.fromkeys(pair.split for pair in pairs)),
            "start_token": language_model.start_token,
            "domains": score_domains(items, judge, order=TYPES, size="pairs", ties=True),
        },
        items,
    )


def judge(rows: Sequence[Row]) -> Judgement:
    """Pairs as numbers, clustered by both occupations.

    Each of 20 occupations with a masculine stereotype occurs with most of 20 with a feminine one.
    """
    gaps = np.array([row["sum_pro"] - row["sum_anti"] for row in rows], dtype=np.float64)
    columns = np.column_stack([gaps > 0, gaps, np.ones(len(rows))])
    return Judgement(
        [cluster_rows(columns, rows, kind) for kind in ("masculine", "feminine")],
        _statistic,
        verdicts=gaps > 0,
        ties=int((gaps == 0).sum()),
        unbiased_scores={"stereotype": 50.0, "gap": 0.0},
    )


def _statistic(totals: Floats) -> dict[str, Floats]:
    return {
        "stereotype": 100 * totals[..., 0] / totals[..., 2],
        "gap": totals[..., 1] / totals[..., 2],
    }
