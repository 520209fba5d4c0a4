"""Groups of runs that differ only in their seed, and the controls that they are compared with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairforget.benchmarks.domains import is_about
from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measurement import Row as Item
from fairforget.comparison.effects import DomainEffect
from fairforget.objectives import NOTHING
from fairforget.statistics.distance import DistanceChange, mean_distance_change
from fairforget.statistics.jackknife import too_few
from fairforget.transfer_study.plan import AT_MOVEMENT, StudyRun, control_run, lacks_cause
from fairforget.transfer_study.record import Reason

Items = Sequence[Item]
Group = tuple[str, str, str | None]
"""Forget corpus, objective and control: what the runs of a group share."""
DomainEffects = Mapping[str, DomainEffect]
"""The effects of one group of runs on one bias score, by domain."""


@dataclass(frozen=True, slots=True)
class Result:
    """The results of a run."""

    run: StudyRun
    items: Items
    perplexity_ratio: float
    domains: frozenset[str]
    """The domains that the run unlearned."""
    everyday_perplexity_ratio: float | None = None
    alpha: float = 1.0
    """Factor of the weight interpolation; at 0 the run changed nothing."""
    short: bool = False
    """Whether it ended below every limit of the budget, or below the movement asked."""
    movement: float | None = None
    """KL(original ‖ result) in nats per token."""


@dataclass(frozen=True, slots=True)
class GroupEffects:
    """A group of runs and its effects on one bias score of one benchmark."""

    benchmark: str
    members: Sequence[Result]
    effects: DomainEffects
    controls: Mapping[str, DomainEffects]
    """The effects of each usable control; empty for a control."""
    obstacle: Reason | None
    """What is wrong with a control that the verdict depends on."""

    @property
    def group(self) -> Group:
        """Forget corpus, objective and control."""
        return self.members[0].run.group

    @property
    def is_idle(self) -> bool:
        """Whether a run changed nothing."""
        return any(member.alpha == 0 for member in self.members)

    def is_own(self, domain: str) -> bool:
        """Whether the domain is, or overlaps, an unlearned domain."""
        return is_about(self.benchmark, domain, self.members[0].domains)

    @property
    def single(self) -> list[str]:
        """The domains, without the score over all items."""
        return [domain for domain in self.effects if domain != ALL]

    @property
    def enough(self) -> list[str]:
        """The single domains with enough clusters: others would dominate the variance of a mean."""
        return [domain for domain in self.single if not too_few(self.effects[domain].clusters)]

    def bias(self, domains: Sequence[str]) -> list[DistanceChange]:
        """The change in bias in each of the domains."""
        return [self.effects[domain].bias for domain in domains]

    def beyond(self, control: str, domains: Sequence[str]) -> list[DistanceChange]:
        """The excess over a control in each of the domains."""
        other = self.controls[control]
        return [self.effects[domain].beyond(other[domain]) for domain in domains]

    def mean(self, domains: Sequence[str]) -> DistanceChange | None:
        """The mean change in bias over the domains; None if there are none."""
        return mean_distance_change(self.bias(domains))

    def mean_excess(self, domains: Sequence[str]) -> dict[str, DistanceChange]:
        """Return control → mean excess over the domains; empty if there are none."""
        means = {name: mean_distance_change(self.beyond(name, domains)) for name in self.controls}
        return {name: mean for name, mean in means.items() if mean}


def find_controls(
    members: Sequence[Result], controls: Sequence[str], groups: Mapping[Group, Sequence[Result]]
) -> dict[str, Sequence[Result]]:
    """The usable controls of a group of runs, by name; a control has none.

    A control is usable if it has as many results, all of which changed the model.
    """
    run = members[0].run
    if run.control:
        return {}
    usable = {}
    for name in controls:
        control = control_run(run.forget, run.objective, name, run.seed, run.recipe)
        results = groups.get(control.group, [])
        if len(results) >= len(members) and all(result.alpha != 0 for result in results):
            usable[name] = results
    return usable


def find_obstacle(
    members: Sequence[Result], usable: Mapping[str, Sequence[Result]], controls: Sequence[str]
) -> Reason | None:
    """What is wrong with a control that the verdict depends on, or None."""
    objective = members[0].run.objective
    decisive = [name for name in controls if lacks_cause(name, objective)]
    if any(name not in usable for name in decisive):
        return "control missing"
    for name in decisive:
        if name == NOTHING:  # it has no utility loss, so it cannot use up a budget
            continue
        # what a run left of its budget excuses no control that moved less than the run did
        allowed = 0.0 if name.endswith(AT_MOVEMENT) else count_short(members) / len(members)
        if count_short(usable[name]) / len(usable[name]) > allowed:
            return "control did less"
    return None


def count_short(results: Sequence[Result]) -> int:
    """The number of results that ended below every limit: of the budget, or the movement asked."""
    return sum(result.short for result in results)
