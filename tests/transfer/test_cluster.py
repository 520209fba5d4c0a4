"""Tasks on a Ray cluster of this machine's cores."""

from __future__ import annotations

import os
import time
from functools import partial
from pathlib import Path

import pytest

from fairforget.errors import InputError
from fairforget.transfer.cluster import attempted

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
    assert sorted(attempted(tasks, cluster="ray")) == [(0, None), (1, None)]
    assert one.read_text() != two.read_text() != str(os.getpid())


@pytest.mark.parametrize(
    ("asked", "told"), [({"cpus": 10_000}, "cpus_per_run 10000"), ({"gpus": 99.0}, "GPUs")]
)
def test_a_task_that_no_machine_can_take_is_refused(tmp_path: Path, asked, told) -> None:
    with pytest.raises(InputError, match="no machine has what a run takes") as error:
        list(attempted([partial(meet, tmp_path, tmp_path)], cluster="ray", **asked))
    assert told in str(error.value)
    assert not ray.is_initialized()
