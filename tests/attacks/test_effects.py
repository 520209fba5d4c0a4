"""The share of an effect that is left."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fairforget.attacks.effects import compare_conditions
from fairforget.attacks.plan import Condition
from fairforget.attacks.record import AttackEffect
from fairforget.benchmarks.measurement import compute_scores
from fairforget.benchmarks.stereoset import judge
from fairforget.records.evaluation import Evaluation
from fairforget.records.records import EvaluationRecord, ModelFacts

from ..report.runs import ENVIRONMENT, crows_rows, stereoset_rows

PLAIN, ATTACKED = Condition("none"), Condition("quantization", "q4_0")
SCALED = "conditional_scaled"


def evaluation(rows: list[dict[str, Any]]) -> Evaluation:
    record = EvaluationRecord(
        ModelFacts("tiny", 1, "float32", "<s>"),
        {"crows_pairs": {}},
        ENVIRONMENT,
        {},
    )
    return Evaluation(None, record, rows)


def lowered(share: float, count: int = 60) -> list[dict[str, Any]]:
    """Pairs whose scaled log-ratio is lower by a share of an amount that varies with the pair."""
    amounts = np.random.default_rng(0).uniform(0.5, 1.5, 60)
    return [
        row | {SCALED: 5.0 - share * amount}
        for row, amount in zip(crows_rows()[:count], amounts, strict=False)
    ]


def effects(share: float, count: int = 60) -> list[AttackEffect]:
    original = evaluation(lowered(0.0, count))
    result = {PLAIN: evaluation(lowered(1.0, count)), ATTACKED: evaluation(lowered(share, count))}
    found = compare_conditions(
        {PLAIN: original, ATTACKED: original}, {"debiased": [result]}, ["crows_pairs"]
    )
    return [e for e in found if (e.measure, e.domain) == (SCALED, "all")]


@pytest.mark.parametrize("share", [1.0, 0.4, -0.5])
def test_the_share_that_is_left(share: float) -> None:
    plain, attacked = effects(share)
    assert plain.retained is not None
    assert (plain.retained.value, plain.retained.ci) == (1.0, None)
    assert attacked.change.value == pytest.approx(share * plain.change.value)
    assert attacked.retained is not None
    assert attacked.retained.value == pytest.approx(share)
    assert attacked.retained.ci is not None
    # the changes are proportional, pair by pair: only their ratio is without error
    assert attacked.retained.ci == pytest.approx((share, share), abs=1e-6)


def test_language_ability_is_beside_each_bias_score() -> None:
    """A model that an attack broke is close to no bias as well."""
    rows = stereoset_rows(), stereoset_rows(shift=0.2)
    before, after = (evaluation([{"benchmark": "stereoset", **row} for row in it]) for it in rows)
    found = compare_conditions({PLAIN: before}, {"debiased": [{PLAIN: after}]}, ["stereoset"])
    for effect in found:
        domain = [[r for r in it if effect.domain in ("all", r["domain"])] for it in rows]
        scores = [compute_scores(judge(it)) for it in domain]
        assert list(effect.ability) == ["lms", "icat"]
        for name, values in effect.ability.items():
            assert values == pytest.approx([side[name][0] for side in scores])
    assert all(effect.ability == {} for effect in effects(0.4))  # of CrowS-Pairs


def test_an_undecided_effect_has_no_share() -> None:
    original = evaluation(crows_rows())
    noise = evaluation(
        [row | {SCALED: row[SCALED] + (-1) ** n * 0.1} for n, row in enumerate(crows_rows())]
    )
    found = compare_conditions({PLAIN: original}, {"debiased": [{PLAIN: noise}]}, ["crows_pairs"])
    (effect,) = (e for e in found if (e.measure, e.domain) == (SCALED, "all"))
    assert effect.retained is None


def test_few_clusters_decide_nothing() -> None:
    assert all(effect.retained is None for effect in effects(0.4, count=5))
    assert all(effect.retained is not None for effect in effects(0.4, count=6))


def test_seeds_are_averaged_and_widen_the_interval() -> None:
    original = evaluation(lowered(0.0))

    def measured(*shares: float) -> AttackEffect:
        results = [{PLAIN: evaluation(lowered(share))} for share in shares]
        found = compare_conditions({PLAIN: original}, {"debiased": results}, ["crows_pairs"])
        (effect,) = (e for e in found if (e.measure, e.domain) == (SCALED, "all"))
        return effect

    one, three = measured(1.0), measured(0.5, 1.0, 1.5)
    assert three.change.value == pytest.approx(one.change.value)
    assert three.result.value == pytest.approx(one.result.value)
    assert one.change.ci is not None
    assert three.change.ci is not None
    assert three.change.ci[0] < one.change.ci[0]
    assert three.change.ci[1] > one.change.ci[1]


def test_seeds_on_both_sides_of_no_bias_do_not_cancel() -> None:
    rows = crows_rows()
    original = evaluation([row | {SCALED: 1.0} for row in rows])
    sides = [evaluation([row | {SCALED: score} for row in rows]) for score in (1.0, -1.0)]
    found = compare_conditions(
        {PLAIN: original}, {"debiased": [{PLAIN: side} for side in sides]}, ["crows_pairs"]
    )
    (effect,) = (e for e in found if (e.measure, e.domain) == (SCALED, "all"))
    assert effect.result.value == pytest.approx(0.0)
    assert effect.change.value == pytest.approx(0.0)


def test_the_change_beyond_a_control() -> None:
    """It is paired, item by item, and the control's seeds are a source of variance."""
    original = evaluation(lowered(0.0))

    def excess(*shares: float) -> AttackEffect:
        runs = {
            "debiased": [{PLAIN: evaluation(lowered(1.0))}],
            "control": [{PLAIN: evaluation(lowered(share))} for share in shares],
        }
        found = compare_conditions({PLAIN: original}, runs, ["crows_pairs"])
        run, control = (e for e in found if (e.measure, e.domain) == (SCALED, "all"))
        assert control.excess == {}
        assert run.excess["control"].value == pytest.approx(run.change.value - control.change.value)
        return run

    same, half, seeds = excess(1.0), excess(0.5), excess(0.25, 0.75)
    assert same.excess["control"].value == pytest.approx(0.0)
    assert same.excess["control"].ci == pytest.approx((0.0, 0.0))
    assert half.excess["control"].direction == "less"
    widths = [np.subtract(*reversed(it.excess["control"].ci or ())) for it in (half, seeds)]
    assert widths[1] > widths[0]


def test_a_control_changes_no_other_controls_excess() -> None:
    """Only the units that count in the three models compared are compared."""

    def answered(biased: int, *, silent: int = 4) -> Evaluation:
        return evaluation(
            [
                {
                    "id": f"{template}-{n}",
                    "benchmark": "bbq:chat",
                    "domain": "Age",
                    "template": str(template),
                    "ambiguous": True,
                    "right_answer": 2,
                    "unknown_answer": 2,
                    "biased_answer": 0,
                    "answer": None
                    if template < silent
                    else 0
                    if (n + template) % 4 < biased
                    else 1,
                    "continuations": ["A"],
                }
                for template in range(10)
                for n in range(template + 1)
            ]
        )

    original = {PLAIN: answered(4)}
    runs = {"debiased": [{PLAIN: answered(1)}], "control": [{PLAIN: answered(2)}]}
    alone, both = (
        compare_conditions(original, runs | more, ["bbq:chat"])[0].excess
        for more in ({}, {"talkative": [{PLAIN: answered(3, silent=0)}]})
    )
    assert alone["control"].ci is not None
    assert both["control"] == alone["control"]
    assert both["talkative"].ci is not None
