"""A score that few terms count in has their variance, their degrees of freedom and their number."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import ttest_rel

from fairforget.benchmarks.measurement import Row
from fairforget.benchmarks.stereoset.scores import judge
from fairforget.comparison.domains import compare_domain
from fairforget.comparison.effects import measure_effects
from fairforget.comparison.paired import compare_items

TERMS = 20


def stereoset_rows(contributions: list[float]) -> list[Row]:
    """One item for each of 20 terms; the first terms have a contribution."""
    values = [*contributions, *[None] * (TERMS - len(contributions))]
    return [
        {
            "id": str(number),
            "domain": "gender",
            "term": f"term{number}",
            "score_stereotype": 1.0,
            "score_anti_stereotype": 0.5,
            "score_unrelated": 0.0,
            "contribution": value,
            "contribution_scaled": value,
        }
        for number, value in enumerate(values)
    ]


@pytest.mark.parametrize("count", [4, 7])
def test_terms_without_a_neutral_word_do_not_count_in_the_contribution(count: int) -> None:
    generator = np.random.default_rng(count)
    before, after = (list(generator.normal(mean, 0.1, count)) for mean in (3.0, 1.0))
    rows = stereoset_rows(before), stereoset_rows(after)
    main, cell, *_ = compare_items("stereoset", judge, *rows)
    test = ttest_rel(after, before)
    assert (main.measure, main.clusters) == ("ss", TERMS)
    assert (cell.measure, cell.clusters) == ("contribution_scaled", count)
    assert cell.score.ci == pytest.approx(test.confidence_interval())
    assert cell.p == pytest.approx(test.pvalue)
    assert cell.verdict == ("less" if count >= 6 else "undecided")
    effects = measure_effects(compare_domain(judge, rows[0], [[rows[1]]], domain="gender"))
    (effect,) = effects["contribution_scaled"]
    assert effect.clusters == count
    assert effect.change.ci == pytest.approx(test.confidence_interval())
    assert effect.before.degrees_of_freedom == pytest.approx(count - 1)
