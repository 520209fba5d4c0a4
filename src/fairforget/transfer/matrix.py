"""From scored items to the transfer matrix: what forgetting one domain did to every other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import Any

from fairforget.benchmarks import bias_judge_of
from fairforget.benchmarks.measurement import by_domain
from fairforget.compare import adjusted, compare_items
from fairforget.corpora.domains import BENCHMARK_DOMAINS
from fairforget.statistics import SIGNIFICANT, holm
from fairforget.transfer.effects import Measured, Sampled, mean, measured
from fairforget.transfer.plan import Run, control_of
from fairforget.transfer.record import Cell, Effect, MatrixCell, Row, Verdict

ALL = "all"

Items = Sequence[dict[str, Any]]
Group = tuple[str, str, str | None]


@dataclass(frozen=True, slots=True)
class Result:
    """What a run left."""

    run: Run
    items: Items
    perplexity_ratio: float
    domains: frozenset[str]
    """That the run forgot."""
    everyday_ratio: float | None = None


def transfer_matrix(
    before: Items, results: Sequence[Result], benchmarks: Sequence[str], *, seed: int = 0
) -> tuple[list[MatrixCell], list[Row]]:
    """Every group of runs × every domain, and a row for each group.

    Args:
        before: items of all benchmarks, scored by the original model.
        results: the runs, in any order.
        benchmarks: those whose items can be judged are used.
        seed: of the bootstrap.
    """
    groups: dict[Group, list[Result]] = {}
    for result in results:
        groups.setdefault(result.run.group, []).append(result)
    cells, rows = [], []
    for benchmark in benchmarks:
        judge = bias_judge_of(benchmark)
        if judge is None:
            continue
        found: dict[Group, dict[str, Measured]] = {group: {} for group in groups}
        after = [
            [{item["id"]: item for item in _of(r.items, benchmark)} for r in members]
            for members in groups.values()
        ]
        for place, (domain, old) in enumerate(by_domain(_of(before, benchmark)).items()):
            new = [[[items[row["id"]] for row in old] for items in members] for members in after]
            parts = measured(judge, old, new, seed=seed, item_seed=seed + place + 1)
            for group, part in zip(groups, parts, strict=True):
                found[group][domain] = part
        for group, members in groups.items():
            cells += _cells(benchmark, group, members, found)
            rows.append(_row(benchmark, group, members, found[group]))
    cells = _judged(cells)
    return cells, [_summed_up(row, cells) for row in _corrected(rows)]


def seed_cells(
    before: Items, results: Sequence[Result], benchmarks: Sequence[str], *, seed: int = 0
) -> list[Cell]:
    """Every single run × every domain, as `fairforget compare` sees it."""
    found, origin = [], []
    for benchmark in benchmarks:
        judge = bias_judge_of(benchmark)
        if judge is None:
            continue
        for result in results:
            compared = compare_items(
                benchmark,
                judge,
                _of(before, benchmark),
                _of(result.items, benchmark),
                seed=seed,
            )
            found += compared
            origin += [result.run] * len(compared)
    return [
        Cell(
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
        for run, cell in zip(origin, adjusted(found), strict=True)
    ]


def _of(items: Items, benchmark: str) -> Items:
    return [item for item in items if item["benchmark"] == benchmark]


def _cells(
    benchmark: str,
    group: Group,
    members: Sequence[Result],
    found: Mapping[Group, Mapping[str, Measured]],
) -> list[MatrixCell]:
    forget, objective, control = group
    run = members[0].run
    controls = {} if control else _controls_of(run, found)
    return [
        MatrixCell(
            forget=forget,
            control=control,
            method=objective,
            benchmark=benchmark,
            domain=domain,
            own=_is_own(domain, members[0].domains),
            seeds=len(members),
            before=part.before,
            after=part.after,
            delta=_effect(part.delta),
            bias=_effect(part.bias),
            excess={
                name: _effect(part.bias - other[domain].bias) for name, other in controls.items()
            },
        )
        for domain, part in found[group].items()
    ]


def _controls_of(
    run: Run, found: Mapping[Group, Mapping[str, Measured]]
) -> dict[str, Mapping[str, Measured]]:
    """What each control of a forgetting measured, by the control's name."""
    names = dict.fromkeys(control for _, _, control in found if control)
    groups = {
        name: control_of(run.forget, run.objective, name, run.seed, run.recipe).group
        for name in names
    }
    return {name: found[group] for name, group in groups.items() if group in found}


def _is_own(domain: str, forgotten: frozenset[str]) -> bool:
    return BENCHMARK_DOMAINS.get(domain, domain) in forgotten


def _effect(sampled: Sampled) -> Effect:
    return Effect(sampled.value, sampled.ci, sampled.p, sampled.p)


def _judged(cells: Sequence[MatrixCell]) -> list[MatrixCell]:
    """Correct the p-values of each kind of effect, and give the verdicts."""
    deltas = holm([cell.delta.p for cell in cells])
    biases = holm([cell.bias.p for cell in cells])
    excesses = iter(holm([e.p for cell in cells for e in cell.excess.values()]))
    judged = []
    for cell, delta, bias in zip(cells, deltas, biases, strict=True):
        cell = replace(
            cell,
            delta=replace(cell.delta, p_adjusted=delta),
            bias=replace(cell.bias, p_adjusted=bias),
            excess={
                name: replace(effect, p_adjusted=next(excesses))
                for name, effect in cell.excess.items()
            },
        )
        if cell.control is None:
            cell = replace(cell, verdict=_verdict(cell), data_needed=_data_needed(cell.bias))
        judged.append(cell)
    return judged


def _verdict(cell: MatrixCell) -> Verdict:
    """On "forgetting lowers bias here, by more than every control"."""
    if _rose(cell.bias) or any(map(_rose, cell.excess.values())):
        return "contradicted"
    if _fell(cell.bias) and all(map(_fell, cell.excess.values())):
        return "supported"
    return "undecided"


def _fell(effect: Effect) -> bool:
    return effect.value < 0 and effect.p_adjusted < SIGNIFICANT


def _rose(effect: Effect) -> bool:
    return effect.value > 0 and effect.p_adjusted < SIGNIFICANT


def _data_needed(effect: Effect) -> float | None:
    """An interval shrinks with the root of the data."""
    low, high = effect.ci
    if low > 0 or high < 0 or effect.value == 0:
        return None
    reach = (effect.value - low) if effect.value > 0 else (high - effect.value)
    return (reach / abs(effect.value)) ** 2


def _row(
    benchmark: str, group: Group, members: Sequence[Result], found: Mapping[str, Measured]
) -> Row:
    forget, objective, control = group
    forgotten = members[0].domains
    own = mean([m.bias for d, m in found.items() if d != ALL and _is_own(d, forgotten)])
    others = mean([m.bias for d, m in found.items() if d != ALL and not _is_own(d, forgotten)])
    lms = found[ALL].beside.get("lms")
    everyday = [m.everyday_ratio for m in members if m.everyday_ratio is not None]
    decided = own is not None and (own.ci[0] > 0 or own.ci[1] < 0)
    return Row(
        forget=forget,
        control=control,
        method=objective,
        benchmark=benchmark,
        own=_effect(own) if own else None,
        transfer=_effect(others) if others else None,
        ratio=others.value / own.value if own and others and decided else None,
        collateral=(),
        perplexity_ratio=fmean(m.perplexity_ratio for m in members),
        lms_before=lms[0] if lms else None,
        lms_after=lms[1] if lms else None,
        everyday_ratio=fmean(everyday) if everyday else None,
    )


def _corrected(rows: Sequence[Row]) -> list[Row]:
    """With the p-values of each kind of effect corrected for the number of rows."""
    owns = iter(holm([row.own.p for row in rows if row.own]))
    transfers = iter(holm([row.transfer.p for row in rows if row.transfer]))
    return [
        replace(
            row,
            own=row.own and replace(row.own, p_adjusted=next(owns)),
            transfer=row.transfer and replace(row.transfer, p_adjusted=next(transfers)),
        )
        for row in rows
    ]


def _summed_up(row: Row, cells: Sequence[MatrixCell]) -> Row:
    """With the domains that got worse, once the p-values are corrected."""
    worse = [
        cell.domain
        for cell in cells
        if cell.row == row.row and cell.domain != ALL and _rose(cell.bias)
    ]
    return replace(row, collateral=tuple(worse))
