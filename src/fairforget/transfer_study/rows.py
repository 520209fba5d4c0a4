"""The rows of the matrix: means over unlearned and other domains, and the utility loss."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from fairforget.benchmarks.measurement import ALL
from fairforget.statistics.distance import DistanceChange, ratio_of_changes
from fairforget.statistics.estimate import ITEMS
from fairforget.statistics.significance import SIGNIFICANT, adjust_holm
from fairforget.transfer_study.groups import GroupEffects, count_short
from fairforget.transfer_study.record import Effect, MatrixCell, MatrixRow, to_effect
from fairforget.transfer_study.verdicts import Family, correct_by_control, rose, row_family


def build_row(benchmark: str, measure: str, part: GroupEffects) -> MatrixRow:
    """One row, with uncorrected p-values and without `collateral`.

    Args:
        benchmark: its name.
        measure: the bias score.
        part: the group of runs, with its effects on this bias score.
    """
    enough = part.enough
    own_domains = [d for d in enough if part.is_own(d)] or list(filter(part.is_own, part.single))
    others = [domain for domain in enough if not part.is_own(domain)]
    own, transfer = part.mean(own_domains), part.mean(others)
    forget, objective, control = part.group
    total = part.effects.get(ALL)
    lms = total.other_scores.get("lms") if total else None
    relative = None
    if control is None and own and transfer and own.value < 0:
        relative = ratio_of_changes(transfer, own)
    members = part.members
    everyday = [
        m.everyday_perplexity_ratio for m in members if m.everyday_perplexity_ratio is not None
    ]
    movements = [m.movement for m in members if m.movement is not None]
    return MatrixRow(
        forget=forget,
        control=control,
        method=objective,
        benchmark=benchmark,
        measure=measure,
        seeds=len(members),
        own=_effect(own),
        transfer=_effect(transfer),
        ratio=relative and relative[0],
        collateral=(),
        perplexity_ratio=fmean(m.perplexity_ratio for m in members),
        lms_before=lms[0] if lms else None,
        lms_after=lms[1] if lms else None,
        everyday_perplexity_ratio=fmean(everyday) if everyday else None,
        mean=_effect(part.mean(enough)),
        ratio_ci=relative and relative[1],
        own_excess=_effects(part.mean_excess(own_domains)),
        transfer_excess=_effects(part.mean_excess(others)),
        own_clusters=_count_clusters(part, own_domains),
        transfer_clusters=_count_clusters(part, others),
        short=count_short(members),
        flipped=total.flipped if total else None,
        movement=fmean(movements) if movements else None,
    )


def summarize_rows(rows: Sequence[MatrixRow], cells: Sequence[MatrixCell]) -> list[MatrixRow]:
    """The rows with corrected p-values and with `collateral`, the domains in which bias rose.

    Args:
        rows: of all benchmarks.
        cells: with corrected p-values.
    """
    own_families = [row_family(row, row.own_clusters) for row in rows]
    other_families = [row_family(row, row.transfer_clusters) for row in rows]
    mean_families = [a or b for a, b in zip(own_families, other_families, strict=True)]
    own = _correct([row.own for row in rows], own_families)
    transfer = _correct([row.transfer for row in rows], other_families)
    means = _correct([row.mean for row in rows], mean_families)
    own_excess = correct_by_control([row.own_excess for row in rows], own_families)
    transfer_excess = correct_by_control([row.transfer_excess for row in rows], other_families)
    return [
        replace(
            row,
            own=own[n],
            transfer=transfer[n],
            ratio=row.ratio if _is_significant(own[n]) else None,
            collateral=_collateral(row, cells),
            mean=means[n],
            ratio_ci=row.ratio_ci if _is_significant(own[n]) else None,
            own_excess=own_excess[n],
            transfer_excess=transfer_excess[n],
        )
        for n, row in enumerate(rows)
    ]


def _correct(
    effects: Sequence[Effect | None], families: Sequence[Family | None]
) -> list[Effect | None]:
    """The effects [rows] with p-values corrected within families [rows]."""
    p_values = adjust_holm(
        {n: (family, e.p) for n, (e, family) in enumerate(zip(effects, families, strict=True)) if e}
    )
    return [e and replace(e, p_adjusted=p_values[n]) for n, e in enumerate(effects)]


def _is_significant(effect: Effect | None) -> bool:
    return effect is not None and effect.p_adjusted < SIGNIFICANT


def _collateral(row: MatrixRow, cells: Sequence[MatrixCell]) -> tuple[str, ...]:
    return tuple(c.domain for c in cells if c.key == row.key and c.domain != ALL and rose(c.bias))


def _effect(change: DistanceChange | None) -> Effect | None:
    return None if change is None else to_effect(change)


def _effects(changes: Mapping[str, DistanceChange]) -> dict[str, Effect]:
    return {name: to_effect(change) for name, change in changes.items()}


def _count_clusters(part: GroupEffects, domains: Sequence[str]) -> int | None:
    """The independent clusters of several domains; those that domains share count once."""
    units: dict[int, set[Hashable]] = {}
    for name in domains:
        for (source, _, kind), names in part.effects[name].change.units.items():
            if source == ITEMS:
                units.setdefault(kind, set()).update(names)
    return min(map(len, units.values())) if units else None
