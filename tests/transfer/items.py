"""StereoSet-like items of runs, made without a model."""

from __future__ import annotations

from typing import Any

import numpy as np

from fairforget.benchmarks.stereoset import judge
from fairforget.transfer_study.groups import Result
from fairforget.transfer_study.plan import Recipe, StudyRun

TERMS = {"gender": 24, "race": 40}
RECIPE = Recipe(model="tiny", benchmarks=("stereoset",))

Rows = list[dict[str, Any]]


def rows(
    *,
    shift: dict[str, float] | None = None,
    noise: float = 0.0,
    seed: int = 0,
    terms: dict[str, int] = TERMS,
) -> Rows:
    """Items about colours; `shift` lowers the scores of a domain's stereotypes, in nats."""
    base, own = np.random.default_rng(0), np.random.default_rng(seed + 1)
    found = []
    for domain, count in terms.items():
        for term in range(count):
            for number in range(8):
                s, a, u = base.normal([-2.6, -3.3, -5.0], 0.5)
                s += own.normal(0, noise) if noise else 0.0
                found.append(
                    {
                        "benchmark": "stereoset",
                        "id": f"{domain}-{term}-{number}",
                        "domain": domain,
                        "term": f"{domain} {term}",
                        "stereotype": "",
                        "anti_stereotype": "",
                        "unrelated": "",
                        "score_stereotype": s - (shift or {}).get(domain, 0.0),
                        "score_anti_stereotype": a,
                        "score_unrelated": u,
                    }
                )
    return found


def result(
    forget: str,
    control: str | None = None,
    *,
    shift: dict[str, float] | None = None,
    noise: float = 0.1,
    seed: int = 0,
    terms: dict[str, int] = TERMS,
) -> Result:
    """One run."""
    domain = forget.partition(":")[2]
    return Result(
        StudyRun(forget, "npo", control, seed, RECIPE),
        rows(shift=shift, noise=noise, seed=seed + 7 * bool(control), terms=terms),
        1.01,
        frozenset({domain}),
    )


def ss(items: Rows, domain: str) -> float:
    """The stereotype score, as the benchmark computes it."""
    judged = judge([item for item in items if item["domain"] == domain])
    return float(judged.scores(judged.totals)["ss"])
