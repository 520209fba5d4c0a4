"""The rows of the matrix summed up: what was aimed at, what went with it, and the damage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from fairforget.benchmarks.measurement import ALL
from fairforget.statistics import SIGNIFICANT, adjust_holm
from fairforget.transfer_study.effects import DomainEffect
from fairforget.transfer_study.estimate import Estimate, mean, ratio
from fairforget.transfer_study.families import Family, of_control, row_family
from fairforget.transfer_study.record import Effect, MatrixCell, MatrixRow, too_few
from fairforget.transfer_study.verdicts import rose

Domains = Mapping[str, DomainEffect]
"""What one group of runs did, by domain."""


def build_row(
    group: tuple[str, str, str | None],
    benchmark: str,
    found: Domains,
    controls: Mapping[str, Domains],
    *,
    own: Callable[[str], bool],
    perplexity_ratios: Sequence[float],
    everyday_perplexity_ratios: Sequence[float],
    short: int,
) -> MatrixRow:
    """One row; its p-values are not corrected yet, and domains that got worse are not named.

    Args:
        group: forget, objective and control of the runs.
        benchmark: what measured them.
        found: by domain, what they did.
        controls: by name, what each control did; empty for a control.
        own: whether a domain was forgotten.
        perplexity_ratios: [seeds] on held-out text.
        everyday_perplexity_ratios: [seeds or none] on everyday sentences.
        short: how many of the runs ended below every limit of the budget.
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
    return MatrixRow(
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
        everyday_perplexity_ratio=fmean(everyday_perplexity_ratios)
        if everyday_perplexity_ratios
        else None,
        mean=_effect(whole),
        ratio_ci=divided and divided[1],
        own_excess=_excess(found, controls, aimed),
        transfer_excess=_excess(found, controls, others),
        own_clusters=_clusters(found, aimed),
        transfer_clusters=_clusters(found, others),
        short=short,
    )


def summarize_rows(rows: Sequence[MatrixRow], cells: Sequence[MatrixCell]) -> list[MatrixRow]:
    """The rows with corrected p-values, and with the domains that got worse.

    Args:
        rows: of all benchmarks.
        cells: with corrected p-values.
    """
    own = [row_family(row, row.own_clusters) for row in rows]
    others = [row_family(row, row.transfer_clusters) for row in rows]
    either = [one or other for one, other in zip(own, others, strict=True)]
    owns = _corrected([row.own for row in rows], own)
    transfers = _corrected([row.transfer for row in rows], others)
    means = _corrected([row.mean for row in rows], either)
    own_excesses = _corrected_excesses([row.own_excess for row in rows], own)
    other_excesses = _corrected_excesses([row.transfer_excess for row in rows], others)
    return [
        replace(
            row,
            own=owns[n],
            transfer=transfers[n],
            ratio=row.ratio if _is_decided(owns[n]) else None,
            collateral=_worse(row, cells),
            mean=means[n],
            ratio_ci=row.ratio_ci if _is_decided(owns[n]) else None,
            own_excess=own_excesses[n],
            transfer_excess=other_excesses[n],
        )
        for n, row in enumerate(rows)
    ]


def _corrected(
    effects: Sequence[Effect | None], families: Sequence[Family | None]
) -> list[Effect | None]:
    """Effects [rows] with corrected p-values, of these families."""
    found = adjust_holm(
        {n: (family, e.p) for n, (e, family) in enumerate(zip(effects, families, strict=True)) if e}
    )
    return [e and replace(e, p_adjusted=found[n]) for n, e in enumerate(effects)]


def _corrected_excesses(
    effects: Sequence[Mapping[str, Effect]], families: Sequence[Family | None]
) -> list[dict[str, Effect]]:
    """The same of effects [rows] by control."""
    found = adjust_holm(
        {
            (n, control): (of_control(family, control), effect.p)
            for n, (mine, family) in enumerate(zip(effects, families, strict=True))
            for control, effect in mine.items()
        }
    )
    return [
        {control: replace(e, p_adjusted=found[n, control]) for control, e in mine.items()}
        for n, mine in enumerate(effects)
    ]


def _is_decided(effect: Effect | None) -> bool:
    return effect is not None and effect.p_adjusted < SIGNIFICANT


def _worse(row: MatrixRow, cells: Sequence[MatrixCell]) -> tuple[str, ...]:
    return tuple(c.domain for c in cells if c.key == row.key and c.domain != ALL and rose(c.bias))


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
