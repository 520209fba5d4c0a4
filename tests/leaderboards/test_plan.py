"""The plan of a leaderboard."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fairforget.budget import Budget
from fairforget.leaderboards import plan
from fairforget.settings import LeaderboardSettings

SETTINGS = LeaderboardSettings(models="tiny", methods="noise", benchmarks="stereoset", device="cpu")
RUN = plan.Run("tiny", "noise", 0, SETTINGS)
IDENTITY = {"weights": "a", "configuration": "b", "tokenizer": "c"}


def name(**settings: object) -> str:
    return replace(RUN, settings=replace(SETTINGS, **settings)).name(IDENTITY)


def test_a_run_is_reused_only_if_its_result_is_the_same() -> None:
    known = RUN.name(IDENTITY)
    assert known.startswith("tiny-noise-seed0-")
    for shared in ({"seeds": 5}, {"methods": "noise,other"}, {"cluster": "ray"}):
        assert name(**shared) == known
    others = [
        name(domain="gender"),
        name(steps=3),
        name(batch_size=3),
        name(learning_rate=1e-3),
        name(budget=Budget(1.02, movement=None, harmful_log_prob=None)),
        name(dtype="bfloat16"),
        name(start_token="<s>"),
        replace(RUN, seed=1).name(IDENTITY),
        replace(RUN, method="other").name(IDENTITY),
        RUN.name(IDENTITY | {"weights": "other"}),
    ]
    assert len({known, *others}) == 1 + len(others)


def test_runs_without_everyday_sentences_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    known = RUN.name(IDENTITY)
    monkeypatch.setattr(plan, "load_everyday_corpus", lambda: None)
    plan._measures_everyday.cache_clear()
    try:
        assert RUN.name(IDENTITY) != known
    finally:
        plan._measures_everyday.cache_clear()
