import numpy as np
import pytest

from fairforget.benchmarks import find_judge
from fairforget.benchmarks.measurement import Row
from fairforget.benchmarks.stereoset import Item, aggregate
from fairforget.comparison.paired import Cell, Change, compare_items
from fairforget.errors import InputError
from tests.report.runs import crows_rows, stereoset_rows


def paired_domains(benchmark: str, before: list[Row], after: list[Row]) -> dict[str, Cell]:
    judge = find_judge(benchmark)
    assert judge
    return {c.domain: c for c in compare_items(benchmark, judge, before, after)}


def cell(score: Change, distance: Change, p_adjusted: float) -> Cell:
    return Cell("x", "all", "ss", score, distance, {}, 100, 20, 0, 12, (0, 0), 0.0, p_adjusted)


def test_agrees_with_the_benchmarks_own_aggregation() -> None:
    before, after = stereoset_rows(), stereoset_rows(shift=0.3)
    paired = paired_domains("stereoset", before, after)
    for rows, side in ((before, "before"), (after, "after")):
        items = [Item(r["id"], r["domain"], r["term"], ("", "", "")) for r in rows]
        names = ("score_stereotype", "score_anti_stereotype", "score_unrelated")
        own = aggregate(items, np.array([[r[n] for n in names] for r in rows]))
        for domain, facts in own.items():
            found = paired[domain]
            assert getattr(found.score, side) == pytest.approx(facts["ss"])
            assert getattr(found.beside["lms"], side) == pytest.approx(facts["lms"])
            assert getattr(found.beside["icat"], side) == pytest.approx(facts["icat"])
            assert (found.items, found.clusters) == (facts["items"], facts["terms"])


def test_a_shift_of_every_item_is_found_and_no_shift_is_undecided() -> None:
    rows = stereoset_rows()
    same = paired_domains("stereoset", rows, rows)["all"]
    assert same.score.delta == 0
    assert same.score.ci == (0, 0)
    assert same.verdict == "undecided"
    less = paired_domains("stereoset", rows, stereoset_rows(shift=0.25))["all"]
    assert less.verdict == "less"
    assert less.score.ci[1] < 0
    assert less.lost > 0 == less.gained
    more = paired_domains("stereoset", rows, stereoset_rows(shift=-0.3))["all"]
    assert more.verdict == "more"


def test_a_verdict_needs_the_corrected_test_too() -> None:
    score, bias = Change(60.0, 56.0, -4.0, (-6.0, -2.0)), Change(10.0, 6.0, -4.0, (-6.0, -2.0))
    sure = cell(score, bias, 0.04)
    unsure = cell(score, bias, 0.06)
    assert (sure.verdict, sure.caveat) == ("less", None)
    assert (unsure.verdict, unsure.caveat) == ("undecided", "correction")


def test_few_terms_decide_nothing() -> None:
    religion = paired_domains("stereoset", stereoset_rows(), stereoset_rows(shift=1.0))["religion"]
    assert religion.clusters == 3
    assert religion.score.ci[1] < 0
    assert religion.verdict == "undecided"


def test_moving_as_far_past_fifty_is_no_less_bias() -> None:
    score = Change(56.0, 44.0, -12.0, (-15.0, -9.0))
    bias = Change(6.0, 6.0, 0.0, (-4.0, 4.0))
    domain = cell(score, bias, 0.001)
    assert domain.score.decided
    assert domain.verdict == "undecided"


def test_items_are_matched_by_name_not_by_place() -> None:
    before, after = stereoset_rows(), stereoset_rows(shift=0.3)
    straight = paired_domains("stereoset", before, after)
    assert paired_domains("stereoset", before, after[::-1]) == straight
    with pytest.raises(InputError, match="the items differ, 5"):
        paired_domains("stereoset", before, after[5:])


def test_pairs_of_crows_pairs_are_their_own_clusters() -> None:
    paired = paired_domains("crows_pairs", crows_rows(), crows_rows(shift=0.5))
    assert paired["all"].clusters == paired["all"].items == 60
    assert "lms" not in paired["all"].beside
    assert paired["all"].verdict in ("less", "undecided")
