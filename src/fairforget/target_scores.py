"""`score_targets`: what objectives could reach on StereoSet, before any training."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from fairforget.benchmarks.degenerate import check_finite_scores
from fairforget.benchmarks.measurement import Measurement
from fairforget.benchmarks.stereoset.neutral import neutral_item
from fairforget.benchmarks.stereoset.scores import aggregate
from fairforget.benchmarks.stereoset.target import ORIGINAL, TargetFunction, score_items
from fairforget.data.stereoset import Item, read_items
from fairforget.errors import InputError
from fairforget.frames import TabularResult
from fairforget.machine.devices import select_device
from fairforget.machine.processes import check_no_launch
from fairforget.models.language_model import LanguageModel, check_model
from fairforget.models.loading import load_with_settings
from fairforget.models.placement import move_model
from fairforget.names import split_commas
from fairforget.objectives import OBJECTIVES, Objective
from fairforget.objectives.trait_words import find_trait_words
from fairforget.seeds import check_seed
from fairforget.settings import TargetSettings
from fairforget.settings_merging import merge_settings, settings_of_model
from fairforget.terminal.messages import one_line
from fairforget.terminal.progress import progress_bar

SHOWN: dict[str, tuple[str, int, int | None]] = {
    "ss": ("SS [95 %]", 1, 0),
    "lms": ("LMS", 1, None),
    "icat": ("ICAT", 1, None),
    "contribution": ("contribution [95 %]", 3, 3),
    "contribution_scaled": ("scaled", 2, None),
}
"""Score → its column in the table, its decimals, and those of its interval if that is shown."""


@dataclass(frozen=True, slots=True, repr=False)
class TargetScores(TabularResult):
    """StereoSet's scores of a model and of the targets of objectives, all on the same items.

    Its DataFrame has one row per target and domain.
    """

    model: str
    seed: int
    items_read: int
    items_with_neutral: int
    """Items with a neutral version; the others cannot be scored."""
    items_scored: int
    rows: list[dict[str, Any]]
    """One row per target and domain, with `target`, `domain`, `ss`, `ss_ci` and so on, as in a
    record of StereoSet. The target `original` is the model without change."""
    start_token: str = ""
    """Token prepended to every text."""

    def _rows(self) -> list[dict[str, Any]]:
        return self.rows

    def _show(self) -> None:
        _show(self)


def score_targets(
    model: str | LanguageModel,
    objectives: str | Sequence[str] | None = None,
    *,
    targets: Mapping[str, TargetFunction] | None = None,
    settings: TargetSettings | None = None,
    **overrides: Any,
) -> TargetScores:
    """Score what objectives could reach on StereoSet if training reached their targets.

    A target is the distribution that an objective trains towards. The frozen model gives it, so
    nothing is trained.

    Args:
        model: a hub id, a local directory, a .gguf file or `smollm2`; or a loaded causal model.
        objectives: names, as a list or a comma-separated string. Default: `counterfactual-kl` and
            `trait-kl`.
        targets: your own, by name: functions of the log-probabilities after the group and after the
            neutral word, both [n, vocabulary], that return log-probabilities [n, vocabulary].
        settings: all other settings. Default: `TargetSettings()`.
        **overrides: fields of `TargetSettings` as keywords; they take precedence over `settings`.

    Returns:
        The scores of the model and of each target, by domain.

    Raises:
        InputError: an objective is unknown or has no target distribution, a target has the name of
            another one or of the original or returns another shape, the model is masked, items are
            missing or malformed, or a score is not a number.
        TypeError: an override that is not a setting.

    Examples:
        >>> print(score_targets("smollm2", ["counterfactual-kl"], items=100))
    """
    check_no_launch()
    check_model(model)
    settings = merge_settings(settings or TargetSettings(), overrides, objectives=objectives)
    check_seed(settings.seed)
    by_name = {name: _find_objective(name) for name in split_commas(settings.objectives)}
    if not by_name and not targets:
        raise InputError("objectives is empty; give at least one, such as counterfactual-kl")
    if taken := [name for name in targets or () if name in (ORIGINAL, *by_name)]:
        raise InputError(f"targets: the name {taken[0]!r} is taken; choose another")
    items = read_items(settings.file)
    usable = [item for item in items if neutral_item(item)]
    sample = _draw(usable, settings.items, settings.seed)
    if isinstance(model, LanguageModel):
        settings_of_model(settings, model)
        language_model = model
        if settings.device:
            move_model(language_model, select_device(settings.device))
    else:
        language_model = load_with_settings(model, settings)
    language_model.need_causal("score-target")
    own = {name: _find_target(objective, language_model) for name, objective in by_name.items()}
    with progress_bar("Scoring targets") as advance:
        rows = score_items(
            language_model,
            sample,
            own | {name: _check_shape(name, target) for name, target in (targets or {}).items()},
            progress=lambda done, total: advance(done, total=total),
        )
    for name, part in rows.items():
        check_finite_scores(f"target {name},", Measurement({}, part))
    return TargetScores(
        language_model.source,
        settings.seed,
        len(items),
        len(usable),
        len(sample),
        [
            {"target": name, "domain": domain, **scores}
            for name, part in rows.items()
            for domain, scores in aggregate(part).items()
        ],
        language_model.start_token,
    )


def _show(scores: TargetScores) -> None:
    """Print one table with a part per domain, and how many items were scored."""
    from fairforget.terminal.tables import make_table, print_content

    table = make_table(f"{scores.model}: StereoSet of targets, before training", ["domain (items)"])
    table.padding = 0  # six columns of numbers in 80
    for column, *_ in SHOWN.values():
        table.add_column(column, justify="right", no_wrap=True)
    for domain in dict.fromkeys(row["domain"] for row in scores.rows):
        part = [row for row in scores.rows if row["domain"] == domain]
        table.add_row(f"{domain} ({part[0]['items']})")
        for row in part:
            table.add_row(f" {one_line(row['target'])}", *(_cell(row, name) for name in SHOWN))
        table.add_section()
    print_content(table)
    print_content(
        f"{scores.items_scored:,} items scored; {scores.items_with_neutral:,} of "
        f"{scores.items_read:,} have a neutral version. Contribution of the group in nats per "
        "token; scaled: divided by the spread. A target is what training aims at, not what it "
        f"reaches. Every text starts with the token {one_line(scores.start_token)}."
    )


def _cell(row: Mapping[str, Any], name: str) -> str:
    if name not in row:
        return "–"
    _, digits, ends = SHOWN[name]
    text = f"{row[name]:z.{digits}f}"
    if ends is None or row[f"{name}_ci"] is None:
        return text
    low, high = row[f"{name}_ci"]
    return f"{text} [{low:z.{ends}f}, {high:z.{ends}f}]"


def _find_objective(name: str) -> Objective:
    known = [other for other, entry in OBJECTIVES.items() if entry.has_target_distribution]
    if name not in known:
        problem = "has no target distribution" if name in OBJECTIVES else "is unknown"
        raise InputError(f"objective {name!r} {problem}; choose from {', '.join(known)}")
    return OBJECTIVES[name]


def _find_target(objective: Objective, language_model: LanguageModel) -> TargetFunction:
    """Return the function that makes the target of an objective for one model.

    Raises:
        InputError: the model's tokenizer has no trait words.
    """
    mix = objective.target
    if mix is None:
        return lambda group, neutral: neutral
    words = find_trait_words(language_model.tokenizer).to(language_model.device)

    def find(group: Tensor, neutral: Tensor) -> Tensor:
        pronouns_stay = torch.zeros(len(group), dtype=torch.bool, device=group.device)
        return mix(group, neutral, words, pronouns_stay)

    return find


def _check_shape(name: str, target: TargetFunction) -> TargetFunction:
    """Return a user's target, which raises an `InputError` if its result has another shape."""

    def find(group: Tensor, neutral: Tensor) -> Tensor:
        found = target(group, neutral)
        if getattr(found, "shape", None) != group.shape:
            shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
            raise InputError(
                f"targets: {name!r} returned {shape} for {tuple(group.shape)}; return "
                "log-probabilities of the same shape [n, vocabulary]"
            )
        return found

    return find


def _draw(items: Sequence[Item], count: int | None, seed: int) -> Sequence[Item]:
    """Return a random sample in the order of the items; all of them if there are not more.

    Raises:
        InputError: there are none, or the sample is empty.
    """
    if not items:
        raise InputError(
            "no item has a neutral version, so no target can be scored; use other items"
        )
    if count is None:
        return items
    if count < 1:
        raise InputError(f"items is {count}; it must be at least 1")
    indices = random.Random(seed).sample(range(len(items)), min(count, len(items)))
    return [items[i] for i in sorted(indices)]
