"""`python -m tests.faults`: kill commands at random moments; nothing may be lost. Counted."""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers  # noqa: F401  # before the fork, not after each

from tests.little_data import leave_little_data
from tests.recorded import record

from .cases import Case, make_cases, served
from .forked import Ended, count_writes, forked, kill_at_write, warm_up

KILLED = -9
OWN = (".lock", "checkpoints/", "parts/", "settings.json")
"""What is no result, and may differ while a command has not ended."""
RECORDS = ("record.json", "study.json")
TIMES = ("seconds",)
"""Fields of records that differ from run to run."""


@dataclass(slots=True)
class Study:
    """One command: what it should leave, and how it dies."""

    case: Case
    directory: Path
    random: random.Random
    seconds: float = 0.0
    writes: int = 0
    expected: dict[str, Any] = field(default_factory=dict)
    kills: int = 0
    resumed: int = 0
    """Runs that finished after a kill."""

    def run(self, out: Path, **how: Any) -> Ended:
        """The command, once."""
        os.environ["FAIRFORGET_CACHE"] = str(out if self.case.cache else self.directory / "cache")
        return forked(self.case.args(out), self.directory / "log", **how)

    def undisturbed(self) -> None:
        """Learn what the command leaves, how long it takes and how often it writes."""
        out, count = self.directory / "whole", self.directory / "count"
        ended = self.run(out, before=count_writes(count))
        if ended.code:
            raise AssertionError(f"{self.case.name} does not run:\n{ended.output}")
        self.seconds, self.writes = ended.seconds, count.stat().st_size
        self.expected = result_of(out)
        again = self.directory / "again"
        self.run(again)
        if difference := compared(result_of(again), self.expected):
            raise AssertionError(f"{self.case.name} differs from run to run: {difference}")

    def killed(self, most: int) -> None:
        """Kill a run up to three times, let it finish, and compare what it left."""
        out = self.directory / "killed"
        died = 0
        for _ in range(min(most, self.random.choice([1, 1, 2, 3]))):
            moment = self.random.random()
            if self.random.random() < 0.5:
                how = {"before": kill_at_write(1 + int(moment * self.writes))}
            else:
                how = {"kill_after": moment * self.seconds}
            ended = self.run(out, **how)
            if ended.code not in (KILLED, 0):
                raise AssertionError(f"{self.case.name}, {how}, {died} kills:\n{ended.output}")
            died += ended.code == KILLED
            there = result_of(out)
            if wrong := [name for name in there if there[name] != self.expected.get(name)]:
                raise AssertionError(f"{self.case.name}: half-written after {how}: {wrong}")
        if died:
            ended = self.run(out)
            if ended.code:
                raise AssertionError(f"{self.case.name} does not resume:\n{ended.output}")
            if difference := compared(result_of(out, whole=True), self.expected):
                raise AssertionError(f"{self.case.name}: not as undisturbed: {difference}")
            self.kills += died
            self.resumed += 1
        shutil.rmtree(out, ignore_errors=True)


def result_of(directory: Path, *, whole: bool = False) -> dict[str, Any]:
    """Every file that a command left, by its path; hidden ones and its own state only if whole."""
    found: dict[str, Any] = {}
    for path in sorted(directory.rglob("*")):
        name = str(path.relative_to(directory))
        own = any(part in name for part in OWN)
        hidden = any(part.startswith(".") for part in path.relative_to(directory).parts)
        if not path.is_file() or path.name == ".lock" or ((own or hidden) and not whole):
            continue
        if own and path.name == "settings.json":
            continue
        found[name] = _timeless(path)
    return found


def _timeless(path: Path) -> Any:
    """The content, of a record without its durations; of pages, which show them, whether whole."""
    content = path.read_bytes()
    if path.name in RECORDS:
        return {key: part for key, part in json.loads(content).items() if key not in TIMES}
    if path.suffix == ".html":
        return content.rstrip().endswith(b"</html>")
    return bool(content) if path.suffix == ".md" else content


def compared(found: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """The files that differ, are missing, or should not be there; of records, the fields."""
    different = []
    for name in sorted({*found, *expected}):
        mine, other = found.get(name), expected.get(name)
        if isinstance(mine, dict) and isinstance(other, dict):
            fields = [key for key in {**mine, **other} if mine.get(key) != other.get(key)]
            different += [f"{name}, {key}: {mine.get(key)} not {other.get(key)}" for key in fields]
        elif name not in found or name not in expected or mine != other:
            different.append(f"{name} {'differs' if name in found else 'is missing'}")
    return different


def main() -> None:
    """Kill until the number is reached; exits with 1 at the first thing lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE")
    parser.add_argument("--kills", type=int, default=200, help="of all commands together")
    parser.add_argument("--seed", type=int, default=time.time_ns() % 2**32)
    parser.add_argument("--results", type=Path, help="JSON file that shall say what was done")
    parser.add_argument("--little", action="store_true", help="with little data, for a test")
    options = parser.parse_args()
    began = time.perf_counter()
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.pop("FAIRFORGET_DATA", None)
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        with served(root / "input" / "served") as server:
            (root / "input").mkdir()
            cases = make_cases(root / "input", server)
            if options.little:
                leave_little_data()
            warm_up(str(root / "input" / "model"))
            chosen = [case for case in cases if not options.cases or case.name in options.cases]
            studies = []
            for number, case in enumerate(chosen):
                directory = root / str(number)
                directory.mkdir()
                study = Study(case, directory, random.Random(f"{options.seed} {case.name}"))
                study.undisturbed()
                studies.append(study)
            while (left := options.kills - sum(study.kills for study in studies)) > 0:
                min(studies, key=lambda study: study.kills).killed(left)
    for study in studies:
        print(
            f"{study.case.name}: killed {study.kills} times (it takes {study.seconds:.1f} s and "
            f"writes {study.writes} times); finished {study.resumed} of {study.resumed} times, as "
            "undisturbed"
        )
    kills = sum(study.kills for study in studies)
    resumed = sum(study.resumed for study in studies)
    print(f"{kills} kills, nothing lost")
    record(
        options.results,
        "make faults",
        kills=kills,
        resumed=resumed,
        finished=resumed,  # as undisturbed: the first that does not ends all
        seconds=round(time.perf_counter() - began, 1),
        seed=options.seed,
        commands={study.case.name: study.kills for study in studies},
    )
    sys.exit()


if __name__ == "__main__":
    main()
