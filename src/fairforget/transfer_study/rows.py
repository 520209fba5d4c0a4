"""The rows of the matrix: means over unlearned and other domains, and the utility loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from fairforget.benchmarks.measurement import ALL
from fairforget.statistics import SIGNIFICANT, adjust_holm
from fairforget.transfer_study.effects import DomainEffect
from fairforget.transfer_study.estimate import Estimate, mean, ratio
from fairforget.transfer_study.record import Effect, MatrixCell, MatrixRow, too_few
from fairforget.transfer_study.verdicts import Family, control_family, rose, row_family

DomainEffects = Mapping[str, DomainEffect]
"""The effects of one group of runs, by domain."""


def build_row(
    group: tuple[str, str, str | None],
    benchmark: str,
    effects: DomainEffects,
    controls: Mapping[str, DomainEffects],
    *,
    own: Callable[[str], bool],
    perplexity_ratios: Sequence[float],
    everyday_perplexity_ratios: Sequence[float],
    short: int,
) -> MatrixRow:
    """One row, with uncorrected p-values and without `collateral`.

    Args:
        group: forget corpus, objective and control of the runs.
        benchmark: its name.
        effects: of the runs.
        controls: the effects of each control, by name; empty for a control.
        own: whether a domain was unlearned.
        perplexity_ratios: [seeds] on held-out text.
        everyday_perplexity_ratios: [seeds] on everyday sentences, or empty.
        short: the number of runs that ended below every limit of the budget.
    """
    single = [domain for domain in effects if domain != ALL]
    # domains with few terms would dominate the variance of the mean
    enough = [domain for domain in single if not too_few(effects[domain].clusters)]
    own_domains = [d for d in enough if own(d)] or [d for d in single if own(d)]
    others = [domain for domain in enough if not own(domain)]
    own_mean, transfer, overall = (
        _mean(effects, domains) for domains in (own_domains, others, enough)
    )
    forget, objective, control = group
    lms = effects[ALL].other_scores.get("lms")
    relative = None
    if control is None and own_mean and transfer and own_mean.value < 0:
        relative = ratio(transfer, own_mean)
    return MatrixRow(
        forget=forget,
        control=control,
        method=objective,
        benchmark=benchmark,
        seeds=len(perplexity_ratios),
        own=_effect(own_mean),
        transfer=_effect(transfer),
        ratio=relative and relative[0],
        collateral=(),
        perplexity_ratio=fmean(perplexity_ratios),
        lms_before=lms[0] if lms else None,
        lms_after=lms[1] if lms else None,
        everyday_perplexity_ratio=fmean(everyday_perplexity_ratios)
        if everyday_perplexity_ratios
        else None,
        mean=_effect(overall),
        ratio_ci=relative and relative[1],
        own_excess=_excess(effects, controls, own_domains),
        transfer_excess=_excess(effects, controls, others),
        own_clusters=_count_clusters(effects, own_domains),
        transfer_clusters=_count_clusters(effects, others),
        short=short,
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
    own_excess = _correct_excess([row.own_excess for row in rows], own_families)
    transfer_excess = _correct_excess([row.transfer_excess for row in rows], other_families)
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


def _correct_excess(
    effects: Sequence[Mapping[str, Effect]], families: Sequence[Family | None]
) -> list[dict[str, Effect]]:
    """`_correct` for effects [rows] by control."""
    p_values = adjust_holm(
        {
            (n, control): (control_family(family, control), effect.p)
            for n, (by_control, family) in enumerate(zip(effects, families, strict=True))
            for control, effect in by_control.items()
        }
    )
    return [
        {control: replace(e, p_adjusted=p_values[n, control]) for control, e in by_control.items()}
        for n, by_control in enumerate(effects)
    ]


def _is_significant(effect: Effect | None) -> bool:
    return effect is not None and effect.p_adjusted < SIGNIFICANT


def _collateral(row: MatrixRow, cells: Sequence[MatrixCell]) -> tuple[str, ...]:
    return tuple(c.domain for c in cells if c.key == row.key and c.domain != ALL and rose(c.bias))


def _mean(effects: DomainEffects, domains: Sequence[str]) -> Estimate | None:
    return mean([effects[domain].bias for domain in domains])


def _effect(estimate: Estimate | None) -> Effect | None:
    return None if estimate is None else estimate.effect


def _excess(
    effects: DomainEffects, controls: Mapping[str, DomainEffects], domains: Sequence[str]
) -> dict[str, Effect]:
    """By control: the mean over the domains minus the control's mean over the same domains."""
    own = _mean(effects, domains)
    others = {name: _mean(control, domains) for name, control in controls.items()}
    return {name: (own - other).effect for name, other in others.items() if own and other}


def _count_clusters(effects: DomainEffects, domains: Sequence[str]) -> int | None:
    return sum(effects[domain].clusters for domain in domains) if domains else None
