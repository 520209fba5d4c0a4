"""The rows of the matrix summed up: what was aimed at, what went with it, and the damage."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from fairforget.statistics import SIGNIFICANT
from fairforget.transfer.effects import Measured
from fairforget.transfer.estimate import Estimate, mean, ratio
from fairforget.transfer.families import Family, corrected, of_control, row_family
from fairforget.transfer.record import ALL, Effect, MatrixCell, Row, too_few
from fairforget.transfer.verdicts import rose

Domains = Mapping[str, Measured]
"""What one group of runs did, by domain."""


def row(
    group: tuple[str, str, str | None],
    benchmark: str,
    found: Domains,
    controls: Mapping[str, Domains],
    *,
    own: Callable[[str], bool],
    perplexity_ratios: Sequence[float],
    everyday_ratios: Sequence[float],
) -> Row:
    """One row; its p-values are not corrected yet, and domains that got worse are not named.

    Args:
        group: forget, objective and control of the runs.
        benchmark: what measured them.
        found: by domain, what they did.
        controls: by name, what each control did; empty for a control.
        own: whether a domain was forgotten.
        perplexity_ratios: [seeds] on held-out text.
        everyday_ratios: [seeds or none] on everyday sentences.
    """
    single = [domain for domain in found if domain != ALL]
    # a mean of a few terms and of many has the chance of the few
    enough = [domain for domain in single if not too_few(found[domain].clusters)]
    aimed = [d for d in enough if own(d)] or [d for d in single if own(d)]
    others = [domain for domain in enough if not own(domain)]
    at, beside, whole = (_mean(found, domains) for domains in (aimed, others, enough))
    forget, objective, control = group
    lms = found[ALL].beside.get("lms")
    divided = None
    if control is None and at and beside and at.value < 0:
        divided = ratio(beside, at)
    return Row(
        forget=forget,
        control=control,
        method=objective,
        benchmark=benchmark,
        seeds=len(perplexity_ratios),
        own=_effect(at),
        transfer=_effect(beside),
        ratio=divided and divided[0],
        collateral=(),
        perplexity_ratio=fmean(perplexity_ratios),
        lms_before=lms[0] if lms else None,
        lms_after=lms[1] if lms else None,
        everyday_ratio=fmean(everyday_ratios) if everyday_ratios else None,
        mean=_effect(whole),
        ratio_ci=divided and divided[1],
        own_excess=_excess(found, controls, aimed),
        transfer_excess=_excess(found, controls, others),
        own_clusters=_clusters(found, aimed),
        transfer_clusters=_clusters(found, others),
    )


def summed_up(rows: Sequence[Row], cells: Sequence[MatrixCell]) -> list[Row]:
    """The rows with corrected p-values, and with the domains that got worse.

    Args:
        rows: of all benchmarks.
        cells: with corrected p-values.
    """
    families = [
        [row_family(row, clusters) for clusters in (row.own_clusters, row.transfer_clusters)]
        for row in rows
    ]
    wholes = [own or other for own, other in families]
    each = list(zip(rows, families, strict=True))
    owns = _corrected([(own, row.own) for row, (own, _) in each if row.own])
    others = _corrected([(other, row.transfer) for row, (_, other) in each if row.transfer])
    means = _corrected([(f, row.mean) for row, f in zip(rows, wholes, strict=True) if row.mean])
    own_excesses, other_excesses = (
        _corrected(
            [
                (of_control(part[place], name), effect)
                for row, part in each
                for name, effect in (row.own_excess, row.transfer_excess)[place].items()
            ]
        )
        for place in (0, 1)
    )
    found = []
    for row in rows:
        own = row.own and next(owns)
        decided = own is not None and own.p_adjusted < SIGNIFICANT
        found.append(
            replace(
                row,
                own=own,
                transfer=row.transfer and next(others),
                ratio=row.ratio if decided else None,
                collateral=_worse(row, cells),
                mean=row.mean and next(means),
                ratio_ci=row.ratio_ci if decided else None,
                own_excess={name: next(own_excesses) for name in row.own_excess},
                transfer_excess={name: next(other_excesses) for name in row.transfer_excess},
            )
        )
    return found


def _corrected(tests: Sequence[tuple[Family | None, Effect]]) -> Iterator[Effect]:
    values = corrected([(family, effect.p) for family, effect in tests])
    return (replace(e, p_adjusted=p) for (_, e), p in zip(tests, values, strict=True))


def _worse(row: Row, cells: Sequence[MatrixCell]) -> tuple[str, ...]:
    return tuple(c.domain for c in cells if c.row == row.row and c.domain != ALL and rose(c.bias))


def _mean(found: Domains, domains: Sequence[str]) -> Estimate | None:
    return mean([found[domain].bias for domain in domains])


def _effect(estimate: Estimate | None) -> Effect | None:
    return None if estimate is None else estimate.effect


def _excess(
    found: Domains, controls: Mapping[str, Domains], domains: Sequence[str]
) -> dict[str, Effect]:
    """What is left of the mean over these domains after each control's mean over the same."""
    mine = _mean(found, domains)
    theirs = {name: _mean(other, domains) for name, other in controls.items()}
    return {name: (mine - other).effect for name, other in theirs.items() if mine and other}


def _clusters(found: Domains, domains: Sequence[str]) -> int | None:
    return sum(found[domain].clusters for domain in domains) if domains else None
