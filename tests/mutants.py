"""`python -m tests.mutants`: mutation testing of the core modules with mutmut, counted per module.

mutmut changes one operator, number, string or argument of a function at a time, and at least 85 %
of these mutants must make a unit test fail. mutmut does not change decorated functions, such as
properties, or code outside functions. `[tool.mutmut]` in pyproject.toml lists modules and tests.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from tests.recorded import record

ROOT = Path(__file__).parents[1]
WORK = ROOT / "mutants"
"""mutmut's copy of the sources."""
ENOUGH = 0.85
"""Required share of killed mutants."""
KILLED = ("killed", "timeout", "segfault")
"""Outcomes in which the tests notice a mutant; a mutant that loops forever times out."""
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
"""Each mutant is a fork of a process that has run torch: threads and CUDA do not survive a fork."""


def list_mutants() -> list[str]:
    """List the names of all mutants, in the order of their files."""
    from mutmut.mutation.file_mutation import mutate_file_contents
    from mutmut.utils.file_utils import walk_mutatable_files
    from mutmut.utils.format_utils import get_mutant_name

    names = []
    for path in sorted(walk_mutatable_files()):
        file = mutate_file_contents(str(path), path.read_text(encoding="utf-8"))
        names += [get_mutant_name(path, name) for name in file.mutant_names]
    return names


def find_module(name: str) -> str:
    """Return the module of a mutant: `statistics` for `fairforget.statistics.x_holm__mutmut_1`."""
    return name.partition(".")[2].rpartition(".")[0]


def draw_sample(names: list[str], size: int) -> list[str]:
    """Draw a random sample, with a fixed seed and in proportion to the modules; 0 keeps all."""
    if not 0 < size < len(names):
        return names
    shares = Counter(map(find_module, names))
    left = Counter({module: -(-count * size // len(names)) for module, count in shares.items()})
    sample = []
    for name in random.Random(0).sample(names, len(names)):
        if left[find_module(name)] > 0:
            left[find_module(name)] -= 1
            sample.append(name)
    return sorted(sample)


def run_mutmut(*arguments: str, capture: bool = False) -> str:
    """Run this environment's mutmut in the repository; returns the output if it is captured."""
    program = Path(sys.executable).with_name("mutmut")
    done = subprocess.run(
        [program, *arguments],
        cwd=ROOT,
        env=os.environ | ENVIRONMENT,
        text=True,
        capture_output=capture,
    )
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout or ""


def read_outcomes() -> dict[str, str]:
    """Read the outcome of each mutant from mutmut's list of results."""
    listed = run_mutmut("results", "--all", "true", capture=True)
    return dict(line.strip().rpartition(": ")[::2] for line in listed.splitlines() if line.strip())


def main() -> None:
    """Run the mutants and count the killed ones; exit with 1 if they are fewer than 85 %."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--sample", type=int, default=0, help="run about this many; 0: all")
    flags.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    flags.add_argument("--results", type=Path, help="JSON file for the counts")
    options = flags.parse_args()
    shutil.rmtree(WORK, ignore_errors=True)
    names = list_mutants()
    sample = draw_sample(names, options.sample)
    chosen = sample if len(sample) < len(names) else []
    run_mutmut("run", "--max-children", str(options.processes), *chosen)
    outcomes = read_outcomes()
    modules: dict[str, dict[str, int]] = {}
    for name in sample:
        counts = modules.setdefault(find_module(name), {"killed": 0, "mutants": 0})
        counts["mutants"] += 1
        if outcomes[name] in KILLED:
            counts["killed"] += 1
        else:
            print(f"{outcomes[name]}: {name}")
    killed = sum(counts["killed"] for counts in modules.values())
    share = killed / len(sample)
    print(json.dumps(modules, indent=1))
    print(f"{killed} of {len(sample)} mutants killed: {share:.1%} ({len(names)} in all)")
    record(
        options.results,
        "make mutants",
        tool=f"mutmut {version('mutmut')}",
        killed=killed,
        mutants=len(sample),
        share=round(share, 3),
        generated=len(names),
        modules=modules,
    )
    sys.exit(share < ENOUGH)


if __name__ == "__main__":
    main()
