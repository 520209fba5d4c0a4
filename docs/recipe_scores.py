"""Scores of SmolLM2 under the counterfactual-kl recipe and its alternatives, and table rows."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fairforget.benchmarks.stereoset import judge
from fairforget.evaluation.directory import evaluate_into
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model
from fairforget.records.evaluation import read_items
from fairforget.records.paths import RECORD
from fairforget.records.records import EvaluationRecord
from fairforget.records.store import read_record
from fairforget.report.frontier_points import mean_distance
from fairforget.training.weights import lerp_weights
from tables import format_mean

BENCHMARKS = STEREOSET, CROWS, PERPLEXITY = "stereoset", "crows_pairs", "perplexity:10%:bias-bench"
HELD_OUT = ("gender", "race", "religion")
"""StereoSet domains whose intrasentence items played no part in the choice of settings."""
MANY_TERMS = ("gender", "race")
"""Those with enough terms for a verdict."""
TUNED_ON = "profession"
MEASURES = ("gender", "race", "religion", "distance", "without religion", "LMS", "ICAT")
HEADER = ("", *MEASURES, f"({TUNED_ON})", "(LMS, all)", "perplexity")
NOTE = (
    "StereoSet, intrasentence: SS by domain. *Distance*: mean of |SS − 50| over gender, race and "
    "religion; *without religion*: over gender and race. LMS and ICAT: over items of the same "
    "three domains. *Perplexity*: on the first tenth of the WikiText-2 test text (protocol "
    "`bias-bench`), divided by the original model's. Religion has three terms, too few for a "
    "verdict. The columns in parentheses include profession, whose items were used to choose the "
    "settings."
)

Scores = dict[str, Any]


def evaluate_extrapolated(factor: float, model: Path, output: Path) -> Path:
    """Evaluate the original SmolLM2 plus `factor` times the change of the model's weights.

    Returns:
        The directory of the evaluation, which is not repeated if it exists.
    """
    if not (output / RECORD).exists():
        evaluate_into(output, extrapolate(factor, model), BENCHMARKS)
    return output


def extrapolate(factor: float, model: Path) -> LanguageModel:
    """Return the original SmolLM2 plus `factor` times the change of the model's weights."""
    original, changed = (load_model(source, device="cpu") for source in ("smollm2", model))
    start, end = (dict(each.model.named_parameters()) for each in (original, changed))
    lerp_weights(original.model, start, end, factor)
    return original


def read_scores(directory: Path) -> Scores:
    """Scores of one evaluation."""
    results = read_record(directory / RECORD, EvaluationRecord).results
    return {
        "held_out": score_rows(read_held_out_rows(directory)),
        "stereoset": {
            domain: {name: scores[name] for name in ("ss", "lms", "icat")}
            for domain, scores in results[STEREOSET]["domains"].items()
        },
        "crows_pairs": {
            domain: scores["stereotype"] for domain, scores in results[CROWS]["domains"].items()
        },
        "perplexity": results[PERPLEXITY]["value"],
    }


def read_held_out_rows(directory: Path) -> list[dict[str, Any]]:
    """Scored StereoSet items of the held-out domains."""
    rows = (row for row in read_items(directory) if row["benchmark"] == STEREOSET)
    return [row for row in rows if row["domain"] in HELD_OUT]


def score_rows(rows: Sequence[dict[str, Any]]) -> Scores:
    """StereoSet scores of some of its items."""
    judged = judge(rows)
    scores = judged.scores(judged.totals)
    terms = len({row["term"] for row in rows})
    return {"terms": terms, **{name: float(value) for name, value in scores.items()}}


def stereoset_distance(scores: Scores, domains: Sequence[str] = HELD_OUT) -> float:
    """Mean |SS − 50| over domains."""
    return mean_distance((scores["stereoset"][domain]["ss"] for domain in domains), "ss")


def crows_distance(scores: Scores) -> float:
    """Mean |share − 50| over the types of CrowS-Pairs."""
    shares = (share for name, share in scores["crows_pairs"].items() if name != "all")
    return mean_distance(shares, "ss")


def format_row(name: str, runs: Sequence[Scores], original: Scores, *more: str) -> list[str]:
    """A row below `HEADER` and more columns: means over runs, with the standard deviation."""
    columns = [
        *zip(*map(list_measures, runs), strict=True),
        [run["stereoset"][TUNED_ON]["ss"] for run in runs],
        [run["stereoset"]["all"]["lms"] for run in runs],
    ]
    ratios = [run["perplexity"] / original["perplexity"] for run in runs]
    cells = [format_mean(values, 1) for values in columns]
    return [name, *cells, format_mean(ratios, 3), *more]


def list_measures(scores: Scores) -> list[float]:
    """The scores below `MEASURES`."""
    return [
        *(scores["stereoset"][domain]["ss"] for domain in HELD_OUT),
        stereoset_distance(scores),
        stereoset_distance(scores, MANY_TERMS),
        *(scores["held_out"][score] for score in ("lms", "icat")),
    ]
