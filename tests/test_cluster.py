"""Tasks on a Ray cluster of this machine's cores."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import pytest

from fairforget.errors import InputError
from fairforget.machine.cluster import workers

ray = pytest.importorskip("ray")

pytestmark = pytest.mark.processes


@pytest.fixture(autouse=True)
def no_other_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def meet(mine: Path, other: Path) -> None:
    """A task that ends only if the other runs at the same time."""
    mine.write_text(str(os.getpid()))
    end = time.monotonic() + 60
    while not other.exists():
        assert time.monotonic() < end, "the other task does not run"
        time.sleep(0.05)


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two cores")
def test_two_workers_run_at_the_same_time(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    tasks = [partial(meet, one, two), partial(meet, two, one)]
    with workers("ray") as attempted:
        assert sorted(attempted(tasks)) == [(0, None), (1, None)]
    assert one.read_text() != two.read_text() != str(os.getpid())


@pytest.mark.parametrize(
    ("asked", "message"), [({"cpus": 10_000}, "cpus_per_run 10000"), ({"gpus": 99.0}, "GPUs")]
)
def test_a_task_too_large_for_every_machine_is_an_error(tmp_path: Path, asked, message) -> None:
    with (
        pytest.raises(InputError, match="no machine has the resources of a run") as error,
        workers("ray", **asked),
    ):
        pytest.fail("tasks would wait for ever")
    assert message in str(error.value)
    assert not ray.is_initialized()


def test_tasks_on_a_gpu_that_ask_for_none_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A task would see no GPU."""
    monkeypatch.setattr("fairforget.machine.devices.accelerators", lambda: {"cuda": 1})
    for device in ("cuda", "cuda:0"):
        with pytest.raises(InputError, match="--gpus_per_run"), workers("ray", device=device):
            pytest.fail("every task would fail")


def test_workers_resolve_relative_paths_in_the_callers_directory(
    tmp_path: Path, monkeypatch
) -> None:
    with workers("ray") as attempted:  # its workers start where the cluster did
        monkeypatch.chdir(tmp_path)
        assert list(attempted([partial(Path("here").write_text, "yes")])) == [(0, None)]
    assert (tmp_path / "here").read_text() == "yes"


@pytest.mark.parametrize("asked", [{"cpus": 0}, {"cpus": -1}, {"gpus": -0.5}])
def test_invalid_resources_are_an_error(asked) -> None:
    with pytest.raises(InputError, match="cpus_per_run is"), workers("none", **asked):
        pytest.fail("such tasks cannot be done")


def test_an_unreachable_cluster_is_a_one_line_error(monkeypatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(InputError, match=r"RAY_ADDRESS is '127\.0\.0\.1:1'"), workers("ray"):
        pytest.fail("there is no cluster")
