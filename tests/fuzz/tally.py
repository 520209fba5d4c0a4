"""The options of both ways to fuzz, and their final report."""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from tests.recorded import record

from .targets import TARGETS


def parser(description: str | None, *, seed: int) -> argparse.ArgumentParser:
    """The flags, `seed` by default."""
    flags = argparse.ArgumentParser(description=description)
    flags.add_argument("targets", nargs="*", default=list(TARGETS), metavar="TARGET")
    flags.add_argument("--inputs", type=int, default=100_000, help="of all targets together")
    flags.add_argument("--seed", type=int, default=seed)
    flags.add_argument("--results", type=Path, help="JSON file that shall say what was done")
    return flags


@dataclass
class Tally:
    """The readers that were tried."""

    part: str
    """What the JSON file calls this way to fuzz."""
    options: argparse.Namespace
    readers: dict[str, int] = field(default_factory=dict)
    """Inputs that each was given, of those that were not wrong."""
    faults: int = 0
    began: float = field(default_factory=time.perf_counter)

    def share(self, name: str) -> float:
        """Of all inputs, those that one reader shall have."""
        whole = sum(TARGETS[other].weight for other in self.options.targets)
        share: float = self.options.inputs * TARGETS[name].weight / whole
        return share

    def right(self, name: str, inputs: int, more: str = "") -> None:
        """Count a reader."""
        self.readers[name] = inputs
        print(f"{name}: {inputs} inputs{more}", flush=True)

    def wrong(self, name: str, why: str) -> None:
        """Count a fault."""
        self.faults += 1
        print(f"{name}: WRONG\n{why}", flush=True)

    def finish(self) -> NoReturn:
        """Say and record what was done; exit with 1 if one was wrong, or if there were too few."""
        total = sum(self.readers.values())
        print(f"{total} inputs, {self.faults} readers wrong", flush=True)
        done = {
            "inputs": total,
            "wrong": self.faults,
            "seconds": round(time.perf_counter() - self.began, 1),
            "seed": self.options.seed,
            "readers": self.readers,
        }
        record(self.options.results, "make fuzz", **{self.part: done})
        if total < self.options.inputs:
            print(f"{self.options.inputs} were asked for", flush=True)
        sys.exit(bool(self.faults) or total < self.options.inputs)
