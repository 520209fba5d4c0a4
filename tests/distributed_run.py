"""Run by `accelerate launch` in test_distributed.py: all cases, one after another.

Each process of the launch imports everything once and forks for each case, so that a case starts
as a fresh process does: nothing of an earlier one is in it, and only the imports are shared.
"""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import peft  # noqa: F401  # before the fork, not after each
import pytest
from accelerate import PartialState
from accelerate.state import AcceleratorState

from fairforget import cli, evaluation  # noqa: F401
from fairforget.benchmarks import perplexity  # noqa: F401
from fairforget.budget import Budget
from fairforget.corpora import Text
from fairforget.corpora.builtin import builtin_texts
from fairforget.corpora.corpus import Corpus
from fairforget.corpora.overlap import measure_overlaps
from fairforget.debiasing.debias import debias
from fairforget.models.loading import load_model
from fairforget.models.saving import save_model
from fairforget.training.checkpoints import CHECKSUMS
from fairforget.training.config import UnlearningConfig
from tests.little_data import leave_little_data
from tests.run_unlearning import unlearn

RETAIN = [Text(str(n), f"The river number {n} has a bridge and a mill.") for n in range(200)]
LAUNCHED = (
    "ACCELERATE_",
    "GROUP_",
    "LOCAL_",
    "MASTER_",
    "RANK",
    "ROLE_",
    "TORCHELASTIC_",
    "WORLD_",
)
"""What names of variables begin with that a launcher sets."""
LONGEST = 100
"""Seconds after which a case that hangs is killed."""


@dataclass
class Case:
    """A run of `unlearn`, or a command."""

    name: str
    model: str = ""
    output: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    cut: bool = False
    """Whether it is killed where interpolation would begin."""
    command: list[str] = field(default_factory=list)
    """Arguments of `python -m fairforget`, to run that instead."""
    environment: dict[str, str | None] = field(default_factory=dict)
    """What the launcher sets for this configuration; None: it sets no such variable."""
    discarded: bool = False
    """Whether it is a call of `debias` that keeps nothing, and has temporary files in `output`."""
    interrupted: bool = False
    """Whether one process runs it, by itself, and is stopped before it measures perplexity."""


def run_unlearning(case: Case, batch: int) -> dict[str, Any]:
    """Unlearn and save the model; what the main process found."""
    output = Path(case.output)
    checkpoints = [path.parent.name for path in output.glob(f"checkpoints/*/{CHECKSUMS}")]
    language_model = load_model(case.model, device="cpu")
    record = unlearn(
        language_model,
        Corpus("gender", builtin_texts("gender", limit=64)),
        Corpus("rivers", RETAIN),
        UnlearningConfig(
            **{
                "output_dir": str(output / "checkpoints"),
                "max_steps": 5,
                "per_device_train_batch_size": batch,
                "learning_rate": 1e-2,
                "warmup_steps": 0,
                "logging_steps": 1,
                "save_strategy": "no",
                "use_cpu": True,
                "optim": "sgd",
                **case.options,
            }
        ),
        # the command has the other bounds, too; here they would end the search within rounding
        budget=Budget(perplexity=1.5, movement=None, harmful_log_prob=None),
    )
    if not PartialState().is_main_process:
        return {}
    save_model(language_model, output / "model")
    return {
        "processes": record.environment.processes,
        "how": AcceleratorState().distributed_type.value,
        "resumed": bool(checkpoints),
        "rows": [
            [row["loss"], row["forget"], row["retain"]] for row in record.history if "loss" in row
        ],
        "ratios": [row["perplexity_ratio"] for row in record.history if len(row) == 2],
        "budget": [record.budget.trained, record.budget.reached, record.budget.alpha],
    }


def debias_and_discard(case: Case) -> None:
    """Debias without an output directory."""
    tempfile.tempdir = case.output
    debias(
        case.model,
        forget=Corpus("gender", builtin_texts("gender", limit=64)),
        retain=Corpus("rivers", RETAIN),
        objective="ascent",
        budget=Budget(perplexity=1.5, movement=None, harmful_log_prob=None),
        steps=2,
        batch_size=4,
        device="cpu",
    )


def interrupt() -> None:
    """Be a process that no launcher started, and that is stopped at perplexity."""
    for name in list(os.environ):
        if name.startswith(LAUNCHED):
            del os.environ[name]

    def stop() -> None:
        raise KeyboardInterrupt

    replace_function("fairforget.benchmarks.perplexity.evaluate", stop)


def replace_function(name: str, by: Callable[[], object]) -> None:
    """Replace a function, which must exist, in this process."""
    pytest.MonkeyPatch().setattr(name, lambda *_, **__: by())


def run(case: Case) -> None:
    """The case, in a process of its own."""
    for variable, value in case.environment.items():
        if value is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = value
    if case.interrupted:
        interrupt()
    if case.command:
        sys.argv = ["fairforget", *case.command]
        runpy.run_module("fairforget", run_name="__main__", alter_sys=True)
        return
    if case.discarded:
        debias_and_discard(case)
        return
    if case.cut:  # as if the run had been killed
        replace_function("fairforget.training.limits.interpolate_to_budget", lambda: os._exit(0))
    if found := run_unlearning(case, batch=4):
        (Path(case.output) / "found.json").write_text(json.dumps(found))


def forked(case: Case, log: Path) -> int:
    """Run the case in a child; its exit status, or −9 if it hung.

    The child ends as every process does: what keeps Python from exiting keeps it, too.
    """
    child = os.fork()
    if not child:
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        run(case)
        sys.exit()
    ends = time.monotonic() + LONGEST
    while time.monotonic() < ends:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -signal.SIGKILL


def meeting_point(file: Path, rank: int) -> str:
    """A free port of this case's own: the main process chooses it."""
    if rank == 0:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        part = file.with_suffix(".part")
        part.write_text(str(port))
        part.rename(file)
    while not file.exists():
        time.sleep(0.02)
    return file.read_text()


def warm_up(model: str) -> None:
    """Do once what every case would do again, and what makes no difference to a case."""
    if find_spec("deepspeed"):  # accelerate imports it sooner or later
        import_module("deepspeed")
        # compiles for a minute what only inference uses
        import_module("deepspeed.comm.torch").build_shm_op = lambda: None
    leave_little_data()
    load_model(model, device="cpu")  # compiles many regular expressions
    measure_overlaps("gender", [])  # reads a benchmark
    gc.collect()
    gc.freeze()


def main(directory: Path) -> None:
    """Run what `cases.json` lists; each case's exit status and output are left beside it."""
    rank = int(os.environ["RANK"])
    cases = [Case(**facts) for facts in json.loads((directory / "cases.json").read_text())]
    warm_up(next(case.model for case in cases if case.model))
    for number, case in enumerate(cases):
        if case.interrupted and rank:
            continue
        os.environ["TORCHELASTIC_USE_AGENT_STORE"] = "False"  # of the whole launch, that is
        os.environ["MASTER_PORT"] = meeting_point(directory / f"{number}.port", rank)
        code = forked(case, directory / f"{number}.{rank}.log")
        (directory / f"{number}.{rank}.code").write_text(str(code))
        if case.interrupted:
            left = sorted(str(path) for path in Path(case.output).rglob("*"))
            (directory / "left.json").write_text(json.dumps(left))


def write_cases(cases: list[Case], directory: Path) -> None:
    """For `main`."""
    (directory / "cases.json").write_text(json.dumps([asdict(case) for case in cases]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
