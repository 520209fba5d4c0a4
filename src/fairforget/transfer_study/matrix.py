"""From scored items to the transfer matrix: what forgetting one domain did to every other."""

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
from fairforget.transfer_study.rows import Domains, build_row, summarize_rows
from fairforget.transfer_study.verdicts import PendingCell, judge_cells

Items = Sequence[Item]
Group = tuple[str, str, str | None]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run left."""

    run: Run
    items: Items
    perplexity_ratio: float
    domains: frozenset[str]
    """That the run forgot."""
    everyday_perplexity_ratio: float | None = None
    alpha: float = 1.0
    """Of the landing; at 0 the run changed nothing."""
    short: bool = False
    """Whether it ended below every limit of the budget."""


def transfer_matrix(
    before: Items,
    results: Sequence[Result],
    benchmarks: Sequence[str],
    *,
    controls: Sequence[str],
) -> tuple[list[MatrixCell], list[MatrixRow]]:
    """Every group of runs × every domain, and a row for each group.

    Args:
        before: items of all benchmarks, scored by the original model.
        results: the runs, in any order.
        benchmarks: those whose items can be judged are used.
        controls: those asked for, by name. One with fewer results than the forgetting, or with one
            that changed nothing, is left out, and nothing is supported then.
    """
    groups: dict[Group, list[Result]] = {}
    for result in results:
        groups.setdefault(result.run.group, []).append(result)
    waiting: list[PendingCell] = []
    rows: list[MatrixRow] = []
    for benchmark in benchmarks:
        judge = find_bias_judge(benchmark)
        if judge is None:
            continue
        found = _measured(judge, benchmark, before, groups)
        for group, members in groups.items():
            theirs = _controls_of(members, controls, groups)
            beside = {name: found[its[0].run.group] for name, its in theirs.items()}
            hindered = _hindrance(members, theirs, controls)
            waiting += _cells(benchmark, members, found[group], beside, hindered)
            rows.append(_row(benchmark, members, found[group], beside))
    cells = judge_cells(waiting)
    return cells, summarize_rows(rows, cells)


def seed_cells(
    before: Items, results: Sequence[Result], benchmarks: Sequence[str]
) -> list[SeedCell]:
    """Every single run × every domain, as `fairforget compare` sees it."""
    found, origin = [], []
    for benchmark in benchmarks:
        judge = find_bias_judge(benchmark)
        if judge is None:
            continue
        for result in results:
            compared = compare_items(
                benchmark,
                judge,
                _of(before, benchmark),
                _of(result.items, benchmark),
            )
            found += compared
            origin += [result.run] * len(compared)
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
        for run, cell in zip(origin, adjust_p_values(found), strict=True)
    ]


def _of(items: Items, benchmark: str) -> Items:
    return [item for item in items if item["benchmark"] == benchmark]


def _measured(
    judge: Judge, benchmark: str, before: Items, groups: Mapping[Group, Sequence[Result]]
) -> dict[Group, dict[str, DomainEffect]]:
    """What each group of runs did in each domain of a benchmark."""
    found: dict[Group, dict[str, DomainEffect]] = {group: {} for group in groups}
    after = [
        [{item["id"]: item for item in _of(r.items, benchmark)} for r in members]
        for members in groups.values()
    ]
    for domain, old in group_by_domain(_of(before, benchmark)).items():
        new = [[[items[item["id"]] for item in old] for items in members] for members in after]
        parts = measure_effect(judge, old, new, domain=domain)
        for group, part in zip(groups, parts, strict=True):
            found[group][domain] = part
    return found


def _cells(
    benchmark: str,
    members: Sequence[Result],
    found: Domains,
    controls: Mapping[str, Domains],
    hindered: Reason | None,
) -> list[PendingCell]:
    forget, objective, control = members[0].run.group
    waiting = []
    for domain, part in found.items():
        excess = {name: part.bias - other[domain].bias for name, other in controls.items()}
        cell = MatrixCell(
            forget=forget,
            control=control,
            method=objective,
            benchmark=benchmark,
            domain=domain,
            own=is_about(domain, members[0].domains),
            seeds=len(members),
            clusters=part.clusters,
            before=part.before,
            before_ci=part.before_ci,
            after=part.after,
            delta=part.delta,
            bias=part.bias.effect,
            excess={name: estimate.effect for name, estimate in excess.items()},
        )
        decisive = [estimate for name, estimate in excess.items() if lacks_cause(name)]
        waiting.append(PendingCell(cell, (part.bias, *decisive), hindered, part.is_unbiased))
    return waiting


def _row(
    benchmark: str, members: Sequence[Result], found: Domains, controls: Mapping[str, Domains]
) -> MatrixRow:
    return build_row(
        members[0].run.group,
        benchmark,
        found,
        controls,
        own=lambda domain: is_about(domain, members[0].domains),
        perplexity_ratios=[m.perplexity_ratio for m in members],
        everyday_perplexity_ratios=[
            m.everyday_perplexity_ratio for m in members if m.everyday_perplexity_ratio is not None
        ],
        short=_short(members),
    )


def _controls_of(
    members: Sequence[Result], controls: Sequence[str], groups: Mapping[Group, Sequence[Result]]
) -> dict[str, Sequence[Result]]:
    """The runs of each control of a forgetting, by the control's name; none of a control's.

    Nor of a control with fewer runs than the forgetting, or with one that changed nothing.
    """
    run = members[0].run
    if run.control:
        return {}
    found = {}
    for name in controls:
        theirs = groups.get(
            control_run(run.forget, run.objective, name, run.seed, run.recipe).group, []
        )
        if len(theirs) >= len(members) and all(result.alpha != 0 for result in theirs):
            found[name] = theirs
    return found


def _hindrance(
    members: Sequence[Result], theirs: Mapping[str, Sequence[Result]], controls: Sequence[str]
) -> Reason | None:
    """What is wrong with a control that must be passed, so that passing it says nothing."""
    must = [name for name in controls if lacks_cause(name)]
    if any(name not in theirs for name in must):
        return "control missing"
    # `none` does no damage, and cannot use a budget up
    equal = [theirs[name] for name in must if name != NOTHING]
    if any(_short(runs) / len(runs) > _short(members) / len(members) for runs in equal):
        return "control did less"
    return None


def _short(runs: Sequence[Result]) -> int:
    return sum(run.short for run in runs)
