"""`durability`: measure what is left of a run's effect under attacks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from fairforget.attacks.effects import compare_conditions, unlearned_domains
from fairforget.attacks.evaluations import (
    AttackPlan,
    evaluate_conditions,
    load_attacked,
    read_conditions,
    training_options,
)
from fairforget.attacks.fine_tuning import check_options
from fairforget.attacks.half_life import half_lives
from fairforget.attacks.plan import (
    FINE_TUNING,
    ORIGINAL,
    PERTURBATION,
    QUANTIZATION,
    RELEARNING,
    Condition,
    benchmarks_of,
    plan_conditions,
)
from fairforget.attacks.record import DurabilityRecord
from fairforget.attacks.runs import RunGroup, find_groups
from fairforget.attacks.texts import ordinary_texts, relearning_corpus, relearning_texts
from fairforget.benchmarks import (
    benchmark_names,
    check_model_kinds,
    find_domain_judge,
    load_benchmarks,
)
from fairforget.benchmarks.measurement import ALL, Benchmark
from fairforget.benchmarks.unseen import check_unseen
from fairforget.errors import InputError
from fairforget.experiments.output import fixed_settings, reported_output
from fairforget.extras import check_extra
from fairforget.files.digest import hash_values
from fairforget.files.home import expand_home
from fairforget.machine.devices import release_memory, select_device
from fairforget.models.fingerprint import check_original
from fairforget.models.inputs import hash_model
from fairforget.models.language_model import LanguageModel
from fairforget.names import check_names, split_commas
from fairforget.records.environment import environment
from fairforget.records.outputs import CONTENT, check_output, open_output
from fairforget.records.paths import DURABILITY, MODEL
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import write_record
from fairforget.records.trained_domains import trained_domains
from fairforget.settings import DurabilitySettings
from fairforget.settings_merging import merge_settings
from fairforget.training.trainability import check_trainable

LISTS = ("attacks", "steps", "types", "perturbations")
"""Settings that are comma-separated lists, and must stay the same between calls."""


def durability(
    run: str | Path,
    *,
    output_dir: str | Path | None = None,
    settings: DurabilitySettings | None = None,
    **overrides: Any,
) -> DurabilityRecord:
    """Measure how much of a run's effect survives attacks.

    The original model and that of the run get the same treatment: fine-tuning on ordinary text,
    relearning (training on biased text that was not unlearned), quantisation, and perturbed
    sentences. After each, both are evaluated on the same items. If an attack trains, bfloat16
    weights are converted to float32 first, for all conditions. Repeat the call to resume an
    interrupted measurement.

    Args:
        run: the output directory of `debias`, `fairforget unlearn` or `demo`, or a directory that
            contains several that differ only in their seed; the effect is then the mean over the
            seeds.
        output_dir: where to write `durability.json`, `report.html` and the evaluations. Default:
            `durability` in the directory of the run.
        settings: all settings. Default: `DurabilitySettings()`.
        **overrides: fields of `DurabilitySettings` as keywords; they take precedence over
            `settings`.

    Returns:
        The effect under each condition, and the half-lives of decided effects.

    Raises:
        InputError: the directory has no run, runs in it differ in more than their seed, a control
            is of another model, a name is unknown, or a corpus or an extra is missing.
        TypeError: an override is not a setting.

    Examples:
        >>> durability("out", attacks=["quantization"], types=["q8_0", "q4_0"])
    """
    settings = merge_settings(settings or DurabilitySettings(), overrides)
    run = expand_home(run)
    output = output_of(run, output_dir)
    with reported_output(output, settings):
        return _measure(run, output, settings)


def output_of(run: Path, output_dir: str | Path | None) -> Path:
    """Return the output directory: by default, one in the directory of the run."""
    return run / DURABILITY.removesuffix(".json") if output_dir is None else expand_home(output_dir)


def _measure(run: Path, output: Path, settings: DurabilitySettings) -> DurabilityRecord:
    conditions = plan_conditions(settings)
    benchmarks = benchmark_names(settings.benchmarks)
    loaded = _load_benchmarks(conditions, benchmarks)
    groups = find_groups(run, split_commas(settings.controls))
    record = groups[0].records[0]
    attacked = [str(directory / MODEL) for group in groups for directory in group.directories]
    check_unseen(benchmarks, models=attacked)
    check_output(output, [record.model.source])
    if any(condition.attack == RELEARNING for condition in conditions):
        settings = replace(settings, relearn=settings.relearn or relearning_corpus(record))
    plan = AttackPlan(settings, conditions, _load_texts(settings, conditions, groups))
    device = select_device(settings.device)
    load = partial(load_attacked, plan=plan, recorded=record.model, device=str(device))
    original = load(record.model.source)
    _check_original(original, record, plan)
    check_model_kinds(loaded, original)
    open_output(output, _fixed_settings(plan, groups), lists=LISTS)
    seconds = {ORIGINAL: evaluate_conditions(original, plan, output / ORIGINAL)}
    del original  # frees its memory for the next model
    before = read_conditions(conditions, output / ORIGINAL)
    results = {}
    for group in groups:
        outputs = group.outputs(output)
        for directory, evaluations in zip(group.directories, outputs, strict=True):
            release_memory()
            taken = evaluate_conditions(load(directory / MODEL), plan, evaluations)
            seconds[group.name] = seconds.get(group.name, 0.0) + taken
        results[group.name] = [read_conditions(conditions, evaluations) for evaluations in outputs]
    effects = compare_conditions(before, results, benchmarks)
    result = DurabilityRecord(
        model=before[conditions[0]].record.model,
        settings=asdict(settings)
        | {"controls": [group.name for group in groups[1:]], "device": str(device)},
        runs={
            name: [seed[conditions[0]].record.model for seed in seeds]
            for name, seeds in results.items()
        },
        domains=[*unlearned_domains(effects, trained_domains(record)), ALL],
        effects=effects,
        half_lives=half_lives(effects),
        environment=environment(str(device)),
        seconds=seconds,
    )
    write_record(result, output / DURABILITY)
    return result


def _load_benchmarks(
    conditions: Sequence[Condition], benchmarks: Sequence[str]
) -> dict[str, Benchmark]:
    """Load the benchmarks of all conditions, and check what these need.

    Raises:
        InputError: a benchmark is unknown or has no bias score in single domains, or the extra
            `gguf` is missing.
    """
    check_names("benchmarks", benchmarks)
    names = [name for it in conditions for name in benchmarks_of(it, benchmarks).values()]
    loaded = load_benchmarks([*dict.fromkeys(names)])
    if any(condition.attack == QUANTIZATION for condition in conditions):
        check_extra("gguf", "gguf", QUANTIZATION)
    if without := [name for name in benchmarks if not find_domain_judge(name)]:
        raise InputError(f"benchmark {without[0]!r} has no bias score in single domains; remove it")
    return loaded


def _load_texts(
    settings: DurabilitySettings,
    conditions: Sequence[Condition],
    groups: Sequence[RunGroup],
) -> dict[str, list[str]]:
    """Return the texts of each attack that trains.

    Raises:
        InputError: a corpus cannot be read, or has items of a benchmark.
    """
    texts = {}
    attacks = {condition.attack for condition in conditions}
    benchmarks = benchmark_names(settings.benchmarks)
    if FINE_TUNING in attacks:
        check_unseen(benchmarks, corpora=[settings.ordinary])
        texts[FINE_TUNING] = ordinary_texts(settings.ordinary, settings.seed)
    if RELEARNING in attacks:
        assert settings.relearn is not None
        check_unseen(benchmarks, corpora=[settings.relearn])
        records = [record for group in groups for record in group.records]
        texts[RELEARNING] = relearning_texts(settings.relearn, records, settings.seed)
    return texts


def _fixed_settings(plan: AttackPlan, groups: Sequence[RunGroup]) -> dict[str, Any]:
    """Return what must stay the same between calls on an output directory.

    Later calls may add controls: each model has a setting of its own.
    """
    settings = asdict(plan.settings)
    del settings["trust_remote_code"], settings["controls"]
    settings[f"{CONTENT}the original model"] = groups[0].records[0].model.weights
    texts = {f"{CONTENT}the texts of {name}": hash_values(it) for name, it in plan.texts.items()}
    models = {
        f"{CONTENT}the model of {'/'.join(place.parts)}": hash_model(directory / MODEL)
        for group in groups
        for directory, place in zip(group.directories, group.outputs(Path()), strict=True)
    }
    if plan.needs_float32(groups[0].records[0].model):
        settings["dtype"] = "float32"
    # scores of different kinds of device differ by rounding
    settings["device"] = select_device(settings["device"]).type
    benchmarks = benchmark_names(settings.pop("benchmarks"))
    return fixed_settings(benchmarks, settings | texts | models)


def _check_original(original: LanguageModel, record: UnlearningRecord, plan: AttackPlan) -> None:
    """Check that the original model is still the one of the run, and can be attacked.

    Raises:
        InputError: it is not, it cannot be trained, or its sentences cannot be perturbed.
    """
    check_original(original, record.model)
    if original.kind == "masked" and any(it.attack == PERTURBATION for it in plan.conditions):
        raise InputError(
            f"attacks: 'perturbation' needs a causal model, and {original.source!r} is a masked "
            "one; leave it out of --attacks"
        )
    if plan.texts:
        check_trainable(original)
        check_options(training_options(plan.settings, 1), original)
