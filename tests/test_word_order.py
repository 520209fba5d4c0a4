"""CrowS-Pairs in other languages, and whether a model knows them."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairforget.benchmarks import crows_pairs, load_benchmark
from fairforget.benchmarks.degenerate import find_warnings
from fairforget.benchmarks.sentences import sentence_scores
from fairforget.benchmarks.word_order import FEWEST_IN_ORDER, measure_word_order, shuffle_words
from fairforget.data.crows_pairs import DOMAINS, Pair, read_revised_pairs
from fairforget.errors import InputError

from .models import tiny_model

PAIRS = [
    Pair(str(n), "gender", f"The women were late {n}.", f"The men were late {n}.") for n in range(9)
]


@pytest.mark.shared_data
@pytest.mark.parametrize(("language", "count"), [("en", 1463), ("fr", 1462), ("nl", 1463)])
def test_the_revised_pairs(language: str, count: int, shared_file) -> None:
    names = {"en": "eng", "fr": "french", "nl": "dutch"}
    shared_file(f"crows_pairs_multilingual/crows_{names[language]}.csv")
    pairs = read_revised_pairs(language)
    assert len(pairs) == len({pair.id for pair in pairs}) == count
    assert all(pair.sent_more.strip() and pair.sent_less.strip() for pair in pairs)
    assert not any("\ufffd" in pair.sent_more or "Ã" in pair.sent_more for pair in pairs)
    counts = Counter(pair.domain for pair in pairs)
    assert counts["gender"] > 250
    assert set(counts) <= set(DOMAINS)


@pytest.mark.shared_data
def test_lines_in_another_encoding_are_read(shared_file) -> None:
    shared_file("crows_pairs_multilingual/crows_dutch.csv")
    texts = " ".join(pair.sent_more for pair in read_revised_pairs("nl"))
    assert "siësta" in texts
    assert "financiële" in texts


@given(st.lists(st.text("ab", min_size=1), min_size=1, max_size=8), st.integers(0, 9))
def test_words_are_shuffled_alike(words: list[str], seed: int) -> None:
    text = " ".join(words)
    numbered = " ".join(f"{n}" for n in range(len(words)))
    assert sorted(shuffle_words(text, seed).split()) == sorted(words)
    order = [int(n) for n in shuffle_words(numbered, seed).split()]
    assert shuffle_words(text, seed) == " ".join(words[n] for n in order)


def test_the_word_order_is_that_of_single_sentences() -> None:
    language_model = tiny_model("llama")
    texts = [text for pair in PAIRS for text in (pair.sent_more, pair.sent_less)]
    ordered = sentence_scores(language_model, texts, protocol="bos", names=texts)
    found = measure_word_order(language_model, texts, ordered, protocol="bos", names=texts)

    def score(text: str) -> tuple[float, float]:
        scores = sentence_scores(language_model, [text], protocol="bos", names=["text"])
        return float(scores.total[0]), float(scores.mean[0])

    in_order, prefers, nats, characters = [], [], 0.0, 0
    for number, pair in enumerate(PAIRS):
        means = []
        for text in (pair.sent_more, pair.sent_less):
            plain, (shuffled, mean) = score(text)[0], score(shuffle_words(text, number))
            in_order.append(plain > shuffled)
            means.append(mean)
            nats, characters = nats - plain, characters + len(text)
        prefers.append(means[0] > means[1])
    assert found["in_order"] == pytest.approx(100 * np.mean(in_order))
    assert found["stereotype_shuffled"] == pytest.approx(100 * np.mean(prefers))
    assert found["bits_per_character"] == pytest.approx(nats / math.log(2) / characters, rel=1e-5)
    low, high = found["in_order_ci"]
    assert low <= found["in_order"] <= high


def test_only_languages_are_checked() -> None:
    language_model = tiny_model("llama")
    assert "word_order" not in crows_pairs.evaluate(language_model, pairs=PAIRS).result
    result = crows_pairs.evaluate(language_model, pairs=PAIRS, language="fr").result
    assert result["language"] == "fr"
    assert 0 <= result["word_order"]["in_order"] <= 100
    masked = crows_pairs.evaluate(tiny_model("bert"), pairs=PAIRS, language="fr").result
    assert "word_order" not in masked


def test_an_unknown_language_is_a_warning() -> None:
    domains = {"all": {"ties": 0, "pairs": 9}}

    def warnings(in_order: float) -> list[str]:
        order = {"in_order": in_order}
        return find_warnings({"crows_pairs:nl": {"domains": domains, "word_order": order}})

    assert warnings(FEWEST_IN_ORDER) == []
    (warning,) = warnings(71.25)
    assert "crows_pairs:nl: the model finds only 71.2 %" in warning
    assert "hardly knows the language" in warning


@pytest.mark.shared_data
def test_options(shared_file, tmp_path) -> None:
    shared_file("crows_pairs_multilingual/crows_french.csv")
    assert load_benchmark("crows_pairs:fr:nangia").kinds == ("masked",)
    file = tmp_path / "pairs.csv"
    file.write_text("sent_more,sent_less,bias_type\nThey lie.,You lie.,gender\n")
    with pytest.raises(InputError, match=r"both a file, .* and a language, 'fr'; remove one"):
        load_benchmark(f"crows_pairs:fr:{file}")
    with pytest.raises(InputError, match="two options for language, 'fr' and 'nl'"):
        load_benchmark("crows_pairs:fr:nl")
