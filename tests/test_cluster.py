"""Tasks on a Ray cluster of this machine's cores."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from fairforget.errors import InputError
from fairforget.machine.cluster import Attempts, workers

from .transfer.small import run, study_arguments, without_times

ray = pytest.importorskip("ray")

pytestmark = pytest.mark.processes


@pytest.fixture(autouse=True)
def no_other_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


@pytest.fixture(scope="module")
def attempted() -> Iterator[Attempts]:
    """A cluster of this machine's cores, started once: that takes several processes."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("RAY_ADDRESS", raising=False)
        patch.setenv("RAY_worker_niceness", "0")  # or they wait for the other tests
        with workers("ray") as attempts:
            yield attempts
    assert not ray.is_initialized()


def meet(mine: Path, other: Path) -> None:
    """A task that ends only if the other runs at the same time."""
    mine.write_text(str(os.getpid()))
    end = time.monotonic() + 300  # to start a worker takes long on a busy machine
    while not other.exists():
        assert time.monotonic() < end, "the other task does not run"
        time.sleep(0.05)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_two_workers_run_at_the_same_time(attempted: Attempts, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    tasks = [partial(meet, one, two), partial(meet, two, one)]
    assert sorted(attempted(tasks)) == [(0, None), (1, None)]
    assert one.read_text() != two.read_text() != str(os.getpid())


def test_workers_resolve_relative_paths_in_the_callers_directory(
    attempted: Attempts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # the workers start where the cluster did
    assert list(attempted([partial(Path("here").write_text, "yes")])) == [(0, None)]
    assert (tmp_path / "here").read_text() == "yes"


@pytest.mark.usefixtures("attempted")
def test_a_study_on_a_cluster_is_the_same(
    model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forget = tmp_path / "forget.jsonl"
    row = {"spans": [[10, 14]], "mentions": [[0, 5, "People"]]}
    rows = [{"text": f"Women are late, {n} say.", **row} for n in range(12)]
    forget.write_text("\n".join(map(json.dumps, rows)))
    asked = [*study_arguments(model, tmp_path), "--forget", str(forget), "--seeds", "1"]
    asked += ["--objectives", "counterfactual-kl", "--controls", "random"]
    alone = run(capsys, *asked, "--output", str(tmp_path / "alone"))
    one_worker = ("--cpus_per_run", str(os.cpu_count()))  # one of them imports torch
    asked += ["--cluster", "ray", *one_worker, "--output", str(tmp_path / "spread")]
    spread = run(capsys, *asked)
    assert ray.is_initialized()  # it was before
    assert without_times(spread) == without_times(alone)


@pytest.mark.usefixtures("attempted")
@pytest.mark.parametrize("address", [None, "", "local"])
@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"cpus": 10_000, "device": "cpu"}, "cpus_per_run 10000"),
        ({"gpus": 99.0, "device": "cuda"}, "GPUs"),
    ],
)
def test_a_task_too_large_for_every_machine_is_an_error(
    monkeypatch: pytest.MonkeyPatch, address, asked, message
) -> None:
    monkeypatch.setattr("fairforget.machine.devices.accelerators", lambda: {"cuda": 1})
    if address is not None:
        monkeypatch.setenv("RAY_ADDRESS", address)
    with (
        pytest.raises(InputError, match="no machine has the resources of a run") as error,
        workers("ray", **asked),  # on the cluster that runs
    ):
        pytest.fail("tasks would wait for ever")
    assert message in str(error.value)
    assert ray.is_initialized()


def test_tasks_on_a_gpu_that_ask_for_none_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task would see no GPU."""
    monkeypatch.setattr("fairforget.machine.devices.accelerators", lambda: {"cuda": 1})
    for device in ("cuda", "cuda:0"):
        with pytest.raises(InputError, match="--gpus_per_run"), workers("ray", device=device):
            pytest.fail("every task would fail")


def test_gpus_for_tasks_on_the_cpu_are_an_error() -> None:
    with (
        pytest.raises(InputError, match="the runs use the CPU"),
        workers("ray", gpus=1, device="cpu"),
    ):
        pytest.fail("the GPUs would be idle")


@pytest.mark.parametrize("asked", [{"cpus": 4}, {"gpus": 1.0}])
def test_resources_without_a_cluster_are_an_error(asked: dict[str, Any]) -> None:
    message = "_per_run has no effect without --cluster ray"
    with pytest.raises(InputError, match=message), workers("none", **asked):
        pytest.fail("they would be ignored")


@pytest.mark.parametrize("asked", [{"cpus": 0}, {"cpus": -1}, {"gpus": -0.5}])
def test_invalid_resources_are_an_error(asked) -> None:
    with pytest.raises(InputError, match="cpus_per_run is"), workers("none", **asked):
        pytest.fail("such tasks cannot be done")


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nonsense"])
def test_an_unreachable_cluster_is_a_one_line_error(address: str, monkeypatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(InputError, match=f"RAY_ADDRESS is '{address}'"), workers("ray"):
        pytest.fail("there is no cluster")
