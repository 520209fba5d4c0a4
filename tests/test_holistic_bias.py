"""HolisticBias: the data as published, scores by hand and one by one, wrong files."""

from __future__ import annotations

import json
from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import mannwhitneyu

from fairforget import compare
from fairforget import evaluate as fairforget_evaluate
from fairforget.benchmarks import find_domain_judge, holistic_bias, load_benchmark, load_benchmarks
from fairforget.benchmarks.holistic_bias import TEMPLATES, evaluate, judge, likelihood_bias
from fairforget.benchmarks.measurement import compute_scores
from fairforget.benchmarks.sentences import Scores
from fairforget.comparison.paired import compare_items
from fairforget.data.holistic_bias import Descriptor, parse_descriptors, read_descriptors
from fairforget.errors import InputError

from .models import tiny_model

NOUNS = {"female": [["woman", "women"]], "neutral": [["person", "people"], ["kid", "kids"]]}


@pytest.mark.shared_data
def test_the_original_descriptors(shared_file) -> None:
    shared_file("holistic_bias/nouns.json")
    templates = json.loads(Path(shared_file("holistic_bias/sentence_templates.json")).read_text())
    assert {t.replace("{}", "{plural_noun_phrase}") for t in TEMPLATES} <= set(templates)
    descriptors = read_descriptors()
    axes = Counter(each.axis for each in descriptors)
    assert (len(axes), axes["religion"], axes["nonce"]) == (13, 49, 8)
    assert len(descriptors) == 583
    default = load_benchmark("holistic_bias").evaluate.keywords["descriptors"]
    assert len(default) == 260
    female = next(each for each in descriptors if each.word == "Latina")
    assert "women" in female.nouns
    assert "men" not in female.nouns
    fewer = load_benchmark("holistic_bias:religion:age:10").evaluate.keywords["descriptors"]
    assert Counter(each.axis for each in fewer) == {"religion": 5, "age": 5}


@pytest.mark.shared_data
@pytest.mark.parametrize("options", ["1", "age:1", "13", "nonce"])
def test_descriptors_that_cannot_be_compared_are_refused(shared_file, options: str) -> None:
    shared_file("holistic_bias/nouns.json")
    with pytest.raises(InputError, match="no axis but nonce has two here; add an axis"):
        load_benchmark(f"holistic_bias:{options}")


def test_reading() -> None:
    found = parse_descriptors(
        {"age": {"old": ["old", {"descriptor": "aged", "preference": "dispreferred"}]}}
        | {"sex": {"all": [{"descriptor": "female", "gender": "female"}]}},
        NOUNS,
    )
    assert found == [
        Descriptor("age", "old", "old", "", ("women", "people", "kids")),
        Descriptor("age", "old", "aged", "dispreferred", ("women", "people", "kids")),
        Descriptor("sex", "all", "female", "", ("women",)),
    ]


@pytest.mark.parametrize(
    ("descriptors", "nouns", "message"),
    [
        ([], NOUNS, "descriptors: no descriptors found; is it a file of HolisticBias"),
        ({"age": {"old": [3]}}, NOUNS, "descriptor 1 of 'age', 'old' is not a word"),
        ({"age": {"old": [{"descriptor": " "}]}}, NOUNS, "is not a word"),
        (
            {"age": {"old": [{"descriptor": "x", "gender": "y"}]}},
            NOUNS,
            "'x' has gender 'y', which nouns does not have",
        ),
        ({"age": {"old": ["old"], "all": ["old"]}}, NOUNS, "'age' lists 'old' twice; remove one"),
        ({"age": {"old": ["old"]}}, {"female": ["woman"]}, "'female' is not a list of pairs of"),
        ({"age": {"old": ["old"]}}, {"female": 3}, "'female' is not a list of pairs of nouns"),
    ],
)
def test_wrong_files_are_one_line(descriptors, nouns, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_descriptors(descriptors, nouns)


def row(valence: float, domain: str = "age", number: int = 0, deviation: float = 2.0) -> dict:
    return {
        "id": f"{domain}/{number}",
        "domain": domain,
        "score_valence": valence,
        "score_deviation": deviation,
    }


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=20), st.floats(0.1, 10))
def test_the_spread_is_the_standard_deviation_of_descriptors(values, deviation) -> None:
    found = compute_scores(judge([row(value, deviation=deviation) for value in values]))
    spread = np.std(values, ddof=1)
    assert found["valence_spread"][0] == pytest.approx(spread, abs=1e-6)
    assert found["valence_spread_scaled"][0] == pytest.approx(spread / deviation, abs=1e-5)
    assert next(iter(found)) == "valence_spread_scaled"


def test_over_all_axes_the_spread_is_that_within_axes() -> None:
    rows = [row(value, axis) for axis, m in (("x", 0), ("y", 100)) for value in (m - 1, m + 1)]
    assert compute_scores(judge(rows))["valence_spread"][0] == pytest.approx(np.sqrt(2))


def test_descriptors_that_are_all_alike_have_no_spread() -> None:
    assert compute_scores(judge([row(1.5)] * 8))["valence_spread"] == (0, None)
    assert "valence_spread" not in compute_scores(judge([row(1.5)]))


def test_a_smaller_spread_is_a_fall_but_another_mean_or_a_flatter_model_is_none() -> None:
    values = np.random.default_rng(0).normal(size=40)
    before = [row(value, number=n) for n, value in enumerate(values)]

    def change(after: list[dict]) -> object:
        (cell, *_) = compare_items("holistic_bias", judge, before, after)
        assert (cell.measure, cell.lower_is_better) == ("valence_spread_scaled", True)
        return cell.score

    assert change([row(v / 4, number=n) for n, v in enumerate(values)]).ci[1] < 0
    moved = change([row(v + 3, number=n) for n, v in enumerate(values)])
    assert moved.delta == pytest.approx(0, abs=1e-9)
    flatter = change([row(v / 2, number=n, deviation=1.0) for n, v in enumerate(values)])
    assert flatter.delta == pytest.approx(0, abs=1e-9)


def test_the_likelihood_bias_counts_pairs_as_the_authors_do() -> None:
    draw = np.random.default_rng(0)
    perplexities = [
        draw.normal(size=(nouns, 4)) + i / 4 for i, nouns in enumerate([12, 30, 30, 11, 30, 12])
    ]
    found = [
        mannwhitneyu(perplexities[i][:, t], perplexities[j][:, t]).pvalue < 0.05
        for t in range(4)
        for i, j in combinations(range(6), 2)
    ]
    assert 0 < np.mean(found) < 1
    assert likelihood_bias(perplexities) == pytest.approx(100 * np.mean(found))


def test_sentences_are_scored_whole() -> None:
    lm = tiny_model("llama")
    descriptors = parse_descriptors({"age": {"all": ["old", "young"]}, "x": {"all": ["a"]}}, NOUNS)
    measured = evaluate(lm, descriptors=descriptors)
    assert [r["id"] for r in measured.items] == ["age/old", "age/young", "x/a"]
    assert "likelihood_bias" in measured.result["domains"]["age"]
    assert "likelihood_bias" not in measured.result["domains"]["x"]
    assert "valence_spread" not in measured.result["domains"]["x"]  # one descriptor

    def log_prob(text: str) -> float:
        ids = [lm.start_id, *lm.tokenizer(text, add_special_tokens=False)["input_ids"]]
        with torch.no_grad():
            table = lm.model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        return sum(table[i, token].item() for i, token in enumerate(ids[1:]))

    ratios = {
        (word, noun): np.mean(
            [
                log_prob(good.format(f"{word} {noun}")) - log_prob(bad.format(f"{word} {noun}"))
                for good, bad in (TEMPLATES[:2], TEMPLATES[2:])
            ]
        )
        for word in ("old", "young", "a")
        for noun in ("women", "people", "kids")
    }
    relative = np.mean([v for (word, _), v in ratios.items() if word == "young"]) - np.mean(
        [*ratios.values()]
    )
    assert measured.items[1]["score_valence"] == pytest.approx(relative, abs=1e-4)


def test_nouns_of_one_gender_alone_make_no_difference(monkeypatch) -> None:
    """The valence depends on the noun only."""

    def score(lm: object, texts: list[str], **_: object) -> Scores:
        total = np.array([-("women" in text and "love" in text) for text in texts], np.float64)
        return Scores(total, total, [])

    monkeypatch.setattr(holistic_bias, "sentence_scores", score)
    words = {"x": {"all": ["old", "young", {"descriptor": "trans", "gender": "female"}]}}
    found = evaluate(tiny_model("llama"), descriptors=parse_descriptors(words, NOUNS))
    assert [row["score_valence"] for row in found.items] == pytest.approx([0, 0, 0])


def test_invented_words_are_measured_apart() -> None:
    lm = tiny_model("llama")
    words = {"age": {"all": ["old", "young"]}, "nonce": {"all": ["dax", "wug"]}}
    measured = evaluate(lm, descriptors=parse_descriptors(words, NOUNS))
    assert {r["domain"] for r in measured.items} == {"age"}
    assert measured.result["domains"]["all"]["items"] == 2
    assert {"valence_spread", "likelihood_bias"} <= measured.result["domains"]["nonce"].keys()


@pytest.mark.shared_data
def test_invented_words_are_no_gap_in_a_comparison(shared_file) -> None:
    """They have scores, but are never compared."""
    shared_file("holistic_bias/nouns.json")
    lm = tiny_model("llama")
    once, again = (fairforget_evaluate(lm, ["holistic_bias:nonce:age:6"]) for _ in range(2))
    assert "nonce" in once["holistic_bias:nonce:age:6"]
    comparison = compare(once, again)
    assert {cell.domain for cell in comparison.cells} == {"age", "all"}
    assert comparison.notes == ()


@pytest.mark.shared_data
def test_masked_models_and_unknown_axes(shared_file) -> None:
    shared_file("holistic_bias/nouns.json")
    with pytest.raises(InputError, match="'holistic_bias:age' needs a causal model"):
        load_benchmarks(["holistic_bias:age"], tiny_model("bert"))
    with pytest.raises(InputError, match="'holistic_bias' has no option 'ages'; choose from abil"):
        load_benchmark("holistic_bias:ages")
    assert find_domain_judge("holistic_bias:age") is None


def test_the_only_descriptor_of_an_axis_says_nothing_about_the_spread() -> None:
    rows = [row(value, "age", n) for n, value in enumerate((-1.0, 1.0, 2.0))]
    rows += [row(3.0, axis, 9) for axis in ("body", "religion")]
    (clusters,) = judge(rows).kinds
    assert clusters.count_in("valence_spread").tolist() == [True, True, True, False, False]
    assert clusters.count_in("valence_spread_scaled").all()  # it has noise between nouns
