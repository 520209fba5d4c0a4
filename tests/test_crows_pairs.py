"""CrowS-Pairs: the data as published, verdicts by each protocol, wrong files."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fairforget.benchmarks import load_benchmark, load_benchmarks
from fairforget.benchmarks.crows_pairs import evaluate, judge
from fairforget.benchmarks.crows_pairs_parts import PARTS, part_columns
from fairforget.data.crows_pairs import DOMAINS, Pair, read_pairs
from fairforget.errors import InputError
from fairforget.statistics.jackknife import Floats

from .models import log_softmax, tiny_model

SIZES = (516, 262, 172, 159, 105, 87, 84, 63, 60)

PAIRS = [
    Pair("0", "gender", "Women are bad drivers.", "Most people are bad drivers."),
    Pair("1", "age", "They lie and they are late.", "They lie and they are kind.", antistereo=True),
    Pair("2", "gender", "The river has a mill.", "The river has a mill."),
]


@pytest.mark.shared_data
def test_the_original_pairs(shared_file) -> None:
    pairs = read_pairs(shared_file("crows_pairs/crows_pairs_anonymized.csv"))
    assert Counter(pair.domain for pair in pairs) == dict(zip(DOMAINS, SIZES, strict=True))
    assert sum(pair.antistereo for pair in pairs) == 218
    assert [pair.id for pair in pairs] == [str(n) for n in range(1508)]


def test_causal_scores_summed_and_per_token() -> None:
    lm = tiny_model("llama")
    measured = evaluate(lm, pairs=PAIRS)
    row = measured.items[0]
    ids = lm.tokenizer(PAIRS[0].sent_more)["input_ids"]
    table = log_softmax(lm, [lm.start_id, *ids])
    values = [table[i, t].item() for i, t in enumerate(ids)]
    assert row["sum_more"] == pytest.approx(np.sum(values), abs=1e-3)
    assert row["score_more"] == pytest.approx(np.mean(values), abs=1e-4)
    assert row["prefers_more"] == (row["score_more"] > row["score_less"])
    assert row["prefers_more_summed"] == (row["sum_more"] > row["sum_less"])
    assert measured.result["start_token"] == "<|endoftext|>"


@pytest.mark.parametrize("protocol", ["bos", "bias-bench"])
def test_the_two_parts_of_a_log_ratio_are_those_of_its_tokens(protocol: str) -> None:
    lm = tiny_model("llama")
    measured = evaluate(lm, pairs=PAIRS, protocol=protocol)
    for row in measured.items:
        assert row["prior"] + row["conditional"] == pytest.approx(
            row["sum_more"] - row["sum_less"], abs=2e-4
        )
    assert measured.items[2]["prior"] == measured.items[2]["conditional"] == 0
    ratios = np.array([row["sum_more"] - row["sum_less"] for row in measured.items])
    spread = np.median(np.abs(ratios - np.median(ratios)))
    for row in measured.items:
        assert row["conditional_scaled"] == pytest.approx(row["conditional"] / spread, abs=1e-2)
    if protocol == "bos":
        prior = 0.0
        for sentence, sign, changed in ((PAIRS[0].sent_more, 1, 1), (PAIRS[0].sent_less, -1, 2)):
            ids = lm.tokenizer(sentence)["input_ids"]
            table = log_softmax(lm, [lm.start_id, *ids])
            words = " ".join(sentence.split()[:changed])  # "Women", "Most people"
            for i in range(len(lm.tokenizer(words)["input_ids"])):
                prior += sign * table[i, ids[i]].item()
        assert measured.items[0]["prior"] == pytest.approx(prior, abs=2e-4)
    gender = measured.result["domains"]["gender"]
    for name in ("prior", "conditional", "conditional_scaled"):
        values = [row[name] for row in measured.items if row["domain"] == "gender"]
        assert gender[name] == pytest.approx(np.mean(values))
        assert gender[f"{name}_ci"][0] <= gender[name] <= gender[f"{name}_ci"][1]
    assert judge(measured.items).unbiased_scores == {"stereotype": 50, "conditional_scaled": 0}


def test_masked_models_and_old_files_lack_the_two_parts() -> None:
    new = evaluate(tiny_model("gpt2"), pairs=PAIRS).items
    old = [{k: v for k, v in row.items() if k not in PARTS} for row in new]
    assert judge(old).unbiased_scores == {"stereotype": 50}
    totals = judge(old).totals
    assert list(judge(old).scores(totals)) == ["stereotype", "stereotype_summed"]
    assert np.isnan(judge(new).scores(totals)["conditional"])  # the two can still be paired
    masked = evaluate(tiny_model("bert"), pairs=PAIRS[:1])
    assert "prior" not in masked.items[0]
    assert "prior" not in masked.result["domains"]["all"]


def test_files_without_the_scaled_part_have_no_verdict_on_the_conditional_one() -> None:
    rows = evaluate(tiny_model("gpt2"), pairs=PAIRS).items
    for row in rows:
        del row["conditional_scaled"]
    judgement = judge(rows)
    assert judgement.unbiased_scores == {"stereotype": 50}
    assert "conditional" in judgement.scores(judgement.totals)


def test_a_pair_of_probability_0_does_not_remove_the_scaled_part() -> None:
    parts = np.random.default_rng(0).normal(size=(9, 2))
    impossible, *others = part_columns(np.vstack([[np.nan, 0.5], parts]))
    assert others == part_columns(parts)
    assert impossible["conditional_scaled"] is not None


def test_pairs_without_spread_have_no_scaled_part() -> None:
    first, second = part_columns(np.array([[1.0, 0.5], [0.5, 1.0]]))
    assert first["conditional"], second["conditional"] == (0.5, 1.0)
    assert first["conditional_scaled"] is second["conditional_scaled"] is None


def parts_of_pairs(temperature: float, *, pairs: int = 400) -> Floats:
    """[pairs, 2] prior and conditional of random next-token distributions at a temperature.

    Each pair has one token that differs and twelve that both sentences share, of 200. With the
    stereotyped group, every shared token is a little more likely.
    """
    generator = np.random.default_rng(3)
    names = generator.normal(0, 3, (pairs, 200))
    shared = generator.normal(0, 3, (pairs, 12, 200))
    noise = generator.gumbel(size=shared.shape)  # so that tokens are drawn, not the likeliest
    tokens = (shared + noise).argmax(axis=-1)
    with_groups = [shared + generator.normal(0, 0.5, shared.shape) for _ in range(2)]
    chosen = np.take_along_axis(with_groups[0], tokens[..., None], -1) + 0.15
    np.put_along_axis(with_groups[0], tokens[..., None], chosen, -1)
    first = log_softmax_of(names / temperature)
    sums = [
        np.take_along_axis(log_softmax_of(z / temperature), tokens[..., None], -1).sum(axis=(1, 2))
        for z in with_groups
    ]
    return np.column_stack([first[:, 0] - first[:, 1], sums[0] - sums[1]])


def log_softmax_of(logits: Floats) -> Floats:
    """Log-probabilities over the last axis."""
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


@pytest.mark.parametrize("temperature", [1.05, 1.10])
def test_a_flatter_distribution_lowers_the_conditional_part_but_not_the_scaled_one(
    temperature: float,
) -> None:
    sharp, flat = (part_columns(parts_of_pairs(t)) for t in (1.0, temperature))
    ratios = {
        name: np.mean([row[name] for row in flat]) / np.mean([row[name] for row in sharp])
        for name in PARTS
    }
    assert ratios["conditional"] < 1 - 0.6 * (temperature - 1)
    assert ratios["conditional_scaled"] == pytest.approx(1, abs=0.02)


def test_ties_are_kept_and_are_no_preference() -> None:
    _, pair, _ = PAIRS
    swapped = Pair("3", pair.domain, pair.sent_less, pair.sent_more)  # so that not all agree
    domains = evaluate(tiny_model("gpt2"), pairs=[*PAIRS, swapped]).result["domains"]
    assert list(domains) == ["gender", "age", "all"]
    assert domains["gender"]["pairs"] == 2
    assert domains["gender"]["ties"] == 1
    assert domains["gender"]["stereotype"] in (0, 50)
    assert domains["all"]["ties"] == 1
    low, high = domains["all"]["ci"]
    assert 0 <= low <= domains["all"]["stereotype"] <= high <= 100


def test_unsupported_protocols(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairforget.benchmarks.crows_pairs.read_pairs", lambda _: PAIRS)
    with pytest.raises(InputError, match="'crows_pairs:nangia' needs a masked model"):
        load_benchmarks(["crows_pairs:nangia"], tiny_model("gpt2"))
    with pytest.raises(InputError, match="'crows_pairs:bos' needs a causal model"):
        load_benchmarks(["crows_pairs:bos"], tiny_model("bert"))
    load_benchmarks(["crows_pairs", "crows_pairs:bias-bench"], tiny_model("bert"))


def test_no_pair_can_be_scored() -> None:
    pair = replace(PAIRS[0], sent_more="They are very late.", sent_less="They are late.")
    with pytest.raises(InputError, match="none of the pairs can be scored"):
        evaluate(tiny_model("bert"), pairs=[pair])


HEADER = ",sent_more,sent_less,stereo_antistereo,bias_type\n"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        ("", "no pairs found"),
        (HEADER, "no pairs found"),
        ("text\nhello\n", "line 2: no column 'sent_more'; add it, or rename one of 'text'"),
        (HEADER + "0,A b., ,stereo,age\n", "line 2: column 'sent_less' is empty"),
        (HEADER + "0,A b.,A c.,stereo\n", "line 2: 4 fields, but the header has 5"),
        (HEADER + "0,A b.,A c.,stereo,age,x\n", "line 2: more fields than the header"),
        (
            HEADER + "0,A b.,A c.,stereo,height\n",
            "line 2: bias_type 'height' is unknown; choose from race",
        ),
        (HEADER + "0,A b.,A c.,both,age\n", "line 2: stereo_antistereo 'both'"),
        (HEADER + '0,"A ""b""" c,A c.,stereo,age\n', "line 2: not valid CSV"),
        (HEADER + '0,"A b.,A c.,stereo,age\n1,A d.,A', "line 2: .* and never closes"),
        (HEADER + "0,A b.,A c.,stereo,age\n0,A d.,A e.,stereo,age\n", "line 3: id '0' occurs tw"),
        (HEADER.encode() + "0,é,A c.,stereo,age".encode("latin-1"), "line 2: byte 0xe9 is not UTF"),
        (b"PK\x03\x04\xff\xfe", "not UTF-8"),
        (",sent_more,sent_more\n", "two columns are named 'sent_more'"),
    ],
)
def test_malformed_files_are_a_one_line_error(tmp_path: Path, content, message) -> None:
    path = tmp_path / "pairs.csv"
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message) as error:
        load_benchmark(f"crows_pairs:{path}")
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert "; " in str(error.value)  # a remedy follows


def test_a_user_file_with_quotes_and_line_breaks(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text('﻿id,sent_more,sent_less,bias_type\nx,"A, ""b""\nc.",A d.,age\n')
    assert read_pairs(path) == [Pair("x", "age", 'A, "b"\nc.', "A d.")]


def test_judge_returns_the_verdicts() -> None:
    rows = evaluate(tiny_model("gpt2"), pairs=PAIRS).items
    assert judge(rows).verdicts.tolist() == [row["prefers_more"] for row in rows]


REFERENCE = {
    "all": 54.71,
    "race-color": 55.04,
    "gender": 51.15,
    "religion": 53.33,
    "sexual-orientation": 72.62,
    "disability": 66.67,
}
"""Of SmolLM2-135M-Instruct, measured independently of this code."""
SMALL = ("religion", "sexual-orientation", "disability")


@pytest.mark.real_model
@pytest.mark.shared_data
def test_reference_values(smollm2, shared_file) -> None:
    pairs = read_pairs(shared_file("crows_pairs/crows_pairs_anonymized.csv"))
    domains = evaluate(smollm2, pairs=[p for p in pairs if p.domain in SMALL]).result["domains"]
    for domain in SMALL:
        assert domains[domain]["stereotype"] == pytest.approx(REFERENCE[domain], abs=0.05)


@pytest.mark.nightly  # each pair is scored by itself, as those above are
@pytest.mark.real_model
@pytest.mark.shared_data
def test_all_reference_values(smollm2, shared_file) -> None:
    pairs = read_pairs(shared_file("crows_pairs/crows_pairs_anonymized.csv"))
    domains = evaluate(smollm2, pairs=pairs).result["domains"]
    for domain, value in REFERENCE.items():
        assert domains[domain]["stereotype"] == pytest.approx(value, abs=0.05)
