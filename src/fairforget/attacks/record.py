"""The record of a durability measurement."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from fairforget.attacks.plan import ATTACKS, DEBIASED, NONE, TRAINED
from fairforget.comparison.score_change import Score
from fairforget.frames import TabularResult
from fairforget.records.environment import Environment
from fairforget.records.records import VERSION, ModelFacts
from fairforget.records.schema import Settings


@dataclass(frozen=True, slots=True)
class AttackEffect:
    """The effect of a run on one bias score under one condition.

    The original model and that of the run are treated alike, and compared on the same items.
    """

    run: str
    """`debiased`, or the name of a control."""
    attack: str
    """One of `fairforget.attacks.plan.ATTACKS`; `none` without an attack."""
    strength: str
    """The number of steps, the type of the weights, or the perturbation; empty for `none`."""
    benchmark: str
    measure: str
    domain: str
    original: Score
    """The score of the original model under this condition."""
    result: Score
    """The score of the run's model under this condition; the mean over seeds."""
    change: Score
    """Change in bias, that is, in the distance from an unbiased score; below 0, bias fell."""
    retained: Score | None
    """`change` ÷ the change without an attack; None if the latter is undecided. Its interval is
    Fieller's; None if that is infinite."""
    excess: dict[str, Score] = field(default_factory=dict)
    """Control → `change` minus that with the control under the same condition; below 0, bias is
    lower than with the control. Empty for a control."""
    ability: dict[str, tuple[float, float]] = field(default_factory=dict)
    """Score of language ability in the same domain, `lms` or `icat` → that of the original and of
    the run's model. A model that an attack broke has a low bias, too."""


@dataclass(frozen=True, slots=True)
class HalfLife:
    """The number of training steps after which half of an effect is left."""

    run: str
    attack: str
    benchmark: str
    measure: str
    domain: str
    steps: float | None
    """Interpolated between evaluations; None if more than half is left after the last one."""
    ci: tuple[float, float | None]
    """95 % interval: the steps at which the interval of the retained share includes one half. An
    upper limit of None lies beyond the last evaluation."""


def course_of(result: AttackEffect | HalfLife) -> tuple[str, str, str, str, str]:
    """Return what the effects of an attack of several strengths share, and their half-life."""
    return result.run, result.attack, result.benchmark, result.measure, result.domain


@dataclass(frozen=True, repr=False)
class DurabilityRecord(TabularResult):
    """What is left of a run's effect under attacks; printing it shows the tables of the command.

    Its DataFrame has one row per effect.
    """

    model: ModelFacts
    """The original model."""
    settings: Settings
    runs: dict[str, list[ModelFacts]]
    """`debiased` or the name of a control → its model for each seed."""
    domains: list[str]
    """The domains that the run has unlearned, if the benchmarks have them, and `all`."""
    effects: list[AttackEffect]
    half_lives: list[HalfLife]
    environment: Environment
    seconds: dict[str, float] = field(default_factory=dict)
    """Wall-clock time of each model in the call that wrote the record."""
    kind: Literal["durability"] = "durability"
    version: int = VERSION

    def __post_init__(self) -> None:
        if DEBIASED not in self.runs:
            raise ValueError(f"runs: the entry {DEBIASED!r} is missing")
        known = (NONE, *ATTACKS)
        for number, effect in enumerate(self.effects):
            place = f"effects.{number}"
            if effect.attack not in known:
                raise ValueError(f"{place}.attack: {effect.attack!r} is none of {', '.join(known)}")
            if effect.attack in TRAINED and not effect.strength.isdecimal():
                raise ValueError(f"{place}.strength: {effect.strength!r} is not a number of steps")

    def _rows(self) -> list[dict[str, Any]]:
        return [
            {
                "run": effect.run,
                "attack": effect.attack,
                "strength": effect.strength,
                "benchmark": effect.benchmark,
                "measure": effect.measure,
                "domain": effect.domain,
                "original": effect.original.value,
                "result": effect.result.value,
                "change": effect.change.value,
                "change_ci": effect.change.ci,
                "retained": effect.retained and effect.retained.value,
                "retained_ci": effect.retained and effect.retained.ci,
                **{
                    f"excess_{name}{suffix}": value
                    for name, score in effect.excess.items()
                    for suffix, value in (("", score.value), ("_ci", score.ci))
                },
                **{
                    f"{name}_{side}": value
                    for name, both in effect.ability.items()
                    for side, value in zip(("original", "result"), both, strict=True)
                },
            }
            for effect in self.effects
        ]

    def _show(self) -> None:
        from fairforget.attacks.terminal import show_durability

        show_durability(self)
