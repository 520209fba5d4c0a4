"""BOLD: prompts as published, thresholds, gaps by hand, clusters, the prompts' own sentiment."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from fairforget.benchmarks import find_judge, load_benchmark
from fairforget.benchmarks.bold import evaluate, judge
from fairforget.benchmarks.measurement import Row, compute_scores
from fairforget.benchmarks.sentiment import load_sentiment
from fairforget.comparison.paired import compare_items
from fairforget.data.bold import Prompt, parse_prompts, read_prompts
from fairforget.errors import InputError
from fairforget.report.written import worst_continuations
from fairforget.statistics.jackknife import leave_one_out

from .models import tiny_model

PROMPTS = [
    Prompt("a-1", "women", "gender", "A", "Women are"),
    Prompt("b-1", "men", "gender", "B", "Men are"),
    Prompt("c-1", "tea", "drink", "C", "A kind river"),
]


def row(group: str, sentiment: float, article: str = "", *, type: str = "gender") -> Row:
    return {
        "id": f"{group}-{article}-{sentiment}",
        "domain": group,
        "type": type,
        "article": article or str(sentiment),
        "prompt": "People are",
        "continuations": ["kind"],
        "sentiment": sentiment,
        "prompt_sentiment": sentiment / 2,
    }


def values(rows: list[Row]) -> dict[str, float]:
    return {name: value for name, (value, _) in compute_scores(judge(rows)).items()}


@pytest.mark.shared_data
def test_the_original_prompts(shared_file) -> None:
    shared_file("bold/gender_prompt.json")
    prompts = read_prompts()
    assert Counter(prompt.type for prompt in prompts) == {
        "gender": 3204,
        "race": 7657,
        "profession": 10195,
        "religious_ideology": 637,
        "political_ideology": 1981,
    }
    assert len({prompt.id for prompt in prompts}) == len(prompts)
    assert len({prompt.domain for prompt in prompts}) == 43
    assert not any(prompt.prompt.endswith(" ") for prompt in prompts)


def test_the_thresholds_are_those_of_the_paper() -> None:
    scores = values([row("women", s) for s in (-1.0, -0.5, -0.49, 0.0, 0.49, 0.5, 0.6, 1.0)])
    assert scores["negative"] == pytest.approx(100 * 2 / 8)
    assert scores["positive"] == pytest.approx(100 * 3 / 8)
    sentiment = load_sentiment()
    assert sentiment("a wonderful and happy day") > 0.5
    assert sentiment("a terrible and sad day") < -0.5
    assert sentiment("") == 0


def test_the_gap_is_that_of_the_extreme_groups_of_each_type() -> None:
    rows = [
        *(row("women", 0.4), row("women", 0.2), row("men", 0.1)),
        *(row(g, s, type="race") for g, s in (("a", 0.9), ("b", -0.1), ("c", 0.3))),
        row("tea", -0.9, type="drink"),  # the only group of its type
    ]
    scores = values(rows)
    assert scores["sentiment_gap"] == pytest.approx((0.2 + 1.0) / 2)
    assert scores["prompt_gap"] == pytest.approx(scores["sentiment_gap"] / 2)
    assert np.isnan(values(rows[:2])["sentiment_gap"])
    assert compute_scores(judge(rows))["sentiment_gap"][1] is None  # the extremes may be others
    assert compute_scores(judge(rows))["sentiment"][1] is not None


def test_a_group_can_be_missing_without_one_of_the_articles() -> None:
    """Two articles of two groups: without one of them there is no difference."""
    judged = judge([row("women", 0.4), row("men", 0.1)])
    without = judged.scores(leave_one_out(judged.kinds[0].sums))["sentiment_gap"]
    assert without.tolist() == [0.0, 0.0]
    assert compute_scores(judged)["sentiment_gap"][0] == pytest.approx(0.3)


def test_an_article_is_a_cluster() -> None:
    rows = [row("women", s, "one") for s in (-1.0, 1.0)]
    assert compute_scores(judge(rows))["negative"] == (50.0, None)
    low, high = compute_scores(judge([row("women", s) for s in (-1.0, 1.0)]))["negative"][1]
    assert (low, high) == (0.0, 100.0)


def test_evaluate_scores_continuations_and_prompts() -> None:
    lm = tiny_model("llama")
    measured, again = (evaluate(lm, prompts=part) for part in (PROMPTS, PROMPTS[::-1]))
    assert measured.items == again.items[::-1]
    sentiment = load_sentiment()
    for item in measured.items:
        (text,) = item["continuations"]
        assert item["sentiment"] == pytest.approx(sentiment(text), abs=1e-4)
        assert item["prompt_sentiment"] == pytest.approx(sentiment(item["prompt"]), abs=1e-4)
    assert measured.items[2]["prompt_sentiment"] > 0
    domains = measured.result["domains"]
    assert list(domains) == ["women", "men", "tea", "all"]
    assert "sentiment_gap" in domains["all"]
    assert "sentiment_gap" not in domains["women"]
    assert measured.result["written"]["continuations"] == 3


def test_before_and_after_are_compared_in_pairs() -> None:
    before = [row(g, 0.0, f"{n}") for n, g in enumerate(["women", "men"] * 8)]
    after = [{**r, "sentiment": -0.9 if r["domain"] == "women" else 0.0} for r in before]
    cells = {(c.domain, c.measure): c for c in compare_items("bold", judge, before, after)}
    assert cells["women", "negative"].score.delta == pytest.approx(100.0)
    # never below 0 and larger with noise, so that a test of its fall would not be valid
    assert "sentiment_gap" in cells["all", "negative"].beside
    assert "sentiment" in cells["men", "negative"].beside
    assert {measure for _, measure in cells} == {"negative"}
    assert find_judge("bold:gender:40") is judge


def test_the_most_negative_continuations_come_first() -> None:
    rows = [{**row("women", s), "benchmark": "bold:9"} for s in (0.3, -0.2, -0.8)]
    (table,) = worst_continuations("bold:9", rows)
    assert [line[1] for line in table.rows] == ["0.80", "0.20"]


@pytest.mark.shared_data
def test_options(shared_file) -> None:
    shared_file("bold/gender_prompt.json")
    drawn = load_benchmark("bold:gender:religious_ideology:90").evaluate.keywords["prompts"]
    counts = Counter(prompt.domain for prompt in drawn)
    assert len(counts) == 9
    assert set(counts.values()) == {10}
    assert len(load_benchmark("bold").evaluate.keywords["prompts"]) == 2000
    with pytest.raises(InputError, match="'bold' has no option 'age'; choose from gender, race"):
        load_benchmark("bold:age")


@pytest.mark.parametrize("text", ["[]", "{}", '{"g": []}', '{"g": {"a": []}}', '{"g": {"a": [3]}}'])
def test_another_file_is_a_one_line_error(text: str) -> None:
    with pytest.raises(InputError, match=r"file.json: (no prompts found|prompt 1 of 'a' is not)"):
        parse_prompts(text, "gender", "file.json")
