"""The card's metadata: base model, licence, tags, and every result as `model-index`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, HfApi, ModelCard, ModelCardData
from huggingface_hub.errors import HFValidationError
from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

from fairforget.benchmarks.options import find_user_file
from fairforget.models.loading import SMOLLM2, SMOLLM2_HUB
from fairforget.records.evaluation import Evaluation
from fairforget.records.schema import interval_of
from fairforget.report.contents import Unlearning
from fairforget.report.wording import base_name, benchmark_name, domain_name, one_line

SMOLLM2_LICENCE = "apache-2.0"
ASKING = 10.0
"""Seconds that the hub has to say what licence a model has."""
TAGS = ["fairforget", "unlearning", "bias", "fairness", "debiasing"]

_DATA_SETS = {
    "stereoset": "McGill-NLP/stereoset",
    "crows_pairs": "nyu-mll/crows_pairs",
    "wikitext2": "Salesforce/wikitext",
    "wikipedia": "google/boolq",
}
_MEASURES = {
    "ss": "stereotype score (50 is no preference)",
    "lms": "language modelling score",
    "icat": "ICAT",
    "stereotype": "stereotype preferred, % (50 is no preference)",
    "bias_ambiguous": "bias score, ambiguous contexts (0 is no bias)",
    "bias_disambiguated": "bias score, clear contexts (0 is no bias)",
    "accuracy_ambiguous": "accuracy, ambiguous contexts",
    "accuracy_disambiguated": "accuracy, clear contexts",
}


def card_metadata(run: Unlearning, model: Path) -> ModelCardData:
    """What stands at the head of the card.

    Args:
        run: the record, and the evaluations if there are any.
        model: the directory of the unlearned model, whose kind is read from its configuration.
    """
    source = run.record.model.source
    licence = source_licence(source)
    results = list(_results(run.before, run.after, _task(model))) if run.after else []
    name = one_line(Path(source).name.removesuffix(".gguf")) or "model"
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
    """The hub's name of what was unlearned, if it has one."""
    if source == SMOLLM2:
        return SMOLLM2_HUB
    if Path(source).exists() or source.endswith(".gguf"):
        return None
    try:
        validate_repo_id(source)
    except HFValidationError:
        return None
    return source


def source_licence(source: str) -> dict[str, str]:
    """The licence that the original model's own card names; nothing if none can be found."""
    if source == SMOLLM2:
        return {"license": SMOLLM2_LICENCE}
    try:
        if name := hub_name(source):
            found = HfApi().model_info(name, timeout=ASKING).card_data
            facts: dict[str, Any] = dict(vars(found)) if found else {}
        else:
            path = Path(source) / "README.md"
            facts = dict(vars(ModelCard.load(path, ignore_metadata_errors=True).data))
    except Exception:  # no card, no hub, a malformed card: the licence is not known
        return {}
    keys = ("license", "license_name", "license_link")
    return {key: one_line(facts[key]) for key in keys if isinstance(facts.get(key), str)}


def _task(model: Path) -> str:
    try:
        architectures = json.loads((model / "config.json").read_bytes())["architectures"]
        masked = any(str(name).endswith("ForMaskedLM") for name in architectures)
    except (OSError, ValueError, KeyError, TypeError):
        masked = False
    return "fill-mask" if masked else "text-generation"


def _results(before: Evaluation | None, after: Evaluation, task: str) -> Iterator[EvalResult]:
    """Every number of every benchmark that has a name here, with what it was before."""
    earlier = before.record.results if before else {}
    for benchmark, result in after.record.results.items():
        old = earlier.get(benchmark, {})
        for metric, label, value, ci, was in _numbers(result, old):
            if not math.isfinite(value):
                continue
            args: dict[str, Any] = {}
            if ci is not None and all(map(math.isfinite, ci)):
                args["interval_95"] = [round(end, 4) for end in ci]
            if was is not None and math.isfinite(was):
                args["before"] = round(was, 4)
            data = str(result.get("corpus", find_user_file(benchmark) or base_name(benchmark)))
            yield EvalResult(
                task_type=task,
                dataset_type=_DATA_SETS.get(data, one_line(data)),
                dataset_name=one_line(benchmark_name(benchmark)),
                dataset_config=one_line(
                    ", ".join(
                        f"{key} {result[key]}" for key in ("task", "protocol") if result.get(key)
                    )
                )
                or None,
                dataset_split=one_line(str(result["split"])) if result.get("split") else None,
                metric_type=one_line(metric),
                metric_name=one_line(label),
                metric_value=round(value, 4),
                metric_args=args or None,
            )


_Number = tuple[str, str, float, list[float] | None, float | None]


def _numbers(result: dict[str, Any], old: dict[str, Any]) -> Iterator[_Number]:
    """Metric, its label, value, interval, value before."""
    if _is_number(result.get("value")):
        yield "perplexity", "perplexity", float(result["value"]), None, _number(old.get("value"))
    domains, old_domains = (_dict(side.get("domains")) for side in (result, old))
    for domain, facts in domains.items():
        was = _dict(old_domains.get(domain))
        for measure, words in _MEASURES.items():
            if not _is_number(_dict(facts).get(measure)):
                continue
            ci = interval_of(facts, measure)
            label = f"{domain_name(str(domain))}: {words}"
            metric = f"{measure}_{domain}"
            interval = [float(v) for v in ci] if ci and all(map(_is_number, ci)) else None
            yield metric, label, float(facts[measure]), interval, _number(was.get(measure))
    metrics, old_metrics = (_dict(side.get("metrics")) for side in (result, old))
    for name, found in metrics.items():
        for metric, value in _dict(found).items():
            if _is_number(value):
                before = _number(_dict(old_metrics.get(name)).get(metric))
                yield metric, f"{name}: {metric}", float(value), None, before


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _number(value: Any) -> float | None:
    return float(value) if _is_number(value) else None


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
