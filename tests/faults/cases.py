"""The commands that are killed, on models and data so small that each takes about a second."""

from __future__ import annotations

import hashlib
import json
import os
import random
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from fairforget.data.catalogue import CATALOGUE
from fairforget.training.config import UnlearningConfig
from fairforget.training.preparation import HELD_OUT
from tests.models import save_tiny

WORDS = ("late", "loud", "slow", "bad drivers", "very late", "rude")


@dataclass(frozen=True, slots=True)
class Case:
    """A command."""

    name: str
    args: Callable[[Path], list[str]]
    """Its arguments, given where it shall write."""
    cache: bool = False
    """Whether what it writes is the cache."""


def make_cases(directory: Path, server: str) -> list[Case]:
    """Write what the commands read; every command of which a kill must cost nothing."""
    _save_often()
    HELD_OUT.update(dict.fromkeys(HELD_OUT, 10))  # what takes time is to measure their perplexity
    model = str(save_tiny("llama", directory / "model"))
    forget = _lines(
        directory / "forget.jsonl",
        [
            {
                "text": f"{who} are {word}, I say.",
                "domain": "gender",
                "spans": [[len(who) + 5, len(who) + 5 + len(word)]],
                "mentions": [[0, len(who), "People"]],
            }
            for who in ("Women", "Men", "Girls", "Boys")
            for word in WORDS
        ],
    )
    retain = _lines(
        directory / "retain.jsonl",
        [{"text": f"The river has {n} bridges and an old mill near the town."} for n in range(200)],
    )
    stereoset = _lines(
        directory / "items.jsonl",
        [
            {
                "type": "intrasentence",
                "target": who,
                "bias_type": "gender",
                "context": f"The {who} is BLANK.",
                "stereotype": f"The {who} is {word}.",
                "anti-stereotype": f"The {who} is kind, {n}.",
                "unrelated": f"The {who} is seven {n}.",
            }
            for n, word in enumerate(WORDS)
            for who in ("nurse", "guard")
        ],
    )
    pairs = directory / "pairs.csv"
    pairs.write_text(
        ",sent_more,sent_less,stereo_antistereo,bias_type\n"
        + "".join(
            f"{n},The women were {word} again.,The men were {word} again.,stereo,gender\n"
            for n, word in enumerate(WORDS)
        )
    )
    words = directory / "words.txt"
    words.write_text("\n".join(WORDS))
    _serve_archive(directory, server)
    few = ["--steps", "6", "--batch_size", "4", "--retain", retain, "--device", "cpu"]
    # the guard keeps nothing on disk, and takes longer than all else here
    unlearn = ["unlearn", model, "--forget", forget, *few, "--budget.harmful_log_prob", "null"]
    return [
        Case(
            "unlearn",
            lambda out: [*unlearn, "--output", str(out), "--benchmarks", f"stereoset:{stereoset}"],
        ),
        Case("unlearn, LoRA", lambda out: [*unlearn, "--output", str(out), "--lora_rank", "2"]),
        Case(
            "evaluate",
            lambda out: [
                *("evaluate", model, "--output", str(out), "--device", "cpu"),
                *("--benchmarks", f"stereoset:{stereoset},crows_pairs:{pairs}"),
            ],
        ),
        Case(
            "evaluate, generated texts",
            lambda out: [
                *("evaluate", model, "--output", str(out), "--device", "cpu"),
                *("--benchmarks", "counterfactual:gender:20"),
            ],
        ),
        Case(
            "select",
            lambda out: [
                *("select", forget, "--method", "lexicon", "--lexicon", str(words)),
                *("--output", str(out / "spans.jsonl"), "--review", str(out / "review.html")),
            ],
        ),
        Case("data fetch", lambda _: ["data", "fetch", "stereoset-test"], cache=True),
        Case(
            "transfer",
            lambda out: [
                *("transfer", model, "--output", str(out), "--forget", forget, *few),
                *("--benchmarks", f"stereoset:{stereoset}", "--seeds", "1"),
                *("--objectives", "counterfactual-kl", "--controls", "random"),
            ],
        ),
    ]


def _save_often() -> None:
    """A checkpoint, and a row of history, every two steps: these runs are short."""
    as_asked = UnlearningConfig.__post_init__

    def often(config: UnlearningConfig) -> None:
        config.save_steps = config.logging_steps = 2
        as_asked(config)

    UnlearningConfig.__post_init__ = often  # type: ignore[method-assign]


def _lines(path: Path, rows: list[dict[str, object]]) -> str:
    path.write_text("\n".join(map(json.dumps, rows)))
    return str(path)


def _serve_archive(directory: Path, server: str) -> None:
    """Put an archive of two megabytes where the server finds it, and its hash in the catalogue."""
    content = random.Random(0).randbytes(1 << 21)
    served = directory / "served"
    served.mkdir()
    with zipfile.ZipFile(served / "archive.zip", "w") as archive:
        archive.writestr("../../evil", b"no one asked for this")
        archive.writestr("inside/file", content)
    entry = CATALOGUE["stereoset-test"]
    file = replace(
        entry.files[0],
        url=f"{server}/archive.zip",
        member="inside/file",
        sha256=(hashlib.sha256(content).hexdigest(),),
    )
    CATALOGUE["stereoset-test"] = replace(entry, files=(file,))


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """An HTTP server for a directory, in a process of its own; its address."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(directory)))
    child = os.fork()
    if not child:
        server.serve_forever()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.server_close()
        os.kill(child, 9)
        os.waitpid(child, 0)
