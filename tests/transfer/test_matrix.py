"""The matrix: numbers that a benchmark would give, verdicts that controls can overturn."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from fairforget.benchmarks.stereoset import judge
from fairforget.transfer.effects import Sampled, measured
from fairforget.transfer.matrix import Result, seed_cells, transfer_matrix
from fairforget.transfer.record import MatrixCell

from .items import result, rows, ss

SEEDS = range(3)


def matrix(results: list[Result]) -> dict[tuple[str, str | None, str], MatrixCell]:
    cells, _ = transfer_matrix(rows(), results, ["stereoset"])
    return {(cell.forget, cell.control, cell.domain): cell for cell in cells}


def test_before_and_after_are_the_benchmarks_own_scores_averaged_over_seeds() -> None:
    runs = [result("builtin:gender", shift={"gender": 0.4}, seed=s) for s in SEEDS]
    cell = matrix(runs)["builtin:gender", None, "race"]
    assert cell.seeds == 3
    assert cell.before == pytest.approx(ss(rows(), "race"))
    assert cell.after == pytest.approx(np.mean([ss(list(r.items), "race") for r in runs]))
    assert cell.delta.value == pytest.approx(cell.after - cell.before)
    assert cell.bias.value == pytest.approx(abs(cell.after - 50) - abs(cell.before - 50))
    assert not cell.own


def test_only_what_goes_beyond_the_control_is_supported() -> None:
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


def test_a_control_that_does_better_contradicts() -> None:
    runs = [result("builtin:gender", seed=s) for s in SEEDS]
    controls = [result("builtin:gender", "random", shift={"gender": 0.5}, seed=s) for s in SEEDS]
    assert matrix(runs + controls)["builtin:gender", None, "gender"].verdict == "contradicted"


def test_rows_sum_up_own_transfer_and_collateral() -> None:
    runs = [
        replace(
            result("builtin:gender", shift={"gender": 0.5, "race": -0.5}, seed=seed),
            everyday_ratio=1.02 + 0.01 * seed,
        )
        for seed in SEEDS
    ]
    cells, (row,) = transfer_matrix(rows(), runs, ["stereoset"])
    by_domain = {cell.domain: cell for cell in cells}
    assert row.own is not None
    assert row.transfer is not None
    assert row.own.value == pytest.approx(by_domain["gender"].bias.value)
    assert row.transfer.value == pytest.approx(by_domain["race"].bias.value)
    assert row.ratio == pytest.approx(row.transfer.value / row.own.value)
    assert row.collateral == ("race",)
    assert row.perplexity_ratio == pytest.approx(1.01)
    assert row.everyday_ratio == pytest.approx(1.03)
    assert row.lms_before is not None


def test_a_shared_control_stands_beside_every_forgetting() -> None:
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


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Items and seeds drawn anew each time, with no true effect: about 95 of 100 hold 0."""
    generator = np.random.default_rng(0)
    old = rows()[: 12 * 8]
    held = 0
    for trial in range(100):
        level = generator.normal(0, 0.12, size=3)  # what a seed does to all items
        new = [
            [
                {
                    **row,
                    "score_stereotype": row["score_anti_stereotype"]
                    + generator.normal(level[seed], 0.5),
                }
                for row in old
            ]
            for seed in range(3)
        ]
        fair = [
            {**row, "score_stereotype": row["score_anti_stereotype"] + generator.normal(0, 0.5)}
            for row in old
        ]
        (found,) = measured(judge, fair, [new], seed=trial, item_seed=trial)
        low, high = found.delta.ci
        held += low <= 0 <= high
    assert 85 <= held <= 100


def test_p_agrees_with_the_interval() -> None:
    draws = np.random.default_rng(0).normal(1.0, 0.5, size=10_000)
    sure = Sampled(1.0, draws)
    assert (sure.p < 0.05) == (sure.ci[0] > 0)
    assert Sampled(0.0, np.zeros(100)).p == 1.0
    assert (sure - sure).p == 1.0


def test_single_seeds_are_what_compare_says() -> None:
    runs = [result("builtin:gender", shift={"gender": 0.4}, seed=s) for s in SEEDS]
    cells = seed_cells(rows(), runs, ["stereoset"])
    assert len(cells) == 3 * 3
    first = next(c for c in cells if c.domain == "gender" and c.seed == 1)
    assert first.after == pytest.approx(ss(list(runs[1].items), "gender"))
