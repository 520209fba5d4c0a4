"""Tasks on a Ray cluster of this machine's cores."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import pytest

from fairforget.errors import InputError
from fairforget.transfer_study.cluster import workers

ray = pytest.importorskip("ray")


@pytest.fixture(autouse=True)
def no_other_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_ADDRESS", raising=False)


def meet(mine: Path, other: Path) -> None:
    """Ends only while the other runs, too."""
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
    ("asked", "told"), [({"cpus": 10_000}, "cpus_per_run 10000"), ({"gpus": 99.0}, "GPUs")]
)
def test_a_task_that_no_machine_can_take_is_refused(tmp_path: Path, asked, told) -> None:
    with (
        pytest.raises(InputError, match="no machine has what a run takes") as error,
        workers("ray", **asked),
    ):
        pytest.fail("tasks would wait for ever")
    assert told in str(error.value)
    assert not ray.is_initialized()


def test_paths_are_relative_to_where_the_command_was_called(tmp_path: Path, monkeypatch) -> None:
    with workers("ray") as attempted:  # its workers start where the cluster did
        monkeypatch.chdir(tmp_path)
        assert list(attempted([partial(Path("here").write_text, "yes")])) == [(0, None)]
    assert (tmp_path / "here").read_text() == "yes"


@pytest.mark.parametrize("asked", [{"cpus": 0}, {"cpus": -1}, {"gpus": -0.5}])
def test_what_no_run_takes_is_refused(asked) -> None:
    with pytest.raises(InputError, match="cpus_per_run is"), workers("none", **asked):
        pytest.fail("such tasks cannot be done")


def test_a_cluster_that_is_not_there_is_one_line(monkeypatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.1:1")
    with pytest.raises(InputError, match=r"RAY_ADDRESS is '127\.0\.0\.1:1'"), workers("ray"):
        pytest.fail("there is no cluster")
