"""Counterfactual prompts: unbiased distances, prompts that differ in the group only, clusters."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairforget.benchmarks import find_domain_judge, find_judge, load_benchmark
from fairforget.benchmarks.counterfactual import (
    DRAWS,
    MAX_GROUPS,
    Prompt,
    evaluate,
    judge,
    list_prompts,
)
from fairforget.benchmarks.counterfactual.distances import (
    energy_distance,
    number_distances,
    word_distances,
)
from fairforget.benchmarks.measurement import Row, compute_scores
from fairforget.comparison.paired import compare_items
from fairforget.corpora.builtin.lexicon import DOMAINS, group_terms, read_data
from fairforget.errors import InputError

from .models import tiny_model

NUMBERS = st.lists(st.floats(-1, 1), min_size=4, max_size=4)


@given(st.lists(NUMBERS, min_size=2, max_size=4))
def test_the_energy_distance_by_its_definition(groups: list[list[float]]) -> None:
    def mean(pairs) -> float:
        return float(np.mean([abs(x - y) for x, y in pairs]))

    def own(values: list[float]) -> float:
        return mean(itertools.permutations(values, 2))

    expected = np.mean(
        [
            mean(itertools.product(first, second)) - own(first) / 2 - own(second) / 2
            for first, second in itertools.combinations(groups, 2)
        ]
    )
    distances = number_distances([x for values in groups for x in values])
    assert energy_distance(distances, len(groups)) == pytest.approx(expected, abs=1e-12)


def test_groups_of_one_distribution_have_no_distance_on_average() -> None:
    random = np.random.default_rng(0)
    same = random.normal(size=(4000, 12))
    values = [energy_distance(number_distances(draw), 3) for draw in same]
    assert abs(np.mean(values)) < 4 * np.std(values) / np.sqrt(len(values))
    shifted = same + np.repeat([0.0, 0.0, 1.0], 4)
    assert np.mean([energy_distance(number_distances(draw), 3) for draw in shifted]) > 0.1


def test_words_in_common_and_names_that_do_not_count() -> None:
    texts = ["Kind and wise.", "kind, and late", "", "women: kind and wise"]
    distances = word_distances(texts, {"women"})
    assert distances[0].tolist() == [0.0, 0.5, 1.0, 0.0]
    assert word_distances(["", "!"]).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_restating_the_group_is_no_difference_in_wording() -> None:
    rows = [
        row("women", 0, ["The woman left."] * DRAWS, 0.0),
        row("men", 0, ["The man left."] * DRAWS, 0.0),
    ]
    assert compute_scores(judge(rows))["wording_distance"][0] == 0.0
    rows[1]["continuations"] = ["The man stayed."] * DRAWS
    assert compute_scores(judge(rows))["wording_distance"][0] == pytest.approx(2 / 3)


def test_the_prompts_of_a_template_differ_in_the_group_only() -> None:
    prompts = list_prompts(("gender", "nationality"))
    assert len(prompts) == 24 * (2 + MAX_GROUPS)
    by_template: dict[tuple[str, int], list[Prompt]] = {}
    for prompt in prompts:
        by_template.setdefault((prompt.domain, prompt.number), []).append(prompt)
    for part in by_template.values():
        rests = {p.text.lower().replace(p.term.lower(), "…") for p in part}
        assert len(rests) == 1
        assert len({p.group for p in part}) == len(part) >= 2
    assert {p.term for p in prompts if p.group == "women"} == {
        term.plural for term in group_terms("gender")[:24]
    }
    assert len({p.id for p in list_prompts()}) == len(list_prompts())


def test_no_prompt_is_trained_on() -> None:
    trained = {
        template.lower()
        for name in ("templates.toml", "harmless.toml")
        for value in read_data(name).values()
        for template in (value if isinstance(value, list) else [])
        if isinstance(template, str)
    }
    assert trained
    for prompt in list_prompts(("gender",), None):
        frame = prompt.text.lower().replace(prompt.term.lower(), "{groups}")
        assert not any(template.startswith(frame) for template in trained)


def row(group: str, template: int, texts: list[str], sentiment: float) -> Row:
    return {
        "benchmark": "counterfactual",
        "id": f"gender-{template}-{group}",
        "domain": "gender",
        "number": template,
        "group": group,
        "term": group,
        "prompt": f"Some {group} are",
        "continuations": texts,
        "sentiments": [sentiment] * len(texts),
    }


def test_before_and_after_are_compared_in_pairs() -> None:
    same = ["kind and wise"] * DRAWS
    after = [row(group, n, same, 0.0) for n in range(12) for group in ("women", "men")]
    before = [
        {**r, "sentiments": [0.5 + 0.01 * r["number"]] * DRAWS} if r["group"] == "women" else r
        for r in after
    ]
    scores = {name: value for name, (value, _) in compute_scores(judge(before)).items()}
    assert scores["sentiment_distance"] == pytest.approx(0.555)
    assert scores["wording_distance"] == scores["length_distance"] == 0.0
    (cell,) = [
        c
        for c in compare_items("counterfactual", judge, before, after)
        if c.domain == "gender" and c.measure == "sentiment_distance"
    ]
    assert (cell.lower_is_better, cell.verdict, cell.clusters) == (True, "less", 12)
    assert find_judge("counterfactual:race:3") is judge
    assert find_domain_judge("counterfactual") is None


def test_evaluate_keeps_what_was_written_and_does_not_depend_on_the_order() -> None:
    lm = tiny_model("llama")
    prompts = list_prompts(("gender",), 2)
    measured, again = (evaluate(lm, prompts=part) for part in (prompts, prompts[::-1]))
    assert measured.items == again.items[::-1]
    assert [len(item["continuations"]) for item in measured.items] == [DRAWS] * 4
    assert list(measured.result["domains"]) == ["gender", "all"]
    assert measured.result["domains"]["all"]["templates"] == 2
    assert measured.result["written"]["continuations"] == 4 * DRAWS
    assert set(measured.result["written"]["sentiment"]["gender"]) == {"women", "men"}


def test_options() -> None:
    benchmark = load_benchmark("counterfactual:race:religion:2")
    assert {p.domain for p in benchmark.evaluate.keywords["prompts"]} == {"race", "religion"}
    assert {p.domain for p in list_prompts()} == set(DOMAINS)
    with pytest.raises(InputError, match="'colour'"):
        load_benchmark("counterfactual:colour")
