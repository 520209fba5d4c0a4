"""`python -m tests.faults.starved`: commands that lack something; how each ended, as JSON lines.

A process of its own, because it forks: see `forked`.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch
import transformers
from filelock import FileLock

import fairforget.debiasing.debias  # noqa: F401
from fairforget.records.paths import LOCK, RECORD, STUDY
from tests.little_data import leave_little_data
from tests.models import VOCABULARY, word_tokenizer

from .__main__ import compared, result_of
from .cases import Case, make_cases, served
from .forked import Ended, forked, warm_up

COMMANDS = ("unlearn", "evaluate", "select", "data fetch", "transfer")
RUNS = ("unlearn", "evaluate", "transfer")
"""Those that load a model, and keep a directory to themselves."""
DISK = 1 << 21
"""Bytes of the small disk."""


def main() -> None:
    """All scenarios, one JSON object a line."""
    torch.set_num_threads(1)
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    os.environ["HF_HUB_OFFLINE"] = "1"
    os.environ.pop("FAIRFORGET_DATA", None)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        (root / "input").mkdir()
        with served(root / "input" / "served") as server:
            cases = {case.name: in_two_steps(case) for case in make_cases(root / "input", server)}
            leave_little_data()
            warm_up(str(root / "input" / "model"))
            for scenario in SCENARIOS:
                for command in sys.argv[1:] or COMMANDS:
                    place = root / "place"
                    place.mkdir()
                    scenario(cases[command], place)
                    shutil.rmtree(place)


def in_two_steps(case: Case) -> Case:
    """The same with a shorter training, which ends after its first checkpoint."""

    def args(out: Path) -> list[str]:
        words = case.args(out)
        if "--steps" in words:
            words[words.index("--steps") + 1] = "2"
        return words

    return replace(case, args=args)


def report(what: str, case: Case, ended: Ended, *, then: list[str] | None = None) -> None:
    """Print how it ended; `then`: how the results after a second try differ from the usual.

    Where nothing could be written, there is no second try, and `then` is what was written.
    """
    last = (ended.output.strip().splitlines() or [""])[-1]
    facts = {
        "what": what,
        "command": case.name,
        "code": ended.code,
        "last": last,
        "traceback": "Traceback" in ended.output,
        "then": then,
    }
    print(json.dumps(facts), flush=True)


def run(case: Case, out: Path, before: Callable[[], object] = lambda: None) -> Ended:
    """The command, in a child."""
    os.environ["FAIRFORGET_CACHE"] = str(out if case.cache else out.parent / "cache")
    with tempfile.TemporaryDirectory() as logs:
        return forked(case.args(out), Path(logs) / "log", before=before)


def usual(case: Case, place: Path) -> dict[str, object]:
    """What the command leaves where nothing is wrong; it runs once for all scenarios."""
    directory = usual_directory(case, place)
    if not directory.exists():
        ended = run(case, directory)
        assert ended.code == 0, ended.output
    return result_of(directory)


def usual_directory(case: Case, place: Path) -> Path:
    """Where it leaves that."""
    return place.parent / f"usual {case.name}"


def read_only(case: Case, place: Path) -> None:
    """A disk on which one may not write."""
    with small_disk(place / "disk") as disk:
        if disk is None:
            return
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        report("read-only disk", case, run(case, disk / "out"))


def closed_directory(case: Case, place: Path) -> None:
    """A directory in which one may not write."""
    closed = place / "closed"
    closed.mkdir()
    closed.chmod(0o555)
    ended = run(case, closed / "out", without_privileges)
    report("closed directory", case, ended, then=files_in(closed))


def without_privileges() -> None:
    """Give up what lets root write where permissions say that no one may."""
    version, own_process = 0x20080522, 0
    header, none = (ctypes.c_uint32 * 2)(version, own_process), (ctypes.c_uint32 * 6)()
    if ctypes.CDLL(None, use_errno=True).capset(header, none):
        raise OSError(ctypes.get_errno(), "capset")


def full_disk(case: Case, place: Path) -> None:
    """A disk that is full, and then is not."""
    expected = usual(case, place)
    with small_disk(place / "disk") as disk:
        if disk is None:
            return
        first = disk / "first"
        if not case.cache:
            shutil.copytree(usual_directory(case, place), first)
        filler = disk / "filler"
        filler.write_bytes(bytes(shutil.disk_usage(disk).free - 4096))
        ended = run(case, disk / "out")
        left = [name for name in (RECORD, STUDY, "model") if (disk / "out" / name).exists()]
        assert not left, f"{left} look whole"
        if not case.cache:
            assert compared(result_of(first), expected) == []
        filler.unlink()
        again = run(case, disk / "out")
        differing = compared(result_of(disk / "out", whole=True), expected)
        report("full disk", case, ended, then=[again.output] if again.code else differing)


@contextmanager
def small_disk(place: Path) -> Iterator[Path | None]:
    """A file system of a few megabytes; None where one may not mount."""
    place.mkdir()
    size = f"size={4 * DISK}"
    mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True).returncode:
        yield None
        return
    try:
        yield place
    finally:
        subprocess.run(["umount", str(place)], check=True)


def few_files(case: Case, place: Path) -> None:
    """No file handles but the three that every process has."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))  # stdin, stdout and stderr are open

    ended = run(case, place / "out", limit)
    report("few file handles", case, ended, then=files_in(place))


def files_in(directory: Path) -> list[str]:
    """What the next command would find: where there is nothing, it does as if it were the first."""
    return [str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file()]


def large_model(path: Path) -> Path:
    """A model of eighteen megabytes, nearly all positions: it computes as fast as a tiny one."""
    if not path.exists():
        sizes = {"hidden_size": 32, "ffn_dim": 64, "word_embed_proj_dim": 32}
        sizes |= {"num_hidden_layers": 2, "num_attention_heads": 4}
        config = transformers.OPTConfig(
            vocab_size=VOCABULARY, max_position_embeddings=140_000, **sizes
        )
        with contextlib.redirect_stderr(io.StringIO()):
            transformers.OPTForCausalLM(config).save_pretrained(path)
            word_tokenizer().save_pretrained(path)
    return path


def little_memory(case: Case, place: Path) -> None:
    """An address space with ten more megabytes, and a model of eighteen."""
    if case.name not in RUNS:
        return
    command, _, *rest = case.args(Path("OUT"))
    large = [command, str(large_model(place.parent / "large")), *rest]
    larger = replace(
        case,
        name=f"{case.name}, large",
        args=lambda out: [str(out) if word == "OUT" else word for word in large],
    )
    expected = usual(larger, place)

    def limit() -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        most = pages * resource.getpagesize() + 10 * (1 << 20)
        resource.setrlimit(resource.RLIMIT_AS, (most, most))

    ended = run(larger, place / "out", limit)
    again = run(larger, place / "out")
    differing = compared(result_of(place / "out", whole=True), expected)
    report("little memory", case, ended, then=[again.output] if again.code else differing)


def no_temporary_directory(case: Case, place: Path) -> None:
    """Nowhere to put temporary files."""
    expected = usual(case, place)

    def none() -> None:
        tempfile.tempdir = str(place / "missing")
        os.environ["TMPDIR"] = tempfile.tempdir

    ended = run(case, place / "out", none)
    report("no temporary directory", case, ended, then=compared(result_of(place / "out"), expected))


def another_process(case: Case, place: Path) -> None:
    """Someone else is at work in the directory."""
    if case.name not in RUNS:
        return
    expected = usual(case, place)
    out = place / "out"
    out.mkdir()
    with FileLock(out / LOCK):
        ended = run(case, out)
    again = run(case, out)
    differing = compared(result_of(out, whole=True), expected)
    report("another process", case, ended, then=[again.output] if again.code else differing)


def clock(case: Case, place: Path) -> None:
    """The clock goes back an hour whenever it is looked at."""
    import time

    expected = usual(case, place)

    def back() -> None:
        now = [time.time()]

        def earlier() -> float:
            now[0] -= 3600
            return now[0]

        time.time = earlier

    ended = run(case, place / "out", back)
    report("clock", case, ended, then=compared(result_of(place / "out"), expected))


SCENARIOS = (
    read_only,
    closed_directory,
    full_disk,
    few_files,
    little_memory,
    no_temporary_directory,
    another_process,
    clock,
)

if __name__ == "__main__":
    main()
    sys.exit()
