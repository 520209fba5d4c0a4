"""Plots of bias against utility loss."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fairforget.comparison.score_change import Score
from fairforget.report import write_report
from fairforget.report.contents import read_runs
from fairforget.report.frontier import (
    LMS,
    Axis,
    Point,
    frontiers,
    make_frontier,
    points_table,
)
from fairforget.report.frontier_points import (
    describe_differences,
    mean_bias,
    run_points,
    shared_benchmark,
)
from fairforget.report.labels import LABELS_LEFT, Label
from fairforget.transfer_study.report.page import read as read_study
from fairforget.transfer_study.report.page import study_points
from tests.report.runs import write_runs, write_study


def test_points_of_runs_have_the_measured_values(tmp_path: Path) -> None:
    runs = read_runs(write_runs(tmp_path))
    original, one, two, zero = run_points(runs, "stereoset")
    assert original.original
    assert [p.control for p in (one, two, zero)] == [False, False, True]
    assert one.perplexity is not None
    assert one.perplexity.value == pytest.approx(100 * (29.0 / 28.9 - 1))
    after = runs[0][1].after
    assert after is not None
    domains = after.record.results["stereoset"]["domains"]
    wanted = [abs(d["ss"] - 50) for name, d in domains.items() if name != "all"]
    assert one.bias.value == pytest.approx(sum(wanted) / len(wanted))
    assert one.bias.ci is not None
    assert 0 <= one.bias.ci[0] <= one.bias.ci[1]
    assert one.lms is not None
    assert one.lms.ci is not None
    contributions = [d["contribution_scaled"] for name, d in domains.items() if name != "all"]
    assert one.contribution is not None
    assert one.contribution.value == pytest.approx(np.mean(np.abs(contributions)))
    assert one.contribution.ci is not None
    assert one.contribution.ci[0] <= one.contribution.value <= one.contribution.ci[1]


def test_a_point_has_the_change_of_one_perplexity_in_any_order(tmp_path: Path) -> None:
    (name, run), *_ = read_runs(write_runs(tmp_path))
    assert run.before
    assert run.after
    for side, value in ((run.before, 40.0), (run.after, 44.0)):
        other = {**side.record.results["perplexity"], "protocol": "bias-bench", "value": value}
        side.record.results["perplexity:bias-bench"] = other
    run.after.record.results["perplexity"] = run.after.record.results.pop("perplexity")
    _, point = run_points([(name, run)], "stereoset")
    assert point.perplexity
    assert point.perplexity.value == pytest.approx(100 * (29.0 / 28.9 - 1))


def test_runs_that_cannot_be_compared_are_reported(tmp_path: Path) -> None:
    runs = read_runs(write_runs(tmp_path))
    assert describe_differences(runs, "stereoset") == ""
    (name, run), *others = runs
    model = replace(run.record.model, source="other", weights="of another")
    moved = [(name, replace(run, record=replace(run.record, model=model))), *others]
    assert "different models (other and " in describe_differences(moved, "stereoset")
    model = run.record.model
    changed = [
        (title, replace(it, record=replace(it.record, model=replace(model, weights=str(n)))))
        for n, (title, it) in enumerate(runs)
    ]
    assert f"different weights of {model.source}" in describe_differences(changed, "stereoset")
    assert run.before
    results = {"stereoset": {**run.before.record.results["stereoset"], "protocol": "bias-bench"}}
    before = replace(run.before, record=replace(run.before.record, results=results))
    scored = [(name, replace(run, before=before)), *others]
    assert "scored with different settings" in describe_differences(scored, "stereoset")


def test_without_items_there_is_no_interval(tmp_path: Path) -> None:
    write_runs(tmp_path)
    (tmp_path / "runs" / "one" / "after" / "items.parquet").unlink()
    after = read_runs(tmp_path)[0][1].after
    assert after is not None
    found = mean_bias(after, "stereoset")
    assert found is not None
    assert found.ci is None


def test_points_of_a_study_have_the_recorded_values(tmp_path: Path) -> None:
    found = read_study(write_study(tmp_path))
    points = study_points(found)
    assert [p.original for p in points] == [True, False, False, False, False]
    assert [p.control for p in points] == [False, False, True, False, True]
    perplexity = points[1].perplexity
    assert perplexity is not None
    assert perplexity.value == pytest.approx(1.1)
    mine = [
        abs(c.before - 50) + c.bias.value
        for c in found.matrix
        if (c.forget, c.control, c.measure) == ("gender", None, "ss")
        and c.domain not in ("all", "religion")
    ]
    assert points[1].bias.value == pytest.approx(sum(mine) / len(mine))
    scaled = {
        c.domain: (abs(c.before), abs(c.before) + c.bias.value)
        for c in found.matrix
        if (c.forget, c.control, c.measure) == ("gender", None, "contribution_scaled")
        and c.domain not in ("all", "religion")
    }
    before, after = np.mean([*scaled.values()], axis=0)
    assert [p.contribution and p.contribution.value for p in points[:2]] == [
        pytest.approx(before),
        pytest.approx(after),
    ]


def test_seeds_on_both_sides_of_no_bias_do_not_cancel_out(tmp_path: Path) -> None:
    """70 before, and 70 and 30 after: the mean score is 50, but no seed has less bias."""
    found = read_study(write_study(tmp_path))
    sides = {"ss": (70.0, 50.0), "contribution_scaled": (0.3, 0.0)}
    matrix = [
        replace(
            c,
            before=sides[c.measure][0],
            after=sides[c.measure][1],
            bias=replace(c.bias, value=0.0),
        )
        for c in found.matrix
        if c.measure in sides
    ]
    points = study_points(replace(found, matrix=matrix))
    assert points
    for point in points:
        assert point.bias.value == pytest.approx(20)
        assert point.contribution
        assert point.contribution.value == pytest.approx(0.3)


def test_without_a_contribution_there_are_two_plots(tmp_path: Path) -> None:
    points = study_points(read_study(write_study(tmp_path)))
    ids = ["frontier-perplexity", "frontier-lms"]
    more = ["frontier-contribution-perplexity", "frontier-contribution-lms"]
    assert [plot.id for plot in frontiers(points)] == ids + more
    assert "Mean scaled contribution" in [c.title for c in points_table(points).columns]
    old = [replace(point, contribution=None) for point in points]
    assert [plot.id for plot in frontiers(old)] == ids
    assert "Mean scaled contribution" not in [c.title for c in points_table(old).columns]


def test_marks_are_inside_the_plot_and_overlapping_ones_share_a_label(tmp_path: Path) -> None:
    points = study_points(read_study(write_study(tmp_path)))
    perplexity, lms, *contributions = frontiers(points)
    for plot in (perplexity, lms, *contributions):
        for p in plot.points:
            assert 0 <= p.x.low <= p.x.x <= p.x.high <= 100
            assert 0 <= p.y.low <= p.y.x <= p.y.high <= 100
        assert float(plot.y_ticks[0].text) == 0
    assert [p.label.text for p in perplexity.points] == ["0", "1, 3", "2, 4", "", ""]
    assert [p.kind for p in lms.points] == ["original", *["method", "control"] * 2]


BIAS = Axis("bias", "bias", "Bias", lambda point: point.bias)


def points(*positions: tuple[float, float]) -> list[Point]:
    return [Point(f"method {x}", Score(y), lms=Score(x)) for x, y in positions]


def test_labels_at_the_right_are_left_of_their_marks() -> None:
    plot = make_frontier(BIAS, LMS, points((-8.0, 10.0), (0.0, 20.0), (8.0, 30.0)))
    assert [p.x.x > LABELS_LEFT for p in plot.points] == [False, False, True]
    assert [p.label for p in plot.points] == [Label("0"), Label("1"), Label("2", is_left=True)]


def test_a_label_avoids_marks_and_other_labels() -> None:
    alone, *_ = make_frontier(BIAS, LMS, points((-8.0, 10.0), (8.0, 30.0))).points
    beside, *_ = make_frontier(BIAS, LMS, points((-8.0, 10.0), (-7.3, 11.4), (8.0, 30.0))).points
    assert not alone.label.is_below
    assert beside.label.is_below


def test_the_line_at_0_says_what_0_means() -> None:
    plot = make_frontier(BIAS, LMS, points((-8.0, 10.0), (8.0, 30.0)))
    assert (plot.zero.x, plot.zero.text) == (0, "no bias")
    change = replace(BIAS, is_change=True, floor=-100.0, zero="no change")
    plot = make_frontier(change, LMS, points((-8.0, -10.0), (8.0, 30.0)))
    assert 0 < plot.zero.x < 100
    assert plot.zero.text == "no change"
    assert plot.caption == "Change in bias (bias) against change of LMS"
    assert "bias +30.0" in plot.summary


def test_the_best_trade_offs_include_changes_below_0() -> None:
    change = replace(BIAS, is_change=True, floor=-100.0)
    plot = make_frontier(change, LMS, points((-8.0, -10.0), (0.0, 0.0), (-9.0, 5.0)))
    corners = {tuple(corner.split(",")) for corner in plot.line.split()}
    ends = [(f"{p.x.x:.2f}", f"{100 - p.y.x:.2f}") for p in plot.points]
    assert [end in corners for end in ends] == [True, True, False]


def test_intervals_are_announced_only_if_there_are_any(tmp_path: Path) -> None:
    assert all(
        plot.has_intervals
        for plot in frontiers(run_points(read_runs(write_runs(tmp_path)), "stereoset"))
    )
    assert not make_frontier(BIAS, LMS, points((-8.0, 10.0), (8.0, 30.0))).has_intervals


def test_runs_on_another_benchmark_are_left_out(tmp_path: Path) -> None:
    write_runs(tmp_path)
    for side in ("before", "after"):
        path = tmp_path / "runs" / "two" / side / "record.json"
        record = json.loads(path.read_text())
        for name in ("stereoset", "perplexity"):
            del record["results"][name]
        path.write_text(json.dumps(record))
    runs = read_runs(tmp_path)
    assert shared_benchmark(runs) == "crows_pairs"  # all three have it
    points = run_points(runs, "crows_pairs")
    assert len(points) == 4
    changes = [point.perplexity.value for point in points[1:] if point.perplexity]
    assert changes == [pytest.approx(100 * (1.004 - 1))] * 3  # of the budget, for all
    for run in ("one", "zero"):
        for side in ("before", "after"):
            path = tmp_path / "runs" / run / side / "record.json"
            record = json.loads(path.read_text())
            del record["results"]["crows_pairs"]
            path.write_text(json.dumps(record))
    runs = read_runs(tmp_path)
    assert shared_benchmark(runs) == "stereoset"
    assert len(run_points(runs, "stereoset")) == 3
    page = write_report(tmp_path).read_text(encoding="utf-8")
    assert "scored on StereoSet" in page
    assert "Left out: 1 run without an evaluation on StereoSet both before and after." in page


def test_an_lms_that_no_run_has_is_not_0_for_the_original(tmp_path: Path) -> None:
    runs = read_runs(write_runs(tmp_path))
    for _, run in runs:
        assert run.before
        assert run.after
        for side in (run.before, run.after):
            del side.record.results["stereoset"]
    points = run_points(runs, "crows_pairs")
    assert points[0].original
    assert points[0].lms is None
    assert "LMS change" not in [column.title for column in points_table(points).columns]
