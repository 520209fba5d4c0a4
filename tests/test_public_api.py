"""What users import, and that looking at the help does not load torch."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import fairforget

ROOT = Path(__file__).parents[1]
PUBLIC = [
    "Budget",
    "Comparison",
    "Corpus",
    "DebiasResult",
    "DebiasSettings",
    "DurabilityRecord",
    "DurabilitySettings",
    "Evaluation",
    "EvaluationRecord",
    "EvaluationSettings",
    "InputError",
    "LanguageModel",
    "LeaderboardRecord",
    "LeaderboardSettings",
    "Mention",
    "Objective",
    "SelectSettings",
    "SelectionResult",
    "SelfDebiasLogitsProcessor",
    "Span",
    "StudyRecord",
    "TargetScores",
    "TargetSettings",
    "Targets",
    "Text",
    "TransferSettings",
    "UnlearningConfig",
    "UnlearningRecord",
    "UnlearningTrainer",
    "compare",
    "debias",
    "durability",
    "encode_targets",
    "evaluate",
    "export",
    "leaderboard",
    "load_model",
    "read_corpus",
    "save_model",
    "score_targets",
    "select_spans",
    "token_log_probs",
    "transfer",
    "wrap_model",
    "write_report",
]
"""A promise: a name that goes away breaks somebody's code, so say so in CHANGELOG.md."""


def test_what_is_public_is_what_was_promised() -> None:
    assert list(fairforget.__all__) == PUBLIC
    assert dir(fairforget) == sorted([*PUBLIC, "__version__"])


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_is_there_and_says_what_it_is(name: str) -> None:
    thing = getattr(fairforget, name)
    assert thing.__module__.startswith("fairforget.")
    assert thing.__doc__
    assert not thing.__doc__.startswith(f"{name}(")  # a dataclass without a docstring


def test_an_unknown_name_is_refused_as_python_does() -> None:
    with pytest.raises(AttributeError, match="'fairforget' has no attribute 'forgive'"):
        fairforget.forgive  # noqa: B018


def test_the_version_is_the_same_everywhere() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert fairforget.__version__ == project["version"] == citation["version"]
    assert f"## {fairforget.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["unlearn", "select"])
def test_help_loads_no_heavy_library(command: str) -> None:
    heavy = ("torch", "transformers", "pyarrow", "pydantic", "numpy")
    code = (
        "import contextlib, io, sys, fairforget.cli\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        f"    fairforget.cli.main([{command!r}, '--help'])\n"
        f"print([m for m in {heavy} if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
