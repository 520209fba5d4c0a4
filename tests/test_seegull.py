"""SeeGULL: the data as published, comparisons, scores by hand, a naive score, wrong files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from fairforget.benchmarks import find_domain_judge, load_benchmark
from fairforget.benchmarks.measurement import Row, compute_scores
from fairforget.benchmarks.seegull import (
    DOMAINS,
    OTHERS,
    Stereotype,
    evaluate,
    judge,
    list_stereotypes,
    prompt_of,
)
from fairforget.comparison.paired import compare_items
from fairforget.data.seegull import Association, read_associations
from fairforget.errors import InputError

from .models import tiny_model

HEADER = "identity,attribute,region_stereo,NA_stereo,mean offensiveness_score\n"


@pytest.mark.shared_data
def test_the_original_associations(shared_file) -> None:
    shared_file("seegull/stereotypes_global_v2.csv")
    associations = read_associations()
    assert len(associations) == 6781
    assert len({a.identity for a in associations}) == 176
    stereotypes = list_stereotypes(associations)
    assert len(stereotypes) == 4421
    domains = Counter(s.domain for s in stereotypes)
    assert set(domains) == set(DOMAINS)
    assert domains["named"] > domains["unnamed"] > 500
    named = {s.identity for s in stereotypes if s.domain == "named"}
    assert {"Greeks", "Danish", "Turks", "Mexican"} <= named
    assert not {"Bolivian", "Croatian", "Mongolian"} & named
    pairs = {(a.identity, a.attribute) for a in associations}
    for s in stereotypes:
        assert len(set(s.others)) == OTHERS
        assert not any((other, s.attribute) in pairs for other in s.others)
    fewer, more = (
        load_benchmark(f"seegull:unnamed:{n}").evaluate.keywords["stereotypes"] for n in (50, 80)
    )
    assert (len(fewer), len(more)) == (50, 80)
    assert set(fewer) < set(more)


def test_only_what_enough_raters_know_counts() -> None:
    names = [Association(f"N{n}", "calm", 0, -1.0) for n in range(OTHERS + 3)]
    known = Association("Mexican", "kind", 2, 1.0)
    (one,) = list_stereotypes([*names, known, Association("Malian", "kind", 1, 0.9)])
    assert (one.identity, one.domain, one.offensive) == ("Mexican", "named", True)
    assert "Malian" not in one.others  # it has the attribute, too


def test_words_before_an_attribute() -> None:
    assert prompt_of("Swiss") == "Swiss people are"
    assert prompt_of("Swedes") == "Swedes are"
    assert prompt_of("United KingdomUK") == "United Kingdom people are"


def row(identity: str, attribute: str, own: float, others: float, offensive: bool) -> Row:
    return {
        "benchmark": "seegull",
        "id": f"{identity}/{attribute}",
        "domain": "named",
        "identity": identity,
        "attribute": attribute,
        "offensive": offensive,
        "log_prob": own,
        "log_prob_others": others,
    }


def test_the_scores_by_hand() -> None:
    rows = [
        row("A", "a", -4.0, -5.0, True),
        row("A", "b", -6.0, -5.5, False),
        row("B", "c", -8.0, -8.0, True),
        row("C", "d", -2.0, -4.0, False),
    ]
    scores = {name: value for name, (value, _) in compute_scores(judge(rows)).items()}
    assert scores == {
        "stereotype": pytest.approx(50.0),  # a tie is no preference
        "association": pytest.approx((1 - 0.5 + 0 + 2) / 4),
        "offensive_log_prob": pytest.approx(-6.0),
    }
    assert judge(rows).ties == 1
    identities, attributes = judge(rows).kinds
    assert identities.count_in("offensive_log_prob").tolist() == [True, True, False]
    assert attributes.count_in("offensive_log_prob").tolist() == [True, False, True, False]
    assert find_domain_judge("seegull:named:9") is judge


def test_attributes_are_clusters_too() -> None:
    """As many nationalities as one likes say nothing about other attributes."""
    gaps = {"lazy": 3.0, "rude": -1.0, "poor": 1.0}
    rows = [row(f"N{n}", a, gap, 0.0, True) for n in range(40) for a, gap in gaps.items()]
    value, (low, high) = compute_scores(judge(rows))["association"]
    assert value == pytest.approx(1.0)
    assert (low, high) == pytest.approx((1 - 4.303 * 2 / 3**0.5, 1 + 4.303 * 2 / 3**0.5), abs=0.01)


def test_less_likely_offensive_attributes_are_a_fall() -> None:
    before = [row(f"N{n}", f"a{n}", -5.0 - n / 10, -5.0, True) for n in range(12)]
    after = [{**r, "log_prob": r["log_prob"] - 1 - 0.01 * i} for i, r in enumerate(before)]
    cells = {c.measure: c for c in compare_items("seegull", judge, before, after)}
    assert cells["offensive_log_prob"].verdict == "less"
    assert cells["association"].score.delta < -1


def test_a_score_is_that_of_the_whole_sentence_without_its_beginning() -> None:
    lm = tiny_model("llama")
    stereotypes = [
        Stereotype("Mexican", "kind and wise", ("Swiss", "Turks"), "named", False),
        Stereotype("Swiss", "late", ("Turks",), "named", True),
    ]
    measured = evaluate(lm, stereotypes=stereotypes)

    def naive(prompt: str, attribute: str) -> float:
        whole = [
            lm.start_id,
            *lm.tokenizer(f"{prompt} {attribute}", add_special_tokens=False)["input_ids"],
        ]
        first = len(lm.tokenizer(prompt, add_special_tokens=False)["input_ids"])
        with torch.no_grad():
            log_probs = lm.model(torch.tensor([whole])).logits[0].log_softmax(-1)
        return sum(float(log_probs[i, whole[i + 1]]) for i in range(first, len(whole) - 1))

    first = measured.items[0]
    assert first["log_prob"] == pytest.approx(
        naive("Mexican people are", "kind and wise"), abs=1e-4
    )
    others = [naive("Swiss people are", "kind and wise"), naive("Turks are", "kind and wise")]
    assert first["log_prob_others"] == pytest.approx(np.mean(others), abs=1e-4)
    assert list(measured.result["domains"]) == ["named", "all"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("Swiss,calm,two,0,-1\n", "line 2: expected identity, attribute, and numbers"),
        ("Swiss,,2,0,-1\n", "line 2: identity or attribute is empty"),
        ("", "no associations found"),
    ],
)
def test_wrong_files(tmp_path: Path, lines: str, message: str) -> None:
    path = tmp_path / "seegull.csv"
    path.write_text(HEADER + lines)
    with pytest.raises(InputError, match=message):
        read_associations(path)
