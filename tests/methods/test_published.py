"""Methods agree with their published implementations, whose outputs `record_published` recorded."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from fairforget.methods import inlp, sentence_debias
from fairforget.methods.self_debias import debiased_log_probs
from fairforget.methods.swapping import swap

from .record_published import PUBLISHED, ROUNDS, SENTENCES, SIZE, make_logits, make_states


@pytest.fixture(scope="module")
def published() -> dict[str, Any]:
    recorded: dict[str, Any] = json.loads(PUBLISHED.read_bytes())
    return recorded


def test_inlp_equals_the_authors_projection(published: dict[str, Any]) -> None:
    expected = np.array(published["inlp"])
    assert np.trace(expected) == pytest.approx(SIZE - 2 * ROUNDS)  # of three groups, two a round
    assert np.abs(inlp.projection(make_states(), 2 * ROUNDS).numpy() - expected).max() < 1e-4


def test_sentence_debias_equals_bias_bench(published: dict[str, Any]) -> None:
    direction = np.array(published["sentence_debias"])
    expected = np.eye(SIZE) - np.outer(direction, direction)
    assert np.abs(sentence_debias.projection(make_states()).numpy() - expected).max() < 1e-6


def test_self_debias_equals_the_authors_distribution(published: dict[str, Any]) -> None:
    ours = debiased_log_probs([logits[None] for logits in make_logits()])[0].numpy()
    assert np.abs(ours - published["self_debias"]).max() < 1e-5
    assert np.abs(ours - make_logits()[0].log_softmax(-1).numpy()).max() > 1  # it changed something


def test_cda_equals_bias_bench_word_for_word(published: dict[str, Any]) -> None:
    expected = published["cda"]
    assert len(expected) == len(SENTENCES) - 1
    assert {text: swap(text, "gender") for text in expected} == expected
    (unchanged,) = {*SENTENCES} - {*expected}
    assert swap(unchanged, "gender") == unchanged
