"""From scored items to the transfer matrix: the effect of each unlearned domain on every domain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairforget.benchmarks import find_domain_judge
from fairforget.benchmarks.measurement import Judge
from fairforget.benchmarks.measures import SHOWN_BESIDE
from fairforget.comparison.domains import compare_domains
from fairforget.comparison.effects import DomainEffect, measure_effects
from fairforget.comparison.paired import adjust_p_values, compare_items
from fairforget.comparison.score_change import finite_interval
from fairforget.transfer_study.groups import (
    Group,
    GroupEffects,
    Items,
    Result,
    find_controls,
    find_obstacle,
)
from fairforget.transfer_study.margins import Margins
from fairforget.transfer_study.omnibus import build_omnibus, is_primary
from fairforget.transfer_study.plan import lacks_cause
from fairforget.transfer_study.record import (
    Gap,
    MatrixCell,
    MatrixRow,
    Omnibus,
    SeedCell,
    to_effect,
)
from fairforget.transfer_study.rows import build_row, summarize_rows
from fairforget.transfer_study.verdicts import Pending, judge_cells, judge_omnibus


@dataclass(frozen=True, slots=True)
class Matrix:
    """The effects of all groups of runs."""

    cells: list[MatrixCell]
    """One per benchmark, bias score, group and domain."""
    rows: list[MatrixRow]
    """One per benchmark, bias score and group."""
    omnibus: list[Omnibus]
    """One per benchmark, primary bias score and objective."""
    gaps: list[Gap]
    """Scores that a run lacks; no group has effects on them."""


def transfer_matrix(
    before: Items,
    results: Sequence[Result],
    benchmarks: Sequence[str],
    *,
    controls: Sequence[str],
    margins: Margins = Margins(),  # noqa: B008
) -> Matrix:
    """The effects of all groups of runs on all bias scores of the benchmarks.

    Args:
        before: items of all benchmarks, scored by the original model.
        results: the runs, in any order.
        benchmarks: names; those without a bias score are ignored.
        controls: names of the study's controls. A control that has fewer results than the runs it
            belongs to, or a result that changed nothing, is left out, and then no claim can be
            supported.
        margins: the equivalence margins.
    """
    groups: dict[Group, list[Result]] = {}
    for result in results:
        groups.setdefault(result.run.group, []).append(result)
    usable = {group: find_controls(groups[group], controls, groups) for group in groups}
    obstacles = {group: find_obstacle(groups[group], usable[group], controls) for group in groups}
    pending: list[Pending[MatrixCell]] = []
    pending_omnibus: list[Pending[Omnibus]] = []
    rows: list[MatrixRow] = []
    gaps: list[Gap] = []
    for benchmark in benchmarks:
        judge = find_domain_judge(benchmark)
        assert judge is not None  # the study has checked it
        effects, lacking = _measure_effects(judge, benchmark, before, groups)
        gaps += lacking
        for measure, by_group in effects.items():
            parts = [
                GroupEffects(
                    benchmark,
                    members,
                    by_group[group],
                    {name: by_group[found[0].run.group] for name, found in usable[group].items()},
                    obstacles[group],
                )
                for group, members in groups.items()
            ]
            for part in parts:
                pending += _cells(benchmark, measure, part, margins)
                rows.append(build_row(benchmark, measure, part))
            if is_primary(measure, main=next(iter(effects))):
                pending_omnibus += build_omnibus(benchmark, measure, parts, margins)
    cells = judge_cells(pending)
    return Matrix(cells, summarize_rows(rows, cells), judge_omnibus(pending_omnibus), gaps)


def seed_cells(
    before: Items, results: Sequence[Result], benchmarks: Sequence[str]
) -> list[SeedCell]:
    """A cell for every single run, domain and bias score, as `fairforget compare` computes it."""
    cells, runs = [], []
    for benchmark in benchmarks:
        judge = find_domain_judge(benchmark)
        assert judge is not None  # the study has checked it
        for result in results:
            run_cells = compare_items(
                benchmark, judge, _select(before, benchmark), _select(result.items, benchmark)
            )
            cells += run_cells
            runs += [result.run] * len(run_cells)
    return [
        SeedCell(
            forget=run.forget,
            control=run.control,
            method=run.objective,
            seed=run.seed,
            benchmark=cell.benchmark,
            measure=cell.measure,
            domain=cell.domain,
            before=cell.score.before,
            after=cell.score.after,
            delta=cell.score.delta,
            ci=cell.score.ci,
            p=cell.p,
            p_adjusted=cell.p_adjusted,
        )
        for run, cell in zip(runs, adjust_p_values(cells), strict=True)
    ]


def _select(items: Items, benchmark: str) -> Items:
    return [item for item in items if item["benchmark"] == benchmark]


def _measure_effects(
    judge: Judge, benchmark: str, before: Items, groups: Mapping[Group, Sequence[Result]]
) -> tuple[dict[str, dict[Group, dict[str, DomainEffect]]], list[Gap]]:
    """The effect on each bias score of a benchmark, of each group of runs, on each domain.

    Groups are compared, so a score that one run lacks in a domain is left out there for all.
    """
    effects: dict[str, dict[Group, dict[str, DomainEffect]]] = {}
    gaps: list[Gap] = []
    after = [[_select(r.items, benchmark) for r in members] for members in groups.values()]
    for compared in compare_domains(benchmark, judge, _select(before, benchmark), after):
        domain = compared.domain
        for measure, domain_effects in measure_effects(compared).items():
            by_group = effects.setdefault(measure, {group: {} for group in groups})
            lacking = [
                Gap(forget, control, method, member.run.seed, benchmark, measure, domain)
                for ((forget, method, control), members), effect in zip(
                    groups.items(), domain_effects, strict=True
                )
                for member, score in zip(members, effect.reached, strict=True)
                if math.isnan(score)
            ]
            if lacking:
                gaps += lacking
                continue
            for group, effect in zip(groups, domain_effects, strict=True):
                by_group[group][domain] = effect
    return {name: it for name, it in effects.items() if any(it.values())}, gaps


def _cells(
    benchmark: str, measure: str, part: GroupEffects, margins: Margins
) -> list[Pending[MatrixCell]]:
    forget, objective, control = part.group
    pending = []
    for domain, effect in part.effects.items():
        bias = effect.bias
        excess = {name: effect.beyond(other[domain]) for name, other in part.controls.items()}
        cell = MatrixCell(
            forget=forget,
            control=control,
            method=objective,
            benchmark=benchmark,
            measure=measure,
            domain=domain,
            own=part.is_own(domain),
            seeds=len(part.members),
            clusters=effect.clusters,
            before=effect.before.value,
            before_ci=finite_interval(effect.before.ci),
            after=effect.after.value,
            delta=to_effect(effect.change),
            bias=to_effect(bias),
            excess={name: to_effect(change) for name, change in excess.items()},
            margin=margins.of(measure),
            nats=effect.other_scores.get(SHOWN_BESIDE.get(measure, "")),
        )
        decisive = [change for name, change in excess.items() if lacks_cause(name, objective)]
        pending.append(
            Pending(cell, (bias, *decisive), part.obstacle, effect.is_unbiased, part.is_idle)
        )
    return pending
