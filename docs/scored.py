"""What an evaluation of SmolLM2 found, as the pages of the default recipe show it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from cells import mean
from fairforget.benchmarks.stereoset import judge
from fairforget.evaluation import evaluate_into
from fairforget.models.loading import load_model
from fairforget.records.evaluation import read_items
from fairforget.records.paths import RECORD
from fairforget.records.records import EvaluationRecord
from fairforget.records.store import read_record
from fairforget.training.interpolation import lerp_weights

BENCHMARKS = STEREOSET, CROWS, PERPLEXITY = "stereoset", "crows_pairs", "perplexity:10%:bias-bench"
COUNTED = ("gender", "race", "religion")
MANY_TERMS = ("gender", "race")
"""Those of them with terms enough to decide something."""
CHOSEN_ON = "profession"
MEASURES = "| | gender | race | religion | distance | without religion | LMS | ICAT |"
HEADING = f"{MEASURES} ({CHOSEN_ON}) | (LMS of all) | perplexity |"

Scores = dict[str, Any]


def measured_at(factor: float, model: Path, output: Path) -> Path:
    """The measurement of a model so many times as far from the original SmolLM2 as this one."""
    if not (output / RECORD).exists():
        original, moved = (load_model(source, device="cpu") for source in ("smollm2", model))
        start, end = (dict(each.model.named_parameters()) for each in (original, moved))
        lerp_weights(original.model, start, end, factor)
        evaluate_into(output, original, BENCHMARKS)
    return output


def scores(directory: Path) -> Scores:
    """What one evaluation found."""
    results = read_record(directory / RECORD, EvaluationRecord).results
    return {
        "counted": of_rows(counted_rows(directory)),
        "stereoset": {
            domain: {name: found[name] for name in ("ss", "lms", "icat")}
            for domain, found in results[STEREOSET]["domains"].items()
        },
        "crows_pairs": {
            domain: found["stereotype"] for domain, found in results[CROWS]["domains"].items()
        },
        "perplexity": results[PERPLEXITY]["value"],
    }


def counted_rows(directory: Path) -> list[dict[str, Any]]:
    """StereoSet's items of the domains that count."""
    rows = (row for row in read_items(directory) if row["benchmark"] == STEREOSET)
    return [row for row in rows if row["domain"] in COUNTED]


def of_rows(rows: Sequence[dict[str, Any]]) -> Scores:
    """StereoSet's scores of some of its items."""
    judged = judge(rows)
    found = judged.statistic(judged.sums.sum(axis=0))
    terms = len({row["term"] for row in rows})
    return {"terms": terms, **{name: float(value) for name, value in found.items()}}


def distance(found: Scores, domains: Sequence[str] = COUNTED) -> float:
    """Mean |SS − 50| over domains."""
    return from_fifty(found["stereoset"][domain]["ss"] for domain in domains)


def crows_distance(found: Scores) -> float:
    """Mean |share − 50| over the types of CrowS-Pairs."""
    return from_fifty(share for name, share in found["crows_pairs"].items() if name != "all")


def from_fifty(scores: Iterable[float]) -> float:
    """The mean distance from no preference."""
    return fmean(abs(score - 50) for score in scores)


def row(name: str, runs: Sequence[Scores], original: Scores, *more: str) -> str:
    """What HEADING heads, and more: means over runs, with the deviation where there are several."""
    columns = [
        *zip(*map(measures, runs), strict=True),
        [run["stereoset"][CHOSEN_ON]["ss"] for run in runs],
        [run["stereoset"]["all"]["lms"] for run in runs],
    ]
    ratios = [run["perplexity"] / original["perplexity"] for run in runs]
    cells = [*(mean(values, 1) for values in columns), mean(ratios, 3), *more]
    return f"| {name} | {' | '.join(cells)} |"


def measures(found: Scores) -> list[float]:
    """What MEASURES heads."""
    return [
        *(found["stereoset"][domain]["ss"] for domain in COUNTED),
        distance(found),
        distance(found, MANY_TERMS),
        *(found["counted"][score] for score in ("lms", "icat")),
    ]
