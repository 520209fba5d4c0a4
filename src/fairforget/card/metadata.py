"""The card's metadata: base model, licence, tags, and scores as `model-index`."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, HfApi, ModelCard, ModelCardData
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from fairforget.benchmarks.measures import MEASURES
from fairforget.benchmarks.options import base_name, find_user_file, list_options
from fairforget.models.gguf_import.header import is_gguf
from fairforget.models.locate import SMOLLM2_HUB
from fairforget.names import SMOLLM2
from fairforget.records.evaluation import Evaluation
from fairforget.records.schema import interval_of
from fairforget.report.contents import UnlearningRun
from fairforget.report.wording import (
    benchmark_name,
    domain_name,
    model_name,
    without_folders,
)
from fairforget.terminal.messages import one_line

SMOLLM2_LICENCE = "apache-2.0"
HUB_TIMEOUT = 10.0
"""Seconds to wait for the hub when looking up a licence."""
TAGS = ["fairforget", "unlearning", "bias", "fairness", "debiasing"]

URL = re.compile(r"https?://")
_DATASETS = {
    "stereoset": "McGill-NLP/stereoset",
    "crows_pairs": "nyu-mll/crows_pairs",
    "wikitext2": "Salesforce/wikitext",
    "wikipedia": "google/boolq",
}


def card_metadata(run: UnlearningRun, model: Path) -> ModelCardData:
    """The metadata block of the card.

    Args:
        run: its results are included if it has evaluations.
        model: the directory of the debiased model; its configuration determines the task.
    """
    source = run.record.model.source
    licence = source_licence(source)
    results = list(_results(run.before, run.after, _task(model))) if run.after else []
    name = model_name(source)
    name = one_line(Path(name).stem if is_gguf(name) else name) or "model"
    return ModelCardData(
        base_model=hub_name(source),
        library_name="transformers",
        pipeline_tag=_task(model),
        tags=[*TAGS, one_line(str(run.record.method.get("objective", "unlearning")))],
        model_name=f"{name}-fairforget" if results else None,
        eval_results=results or None,
        license=licence.get("license"),
        license_name=licence.get("license_name"),
        license_link=licence.get("license_link"),
    )


def hub_name(source: str) -> str | None:
    """The hub name of a model, or None if it is a local directory or file."""
    if source == SMOLLM2:
        return SMOLLM2_HUB
    if Path(source).exists() or is_gguf(source):
        return None
    try:
        validate_repo_id(source)
    except HFValidationError:
        return None
    return source


def source_licence(source: str) -> dict[str, str]:
    """The licence in the original model's card, as metadata; empty if none can be found."""
    if source == SMOLLM2:
        return {"license": SMOLLM2_LICENCE}
    try:
        if name := hub_name(source):
            data = HfApi().model_info(name, timeout=HUB_TIMEOUT).card_data
            metadata: dict[str, Any] = dict(vars(data)) if data else {}
        else:
            path = Path(source) / "README.md"
            metadata = dict(vars(ModelCard.load(path, ignore_metadata_errors=True).data))
    except Exception:  # no card, no connection, or a malformed card: the licence is unknown
        return {}
    keys = ("license", "license_name", "license_link")
    licence = {key: one_line(metadata[key]) for key in keys if isinstance(metadata.get(key), str)}
    if not URL.match(licence.get("license_link", "https://")):  # a file beside the original's card
        file = licence.pop("license_link")
        if name:
            licence["license_link"] = f"https://huggingface.co/{name}/blob/main/{file}"
    return licence


def _task(model: Path) -> str:
    try:
        architectures = json.loads((model / "config.json").read_bytes())["architectures"]
        masked = any(str(name).endswith("ForMaskedLM") for name in architectures)
    except (OSError, ValueError, KeyError, TypeError):
        masked = False
    return "fill-mask" if masked else "text-generation"


def _results(before: Evaluation | None, after: Evaluation, task: str) -> Iterator[EvalResult]:
    """The finite scores after unlearning, each with its interval and its value before.

    Perplexities, metrics, and all scores of `fairforget.benchmarks.measures.MEASURES`.
    """
    old_results = before.record.results if before else {}
    for benchmark, result in after.record.results.items():
        source = str(result.get("corpus", find_user_file(benchmark) or base_name(benchmark)))
        dataset = without_folders(source)
        for metric, label, value, ci, old_value in _scores(result, old_results.get(benchmark, {})):
            if not math.isfinite(value):
                continue
            args: dict[str, Any] = {}
            if ci is not None and all(map(math.isfinite, ci)):
                args["interval_95"] = [round(float(bound), 4) for bound in ci]
            if old_value is not None and math.isfinite(old_value):
                args["before"] = round(float(old_value), 4)
            yield EvalResult(
                task_type=task,
                dataset_type=_DATASETS.get(dataset, one_line(dataset)),
                dataset_name=one_line(benchmark_name(benchmark)),
                dataset_config=one_line(_configuration(benchmark, dataset, result)) or None,
                dataset_split=one_line(str(result["split"])) if result.get("split") else None,
                metric_type=one_line(metric),
                metric_name=one_line(label),
                metric_value=round(float(value), 4),
                metric_args=args or None,
            )


def _configuration(benchmark: str, dataset: str, result: dict[str, Any]) -> str:
    """What tells results on the same dataset and split apart: options, task and protocol."""
    facts = {
        key: without_folders(str(result[key]))
        for key in ("split", "task", "protocol")
        if result.get(key)
    }
    known = (dataset, *facts.values())
    options = [word for word in list_options([without_folders(benchmark)]) if word not in known]
    return ", ".join([*options, *(f"{k} {text}" for k, text in facts.items() if k != "split")])


_Score = tuple[str, str, float, Sequence[float] | None, float | None]
"""Metric, its label, value, interval, value before."""


def _scores(result: dict[str, Any], old: dict[str, Any]) -> Iterator[_Score]:
    """The scores of one benchmark's result."""
    if "value" in result:
        yield "perplexity", "perplexity", result["value"], None, old.get("value")
    for domain, scores in result.get("domains", {}).items():
        old_scores = old.get("domains", {}).get(domain, {})
        for measure, shown in MEASURES.items():
            if scores.get(measure) is not None:
                label = f"{domain_name(domain)}: {shown.in_words}"
                ci = interval_of(scores, measure)
                yield f"{measure}_{domain}", label, scores[measure], ci, old_scores.get(measure)
    for task, metrics in result.get("metrics", {}).items():
        old_metrics = old.get("metrics", {}).get(task, {})
        for metric, value in metrics.items():
            yield metric, f"{task}: {metric}", value, None, old_metrics.get(metric)
