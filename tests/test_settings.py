"""Overrides of settings: lists become comma-separated text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fairforget.errors import InputError
from fairforget.settings import (
    DebiasSettings,
    DurabilitySettings,
    EvaluationSettings,
    LeaderboardSettings,
    SelectSettings,
    StudySettings,
    TargetSettings,
    TransferSettings,
)
from fairforget.settings_merging import merge_settings


@pytest.mark.parametrize(
    ("settings", "name", "given", "expected"),
    [
        (EvaluationSettings(), "benchmarks", ["stereoset", "bbq"], "stereoset,bbq"),
        (TargetSettings(), "objectives", ("trait-kl",), "trait-kl"),
        (DebiasSettings(), "report_to", ["wandb", "tensorboard"], "wandb,tensorboard"),
        (LeaderboardSettings(), "models", [Path("out/model"), "gpt2"], "out/model,gpt2"),
        (TransferSettings(), "doses", [0.25, 0.5], "0.25,0.5"),
        (TransferSettings(), "controls", [], ""),
        (DurabilitySettings(), "steps", [10, 50], "10,50"),
        (DurabilitySettings(), "relearn", None, None),
        (DurabilitySettings(), "steps", "10, 50", "10, 50"),
        (SelectSettings(), "train", ["edos", "mine.csv"], "edos,mine.csv"),
    ],
)
def test_lists_become_comma_separated(settings: Any, name: str, given: Any, expected: str) -> None:
    assert getattr(merge_settings(settings, {name: given}), name) == expected


def test_a_list_as_a_default_becomes_comma_separated_too() -> None:
    settings = DurabilitySettings(attacks=["quantization"])
    assert merge_settings(settings, {}).attacks == "quantization"


def test_an_argument_that_is_not_given_leaves_the_setting() -> None:
    settings = merge_settings(LeaderboardSettings(), {"seeds": 7}, models=["gpt2"], methods=None)
    assert (settings.seeds, settings.models) == (7, "gpt2")
    assert settings.methods == LeaderboardSettings().methods


def test_one_limit_of_a_budget_leaves_the_others() -> None:
    study = StudySettings()
    merged = merge_settings(study, {"budget": {"perplexity": 1.05}})
    assert merged.budget == replace(study.budget, perplexity=1.05)
    with pytest.raises(TypeError, match="budget"):
        merge_settings(EvaluationSettings(), {"budget": {"perplexity": 1.05}})
    with pytest.raises(InputError, match=r"setting budget\.speed"):
        merge_settings(study, {"budget": {"speed": 1.0}})


@pytest.mark.parametrize(
    ("name", "given"), [("seeds", [3]), ("seeds", ["3"]), ("models", [None]), ("models", {"gpt2"})]
)
def test_other_values_are_refused(name: str, given: Any) -> None:
    with pytest.raises(InputError, match=f"setting {name}: Input should be a valid"):
        merge_settings(LeaderboardSettings(), {name: given})
