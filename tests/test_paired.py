"""Paired differences: the same items before and after, whatever their order."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_rel

from fairforget.benchmarks import find_judge
from fairforget.benchmarks.measurement import Judgement, Row, cluster_rows
from fairforget.benchmarks.stereoset.scores import aggregate
from fairforget.comparison.paired import Cell, adjust_p_values, compare_items
from fairforget.comparison.score_change import Change
from fairforget.errors import InputError
from fairforget.report.cell_words import describe_cell
from fairforget.statistics.significance import holm, mcnemar
from tests.report.runs import crows_rows, stereoset_rows


def paired_domains(benchmark: str, before: list[Row], after: list[Row]) -> dict[str, Cell]:
    judge = find_judge(benchmark)
    assert judge
    return {c.domain: c for c in compare_items(benchmark, judge, before, after) if c.main}


def cell(score: Change, distance: Change, p_adjusted: float) -> Cell:
    counts = (100, 20, 0, 12, (0, 0))
    return Cell("x", "all", "ss", True, score, distance, {}, *counts, 0.0, p_adjusted)


def test_agrees_with_the_benchmarks_own_aggregation() -> None:
    before, after = stereoset_rows(), stereoset_rows(shift=0.3)
    paired = paired_domains("stereoset", before, after)
    for rows, side in ((before, "before"), (after, "after")):
        for domain, facts in aggregate(rows).items():
            found = paired[domain]
            assert getattr(found.score, side) == pytest.approx(facts["ss"])
            assert getattr(found.beside["lms"], side) == pytest.approx(facts["lms"])
            assert getattr(found.beside["icat"], side) == pytest.approx(facts["icat"])
            assert (found.items, found.clusters) == (facts["items"], facts["terms"])


def test_a_shift_of_all_items_is_found_and_no_shift_is_undecided() -> None:
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


def test_flips_in_the_other_direction_support_no_verdict() -> None:
    """McNemar's test is two-sided, and counts items; the score is a mean over terms."""

    def rows(falls: int, rises: int) -> list[Row]:
        """Nine terms with four items, that fall, and one with 200, of which most rise."""
        signs = [[k >= falls for k in range(4)]] * 9 + [[k < rises for k in range(200)]]
        return [
            {
                **{"id": f"{t}-{k}", "domain": "gender", "term": f"t{t}"},
                "score_stereotype": 1.0 if sign else -1.0,
                **{"score_anti_stereotype": 0.0, "score_unrelated": -9.0},
            }
            for t, term in enumerate(signs)
            for k, sign in enumerate(term)
        ]

    judge = find_judge("stereoset")
    assert judge
    for before, after, decided in (
        ((0, 100), (2, 150), False),
        ((2, 150), (0, 100), False),
        ((0, 100), (2, 99), True),
    ):
        cells = compare_items("stereoset", judge, rows(*before), rows(*after))
        (found,) = (c for c in adjust_p_values(cells) if c.main and c.domain == "gender")
        assert found.p_adjusted < 0.001
        assert found.distance is not None
        assert found.distance.is_decided
        assert found.caveat == (None if decided else "flips")
        assert (found.verdict == "undecided") is not decided
        assert describe_cell(found).startswith("undecided") is not decided


def test_too_few_terms_are_undecided() -> None:
    religion = paired_domains("stereoset", stereoset_rows(), stereoset_rows(shift=1.0))["religion"]
    assert religion.clusters == 3
    assert religion.score.ci[1] < 0
    assert religion.verdict == "undecided"


def test_moving_equally_far_past_fifty_is_not_less_bias() -> None:
    score = Change(56.0, 44.0, -12.0, (-15.0, -9.0))
    bias = Change(6.0, 6.0, 0.0, (-4.0, 4.0))
    domain = cell(score, bias, 0.001)
    assert domain.score.is_decided
    assert domain.verdict == "undecided"


def test_items_are_matched_by_id_not_by_position() -> None:
    before, after = stereoset_rows(), stereoset_rows(shift=0.3)
    straight = paired_domains("stereoset", before, after)
    assert paired_domains("stereoset", before, after[::-1]) == straight
    with pytest.raises(InputError, match="the items differ, 5"):
        paired_domains("stereoset", before, after[5:])


def test_items_with_the_same_id_cannot_be_matched() -> None:
    rows = stereoset_rows()
    twice = [*rows, rows[3]]
    for before, after in ((rows, twice), (twice, rows)):
        with pytest.raises(InputError, match=f"2 items have the id '{rows[3]['id']}'"):
            paired_domains("stereoset", before, after)


def test_pairs_of_crows_pairs_are_their_own_clusters() -> None:
    paired = paired_domains("crows_pairs", crows_rows(), crows_rows(shift=0.5))
    assert paired["all"].clusters == paired["all"].items == 60
    assert "lms" not in paired["all"].beside
    assert paired["all"].verdict in ("less", "undecided")


def judge_numbers(rows: list[Row]) -> Judgement:
    """A score that is the mean of the items' values, each its own cluster; no bias is at 1."""
    values = np.array([row["value"] for row in rows], dtype=float)
    return Judgement(
        [cluster_rows(np.column_stack([values, np.ones(len(values))]), rows, "id")],
        statistic=lambda totals: {
            "mean": totals[..., 0] / totals[..., 1],
            "half": np.asarray(totals[..., 0] / totals[..., 1] / 2),
            "nothing": np.asarray(totals[..., 0] * math.nan),
        },
        verdicts=values > 0,
        ties=int((values == 0).sum()),
        unbiased_scores={"mean": 1.0},
    )


def rows_of(values: list[float], domains: list[str] | None = None) -> list[Row]:
    return [
        {"id": str(i), "domain": domains[i] if domains else "gender", "value": value}
        for i, value in enumerate(values)
    ]


VALUES = st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=1, max_size=12)


@given(VALUES)
def test_a_cell_is_what_its_items_say(values: list[tuple[int, int]]) -> None:
    before, after = (np.array(side, dtype=float) for side in zip(*values, strict=True))
    gender, whole = compare_items(
        "numbers", judge_numbers, rows_of(list(before)), rows_of(list(after))
    )
    assert replace(gender, domain="all") == whole
    assert (whole.benchmark, whole.domain, whole.measure) == ("numbers", "all", "mean")
    assert (whole.items, whole.clusters) == (len(values), len(values))
    assert whole.score.before == pytest.approx(before.mean())
    assert whole.score.after == pytest.approx(after.mean())
    assert whole.score.delta == pytest.approx(after.mean() - before.mean())
    if len(values) == 1:
        assert whole.score.ci is None
    else:
        expected = ttest_rel(after, before).confidence_interval()
        same = np.ptp(after - before) == 0  # scipy has no interval without variance
        expected = [whole.score.delta] * 2 if same else expected
        assert whole.score.ci == pytest.approx(expected)
    assert whole.distance.before == pytest.approx(abs(before.mean() - 1))
    assert whole.distance.delta == pytest.approx(abs(after.mean() - 1) - abs(before.mean() - 1))
    if whole.distance.ci:
        low, high = whole.distance.ci
        assert low - 1e-9 <= whole.distance.delta <= high + 1e-9
    assert whole.beside.keys() == {"half"}
    assert whole.beside["half"].delta == pytest.approx(whole.score.delta / 2)
    assert whole.gained == ((before <= 0) & (after > 0)).sum()
    assert whole.lost == ((before > 0) & (after <= 0)).sum()
    assert whole.ties == ((before == 0).sum(), (after == 0).sum())
    assert whole.p == whole.p_adjusted


def test_every_bias_score_has_its_cell_and_the_first_is_the_main_one() -> None:
    """All have a t test; McNemar's is also about the items that the main score counts."""
    generator = np.random.default_rng(0)
    before, after = (list(generator.normal(shift, 1, size=40)) for shift in (1.0, 0.2))

    def judge(rows: list[Row]) -> Judgement:
        return replace(judge_numbers(rows), unbiased_scores={"mean": 9.0, "half": -3.0})

    cells = compare_items("x", judge, rows_of(before), rows_of(after))
    assert [(c.domain, c.measure, c.main) for c in cells] == [
        (domain, *part)
        for domain in ("gender", "all")
        for part in (("mean", True), ("half", False))
    ]
    main, half, *_ = cells
    assert main.beside == half.beside == {}
    t_test = ttest_rel(after, before).pvalue
    assert main.p == pytest.approx(max(t_test, mcnemar(main.lost, main.gained)))
    assert half.p == pytest.approx(t_test)
    assert (half.gained, half.lost, half.clusters) == (main.gained, main.lost, 40)
    assert half.score.ci == pytest.approx(half.distance.ci)  # far from no bias
    (alone,) = (c for c in adjust_p_values(cells) if (c.measure, c.domain) == ("half", "gender"))
    assert alone.p_adjusted == half.p


def test_domains_come_in_the_order_asked_for_and_all_last() -> None:
    rows = rows_of([1.0, 2.0, 3.0], ["race", "gender", "age"])

    def listed(order: tuple[str, ...]) -> list[str]:
        return [c.domain for c in compare_items("x", judge_numbers, rows, rows, order=order)]

    assert listed(()) == ["race", "gender", "age", "all"]
    assert listed(("age", "gender", "other")) == ["age", "gender", "race", "all"]


def test_a_domain_without_the_score_is_left_out_alone() -> None:
    """NaN, as of a domain in which no item is one that the score is about."""
    rows = rows_of([math.nan, 1.0, 2.0], ["age", "race", "gender"])
    cells = compare_items("x", judge_numbers, rows, rows)
    assert [c.domain for c in cells] == ["race", "gender"]  # nor is there one over all


def test_without_a_value_for_no_bias_there_is_no_distance() -> None:
    rows = rows_of([1.0, 2.0])

    def judge(rows: list[Row]) -> Judgement:
        return replace(judge_numbers(rows), unbiased_scores={})

    for cell_ in compare_items("x", judge, rows, rows):
        assert cell_.distance is None
        assert (cell_.verdict, cell_.score.delta) == ("undecided", 0)


def test_a_change_without_variance_estimate_has_no_interval() -> None:
    def judge(rows: list[Row]) -> Judgement:
        judged = judge_numbers(rows)
        return replace(
            judged,
            statistic=lambda totals: {
                "mean": totals[..., 0] if totals.ndim == 2 else totals[..., 0] * math.nan
            },
        )

    rows = rows_of([1.0, 2.0])
    for cell_ in compare_items("x", judge, rows, rows):
        assert cell_.score == Change(3.0, 3.0, 0.0, None)


def test_single_domains_all_of_them_and_ability_are_three_families() -> None:
    bias = Change(10.0, 6.0, -4.0, (-6.0, -2.0))
    made = [
        replace(cell(bias, distance, 0.5), domain=domain, p=p, p_adjusted=p)
        for domain, distance, p in [
            ("gender", bias, 0.01),
            ("all", bias, 0.02),
            ("race", bias, 0.03),
            ("all", None, 0.04),
            ("gender", None, 0.01),
            ("all", bias, 0.03),
        ]
    ]
    found = adjust_p_values(made)
    assert [replace(c, p_adjusted=c.p) for c in found] == made
    families = [(0, 2), (1, 5), (3,), (4,)]
    for family in families:
        values = [found[n].p_adjusted for n in family]
        assert values == pytest.approx(holm([made[n].p for n in family]))


@pytest.mark.parametrize(("key", "long"), [("term", "x" * 70), ("sentence", "short")])
def test_an_item_with_another_text_is_named(key: str, long: str) -> None:
    before = [{**row, "sentence": "same", "term": "same"} for row in rows_of([1.0, 2.0])]
    after = [before[0], {**before[1], key: long, "value": 5.0}]
    with pytest.raises(InputError, match=f"^x .*item '1' has {key} 'same' .* '{long[:60]}' after"):
        compare_items("x", judge_numbers, before, after)
    with pytest.raises(InputError, match=f"'1' has {key} '{long[:60]}' before and 'same' after"):
        compare_items("x", judge_numbers, after, before)
    lacking = [before[0], {k: v for k, v in before[1].items() if k != key}]
    with pytest.raises(InputError, match=f"'1' has {key} 'same' before and 'None' after"):
        compare_items("x", judge_numbers, before, lacking)


@pytest.mark.parametrize("side", ["before", "after"])
def test_an_item_on_one_side_only_is_named_with_its_side(side: str) -> None:
    many, few = rows_of([1.0, 2.0, 3.0]), rows_of([1.0])
    rows = (many, few) if side == "before" else (few, many)
    with pytest.raises(InputError, match=rf"^x .* 2 .*on one side only, such as '1' \({side}\)"):
        compare_items("x", judge_numbers, *rows)
