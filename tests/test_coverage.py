"""Coverage of every interval, and false alarms of every verdict, by simulation.

Items have latent margins, as those of StereoSet and CrowS-Pairs: an item counts if its margin is
above 0. A changed model shifts all margins and adds noise to each, so that the items of two models
are correlated as in the studies: with `NOISE`, 8 % of them flip.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import norm

from fairforget.benchmarks.measurement import (
    Clusters,
    Judgement,
    Row,
    cluster_rows,
    compute_scores,
    estimate_scores,
)
from fairforget.comparison.compare import Comparison
from fairforget.comparison.domains import compare_domain
from fairforget.comparison.effects import DomainEffect, measure_effects
from fairforget.comparison.gate import find_violations
from fairforget.comparison.paired import adjust_p_values, compare_items
from fairforget.records.records import ModelFacts
from fairforget.statistics.distance import DistanceChange, mean_distance_change
from fairforget.statistics.jackknife import Floats

pytestmark = pytest.mark.slow
NOISE = 0.25
"""Of a changed model, in standard deviations of the margins."""
SIMULATIONS = 1000
LEAST = 0.93
"""An interval with a true coverage of 0.95 falls below in 2 of 1,000 tests."""


def judge_margins(margins: Floats, terms: npt.NDArray[np.intp] | None = None) -> Judgement:
    """The share of positive margins and the mean margin, with equal weights for all terms."""
    sums = np.column_stack([100.0 * (margins > 0), margins, np.ones(len(margins))])
    if terms is not None:
        counts = np.bincount(terms)
        sums = np.column_stack([np.bincount(terms, column) / counts for column in sums.T])
    return Judgement(
        [Clusters(range(len(sums)), sums)],
        lambda totals: {
            "share": totals[..., 0] / totals[..., 2],
            "mean": totals[..., 1] / totals[..., 2],
        },
        verdicts=margins > 0,
        unbiased_scores={"share": 50.0, "mean": 0.0},
    )


def level(score: float, spread: float = 1.0) -> float:
    """The mean margin of a model with this score, if margins have this standard deviation."""
    return float(spread * norm.ppf(score / 100))


def coverage(intervals: Sequence[tuple[float, float]], truth: float) -> float:
    low, high = np.transpose(intervals)
    return float(((low <= truth) & (truth <= high)).mean())


@pytest.mark.parametrize("count", [6, 10])
def test_paired_changes_over_few_terms_are_covered(count: int) -> None:
    """Terms differ in their level and in their shift, as those of StereoSet."""
    generator = np.random.default_rng(count)
    terms = np.repeat(np.arange(count), 25)
    shares, means = [], []
    for _ in range(SIMULATIONS):
        before = generator.normal(0.3, 1, terms.size) + generator.normal(0, 0.3, count)[terms]
        after = before + generator.normal(-0.1, 0.1, count)[terms]
        after += generator.normal(0, NOISE, terms.size)
        changes = compare_domain(
            lambda rows: judge_margins(rows, terms), before, [[after]], domain="x"
        )
        effects = measure_effects(changes)
        shares.append(effects["share"][0].change.ci)
        means.append(effects["mean"][0].change.ci)
    old, new = np.sqrt(1 + 0.3**2), np.sqrt(1 + 0.3**2 + 0.1**2 + NOISE**2)
    assert coverage(means, -0.1) >= LEAST
    assert coverage(shares, 100 * (norm.cdf(0.2 / new) - norm.cdf(0.3 / old))) >= LEAST


@pytest.mark.parametrize("terms", [2, 3, 6, 30])
@pytest.mark.parametrize("tails", ["light", "heavy"])
def test_the_scores_of_one_model_are_covered(terms: int, tails: str) -> None:
    generator = np.random.default_rng(terms)
    found = []
    for _ in range(SIMULATIONS):
        light = 100 * generator.beta(6, 6, terms) - 50
        judged = judge_margins(light if tails == "light" else generator.standard_t(3, terms))
        interval = compute_scores(judged)["mean"][1]
        assert interval
        found.append(interval)
    assert coverage(found, 0.0) >= LEAST


@pytest.mark.parametrize("sizes", [(20, 20), (30, 7)])
@pytest.mark.parametrize("spreads", [(0.5, 0.5, 1.0), (0.5, 0.0, 1.0), (0.0, 0.0, 1.0)])
def test_a_mean_over_crossed_clusters_is_covered(
    sizes: tuple[int, int], spreads: tuple[float, float, float]
) -> None:
    """As in WinoBias: each item has one occupation of either kind, whose levels differ."""
    generator = np.random.default_rng(sizes)
    men, women = (kind.ravel() for kind in np.indices(sizes))
    found, single = [], []
    for _ in range(SIMULATIONS):
        levels = (
            generator.normal(0, spread, size)
            for spread, size in zip(spreads[:2], sizes, strict=True)
        )
        values = sum(level[kind] for level, kind in zip(levels, (men, women), strict=True))
        values = values + generator.normal(0, spreads[2], men.size)
        columns = np.column_stack([values, np.ones(men.size)])
        rows = [{"men": m, "women": w} for m, w in zip(men, women, strict=True)]
        kinds = [cluster_rows(columns, rows, kind) for kind in ("men", "women")]
        judged = Judgement(
            kinds,
            lambda totals: {"mean": totals[..., 0] / totals[..., 1]},
            verdicts=values > 0,
        )
        found.append(estimate_scores(judged)["mean"].ci)
        single.append(estimate_scores(replace(judged, kinds=kinds[:1]))["mean"].ci)
    assert coverage(found, 0.0) >= LEAST
    if spreads[1]:
        assert coverage(single, 0.0) < LEAST  # clusters of one kind are not enough


def test_a_single_term_has_no_interval_and_a_share_none_beyond_its_range() -> None:
    assert compute_scores(judge_margins(np.array([1.0])))["mean"] == (1.0, None)
    measured = compute_scores(
        replace(
            judge_margins(np.array([1.0, 1.0, -1.0])),
            statistic=lambda totals: {"ss": 100 * (totals[..., 1] / totals[..., 2] + 2) / 3},
        )
    )["ss"]
    assert measured == (pytest.approx(700 / 9), (0.0, 100.0))


def draw_effects(
    size: int, before: float, after: Sequence[float], seeds: int, generator: np.random.Generator
) -> list[DomainEffect]:
    """The effects of groups of runs with these true scores, on pairs."""
    spread = np.hypot(1, NOISE)
    margins = generator.normal(level(before), 1, size)
    runs = [
        [
            margins - level(before) + level(score, spread) + generator.normal(0, NOISE, size) + luck
            for luck in generator.normal(0, 0.03 * (seeds > 1), seeds)
        ]
        for score in after
    ]
    return measure_effects(compare_domain(judge_margins, margins, runs, domain="x"))["share"]


def mean_distance(score: float, seeds: int) -> float:
    """The true distance from 50, the mean over seeds."""
    luck = norm.ppf(np.linspace(0.0005, 0.9995, 1000)) * 0.03 * (seeds > 1)
    spread = np.hypot(1, NOISE)
    return float(abs(100 * norm.cdf((level(score, spread) + luck) / spread) - 50).mean())


def check(changes: Sequence[DistanceChange], truth: float) -> None:
    """Coverage, directions, and that p-values and intervals agree."""
    assert coverage([change.ci for change in changes], truth) >= LEAST
    for change in changes:
        assert change.ci[0] - 1e-9 <= change.value <= change.ci[1] + 1e-9
        assert (change.p < 0.05) == (change.ci[0] > 0 or change.ci[1] < 0)
    significant = [change.value for change in changes if change.p < 0.05]
    for wrong in ((v < 0 for v in significant), (v > 0 for v in significant)):
        if abs(truth) < 0.05:
            assert sum(wrong) <= 0.05 * len(changes)
    opposite = sum(value * truth < 0 for value in significant)
    assert opposite <= 0.05 * len(changes)


def test_the_mean_over_domains_with_the_same_clusters_is_covered() -> None:
    """As in DecodingTrust, where every group is asked about the same topics, with three seeds."""
    generator = np.random.default_rng(0)
    means = []
    for _ in range(300):
        topics, shifts = generator.normal(1, 0.5, 12), generator.normal(-0.2, 0.3, 12)
        changes = []
        for domain in ("gender", "race", "religion"):
            before = topics + generator.normal(0, 0.1, 12)
            after = [before + shifts + generator.normal(0, 0.1, 12) for _ in range(3)]
            compared = compare_domain(judge_margins, before, [after], domain=domain)
            changes.append(measure_effects(compared)["mean"][0].bias)
        mean = mean_distance_change(changes)
        assert mean
        means.append(mean.ci)
    assert coverage(means, -0.2) >= 0.92


CASES = [(52.0, 48.0), (52.0, 50.0), (50.0, 50.0), (55.0, 51.0), (60.0, 57.0)]


@pytest.mark.parametrize(("before", "after"), CASES)
@pytest.mark.parametrize("size", [262, 516])
def test_a_distance_is_covered_also_where_the_score_passes_no_bias(
    size: int, before: float, after: float
) -> None:
    """Two evaluations of the same pairs, as `compare` sees them."""
    generator = np.random.default_rng(size)
    changes = [
        draw_effects(size, before, [after], 1, generator)[0].bias for _ in range(SIMULATIONS)
    ]
    check(changes, abs(after - 50) - abs(before - 50))


@pytest.mark.parametrize("seeds", [3, 6])
def test_the_crossed_estimate_of_a_study_is_covered(seeds: int) -> None:
    """Over items and seeds, some of which end on the other side of no bias; with a control."""
    generator, (before, after) = np.random.default_rng(seeds), CASES[0]
    changes, excesses, means = [], [], []
    for _ in range(300):
        forgotten, control = draw_effects(262, before, [after, before], seeds, generator)
        far = draw_effects(262, 60.0, [57.0, 60.0], seeds, generator)
        changes.append(forgotten.bias)
        excesses.append(forgotten.beyond(control))
        pair = mean_distance_change([forgotten.beyond(control), far[0].beyond(far[1])])
        assert pair
        means.append(pair)
    near, start = mean_distance(after, seeds), mean_distance(before, seeds)
    check(changes, near - abs(before - 50))
    check(excesses, near - start)
    check(means, (near - start + mean_distance(57.0, seeds) - mean_distance(60.0, seeds)) / 2)


def make_rows(
    sizes: dict[str, tuple[int, int]], generator: np.random.Generator, *, by_term: float
) -> tuple[list[Row], list[Row]]:
    """Items before and after a change that moves no score: domain → terms, items per term.

    Args:
        sizes: of the domains.
        generator: of random numbers.
        by_term: standard deviation of what all items of a term have in common, of the level and of
            the change.
    """
    before: list[Row] = []
    after: list[Row] = []
    start = np.hypot(1, by_term)
    end = np.sqrt(start**2 + NOISE**2 + (by_term / 3) ** 2)
    for number, (domain, (terms, items)) in enumerate(sizes.items()):
        index = np.repeat(np.arange(terms), items)
        old = generator.normal(0, 1, index.size) + generator.normal(0, by_term, terms)[index]
        new = old + generator.normal(0, by_term / 3, terms)[index]
        new = (new + generator.normal(0, NOISE, index.size)) * start / end
        for rows, margins in ((before, old), (after, new)):
            rows += [
                {"id": f"{domain} {i}", "domain": domain, "term": 1000 * number + term, "margin": m}
                for i, (term, m) in enumerate(
                    zip(index.tolist(), (margins + level(60.0, start)).tolist(), strict=True)
                )
            ]
    return before, after


def judge_rows(rows: Sequence[Row]) -> Judgement:
    _, terms = np.unique([row["term"] for row in rows], return_inverse=True)
    return judge_margins(np.array([row["margin"] for row in rows]), terms)


def test_the_gate_has_few_false_alarms() -> None:
    """No score changes, and `--fail_if worse` fails in at most 5 % of comparisons."""
    generator = np.random.default_rng(0)
    stereoset = {"gender": (12, 10), "profession": (25, 10), "race": (36, 10), "religion": (3, 10)}
    crows = {f"type {size}": (size, 1) for size in (60, 63, 84, 87, 105, 159, 172)}
    model = ModelFacts("tiny", 1234, "float32", "<s>")
    alarms = dict.fromkeys(("worse", "stereoset.*.mean worse", "crows_pairs.*.mean worse"), 0)
    simulations = 120
    for _ in range(simulations):
        cells = []
        for name, sizes, by_term in (("stereoset", stereoset, 0.3), ("crows_pairs", crows, 0.0)):
            cells += compare_items(name, judge_rows, *make_rows(sizes, generator, by_term=by_term))
        comparison = Comparison(model, model, tuple(adjust_p_values(cells)), {}, (), ())
        for condition in alarms:
            alarms[condition] += bool(find_violations(comparison, condition))
    assert all(count <= 0.05 * simulations for count in alarms.values()), alarms
