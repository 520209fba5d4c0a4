"""The records that runs leave behind: frozen dataclasses, written as JSON, whole or not at all."""

from __future__ import annotations

import errno
import platform
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Literal, TypeVar

import pydantic
from pydantic import TypeAdapter
from pydantic_core import to_json

from fairforget.errors import InputError
from fairforget.redaction import redacted
from fairforget.results import Method, Result
from fairforget.whole_files import whole_file

RECORD = "record.json"
ITEMS = "items.parquet"
MODEL, BEFORE, AFTER, CHECKPOINTS, RUNS = "model", "before", "after", "checkpoints", "runs"
"""Directories of a run, beside its record; and that of the runs of a study."""
VERSION = 1

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """Which model a record is about."""

    source: str
    parameters: int
    dtype: str
    start_token: str
    weights: str = ""
    """sha256 of some weights of every tensor; empty in records from before it was written."""
    revision: str = ""
    """The commit, of a model of the hub."""


@dataclass(frozen=True, slots=True)
class Environment:
    """What the run ran on."""

    fairforget: str
    torch: str
    transformers: str
    python: str
    device: str
    processes: int = 1
    # what follows is empty, or 0, in records from before it was written
    accelerate: str = ""
    tokenizers: str = ""
    numpy: str = ""
    peft: str = ""
    """Empty where it is not installed, too."""
    threads: int = 0
    """That torch computes with, in each process."""
    processor: str = ""
    """The name of what computed: a CPU or an accelerator."""


@dataclass(frozen=True, slots=True)
class EvaluationRecord:
    """An evaluation: `results` has one entry per benchmark, as the benchmark defines it."""

    model: ModelFacts
    results: dict[str, Result]
    environment: Environment
    seconds: dict[str, float]
    seed: int = 0
    command: dict[str, Any] = field(default_factory=dict)
    """The command that made it and its settings, but for places; empty if no command did."""
    kind: Literal["evaluation"] = "evaluation"
    version: int = VERSION


@dataclass(frozen=True, slots=True)
class CorpusFacts:
    """A corpus as it was used."""

    name: str
    role: Literal["forget", "retain", "held-out"]
    texts: int
    tokens: int
    """Target tokens of a forget corpus; all tokens of the others, without start tokens."""
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class OverlapFacts:
    """Text that the forget corpus and a benchmark have in common."""

    benchmark: str
    ngram: int
    """Words that must agree in a row."""
    items: int
    """Sentences of the benchmark."""
    shared: int
    """Those with an n-gram that is also in the corpus."""
    share: float
    """Shared ÷ items."""


@dataclass(frozen=True, slots=True)
class DamageFacts:
    """One measure of harm to language modelling: a perplexity, after ÷ before."""

    asked: float
    """The ratio allowed."""
    reached: float
    """The ratio of the result."""
    before: float
    """Perplexity of the original model."""
    trained: float
    """The ratio of the weights as trained, at α = 1; on a few of the texts, unless the result lies
    there."""


@dataclass(frozen=True, slots=True)
class BudgetFacts(DamageFacts):
    """What damage was allowed and what was done, on held-out retain text and on others."""

    alpha: float
    """Where on the line from the original (0) through the trained weights (1) the result lies."""
    reach: float = 1.0
    """The largest α that was allowed."""
    note: str = ""
    others: dict[str, DamageFacts] = field(default_factory=dict)
    """The same on other texts, by name."""


@dataclass(frozen=True, slots=True)
class UnlearningRecord:
    """An unlearning run."""

    model: ModelFacts
    method: Method
    """The configuration: objective, selection, retention, seed, steps, learning rate, …; and
    `steps_done`, where training was stopped before all of them."""
    corpora: list[CorpusFacts]
    budget: BudgetFacts
    history: list[dict[str, float]]
    """One row per logged step."""
    environment: Environment
    seconds: dict[str, float] = field(default_factory=dict)
    overlap: list[OverlapFacts] = field(default_factory=list)
    """With each benchmark whose sentences were on the machine."""
    data: str = ""
    """sha256 of the token ids that were forgotten and retained, in order."""
    command: dict[str, Any] = field(default_factory=dict)
    """As of an evaluation."""
    kind: Literal["unlearning"] = "unlearning"
    version: int = VERSION


def environment(device: str, processes: int = 1) -> Environment:
    """The versions in use, and what they run on."""
    import torch  # which records are read without

    return Environment(
        fairforget=version("fairforget"),
        torch=version("torch"),
        transformers=version("transformers"),
        python=platform.python_version(),
        device=device,
        processes=processes,
        accelerate=_version("accelerate"),
        tokenizers=_version("tokenizers"),
        numpy=_version("numpy"),
        peft=_version("peft"),
        threads=torch.get_num_threads(),
        processor=processor(device),
    )


def processor(device: str) -> str:
    """The name of a device: that of the accelerator, else of the CPU as far as it is known."""
    import torch

    if device.startswith("cuda") and torch.cuda.is_available():
        return torch.cuda.get_device_name(device)
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def write_record(record: object, path: Path) -> None:
    """Write a record, a dataclass, as indented JSON."""
    # a number that is not finite becomes a string: a diverged run must be readable, too
    content = to_json(record, indent=1, inf_nan_mode="strings").decode()
    with whole_file(path) as file:
        file.write(redacted(content).encode() + b"\n")


@dataclass(frozen=True, slots=True)
class _Kind:
    kind: str


def kind_of(path: Path) -> str:
    """What a record is of: "evaluation", "unlearning", "study", "comparison".

    Raises:
        InputError: as `read_record`.
    """
    return read_record(path, _Kind).kind


def read_record(path: Path, kind: type[T]) -> T:
    """Read a record of the given kind.

    Raises:
        InputError: there is none, or it is not such a record; names file, field and fault.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        remedy = "; give a directory that fairforget wrote" if error.errno == errno.ENOENT else ""
        raise InputError(f"{path} cannot be read: {error.strerror}{remedy}") from error
    try:
        return TypeAdapter(kind).validate_json(content)
    except pydantic.ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "the whole"
        raise InputError(f"{path} is not such a record: {where}: {fault['msg']}") from error
