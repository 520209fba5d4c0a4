"""The effects of a leaderboard, on scored items without a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from fairforget.errors import InputError
from fairforget.leaderboards.plan import ORIGINAL, PUBLISHED, MethodRun
from fairforget.leaderboards.record import MethodEffect, RunRecord
from fairforget.leaderboards.rows import compare_with_original, make_rows
from fairforget.leaderboards.runs import FinishedMethodRun
from fairforget.records.evaluation import Evaluation, read_evaluation
from fairforget.records.records import ModelFacts
from fairforget.settings import LeaderboardSettings
from fairforget.statistics.jackknife import FEWEST_CLUSTERS

from ..report.runs import ENVIRONMENT, write_evaluation

FACTS = ModelFacts("tiny", 1, "float32", "<s>")


def effects_of(
    original: Evaluation, after: Sequence[Evaluation], measure: str, domain: str
) -> MethodEffect:
    """The effect of a method with one seed for each evaluation, on one StereoSet score."""
    settings = LeaderboardSettings(models="tiny")
    runs = [(ORIGINAL, 0, original), *(("method", n, one) for n, one in enumerate(after))]
    finished = {
        MethodRun("tiny", method, seed, settings): FinishedMethodRun(
            RunRecord(FACTS, method, seed, {}, None, 1.0, None, 1.0, ENVIRONMENT),
            {PUBLISHED: evaluation},
        )
        for method, seed, evaluation in runs
    }
    (effect,) = (
        e
        for e in compare_with_original(finished)
        if (e.benchmark, e.measure, e.domain) == ("stereoset", measure, domain)
    )
    return effect


def shifted(directory: Path, shift: float) -> Evaluation:
    return read_evaluation(write_evaluation(directory, shift=shift))


def test_seeds_on_both_sides_of_no_bias_do_not_cancel(tmp_path: Path) -> None:
    original, low, high = (
        shifted(tmp_path / name, shift)
        for name, shift in (("original", 0.0), ("low", 1.2), ("high", -0.6))
    )
    apart = [effects_of(original, [one], "contribution_scaled", "all") for one in (low, high)]
    assert apart[0].after.value < 0 < apart[1].after.value  # no bias is 0
    together = effects_of(original, [low, high], "contribution_scaled", "all")
    distances = [effect.distance.value for effect in apart if effect.distance]
    assert together.distance
    assert together.distance.value == pytest.approx(sum(distances) / 2)
    assert together.after.value == pytest.approx(sum(e.after.value for e in apart) / 2)


def test_a_domain_without_the_main_score_has_no_other_in_its_place(tmp_path: Path) -> None:
    usable = {"bias_ambiguous": 5.0, "bias_ambiguous_ci": [1.0, 9.0]}
    accuracy = {"accuracy_ambiguous": 60.0, "accuracy_ambiguous_ci": [50.0, 70.0]}
    domains = {"Age": accuracy, "all": usable | accuracy}
    results = {"bbq:chat": {"protocol": "chat", "domains": domains}}
    evaluation = read_evaluation(write_evaluation(tmp_path, results=results))
    record = RunRecord(FACTS, ORIGINAL, 0, {"perplexity": 1.0}, None, 1.0, None, 1.0, ENVIRONMENT)
    run = MethodRun("tiny", ORIGINAL, 0, LeaderboardSettings(models="tiny"))
    (row,) = make_rows({run: FinishedMethodRun(record, {PUBLISHED: evaluation})})
    shown = {name: {d: s.value for d, s in row.scores[name].items()} for name in row.scores}
    assert shown["bbq:chat"] == {"all": 5.0}
    assert shown["bbq:chat/accuracy_ambiguous"] == {"Age": 60.0, "all": 60.0}


def test_scores_with_other_settings_are_not_compared(tmp_path: Path) -> None:
    """As from a run of an earlier version of a benchmark's package."""
    original, after = (shifted(tmp_path / name, 0.0) for name in ("original", "after"))
    after.record.results["stereoset"]["protocol"] = "another"
    with pytest.raises(InputError, match=r"stereoset cannot be compared: protocol .*'another' aft"):
        effects_of(original, [original, after], "ss", "gender")


def test_a_domain_with_one_term_has_no_interval(tmp_path: Path) -> None:
    evaluations = []
    for name, shift in (("original", 0.0), ("after", 0.3)):
        found = shifted(tmp_path / name, shift)
        one_term = {"term": "gender 0"}
        items = [row | one_term if row["domain"] == "gender" else row for row in found.items]
        evaluations.append(replace(found, items=items))
    effect = effects_of(evaluations[0], evaluations[1:], "ss", "gender")
    assert effect.before.ci is effect.after.ci is effect.change.ci is None
    assert effect.clusters == 1
    assert effect.verdict is None


def test_domains_with_too_few_terms_are_in_no_family(tmp_path: Path) -> None:
    """They cannot be decided, so they do not cost the other domains power."""
    evaluations = [shifted(tmp_path / name, x) for name, x in (("original", 0.0), ("after", 0.3))]
    few = []
    for found in evaluations:
        terms = {row["id"]: f"gender {n % 5}" for n, row in enumerate(found.items)}
        few.append(
            replace(
                found,
                items=[
                    row | {"term": terms[row["id"]]} if row["domain"] == "gender" else row
                    for row in found.items
                ],
            )
        )

    def adjusted(sides: list[Evaluation], domain: str) -> tuple[float, float]:
        effect = effects_of(sides[0], sides[1:], "contribution_scaled", domain)
        assert effect.clusters is not None
        assert (effect.verdict is None) == (effect.clusters < FEWEST_CLUSTERS)
        return effect.p, effect.p_adjusted

    p, gender = adjusted(few, "gender")
    assert p < gender == 1.0
    (p, alone), (_, together) = (adjusted(sides, "profession") for sides in (few, evaluations))
    assert p == alone < together == pytest.approx(2 * p)
