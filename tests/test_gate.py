"""The gate names exactly the changes that meet a condition."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairforget.comparison.compare import Comparison
from fairforget.comparison.gate import _split, find_violations
from fairforget.comparison.paired import Cell
from fairforget.comparison.score_change import Change
from fairforget.errors import InputError
from fairforget.records.records import ModelFacts

MODEL = ModelFacts("tiny", 1234, "float32", "<s>")


def change(delta: float, *ci: float) -> Change:
    """From 50, with an interval if its ends are given."""
    return Change(50.0, 50.0 + delta, delta, ci or None)


def comparison(distances: dict[str, Change | None], perplexity: Change | None = None) -> Comparison:
    """A StereoSet of some domains, and a perplexity."""
    cells = [
        Cell(
            *("stereoset", domain, "ss", True, change(-1.0), distance),
            *({"lms": change(2.0, 1.0, 3.0)}, 10, 6, 1, 2, (0, 0), 0.01, 0.01),
        )
        for domain, distance in distances.items()
    ]
    texts = {"perplexity:wikitext2": perplexity} if perplexity else {}
    return Comparison(MODEL, MODEL, tuple(cells), texts, (), ())


def names(lines: list[str]) -> list[str]:
    return [line.partition(" ")[0] for line in lines]


def test_worse_is_a_verdict_with_the_evidence_of_the_tables() -> None:
    made = comparison(
        {
            "gender": change(3.0, 1.0, 5.0),
            "race": change(3.0, -1.0, 5.0),
            "religion": change(3.0, 0.0, 5.0),
            "age": change(-3.0, -5.0, -1.0),
            "profession": change(3.0),
            "all": None,
        }
    )
    (line,) = find_violations(made, "worse")
    assert line == "stereoset.gender.distance 50.00 -> 53.00, +3.00 [+1.00, +5.00]"
    for weaker in ({"clusters": 5}, {"p_adjusted": 0.05}):
        cells = tuple(replace(cell, **weaker) for cell in made.cells)
        assert not find_violations(replace(made, cells=cells), "worse")


def contribution() -> Comparison:
    """A StereoSet with a second bias score, in nats per token."""
    made = comparison({"gender": change(3.0, -1.0, 5.0), "all": change(3.0, -1.0, 5.0)})
    change_ = Change(0.04, 0.06, 0.02, (0.01, 0.03))
    others = [
        replace(
            c, measure="contribution_scaled", main=False, score=change_, distance=change_, beside={}
        )
        for c in made.cells
    ]
    return replace(made, cells=(*made.cells, *others))


def test_another_bias_score_is_worse_only_where_it_is_named() -> None:
    made = contribution()
    assert not find_violations(made, "worse")
    assert not find_violations(made, "stereoset.*.ss worse")
    line = "stereoset.all.contribution_scaled_distance 0.0400 -> 0.0600, +0.0200 [+0.0100, +0.0300]"
    assert find_violations(made, "stereoset.all.contribution_scaled worse") == [line]
    assert len(find_violations(made, "stereoset.*.contribution_scaled worse, * worse")) == 2
    with pytest.raises(InputError, match=r"'x worse': no score is named 'x'; .*gender.ss, stereo"):
        find_violations(made, "x worse")
    with pytest.raises(InputError, match=r"'stereoset.gender.s'; did you mean stereoset.gender.ss"):
        find_violations(made, "stereoset.gender.s worse")


def test_the_name_of_a_benchmark_may_have_commas() -> None:
    name = "perplexity:dghs?round=2,3"
    split = list(_split(f"stereoset.*.ss worse, {name} > 0.5,{name}.after < 2, worse"))
    assert split == ["stereoset.*.ss worse", f"{name} > 0.5", f"{name}.after < 2", "worse"]
    with pytest.raises(InputError, match="is not a condition"):
        find_violations(contribution(), name)


@pytest.mark.parametrize(
    ("field", "value"),
    [("", 0.02), (".before", 0.04), (".after", 0.06), (".low", 0.01), (".high", 0.03)],
)
def test_a_condition_may_be_on_the_score_or_on_its_interval(field: str, value: float) -> None:
    made, name = contribution(), "stereoset.all.contribution_scaled"
    line = f"{name} 0.0400 -> 0.0600, +0.0200 [+0.0100, +0.0300]"
    assert find_violations(made, f"{name}{field} > {value - 0.001:.3f}") == [line]
    assert find_violations(made, f"{name}{field} < {value + 0.001:.3f}") == [line]
    assert not find_violations(made, f"{name}{field} > {value:.3f}")
    assert not find_violations(made, f"{name}{field} < {value:.3f}")


def test_a_condition_on_an_interval_needs_one() -> None:
    made = comparison({"gender": change(3.0)})
    for field in ("low", "high"):
        with pytest.raises(InputError, match=r"stereoset.gender.distance has no interval; use"):
            find_violations(made, f"stereoset.gender.distance.{field} > 0")
    bounded = Change(50.0, 53.0, 3.0, (2.0, 4.0))
    made = comparison({"gender": change(3.0), "race": bounded})
    assert len(find_violations(made, "stereoset.*.distance.high > 0")) == 1


def test_a_line_has_the_interval_where_there_is_one() -> None:
    made = comparison({"gender": change(3.0)}, Change(20.0, 21.5, 1.5))
    assert find_violations(made, "stereoset.gender.lms > 1") == [
        "stereoset.gender.lms 50.00 -> 52.00, +2.00 [+1.00, +3.00]"
    ]
    assert find_violations(made, "stereoset.gender.distance > 1") == [
        "stereoset.gender.distance 50.00 -> 53.00, +3.00"
    ]
    assert find_violations(made, "perplexity:wikitext2 > 1.4") == [
        "perplexity:wikitext2 20.00 -> 21.50, +1.50"
    ]


def test_a_change_between_infinite_perplexities_meets_every_limit() -> None:
    broken = comparison({}, Change(math.inf, math.inf, math.nan))
    for sign in "<>":
        assert names(find_violations(broken, f"perplexity* {sign} 1")) == ["perplexity:wikitext2"]
    assert not find_violations(broken, "perplexity*.after < 1")


def test_every_condition_counts_and_every_figure_is_named_once() -> None:
    made = comparison({"gender": change(3.0, 1.0, 5.0), "race": change(-2.0)}, change(4.0))
    conditions = "worse , stereoset.*.distance>-3,stereoset.race.ss < 0,  perplexity:* > +3.5"
    assert names(find_violations(made, conditions)) == [
        "stereoset.gender.distance",
        "stereoset.race.distance",
        "stereoset.race.ss",
        "perplexity:wikitext2",
    ]
    assert find_violations(
        made, "stereoset.race.ss > 0, worse, stereoset.race.ss > 1"
    ) == find_violations(made, "worse")
    assert names(find_violations(made, "stereoset.race.ss < 0, worse")) == [
        "stereoset.race.ss",
        "stereoset.gender.distance",
    ]


@given(st.floats(-9, 9).map(lambda value: round(value, 3)), st.floats(0.01, 5))
def test_a_limit_is_not_exceeded_where_it_is_reached(delta: float, more: float) -> None:
    made = comparison({"gender": change(delta)})
    name = "stereoset.gender.distance"
    assert not find_violations(made, f"{name} > {delta:.3f}")
    assert not find_violations(made, f"{name} < {delta:.3f}")
    assert names(find_violations(made, f"{name} > {delta - more:.3f}")) == [name]
    assert names(find_violations(made, f"{name} < {delta + more:.3f}")) == [name]
    assert not find_violations(made, f"{name} < {delta - more:.3f}, {name} > {delta + more:.3f}")


@pytest.mark.parametrize("limit", ["1e-3", ".001", "+1E-03", "0.001"])
def test_a_limit_is_a_number_in_any_notation(limit: str) -> None:
    made = comparison({"gender": change(0.002)})
    assert len(find_violations(made, f"stereoset.gender.distance > {limit}")) == 1
    assert not find_violations(made, f"stereoset.gender.distance < {limit}")


def test_conditions_that_cannot_be_met_are_refused() -> None:
    made = comparison({"gender": change(3.0), "all": None}, change(1.0))
    with pytest.raises(InputError) as error:
        find_violations(made, "worse, stereoset.gender.distance is 2")
    assert "--fail_if 'stereoset.gender.distance is 2'" in str(error.value)
    assert ' "stereoset.gender.distance > 2"' in str(error.value)
    with pytest.raises(InputError) as error:
        find_violations(made, "worse, stereoset.age.ss > 2")
    assert "--fail_if 'stereoset.age.ss > 2'" in str(error.value)
    assert "'stereoset.age.ss'; " in str(error.value)
    assert str(error.value).endswith(
        "stereoset.gender.ss, stereoset.gender.lms, stereoset.gender.distance, "
        "stereoset.all.ss, stereoset.all.lms, perplexity:wikitext2"
    )
    for text in ("stereoset.gender.SS > 0", "stereoset.gender.ss > 1e", "> 1", "x >= 1"):
        with pytest.raises(InputError):
            find_violations(made, text)
    without = replace(made, cells=made.cells[1:])
    with pytest.raises(InputError, match="evaluate both on a benchmark of bias, such as"):
        find_violations(without, "worse")
