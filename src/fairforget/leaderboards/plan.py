"""The plan of a leaderboard: models × methods × seeds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path

from fairforget.benchmarks import benchmark_names, hash_words
from fairforget.benchmarks.options import hash_option_files
from fairforget.corpora.builtin.lexicon import DOMAINS
from fairforget.errors import InputError
from fairforget.experiments.runs import VERSIONS, benchmark_versions, name_directory
from fairforget.files.digest import hash_packaged, hash_values
from fairforget.leaderboards.given_weights import find_method, is_given
from fairforget.machine.devices import select_device
from fairforget.methods import METHODS, MethodOptions
from fairforget.methods.training import BATCH_SIZE, LEARNING_RATE, MAX_TOKENS, STEPS
from fairforget.names import check_names, split_commas
from fairforget.objectives import OBJECTIVES
from fairforget.objectives.inputs import list_inputs
from fairforget.objectives.retain import FACT_CONSTANTS
from fairforget.records.environment import installed_version
from fairforget.seeds import check_seeds
from fairforget.settings import DebiasSettings, LeaderboardSettings, StudySettings
from fairforget.training.interpolation import ROUGH_SHARE
from fairforget.training.learning_rate import RATES
from fairforget.training.limits import CHECK_TEXTS
from fairforget.training.line_search import TOLERANCE
from fairforget.training.preparation import EVERYDAY, load_everyday_corpus

ORIGINAL = "original"
"""Name, in place of a method, of the unchanged model."""
PUBLISHED, EQUAL = "published", "equal"
"""Costs: the result at full strength, and weights interpolated to the budget."""
NO_INPUTS = (
    *("models", "methods", "seeds", "cluster", "cpus_per_run", "gpus_per_run"),
    *("device", "trust_remote_code"),
)
"""Settings that the result of a single run does not depend on, but for the kind of device."""
CONSTANTS = (STEPS, BATCH_SIZE, LEARNING_RATE, MAX_TOKENS, CHECK_TEXTS, TOLERANCE, ROUGH_SHARE)
"""Of continued training and of interpolation."""


@dataclass(frozen=True, slots=True)
class MethodRun:
    """One method on one model with one seed."""

    model: str
    method: str
    """A name of `fairforget.methods.METHODS`, the path or hub id of given weights, or
    `ORIGINAL`."""
    seed: int
    settings: LeaderboardSettings

    def name(self, identities: Mapping[str, Mapping[str, str]]) -> str:
        """Return the directory name: readable, and unique to everything that the result depends on.

        Args:
            identities: model → its `fairforget.models.fingerprint.model_identity`, also for a
                method that is given as weights.
        """
        benchmarks = benchmark_names(self.settings.benchmarks)
        settings = asdict(self.settings) | {"benchmarks": ",".join(benchmarks)}
        facts: tuple[object, ...] = (
            {name: it for name, it in settings.items() if name not in NO_INPUTS},
            (self.method, self.seed),
            identities[self.model],
            select_device(self.settings.device).type,
            hash_option_files(benchmarks),
            [hash_words(name) for name in benchmarks],
            VERSIONS | benchmark_versions(benchmarks),
            asdict(DebiasSettings()),  # the methods' own settings are partly these
        )
        if is_given(self.method):
            facts = (*facts, identities[self.method]["weights"])
        if self.method != ORIGINAL:
            method = find_method(self.method, self.settings)
            if method.change == "weights":
                facts = (*facts, asdict(StudySettings()), CONSTANTS)
            if method.package:
                facts = (*facts, installed_version(method.package))
            if method.files:
                facts = (*facts, hash_packaged("fairforget", method.files))
            if method.uses_unlearn_defaults:
                objective = OBJECTIVES[DebiasSettings.objective]
                facts = (*facts, RATES, FACT_CONSTANTS, *list_inputs(objective))
        if not measures_everyday():  # the budget then limits one perplexity only
            facts = (*facts, f"no {EVERYDAY}")
        words = (Path(self.model).name, Path(self.method).name, f"seed{self.seed}")
        return name_directory(words, hash_values(facts))

    def options(self) -> MethodOptions:
        """Return the options of the method."""
        settings = self.settings
        return MethodOptions(
            domain=settings.domain,
            seed=self.seed,
            steps=settings.steps,
            batch_size=settings.batch_size,
            learning_rate=settings.learning_rate,
        )


def plan_runs(settings: LeaderboardSettings) -> list[MethodRun]:
    """Return every run once, seed by seed, so that an interrupted leaderboard has complete seeds.

    A method whose result does not depend on the seed is run once.

    Raises:
        InputError: a list is empty, a name is unknown or repeated, a package is missing, there is
            no seed, or a limit has no effect.
    """
    models, methods = split_commas(settings.models), split_commas(settings.methods)
    check_names("models", models)
    check_names("methods", methods)
    check_names("methods", [it for it in methods if not is_given(it)], METHODS, empty=True)
    check_names("benchmarks", benchmark_names(settings.benchmarks))
    for name in methods:
        find_method(name, settings).check_installed()
    check_seeds(settings.seeds)
    if settings.domain is not None and settings.domain not in DOMAINS:
        raise InputError(
            f"domain {settings.domain!r} is unknown; choose from {', '.join(DOMAINS)}, or omit it "
            "for all"
        )
    for name in ("steps", "batch_size", "learning_rate"):
        if (value := getattr(settings, name)) is not None and not 0 < value < math.inf:
            raise InputError(f"{name} is {value}; it must be more than 0, or omitted")
    if settings.budget.harmful_log_prob is not None:
        raise InputError(
            "budget.harmful_log_prob has no effect: a leaderboard limits perplexities and movement "
            "only; set it to null"
        )
    runs = [MethodRun(model, ORIGINAL, 0, settings) for model in models]
    for seed in range(settings.seeds):
        for method in methods:
            if seed == 0 or find_method(method, settings).is_seeded:
                runs += [MethodRun(model, method, seed, settings) for model in models]
    return runs


@cache
def measures_everyday() -> bool:
    """Return whether utility loss is measured on everyday sentences, too."""
    return load_everyday_corpus() is not None
