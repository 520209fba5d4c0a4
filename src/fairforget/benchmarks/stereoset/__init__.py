"""StereoSet (Nadeem et al. 2021): does the model prefer the stereotype?

Each item has three versions: stereotype, anti-stereotype and unrelated. SS is the share of items in
which the stereotype is more likely than the anti-stereotype; 50 is ideal, but a broken model also
scores 50. LMS is the share of comparisons in which a meaningful version is more likely than the
unrelated one. ICAT = LMS · min(SS, 100 − SS) / 50. All are means over target terms with equal
weights. For causal models `scores.py` adds the contribution of the group and a smoothed SS.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from fairforget.benchmarks.measurement import Benchmark, Measurement
from fairforget.benchmarks.options import FILE, Protocols, list_model_kinds, parse_options
from fairforget.benchmarks.sentences import Scores, continuation_scores, sentence_scores
from fairforget.benchmarks.stereoset.masked import word_scores
from fairforget.benchmarks.stereoset.neutral import neutral_item
from fairforget.benchmarks.stereoset.perturbations import PERTURBATIONS, Perturbation
from fairforget.benchmarks.stereoset.scores import Scored, aggregate, judge, make_rows
from fairforget.data.stereoset import SPLITS, VERSIONS, Item, Task, read_items
from fairforget.errors import InputError
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.progress import Progress, share_progress

PROTOCOLS: Protocols = {
    "causal": ("bos", "bias-bench"),
    "masked": ("bias-bench",),
}
INTERSENTENCE = "fairforget-intersentence"
"""FairForget's own protocol: the original code never conditions a causal model on the context."""


def prepare(options: Sequence[str]) -> Benchmark:
    """`evaluate` with options: task, protocol, perturbation, and a split or a file of items."""
    by_kind = parse_options(
        "stereoset",
        options,
        {
            "task": ("intrasentence", "intersentence"),
            "protocol": PROTOCOLS["causal"],
            "split": tuple(SPLITS),
            "perturbation": tuple(PERTURBATIONS),
        },
        rest=FILE,
    )
    task: Task = "intersentence" if by_kind.get("task") == "intersentence" else "intrasentence"
    if task == "intersentence" and "protocol" in by_kind:
        raise InputError(
            f"stereoset intersentence has only one protocol, {INTERSENTENCE}; remove "
            f"{by_kind['protocol']!r}"
        )
    if task == "intersentence" and "perturbation" in by_kind:
        raise InputError(
            f"stereoset intersentence has no perturbations; remove {by_kind['perturbation']!r}"
        )
    protocol, perturbation = by_kind.get("protocol"), by_kind.get("perturbation")
    if protocol == "bias-bench" and perturbation and PERTURBATIONS[perturbation].context:
        raise InputError(
            f"stereoset scores {perturbation!r} sentences after a context, which {protocol!r} "
            "does not have; remove one"
        )
    if FILE in by_kind and "split" in by_kind:
        raise InputError(
            f"stereoset has both a file, {by_kind[FILE]!r}, and a split, {by_kind['split']!r}; "
            "remove one"
        )
    file, split = by_kind.get(FILE), by_kind.get("split", "dev")
    only_causal = task == "intersentence" or perturbation
    return Benchmark(
        partial(
            evaluate,
            items=read_items(file, split=split, task=task),
            split=Path(file).name if file else split,
            task=task,
            protocol=protocol,
            perturbation=perturbation,
        ),
        ("causal",) if only_causal else list_model_kinds(PROTOCOLS, protocol),
    )


def evaluate(
    language_model: LanguageModel,
    *,
    items: Sequence[Item],
    split: str = "dev",
    task: Task = "intrasentence",
    protocol: str | None = None,
    perturbation: str | None = None,
    progress: Progress | None = None,
) -> Measurement:
    """Score items.

    Args:
        language_model: causal or masked.
        items: of the task.
        split: where they are from, for the record: `dev`, `test` or the name of a file.
        task: `intersentence` items are scored by mean log p(sentence | context), for causal models
            only.
        protocol: for a causal model, `bos` (one pass after the start token; the default) or
            `bias-bench`; for a masked model, `bias-bench`, where scores are mean probabilities.
        perturbation: the form of the sentences, of `PERTURBATIONS`; for causal models only.
        progress: called with the number of sequences scored since the last call, and in total.

    Raises:
        InputError: an item cannot be scored.
    """
    if task == "intersentence":
        protocol = INTERSENTENCE
        assert language_model.kind == "causal"  # `Benchmark.check` has ensured it
    else:
        protocol = protocol or PROTOCOLS[language_model.kind][0]
        assert protocol in PROTOCOLS[language_model.kind]
    assert language_model.kind == "causal" or not perturbation  # the same
    form = PERTURBATIONS[perturbation] if perturbation else Perturbation()
    rows = make_rows(items, _score(language_model, items, protocol, form, progress))
    result: dict[str, Any] = {
        "protocol": protocol,
        "split": split,
        "task": task,
        "domains": aggregate(rows),
    }
    if perturbation:
        result["perturbation"] = perturbation
    if language_model.kind == "causal":
        result["start_token"] = language_model.start_token
    return Measurement(result, rows)


def _score(
    language_model: LanguageModel,
    items: Sequence[Item],
    protocol: str,
    form: Perturbation,
    progress: Progress | None,
) -> Scored:
    """Score all items, and for causal models their variants with a neutral word."""
    if language_model.kind == "masked":
        return Scored(word_scores(language_model, items, progress=progress))
    task: Task = "intersentence" if protocol == INTERSENTENCE else "intrasentence"
    variants = {
        number: variant
        for number, item in enumerate(items)
        if (variant := neutral_item(item, task=task))
    }
    # two calls: batches, and thereby the last bits of published scores, do not depend on variants
    sizes = (3 * len(items), 2 * len(variants))
    progresses = [share_progress(progress, size, sum(sizes)) for size in sizes]
    scores = _score_versions(language_model, items, VERSIONS, protocol, form, progresses[0])
    neutral = np.full(len(items), np.nan)
    if variants:
        neutral_scores = _score_versions(
            language_model, [*variants.values()], VERSIONS[:2], protocol, form, progresses[1]
        )
        neutral[[*variants]] = -np.diff(neutral_scores.total.reshape(-1, 2))[:, 0]
    lengths = scores.lengths.reshape(-1, 3)[:, :2].astype(np.float64)
    return Scored(scores.mean.reshape(-1, 3), lengths, neutral)


def _score_versions(
    language_model: LanguageModel,
    items: Sequence[Item],
    versions: Sequence[str],
    protocol: str,
    form: Perturbation,
    progress: Progress | None,
) -> Scores:
    """Score the first of the three versions of each item, with its sentences perturbed."""
    names = [f"stereoset item {item.id}, {version}" for item in items for version in versions]
    texts = [form.rewrite(text) for item in items for text in item.sentences[: len(versions)]]
    if protocol == INTERSENTENCE or form.context:
        contexts = [form.context or item.context for item in items for _ in versions]
        pairs = [*zip(contexts, texts, strict=True)]
        return continuation_scores(language_model, pairs, names=names, progress=progress)
    return sentence_scores(language_model, texts, protocol=protocol, names=names, progress=progress)


__all__ = ["evaluate", "judge", "prepare"]
