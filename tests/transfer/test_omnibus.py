"""Several bias scores in one study, and its primary tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from fairforget.benchmarks.measurement import Judgement, Row
from fairforget.benchmarks.stereoset import judge as judge_stereoset
from fairforget.benchmarks.stereoset.scores import RATES
from fairforget.statistics.jackknife import Floats, cluster_rates
from fairforget.statistics.significance import holm
from fairforget.transfer_study import matrix as matrix_module
from fairforget.transfer_study.groups import Result
from fairforget.transfer_study.margins import Margins
from fairforget.transfer_study.matrix import Matrix, seed_cells, transfer_matrix
from fairforget.transfer_study.record import Omnibus

from .items import TERMS, result, rows

pytestmark = pytest.mark.slow
SEEDS = range(3)
FORGET = ("builtin:gender", "builtin:race")


def add_column(judged: Judgement, values: Floats) -> Judgement:
    """A judgement whose clusters have one more sum."""
    (clusters,) = judged.kinds
    return replace(judged, kinds=[replace(clusters, sums=np.column_stack([clusters.sums, values]))])


def judge(items: Sequence[Row]) -> Judgement:
    """SS and, as two further bias scores, the mean margin in nats, once under each name."""
    judged = judge_stereoset(items)
    margins = np.array([i["score_stereotype"] - i["score_anti_stereotype"] for i in items])
    _, rates = cluster_rates(margins, [item["term"] for item in items])

    def statistic(totals: Floats) -> dict[str, Floats]:
        mean = np.asarray(totals[..., -1] / totals[..., len(RATES)])
        return {**judged.statistic(totals), "contribution_scaled": mean, "other": mean}

    return replace(
        add_column(judged, rates),
        statistic=statistic,
        unbiased_scores={"ss": 50.0, "contribution_scaled": 0.0, "other": 0.0},
    )


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Matrix:
    monkeypatch.setattr(matrix_module, "find_domain_judge", lambda _: judge)
    runs = [
        result(forget, control, shift={forget.partition(":")[2]: 0.4}, seed=10 * n + seed)
        for n, forget in enumerate(FORGET)
        for control in (None, "random")
        for seed in SEEDS
    ]
    return transfer_matrix(
        rows(), runs, ["stereoset"], controls=["random"], margins=Margins(margin_continuous=0.2)
    )


def test_each_bias_score_has_its_cells_rows_and_families(study: Matrix) -> None:
    measures = ["ss", "contribution_scaled", "other"]
    assert list(dict.fromkeys(cell.measure for cell in study.cells)) == measures
    assert list(dict.fromkeys(row.measure for row in study.rows)) == measures
    assert len({cell.key for cell in study.cells}) == len(study.rows) == 3 * 4
    for measure, margin in zip(measures, (1.0, 0.2, 1.0), strict=True):
        cells = [c for c in study.cells if c.measure == measure and c.control is None]
        assert {cell.margin for cell in cells} == {margin}
        single = [cell for cell in cells if cell.domain != "all"]
        assert [c.bias.p_adjusted for c in single] == pytest.approx(
            holm([c.bias.p for c in single])
        )
    mean = next(cell for cell in study.cells if cell.measure == "contribution_scaled")
    assert mean.before == pytest.approx(0.7, abs=0.2)  # nats
    assert mean.delta.value == pytest.approx(-0.4, abs=0.1)


def test_the_main_score_stays_the_main_one_where_a_run_lacks_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In the first domain, which would otherwise begin with another score."""

    def judge_partly(items: Sequence[Row]) -> Judgement:
        judged = judge(items)
        whole = np.array([not item.get("broken") for item in items], float)
        _, rates = cluster_rates(whole, [item["term"] for item in items])

        def statistic(totals: Floats) -> dict[str, Floats]:
            scores = judged.statistic(totals[..., :-1])
            return {**scores, "ss": np.where(totals[..., -1] > 0, scores["ss"], np.nan)}

        return replace(add_column(judged, rates), statistic=statistic)

    monkeypatch.setattr(matrix_module, "find_domain_judge", lambda _: judge_partly)
    runs = [result("builtin:race", control, seed=s) for control in (None, "random") for s in SEEDS]
    for item in runs[0].items:
        item["broken"] = item["domain"] == "gender"
    study = transfer_matrix(rows(), runs, ["stereoset"], controls=["random"])
    assert "gender" in {gap.domain for gap in study.gaps}
    assert study.cells[0].measure == "ss"
    assert "other" not in {test.measure for test in study.omnibus}


def test_seeds_have_every_bias_score_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_module, "find_domain_judge", lambda _: judge)
    cells = seed_cells(rows(), [result(FORGET[0], shift={"gender": 0.4})], ["stereoset"])
    assert [cell.measure for cell in cells] == ["ss", "contribution_scaled", "other"] * 3
    assert cells[1].ci is not None
    assert cells[1].ci[1] < 0
    assert cells[1].p < 0.001


def test_the_primary_test_is_the_mean_of_what_was_not_forgotten(study: Matrix) -> None:
    assert [test.measure for test in study.omnibus] == ["ss", "contribution_scaled"]
    for test in study.omnibus:
        others = [
            cell
            for cell in study.cells
            if cell.measure == test.measure
            and cell.control is None
            and not cell.own
            and cell.domain != "all"
        ]
        assert (test.method, test.benchmark) == ("npo", "stereoset")
        assert (test.cells, test.seeds) == (len(others), 3) == (2, 3)
        assert test.bias.value == pytest.approx(np.mean([c.bias.value for c in others]))
        excess = [c.excess["random"].value for c in others]
        assert test.excess["random"].value == pytest.approx(np.mean(excess))
        assert test.p_verdict is not None
    p_values = [test.bias.p for test in study.omnibus]
    assert [test.bias.p_adjusted for test in study.omnibus] == pytest.approx(holm(p_values))
    nats = study.omnibus[1]
    assert nats.margin == 0.2
    assert nats.verdict == "no more than margin"
    assert nats.p_margin is not None
    assert nats.p_margin < 0.05


def test_groups_that_unlearned_everything_are_no_part_of_the_primary_test(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(matrix_module, "find_domain_judge", lambda _: judge)

    def measured(*more: Result) -> list[Omnibus]:
        runs = [
            result(FORGET[0], control, shift={"gender": 0.4}, seed=seed)
            for control in (None, "random")
            for seed in SEEDS
        ]
        return transfer_matrix(rows(), [*runs, *more], ["stereoset"], controls=["random"]).omnibus

    assert measured()
    # of one seed, without the control
    assert measured(replace(result("builtin"), domains=frozenset(TERMS))) == measured()


def test_one_seed_decides_no_primary_test(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(matrix_module, "find_domain_judge", lambda _: judge)
    found = transfer_matrix(rows(), [result(f) for f in FORGET], ["stereoset"], controls=[])
    assert found.omnibus
    for test in found.omnibus:
        assert (test.verdict, test.p_verdict, test.p_margin) == ("undecided", None, None)
        assert test.bias.p_adjusted == 1
