"""The transfer matrix: its scores, its verdicts and the effect of controls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairforget.benchmarks.stereoset import judge
from fairforget.comparison.domains import Groups, compare_domain
from fairforget.comparison.effects import DomainEffect, measure_effects
from fairforget.transfer_study import matrix as matrix_module
from fairforget.transfer_study.groups import Items, Result
from fairforget.transfer_study.matrix import seed_cells, transfer_matrix
from fairforget.transfer_study.plan import Recipe, StudyRun
from fairforget.transfer_study.record import Gap, MatrixCell, MatrixRow

from .items import result, rows, ss

pytestmark = pytest.mark.slow

SEEDS = range(3)


def ss_effects(before: Items, groups: Groups, *, domain: str = "all") -> list[DomainEffect]:
    return measure_effects(compare_domain(judge, before, groups, domain=domain))["ss"]


def matrix(
    results: list[Result], *, controls: Sequence[str] | None = None
) -> dict[tuple[str, str | None, str], MatrixCell]:
    """The cells; by default, the controls are those that have results."""
    found = {r.run.control: None for r in results if r.run.control}
    cells = transfer_matrix(
        rows(), results, ["stereoset"], controls=list(found) if controls is None else controls
    ).cells
    return {(cell.forget, cell.control, cell.domain): cell for cell in cells}


def test_before_and_after_are_the_benchmarks_scores_averaged_over_seeds() -> None:
    runs = [result("builtin:gender", shift={"gender": 0.4}, seed=s) for s in SEEDS]
    cell = matrix(runs)["builtin:gender", None, "race"]
    assert cell.seeds == 3
    assert cell.before == pytest.approx(ss(rows(), "race"))
    assert cell.after == pytest.approx(np.mean([ss(list(r.items), "race") for r in runs]))
    assert cell.delta.value == pytest.approx(cell.after - cell.before)
    distances = [abs(ss(list(r.items), "race") - 50) for r in runs]
    assert cell.bias.value == pytest.approx(np.mean(distances) - abs(cell.before - 50))
    assert not cell.own


def test_a_score_that_one_run_lacks_is_left_out_and_named() -> None:
    runs = [
        result("builtin:gender", control, seed=s) for control in (None, "random") for s in SEEDS
    ]
    before = rows()
    for items in (before, *(run.items for run in runs)):
        for item in items:
            item["contribution_scaled"] = item["score_stereotype"] - item["score_anti_stereotype"]
    for item in runs[4].items:
        if item["domain"] == "race":
            item["contribution_scaled"] = None
    found = transfer_matrix(before, runs, ["stereoset"], controls=["random"])
    gap = Gap(
        "builtin:gender",
        "random",
        "npo",
        1,
        "stereoset",
        "contribution_scaled",
        "race",
    )
    assert found.gaps == [gap]
    domains = {measure: set() for measure in ("ss", "contribution_scaled")}
    for cell in found.cells:
        domains[cell.measure].add(cell.domain)
    assert domains == {
        "ss": {"gender", "race", "all"},
        "contribution_scaled": {"gender", "all"},
    }
    assert transfer_matrix(rows(), runs, ["stereoset"], controls=["random"]).gaps == []


def test_controls_are_found_once_for_all_bias_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [
        result("builtin:gender", control, seed=s) for control in (None, "random") for s in SEEDS
    ]
    before = rows()
    for items in (before, *(run.items for run in runs)):
        for item in items:
            item["contribution_scaled"] = item["score_stereotype"] - item["score_anti_stereotype"]
    calls: Counter[str] = Counter()
    for function in (matrix_module.find_controls, matrix_module.find_obstacle):

        def counted(*args: Any, function: Any = function) -> Any:
            calls[function.__name__] += 1
            return function(*args)

        monkeypatch.setattr(matrix_module, function.__name__, counted)
    found = transfer_matrix(before, runs, ["stereoset"], controls=["random"])
    assert {cell.measure for cell in found.cells} == {"ss", "contribution_scaled"}
    assert calls == {"find_controls": 2, "find_obstacle": 2}  # once for each of the two groups


def test_only_an_effect_beyond_the_control_is_supported() -> None:
    strong, both = {"gender": 0.5}, {"gender": 0.5, "race": 0.5}
    runs = [result("builtin:gender", shift=both, seed=s) for s in SEEDS]
    controls = [result("builtin:gender", "random", shift={"race": 0.5}, seed=s) for s in SEEDS]
    found = matrix(runs + controls)
    gender, race = (found["builtin:gender", None, domain] for domain in ("gender", "race"))
    assert gender.own
    assert gender.verdict == "supported"
    assert gender.excess["random"].ci[1] < 0
    assert race.bias.p_adjusted < 0.05
    assert race.verdict == "undecided"
    assert race.excess["random"].ci[0] < 0 < race.excess["random"].ci[1]
    assert found["builtin:gender", "random", "race"].verdict is None
    alone = matrix([result("builtin:gender", shift=strong, seed=s) for s in SEEDS])
    assert alone["builtin:gender", None, "gender"].verdict == "supported"
    assert alone["builtin:gender", None, "gender"].excess == {}


def test_a_larger_effect_of_the_control_contradicts() -> None:
    runs = [result("builtin:gender", seed=s) for s in SEEDS]
    controls = [result("builtin:gender", "random", shift={"gender": 0.5}, seed=s) for s in SEEDS]
    assert matrix(runs + controls)["builtin:gender", None, "gender"].verdict == "contradicted"


DOMAINS = {f"domain{number}": 24 for number in range(15)}
STRONG = dict.fromkeys(DOMAINS, -1.0)
"""Nearly every item prefers the stereotype."""


@pytest.mark.parametrize("controls", [[], ["random"]])
def test_a_huge_effect_is_found_in_a_large_matrix_and_nothing_else(controls: list[str]) -> None:
    """19 rows × 15 domains, Holm-corrected."""
    forgettings = range(6 if controls else 19)
    runs = [
        result(
            f"mine:domain{number}",
            control,
            shift=STRONG if control else {**STRONG, f"domain{number}": 0.7},
            noise=0.02,
            seed=100 * number + seed,
            terms=DOMAINS,
        )
        for number in forgettings
        for control in (None, *controls)
        for seed in SEEDS
    ]
    found = transfer_matrix(
        rows(shift=STRONG, terms=DOMAINS), runs, ["stereoset"], controls=controls
    )
    judged = [cell for cell in found.cells if cell.control is None and cell.domain != "all"]
    assert len(judged) == len(forgettings) * 15
    hit = {(f"mine:domain{number}", f"domain{number}") for number in forgettings} & {
        (cell.forget, cell.domain) for cell in judged
    }
    supported = {(c.forget, c.domain) for c in judged if c.verdict == "supported"}
    assert supported == hit
    assert {c.verdict for c in judged} <= {"supported", "no more than margin", "undecided"}
    for row in found.rows:
        if row.control is None and row.own:
            assert set(row.own_excess) == set(controls)
            assert row.ratio_ci is not None
            assert row.ratio_ci[0] <= (row.ratio or 0.0) <= row.ratio_ci[1]


def test_cells_with_too_few_terms_are_undecided_and_cost_no_power() -> None:
    few = {"gender": 24, "race": 40, "religion": 5}
    shift = {"gender": 0.3, "religion": 0.7}

    def found(terms: dict[str, int]) -> tuple[dict[str, MatrixCell], MatrixRow]:
        runs = [result("builtin:religion", shift=shift, seed=s, terms=terms) for s in SEEDS]
        found = transfer_matrix(rows(terms=terms), runs, ["stereoset"], controls=[])
        return {cell.domain: cell for cell in found.cells}, found.rows[0]

    cells, row = found(few)
    religion = cells["religion"]
    assert religion.clusters == 5
    assert religion.bias.ci[1] < 0
    assert (religion.verdict, religion.reason) == ("undecided", "too few terms")
    assert religion.p_verdict is None
    assert religion.bias.p_adjusted == 1.0
    assert religion.data_needed is religion.seeds_needed is None
    assert row.own is not None
    assert (row.own.p_adjusted, row.own_clusters, row.ratio) == (1.0, 5, None)
    without, _ = found({"gender": 24, "race": 40})
    for domain in ("gender", "race"):
        assert cells[domain].p_verdict == without[domain].p_verdict
    enough, row = found({**few, "religion": 6})
    assert enough["religion"].verdict == "supported"
    assert row.ratio is not None


def test_a_failed_control_is_missing() -> None:
    runs = [result("builtin:gender", shift={"gender": 0.5}, seed=s) for s in SEEDS]
    randoms = [result("builtin:gender", "random", seed=s) for s in SEEDS]
    key = "builtin:gender", None, "gender"
    assert matrix(runs + randoms)[key].verdict == "supported"
    cell = matrix(runs + randoms, controls=["random", "matched"])[key]
    assert (cell.verdict, cell.reason) == ("undecided", "control missing")
    assert list(cell.excess) == ["random"]
    assert cell.data_needed is None
    worse = [result("builtin:gender", shift={"gender": -0.5}, seed=s) for s in SEEDS]
    assert matrix(worse, controls=["matched"])[key].verdict == "contradicted"


def test_without_bias_before_the_reason_is_named() -> None:
    fair = [
        {**row, "score_stereotype": row["score_anti_stereotype"] + 0.1 * (-1) ** number}
        for number, row in enumerate(rows())
    ]
    runs = [replace(result("builtin:gender", seed=s), items=fair) for s in SEEDS]  # as the original
    cells = transfer_matrix(fair, runs, ["stereoset"], controls=[]).cells
    gender = next(c for c in cells if c.domain == "gender")
    assert gender.before_ci is not None
    assert gender.before_ci[0] <= 50 <= gender.before_ci[1]
    assert (gender.verdict, gender.reason) == ("undecided", "no bias shown before")


def test_row_excesses_use_the_controls_mean_over_the_same_domains() -> None:
    runs = [result("builtin:gender", shift={"gender": 0.5}, seed=s) for s in SEEDS]
    shared = [
        replace(
            result("builtin:control", "matched", shift={"race": 0.3}, seed=s), domains=frozenset()
        )
        for s in SEEDS
    ]
    found = transfer_matrix(rows(), runs + shared, ["stereoset"], controls=["matched"])
    cells = found.cells
    by_domain = {c.domain: c for c in cells if c.control is None}
    row, control = found.rows
    assert row.own_excess["matched"].value == pytest.approx(
        by_domain["gender"].excess["matched"].value
    )
    assert row.transfer_excess["matched"].value == pytest.approx(
        by_domain["race"].excess["matched"].value
    )
    assert row.own_excess["matched"].p_adjusted < 0.05
    assert control.own_excess == control.transfer_excess == {}
    assert control.own is None
    assert control.mean is not None
    theirs = [c.bias.value for c in cells if c.control and c.domain != "all"]
    assert control.mean.value == pytest.approx(np.mean(theirs))


def test_with_one_seed_the_variance_is_that_of_items_and_nothing_is_decided() -> None:
    (found,) = ss_effects(rows(), [[rows(noise=0.3)]])
    assert found.change.variance == found.change.item_variance
    several = [rows(shift={"gender": 0.2 * s, "race": 0.2 * s}) for s in SEEDS]
    (found,) = ss_effects(rows(), [several])
    assert found.change.item_variance < 0.8 * found.change.variance
    single = transfer_matrix(
        rows(), [result("builtin:gender", shift={"gender": 0.7})], ["stereoset"], controls=[]
    )
    cells, (row,) = single.cells, single.rows
    assert all((c.verdict, c.reason) == ("undecided", "one seed") for c in cells)
    assert all(c.p_verdict is c.p_margin is c.data_needed is None for c in cells)
    assert row.own is not None
    assert (row.own.p_adjusted, row.ratio) == (1.0, None)


def test_of_a_run_that_changed_nothing_nothing_is_claimed() -> None:
    runs = [replace(result("builtin:gender", seed=s), alpha=0.0) for s in SEEDS]
    randoms = [result("builtin:gender", "random", shift={"gender": 0.5}, seed=s) for s in SEEDS]
    cell = matrix(runs + randoms)["builtin:gender", None, "gender"]
    assert cell.excess["random"].ci[0] > 0  # the control lowered bias
    assert (cell.verdict, cell.reason) == ("undecided", "a run changed nothing")


def test_a_control_that_changed_nothing_is_missing() -> None:
    runs = [result("builtin:gender", shift={"gender": 0.5}, seed=s) for s in SEEDS]
    randoms = [result("builtin:gender", "random", seed=s) for s in SEEDS]
    still = [*randoms[:2], replace(randoms[2], alpha=0.0)]
    cell = matrix(runs + still)["builtin:gender", None, "gender"]
    assert (cell.verdict, cell.reason, cell.excess) == ("undecided", "control missing", {})


def test_a_control_with_less_utility_loss_is_an_obstacle() -> None:
    runs = [result("builtin:gender", shift={"gender": 0.5}, seed=s) for s in SEEDS]
    randoms = [result("builtin:gender", "random", seed=s) for s in SEEDS]
    less = [replace(randoms[0], short=True), *randoms[1:]]
    cell = matrix(runs + less)["builtin:gender", None, "gender"]
    assert (cell.verdict, cell.reason) == ("undecided", "control did less")
    assert cell.excess["random"].ci[1] < 0
    as_well = [replace(runs[0], short=True), *runs[1:]]
    found = transfer_matrix(rows(), as_well + less, ["stereoset"], controls=["random"])
    assert found.cells[0].verdict == "supported"
    assert [row.short for row in found.rows] == [1, 1]


def test_a_control_below_the_movement_of_its_run_is_an_obstacle_whatever_the_run_left() -> None:
    name = "random@movement"
    runs = [result("builtin:gender", shift={"gender": 0.5}, seed=s) for s in SEEDS]
    runs = [replace(run, short=True) for run in runs]
    as_far = [result("builtin:gender", name, seed=s) for s in SEEDS]
    assert matrix(runs + as_far)["builtin:gender", None, "gender"].verdict == "supported"
    less = [replace(as_far[0], short=True), *as_far[1:]]
    cell = matrix(runs + less)["builtin:gender", None, "gender"]
    assert (cell.verdict, cell.reason) == ("undecided", "control did less")


def test_a_run_that_changed_nothing_excludes_no_effect_of_unlearning() -> None:
    """Beyond a control that raised bias, a run at α = 0 would seem to lie within the margin."""
    runs = [result("builtin:gender", noise=0.01, seed=s) for s in SEEDS]
    controls = [result("builtin:gender", "random", noise=0.01, seed=s) for s in SEEDS]
    verdicts = []
    for alpha in (1.0, 0.0):
        members = [*runs[:2], replace(runs[2], alpha=alpha)]
        found = transfer_matrix(rows(), members + controls, ["stereoset"], controls=["random"])
        cell = next(c for c in found.cells if c.control is None and c.domain == "race")
        (test,) = found.omnibus
        verdicts.append((cell.verdict, test.verdict))
    assert verdicts == [("no more than margin",) * 2, ("undecided",) * 2]


def test_a_control_with_fewer_seeds_is_missing() -> None:
    runs = [result("builtin:gender", shift={"gender": 0.5}, seed=s) for s in SEEDS]
    some = [result("builtin:gender", "random", seed=s) for s in SEEDS[:2]]
    cell = matrix(runs + some)["builtin:gender", None, "gender"]
    assert (cell.verdict, cell.reason, cell.excess) == ("undecided", "control missing", {})


def test_the_control_all_does_not_affect_verdicts() -> None:
    runs = [result("builtin:gender", shift={"gender": 0.5}, seed=s) for s in SEEDS]
    whole = [result("builtin:gender", "all", shift={"gender": 0.7}, seed=s) for s in SEEDS]
    cell = matrix(runs + whole)["builtin:gender", None, "gender"]
    assert cell.excess["all"].value > 0
    assert cell.verdict == "supported"


def test_rows_have_own_transfer_and_collateral() -> None:
    runs = [
        replace(
            result("builtin:gender", shift={"gender": 0.5, "race": -0.5}, seed=seed),
            everyday_perplexity_ratio=1.02 + 0.01 * seed,
        )
        for seed in SEEDS
    ]
    found = transfer_matrix(rows(), runs, ["stereoset"], controls=[])
    by_domain, (row,) = {cell.domain: cell for cell in found.cells}, found.rows
    assert row.own is not None
    assert row.transfer is not None
    assert row.own.value == pytest.approx(by_domain["gender"].bias.value)
    assert row.transfer.value == pytest.approx(by_domain["race"].bias.value)
    assert row.ratio == pytest.approx(row.transfer.value / row.own.value)
    assert row.seeds == 3
    assert row.collateral == ("race",)
    assert row.perplexity_ratio == pytest.approx(1.01)
    assert row.everyday_perplexity_ratio == pytest.approx(1.03)
    assert row.lms_before is not None


def test_a_shared_control_is_compared_with_every_forget_corpus() -> None:
    runs = [
        result("builtin:gender", shift={"gender": 0.3}),
        result("builtin:race", shift={"race": 0.3}),
        result("builtin:control", "matched"),
    ]
    found = matrix(runs)
    for forget in ("builtin:gender", "builtin:race"):
        assert list(found[forget, None, "gender"].excess) == ["matched"]


def test_seeds_widen_the_interval_when_they_differ() -> None:
    same = [result("builtin:gender", noise=0.0, shift={"gender": 0.2}, seed=s) for s in SEEDS]
    different = [
        result("builtin:gender", noise=0.0, shift={"gender": shift}, seed=s)
        for s, shift in enumerate((0.0, 0.2, 0.4))
    ]

    def width(runs: list[Result]) -> float:
        low, high = matrix(runs)["builtin:gender", None, "gender"].delta.ci
        return high - low

    assert width(different) > 1.2 * width(same)


def test_p_is_uniform_under_the_null_hypothesis() -> None:
    """Simulated items and seeds without a true effect."""
    generator = np.random.default_rng(0)
    old = rows()[: 12 * 8]
    found = []
    for _ in range(1000):
        level = [0.0, *generator.normal(0, 0.12, size=3)]  # what a seed does to all items
        fair, *new = (
            [
                {**row, "score_stereotype": row["score_anti_stereotype"] + luck}
                for row, luck in zip(old, generator.normal(shift, 0.5, size=len(old)), strict=True)
            ]
            for shift in level
        )
        (one,) = ss_effects(fair, [new])
        assert (one.change.p < 0.05) == (not one.change.ci[0] <= 0 <= one.change.ci[1])
        found.append(one.change.p)
    p = np.array(found)
    assert 0.03 < (p < 0.05).mean() < 0.07
    assert (p < 0.005).mean() < 0.015


@pytest.mark.parametrize("level", [0.0, 0.5], ids=["no bias before", "bias before"])
def test_verdicts_keep_the_family_wise_error_rate(level: float) -> None:
    """Simulated runs and controls without a true effect, varying with seeds and items."""
    generator = np.random.default_rng(0)
    old = rows()[: 12 * 8]

    def drawn(shift: float) -> list[dict[str, Any]]:
        luck = generator.normal(shift, 0.5, size=len(old))
        return [
            {**row, "score_stereotype": row["score_anti_stereotype"] + nats}
            for row, nats in zip(old, luck, strict=True)
        ]

    found = []
    for _ in range(400):
        fair, *new = (drawn(shift) for shift in [level, *generator.normal(level, 0.12, size=6)])
        groups = ss_effects(fair, [new[:3], new[3:]])
        forgotten, control = groups
        found.append([forgotten.bias.p, forgotten.beyond(control).p])
    assert (np.array(found) < 0.05).mean(axis=0) == pytest.approx(0.03, abs=0.04)


@given(st.lists(st.integers(1, 9), min_size=2, max_size=12), st.integers(0, 99))
def test_an_unchanged_model_has_exactly_zero_effect(sizes: list[int], luck: int) -> None:
    """Bitwise: a rounding error has no variance, so it would be a significant effect."""
    generator = np.random.default_rng(luck)
    (like, *_) = rows(terms={"race": 1})
    items = [
        {
            **like,
            "id": f"{term} {number}",
            "term": str(term),
            "score_stereotype": generator.normal(),
            "score_anti_stereotype": generator.normal(),
        }
        for term, size in enumerate(sizes)
        for number in range(size)
    ]
    for one in ss_effects(items, [[items] * 3, [items]]):
        assert (one.change.value, one.change.p) == (0, 1)
        assert (one.bias.value, one.bias.p) == (0, 1)


def test_far_from_no_bias_the_change_of_bias_is_that_of_the_score() -> None:
    """Bitwise, however much the seeds differ: there is no kink."""
    before = rows()
    after = [[rows(shift={"race": by}, noise=0.3, seed=s)] for s, by in enumerate((0.3, -0.3, 0.3))]
    (one,) = ss_effects(
        [row for row in before if row["domain"] == "race"],
        [[[row for row in run if row["domain"] == "race"] for (run,) in after]],
        domain="race",
    )
    assert min(ss(run, "race") for (run,) in after) > 60
    assert one.bias.ci == pytest.approx(one.change.ci, rel=1e-9)
    assert one.bias.value == pytest.approx(one.change.value)
    assert one.bias.p == pytest.approx(one.change.p)


def test_single_seeds_agree_with_compare() -> None:
    runs = [result("builtin:gender", shift={"gender": 0.4}, seed=s) for s in SEEDS]
    cells = seed_cells(rows(), runs, ["stereoset"])
    assert len(cells) == 3 * 3
    first = next(c for c in cells if c.domain == "gender" and c.seed == 1)
    assert first.after == pytest.approx(ss(list(runs[1].items), "gender"))


def test_a_row_has_the_share_of_flipped_items_and_the_movement() -> None:
    runs = [
        replace(result("builtin:gender", shift={"gender": 0.4}, seed=s), movement=0.01 * s)
        for s in SEEDS
    ]
    before = [row["score_stereotype"] > row["score_anti_stereotype"] for row in rows()]
    shares = [
        np.mean(
            [
                (row["score_stereotype"] > row["score_anti_stereotype"]) != old
                for row, old in zip(run.items, before, strict=True)
            ]
        )
        for run in runs
    ]
    (row,) = transfer_matrix(rows(), runs, ["stereoset"], controls=[]).rows
    assert row.flipped == pytest.approx(np.mean(shares))
    assert 0 < row.flipped < 1
    assert row.movement == pytest.approx(0.01)
    unmeasured = [replace(run, movement=None) for run in runs]
    (row,) = transfer_matrix(rows(), unmeasured, ["stereoset"], controls=[]).rows
    assert row.movement is None


def test_topics_that_domains_share_count_once() -> None:
    groups = {"race": ("Black people", "Asians"), "nationality": ("Immigrants", "Mexicans")}

    def made(change: float) -> list[dict[str, Any]]:
        return [
            {
                "benchmark": "decoding_trust",
                "id": f"{topic}-{group}",
                "domain": domain,
                "topic": f"topic {topic}",
                "template": f"topic {topic}",
                "group": group,
                "score_agreement": 0.8 + topic / 20 - change * (1 + number / 50 + topic / 40),
                "score_agreement_others": 0.0,
                "agreed_others": 0.0,
            }
            for topic in range(4)
            for domain in groups
            for number, group in enumerate(groups[domain])
        ]

    recipe = Recipe(model="m", benchmarks=("decoding_trust",))
    results = [
        Result(
            StudyRun("builtin:race", "ascent", None, seed, recipe),
            made(0.3 + seed / 100),
            1.0,
            frozenset(groups),
            alpha=1.0,
        )
        for seed in range(3)
    ]
    found = transfer_matrix(made(0), results, ["decoding_trust"], controls=[])
    assert {row.own_clusters for row in found.rows} == {4}
    assert all(row.own and row.own.p_adjusted == 1 for row in found.rows)
