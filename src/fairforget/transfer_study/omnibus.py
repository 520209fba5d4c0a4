"""The primary test of a study: the mean over all domains that were not forgotten, by objective."""

from __future__ import annotations

from collections.abc import Sequence

from fairforget.benchmarks.measures import SCALED_CONTRIBUTION
from fairforget.statistics.distance import DistanceChange, mean_distance_change
from fairforget.transfer_study.groups import GroupEffects
from fairforget.transfer_study.margins import Margins
from fairforget.transfer_study.plan import lacks_cause
from fairforget.transfer_study.record import Omnibus, to_effect
from fairforget.transfer_study.verdicts import Pending


def is_primary(measure: str, *, main: str) -> bool:
    """Whether there is an omnibus test of this bias score: the main one, or the contribution."""
    return measure in (main, SCALED_CONTRIBUTION)


def build_omnibus(
    benchmark: str, measure: str, parts: Sequence[GroupEffects], margins: Margins
) -> list[Pending[Omnibus]]:
    """One test for each objective that has cells of domains that were not forgotten.

    Args:
        benchmark: its name.
        measure: the bias score.
        parts: all groups of runs; controls are ignored.
        margins: the equivalence margins.
    """
    by_objective: dict[str, list[GroupEffects]] = {}
    for part in parts:
        _, objective, control = part.group
        if control is None:
            by_objective.setdefault(objective, []).append(part)
    pending = []
    for objective, members in by_objective.items():
        # a group that has unlearned every domain contributes nothing
        pairs = [(it, others) for it in members if (others := _other_domains(it))]
        members = [part for part, _ in pairs]
        bias = _mean([part.bias(domains) for part, domains in pairs])
        if bias is None:
            continue
        controls = [
            name for name in members[0].controls if all(name in part.controls for part in members)
        ]
        excess = {
            name: change
            for name in controls
            if (change := _mean([part.beyond(name, domains) for part, domains in pairs]))
        }
        test = Omnibus(
            method=objective,
            benchmark=benchmark,
            measure=measure,
            cells=sum(len(domains) for _, domains in pairs),
            seeds=min(len(part.members) for part in members),
            bias=to_effect(bias),
            excess={name: to_effect(change) for name, change in excess.items()},
            margin=margins.of(measure),
        )
        decisive = [change for name, change in excess.items() if lacks_cause(name, objective)]
        obstacle = next((part.obstacle for part in members if part.obstacle), None)
        idle = any(part.is_idle for part in members)
        pending.append(Pending(test, (bias, *decisive), obstacle, idle=idle))
    return pending


def _other_domains(part: GroupEffects) -> list[str]:
    """Return the domains with enough terms that a group of runs has not unlearned."""
    return [domain for domain in part.enough if not part.is_own(domain)]


def _mean(parts: Sequence[Sequence[DistanceChange]]) -> DistanceChange | None:
    return mean_distance_change([change for part in parts for change in part])
