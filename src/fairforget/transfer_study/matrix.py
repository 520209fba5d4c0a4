"""From scored items to the transfer matrix: the effect of each unlearned domain on every domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairforget.benchmarks import find_bias_judge
from fairforget.benchmarks.domains import is_about
from fairforget.benchmarks.measurement import Judge, group_by_domain
from fairforget.benchmarks.measurement import Row as Item
from fairforget.comparison.paired import adjust_p_values, compare_items
from fairforget.transfer_study.effects import DomainEffect, measure_effect
from fairforget.transfer_study.plan import NOTHING, Run, control_run, lacks_cause
from fairforget.transfer_study.record import MatrixCell, MatrixRow, Reason, SeedCell
from fairforget.transfer_study.rows import DomainEffects, build_row, summarize_rows
from fairforget.transfer_study.verdicts import PendingCell, judge_cells

Items = Sequence[Item]
Group = tuple[str, str, str | None]


@dataclass(frozen=True, slots=True)
class Result:
    """The results of a run."""

    run: Run
    items: Items
    perplexity_ratio: float
    domains: frozenset[str]
    """The domains that the run unlearned."""
    everyday_perplexity_ratio: float | None = None
    alpha: float = 1.0
    """Of the weight interpolation; at 0 the run changed nothing."""
    short: bool = False
    """Whether it ended below every limit of the budget."""


def transfer_matrix(
    before: Items,
    results: Sequence[Result],
    benchmarks: Sequence[str],
    *,
    controls: Sequence[str],
) -> tuple[list[MatrixCell], list[MatrixRow]]:
    """A cell for every group of runs and domain, and a row for every group.

    Args:
        before: items of all benchmarks, scored by the original model.
        results: the runs, in any order.
        benchmarks: names; those without a bias score are ignored.
        controls: names of the study's controls. A control that has fewer results than the runs it
            belongs to, or a result that changed nothing, is left out, and then no claim can be
            supported.
    """
    groups: dict[Group, list[Result]] = {}
    for result in results:
        groups.setdefault(result.run.group, []).append(result)
    pending: list[PendingCell] = []
    rows: list[MatrixRow] = []
    for benchmark in benchmarks:
        judge = find_bias_judge(benchmark)
        if judge is None:
            continue
        effects = _measure_effects(judge, benchmark, before, groups)
        for group, members in groups.items():
            control_results = _find_controls(members, controls, groups)
            control_effects = {
                name: effects[results[0].run.group] for name, results in control_results.items()
            }
            obstacle = _find_obstacle(members, control_results, controls)
            pending += _cells(benchmark, members, effects[group], control_effects, obstacle)
            rows.append(_row(benchmark, members, effects[group], control_effects))
    cells = judge_cells(pending)
    return cells, summarize_rows(rows, cells)


def seed_cells(
    before: Items, results: Sequence[Result], benchmarks: Sequence[str]
) -> list[SeedCell]:
    """A cell for every single run and domain, as `fairforget compare` computes it."""
    cells, runs = [], []
    for benchmark in benchmarks:
        judge = find_bias_judge(benchmark)
        if judge is None:
            continue
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
) -> dict[Group, dict[str, DomainEffect]]:
    """The effect of each group of runs on each domain of a benchmark."""
    effects: dict[Group, dict[str, DomainEffect]] = {group: {} for group in groups}
    after = [
        [{item["id"]: item for item in _select(r.items, benchmark)} for r in members]
        for members in groups.values()
    ]
    for domain, old in group_by_domain(_select(before, benchmark)).items():
        new = [[[items[item["id"]] for item in old] for items in members] for members in after]
        for group, effect in zip(
            groups, measure_effect(judge, old, new, domain=domain), strict=True
        ):
            effects[group][domain] = effect
    return effects


def _cells(
    benchmark: str,
    members: Sequence[Result],
    effects: DomainEffects,
    controls: Mapping[str, DomainEffects],
    obstacle: Reason | None,
) -> list[PendingCell]:
    forget, objective, control = members[0].run.group
    pending = []
    for domain, effect in effects.items():
        excess = {name: effect.bias - other[domain].bias for name, other in controls.items()}
        cell = MatrixCell(
            forget=forget,
            control=control,
            method=objective,
            benchmark=benchmark,
            domain=domain,
            own=is_about(domain, members[0].domains),
            seeds=len(members),
            clusters=effect.clusters,
            before=effect.before,
            before_ci=effect.before_ci,
            after=effect.after,
            delta=effect.delta,
            bias=effect.bias.effect,
            excess={name: estimate.effect for name, estimate in excess.items()},
        )
        decisive = [estimate for name, estimate in excess.items() if lacks_cause(name)]
        pending.append(PendingCell(cell, (effect.bias, *decisive), obstacle, effect.is_unbiased))
    return pending


def _row(
    benchmark: str,
    members: Sequence[Result],
    effects: DomainEffects,
    controls: Mapping[str, DomainEffects],
) -> MatrixRow:
    return build_row(
        members[0].run.group,
        benchmark,
        effects,
        controls,
        own=lambda domain: is_about(domain, members[0].domains),
        perplexity_ratios=[m.perplexity_ratio for m in members],
        everyday_perplexity_ratios=[
            m.everyday_perplexity_ratio for m in members if m.everyday_perplexity_ratio is not None
        ],
        short=_count_short(members),
    )


def _find_controls(
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


def _find_obstacle(
    members: Sequence[Result], usable: Mapping[str, Sequence[Result]], controls: Sequence[str]
) -> Reason | None:
    """What is wrong with a control that the verdict depends on, or None."""
    decisive = [name for name in controls if lacks_cause(name)]
    if any(name not in usable for name in decisive):
        return "control missing"
    # `none` has no utility loss, so it cannot use up a budget
    equal = [usable[name] for name in decisive if name != NOTHING]
    share = _count_short(members) / len(members)
    if any(_count_short(results) / len(results) > share for results in equal):
        return "control did less"
    return None


def _count_short(results: Sequence[Result]) -> int:
    return sum(result.short for result in results)
