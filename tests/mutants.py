"""`python -m tests.mutants`: a mutation test of the mathematics with mutmut, counted per module.

mutmut changes one operator, number, string or argument of a function at a time; at least 85 % of
these mutants must make a unit test fail. It leaves alone what is decorated, such as properties,
and what stands outside functions. `pyproject.toml` names the modules and their tests.
"""

from __future__ import annotations

import argparse
import json
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
"""Where mutmut keeps the changed sources."""
ENOUGH = 0.85
"""Share of the mutants that must be killed."""
KILLED = ("killed", "timeout", "segfault")
"""What mutmut calls a mutant that the tests noticed."""


def list_mutants() -> list[str]:
    """The names of all mutants, in the order of their files."""
    from mutmut.configuration import config
    from mutmut.mutation.file_mutation import mutate_file_contents
    from mutmut.utils.file_utils import walk_mutatable_files
    from mutmut.utils.format_utils import get_mutant_name

    names = []
    for path in sorted(walk_mutatable_files()):
        if config().should_mutate(path):
            file = mutate_file_contents(str(path), path.read_text(encoding="utf-8"))
            names += [get_mutant_name(path, name) for name in file.mutant_names]
    return names


def find_module(name: str) -> str:
    """The module of a mutant: `fairforget.statistics.x_holm__mutmut_1` is of `statistics`."""
    return name.partition(".")[2].rpartition(".")[0]


def draw(names: list[str], size: int) -> list[str]:
    """A random sample, always the same, of all modules in proportion; 0: all of them."""
    if not 0 < size < len(names):
        return names
    shuffled = random.Random(0).sample(names, len(names))
    sizes = Counter(map(find_module, names))
    kept = Counter({module: -(-count * size // len(names)) for module, count in sizes.items()})
    sample = []
    for name in shuffled:
        if kept[find_module(name)] > 0:
            kept[find_module(name)] -= 1
            sample.append(name)
    return sorted(sample)


def read_outcomes() -> dict[str, str]:
    """What became of each mutant that was tried, as mutmut lists it."""
    listed = run_mutmut("results", "--all", "true", capture=True)
    pairs = (line.strip().rpartition(": ")[::2] for line in listed.splitlines())
    return {name: outcome for name, outcome in pairs if name and outcome != "not checked"}


def run_mutmut(*arguments: str, capture: bool = False) -> str:
    """Run mutmut of this environment in the repository; returns its output where it is captured."""
    program = Path(sys.executable).with_name("mutmut")
    done = subprocess.run([program, *arguments], cwd=ROOT, text=True, capture_output=capture)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout or ""


def main() -> None:
    """Run the mutants, count the killed; exits with 1 if these are fewer than 85 %."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--sample", type=int, default=0, help="so many mutants; 0: all")
    flags.add_argument("--processes", type=int, default=2)
    flags.add_argument("--results", type=Path, help="JSON file for the counts")
    options = flags.parse_args()
    shutil.rmtree(WORK, ignore_errors=True)
    names = list_mutants()
    sample = draw(names, options.sample)
    run_mutmut(
        "run",
        *("--max-children", str(options.processes)),
        *(sample if len(sample) < len(names) else ()),
    )
    outcomes = read_outcomes()
    modules: dict[str, dict[str, int]] = {}
    for name in sample:
        counts = modules.setdefault(find_module(name), {"killed": 0, "tried": 0})
        counts["tried"] += 1
        counts["killed"] += outcomes.get(name) in KILLED
        if outcomes.get(name) not in KILLED:
            print(f"{outcomes.get(name)}: {name}")
    killed, tried = (sum(counts[key] for counts in modules.values()) for key in ("killed", "tried"))
    print(json.dumps(modules, indent=1))
    print(f"{killed} of {tried} mutants killed ({killed / tried:.1%}), of {len(names)} there are")
    record(
        options.results,
        "make mutants",
        tool=f"mutmut {version('mutmut')}",
        mutants=len(names),
        tried=tried,
        killed=killed,
        share=round(killed / tried, 3),
        modules=modules,
    )
    sys.exit(killed < ENOUGH * tried)


if __name__ == "__main__":
    main()
