"""The conditions under which an effect is measured: attacks of several strengths."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fairforget.attacks.quantization import TYPES
from fairforget.benchmarks import benchmark_names
from fairforget.benchmarks.options import base_name
from fairforget.benchmarks.stereoset.perturbations import PERTURBATIONS
from fairforget.errors import InputError
from fairforget.names import check_names, split_commas
from fairforget.settings import DurabilitySettings

ORIGINAL, DEBIASED = "original", "debiased"
"""Names of the models in a record, and of the directories of their evaluations."""
NONE, FINE_TUNING, RELEARNING = "none", "fine-tuning", "relearning"
QUANTIZATION, PERTURBATION = "quantization", "perturbation"
ATTACKS = {
    FINE_TUNING: "training on ordinary text",
    RELEARNING: "training on biased text that was not unlearned",
    QUANTIZATION: "weights rounded to fewer bits",
    PERTURBATION: "StereoSet's sentences in lower case, with typos, in other words (reworded), as "
    "something that somebody said (reported) or as a line in a play (role-play)",
}
"""Attack → what it is."""
TRAINED = (FINE_TUNING, RELEARNING)
"""Attacks that train; their strength is the number of optimizer steps."""
SETTINGS = {
    **dict.fromkeys(("steps", "batch_size", "learning_rate"), TRAINED),
    "ordinary": (FINE_TUNING,),
    "relearn": (RELEARNING,),
    "types": (QUANTIZATION,),
    "perturbations": (PERTURBATION,),
}
"""Setting → the attacks that it is for."""
DEFAULTS = DurabilitySettings()
"""A setting that differs from its default needs one of its attacks."""


@dataclass(frozen=True, slots=True)
class Condition:
    """An attack of one strength."""

    attack: str
    """One of `ATTACKS`, or `none`."""
    strength: str = ""
    """The steps, the type or the perturbation; empty for `none`."""

    @property
    def name(self) -> str:
        """The name of its directory."""
        return f"{self.attack}-{self.strength}" if self.strength else self.attack


def plan_conditions(settings: DurabilitySettings) -> list[Condition]:
    """Return all conditions, the one without an attack first.

    Raises:
        InputError: an attack, a number of steps, a type or a perturbation is unknown or repeated,
            a setting is for other attacks, the learning rate is 0, or no benchmark can have a
            perturbation that is requested.
    """
    attacks = split_commas(settings.attacks)
    check_names("attacks", attacks, ATTACKS)
    for name, of in SETTINGS.items():
        if {*of}.isdisjoint(attacks) and getattr(settings, name) != getattr(DEFAULTS, name):
            raise InputError(
                f"{name} has no effect without the attack {' or '.join(of)}; omit it, or add the "
                "attack"
            )
    if settings.learning_rate == 0:
        raise InputError(
            "learning_rate is 0, so the attacks would not change the model; give a number above 0, "
            "such as 2e-5"
        )
    strengths = {
        **{attack: [str(steps) for steps in parse_steps(settings.steps)] for attack in TRAINED},
        QUANTIZATION: split_commas(settings.types),
        PERTURBATION: split_commas(settings.perturbations),
    }
    check_names("types", strengths[QUANTIZATION], TYPES)
    check_names("perturbations", strengths[PERTURBATION], PERTURBATIONS)
    if PERTURBATION in attacks:
        for perturbation in strengths[PERTURBATION]:
            _check_perturbable(benchmark_names(settings.benchmarks), perturbation)
    return [
        Condition(NONE),
        *(Condition(attack, strength) for attack in attacks for strength in strengths[attack]),
    ]


def parse_steps(steps: str) -> list[int]:
    """Return numbers of optimizer steps in ascending order.

    Raises:
        InputError: one is not a whole number of at least 1, or is repeated.
    """
    words = split_commas(steps)
    for word in words:
        if not word.isdecimal() or not int(word):
            raise InputError(f"steps: {word!r} is not a whole number of at least 1, such as 50")
    check_names("steps", [str(int(word)) for word in words])  # 010 is 10
    return sorted(map(int, words))


def _check_perturbable(benchmarks: Sequence[str], perturbation: str) -> None:
    if not perturbable(benchmarks, perturbation):
        protocol = " and the protocol bos" if PERTURBATIONS[perturbation].context else ""
        raise InputError(
            "attacks: 'perturbation' needs the benchmark stereoset with intrasentence items"
            f"{protocol} for {perturbation!r}; add it, or remove the attack or this perturbation"
        )


def perturbable(benchmarks: Sequence[str], perturbation: str) -> list[str]:
    """Return the benchmarks whose sentences can have a perturbation, and have none."""
    excluded = {"intersentence", *PERTURBATIONS}
    if PERTURBATIONS[perturbation].context:
        excluded.add("bias-bench")
    return [
        name
        for name in benchmarks
        if base_name(name) == "stereoset" and excluded.isdisjoint(name.split(":"))
    ]


def benchmarks_of(condition: Condition, benchmarks: Sequence[str]) -> dict[str, str]:
    """Return benchmark → its name with the perturbation of a condition, if it has one."""
    if condition.attack != PERTURBATION:
        return {name: name for name in benchmarks}
    form = condition.strength
    return {name: f"{name}:{form}" for name in perturbable(benchmarks, form)}
