"""What is fuzzed: each reader with the files that it is given."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pyarrow as pa
from hypothesis import strategies as st

from fairforget import cli
from fairforget.comparison.compare import compare
from fairforget.corpora import read_corpus
from fairforget.data.bbq import read_questions
from fairforget.data.crows_pairs import read_pairs
from fairforget.data.stereoset import read_items
from fairforget.errors import InputError
from fairforget.models.file_checks import (
    Contents,
    check_configuration,
    safetensors_contents,
)
from fairforget.models.gguf_import.header import check_gguf
from fairforget.models.loading import load_model
from fairforget.records.outputs import open_output
from fairforget.records.records import EvaluationRecord, UnlearningRecord
from fairforget.records.store import read_record
from fairforget.report import write_report
from fairforget.report.terminal import show_evaluation, show_unlearning
from fairforget.selection.lexicon import read_lexicon
from fairforget.selection.llm import read_cached_answer
from fairforget.selection.llm_answers import read_answer
from fairforget.training.checkpoints import CHECKSUMS, find_last_complete

from . import samples
from .inputs import about, alike, as_json, bent, damaged, json_about, lines_about, values

Files = dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Target:
    """One reader."""

    files: Callable[[], st.SearchStrategy[Files]]
    read: Callable[[Path], object]
    """Reads what is in the directory; may raise InputError, and nothing else."""
    weight: float = 1.0
    """Its share of the inputs: slow readers have less."""


def one(name: str, contents: Callable[[], st.SearchStrategy[bytes]]) -> Callable[[], Any]:
    """A single file."""
    return lambda: st.fixed_dictionaries({name: contents()})


def tables() -> st.SearchStrategy[bytes]:
    """Valid Parquet files of columns that no one expects, and damaged ones."""
    cells = st.one_of(
        st.none(),
        st.text(max_size=8),
        st.integers(-(2**63), 2**63 - 1),
        st.floats(),
        st.binary(max_size=4),
        st.datetimes(),
        st.lists(st.lists(st.integers(-2, 9), max_size=3), max_size=2),
        st.dictionaries(st.sampled_from("ab"), st.text(max_size=3), max_size=2),
    )
    names = st.sampled_from(["text", "id", "domain", "spans", "mentions", "hateful", "x"])
    rows = st.lists(st.dictionaries(names, cells, max_size=4), min_size=1, max_size=3)
    return st.one_of(rows.map(_table_or_none).filter(bool), damaged(samples.corpus_parquet()))


def _table_or_none(rows: list[dict[str, Any]]) -> bytes | None:
    try:
        return samples.parquet(rows)
    except (pa.ArrowException, OverflowError, ValueError, TypeError):  # columns of mixed types
        return None


def evaluations() -> st.SearchStrategy[Files]:
    """A record and its items, one of them wrong."""
    record, items = samples.evaluation()
    right = {"record.json": as_json(record), "items.parquet": items}
    return st.one_of(
        json_about(record).map(lambda content: right | {"record.json": content}),
        bent(record["results"]).map(
            lambda results: right | {"record.json": as_json({**record, "results": results})}
        ),
        damaged(items).map(lambda content: right | {"items.parquet": content}),
        tables().map(lambda content: right | {"items.parquet": content}),
    )


def unlearnings() -> st.SearchStrategy[Files]:
    """The record of an unlearning run."""
    record = samples.unlearning()
    samples_file = [{"prompt": "a", "before": "b", "after": "c"}]
    return st.fixed_dictionaries(
        {"record.json": json_about(record)},
        optional={"continuation_pairs.json": json_about(samples_file)},
    )


def studies() -> st.SearchStrategy[Files]:
    """The record of a transfer study."""
    return st.fixed_dictionaries({"study.json": _record_about(samples.study())})


def comparisons() -> st.SearchStrategy[Files]:
    """What `compare --output` wrote."""
    return st.fixed_dictionaries({"comparison.json": _record_about(samples.comparison())})


def _record_about(record: Any) -> st.SearchStrategy[bytes]:
    """Records that are wrong, and records that can be read and say odd things."""
    return st.one_of(json_about(record), alike(record).map(as_json))


def model_files(*names: str) -> st.SearchStrategy[Files]:
    """A model's directory in which one file is damaged."""
    whole = samples.model()

    def wrong(name: str) -> st.SearchStrategy[Files]:
        content = whole[name]
        inputs = (
            json_about(samples.json.loads(content)) if name.endswith("json") else about(content)
        )
        return inputs.map(lambda changed: {**whole, name: changed})

    return st.one_of(*map(wrong, names))


def bbq_files() -> st.SearchStrategy[Files]:
    """Questions and what is known of them."""
    right = {"Age.jsonl": as_json(samples.BBQ), "metadata.csv": samples.BBQ_METADATA}
    return st.one_of(
        lines_about(samples.BBQ, {**samples.BBQ, "example_id": 1}).map(
            lambda content: right | {"Age.jsonl": content}
        ),
        about(samples.BBQ_METADATA).map(lambda content: right | {"metadata.csv": content}),
    )


def read_bbq(directory: Path) -> object:
    """Both files of BBQ."""
    return read_questions(files=[directory / "Age.jsonl"], metadata=directory / "metadata.csv")


def read_config(directory: Path) -> None:
    """Parse a configuration as `unlearn` does, and go no further."""
    with mock.patch("fairforget.cli.unlearn.run"):
        arguments = ["unlearn", "m", "--output", "o", "--config", str(directory / "config.yaml")]
        error = io.StringIO()
        code = None
        try:
            with contextlib.redirect_stderr(error):
                cli.main(arguments)
        except SystemExit as exit_:
            code = exit_.code
    if code == 2:
        assert error.getvalue().count("\n") == 1, error.getvalue()
        raise InputError(error.getvalue())
    assert not code, error.getvalue()


def read_model(directory: Path) -> object:
    """Load a model and run its tokenizer."""
    model = load_model(directory, device="cpu")
    return model.tokenizer("Women are late.")["input_ids"]


def show(directory: Path) -> None:
    """Whatever is done with a record that is there."""
    with contextlib.redirect_stdout(io.StringIO()):
        show_evaluation(read_record(directory / "record.json", EvaluationRecord))


def show_run(directory: Path) -> None:
    """The same of an unlearning run."""
    with contextlib.redirect_stdout(io.StringIO()):
        show_unlearning(read_record(directory / "record.json", UnlearningRecord))


def corpus(name: str) -> Callable[[Path], object]:
    """The reader of a user's corpus."""
    return lambda directory: read_corpus(str(directory / name))


def against_itself(directory: Path) -> object:
    """Compare an evaluation with itself."""
    return compare(directory, directory)


TARGETS = {
    "csv": Target(one("c.csv", lambda: about(samples.CSV)), corpus("c.csv")),
    "jsonl": Target(one("c.jsonl", lambda: lines_about(samples.ROW)), corpus("c.jsonl")),
    "spans": Target(
        one(
            "c.jsonl",
            lambda: st.lists(
                st.one_of(st.lists(st.integers(-1, 20), min_size=2, max_size=2), values), max_size=3
            ).map(lambda spans: as_json({**samples.ROW, "spans": spans})),
        ),
        corpus("c.jsonl"),
    ),
    "parquet": Target(one("c.parquet", tables), corpus("c.parquet")),
    "stereoset json": Target(
        one("s.json", lambda: json_about(samples.STEREOSET_WHOLE)),
        lambda directory: read_items(directory / "s.json"),
    ),
    "stereoset jsonl": Target(
        one("s.jsonl", lambda: lines_about(samples.STEREOSET)),
        lambda directory: read_items(directory / "s.jsonl"),
    ),
    "crows_pairs": Target(
        one("p.csv", lambda: about(samples.CROWS)),
        lambda directory: read_pairs(directory / "p.csv"),
    ),
    "bbq": Target(bbq_files, read_bbq),
    "lexicon": Target(
        one("words.txt", lambda: about(b"# words\nlate\nvery late\n")),
        lambda directory: read_lexicon(str(directory / "words.txt")),
    ),
    "llm answer": Target(
        one("answer", lambda: json_about(samples.ANSWER)),
        lambda directory: read_answer(
            "Women are late.", (directory / "answer").read_text("utf-8", "surrogateescape")
        ),
    ),
    "kept answer": Target(
        one("answer.json", lambda: json_about([[10, 14, "why"]])),
        lambda directory: read_cached_answer(directory / "answer.json", "Women are late."),
    ),
    "settings": Target(
        one("settings.json", lambda: json_about({"command": "evaluate", "seed": 0})),
        lambda directory: open_output(directory, {"command": "evaluate", "seed": 0}),
    ),
    "seal": Target(
        lambda: about(b"e3b0c442  a\n").map(lambda content: {f"checkpoint-3/{CHECKSUMS}": content}),
        lambda directory: find_last_complete(directory),
    ),
    "evaluation": Target(evaluations, show),
    "unlearning": Target(unlearnings, show_run),
    "gguf header": Target(
        one("m.gguf", lambda: about(samples.gguf())),
        lambda directory: check_gguf(directory / "m.gguf"),
    ),
    "safetensors header": Target(
        one("model.safetensors", lambda: about(samples.model()["model.safetensors"])),
        safetensors_contents,
    ),
    "model config": Target(
        one("config.json", lambda: json_about(samples.json.loads(samples.model()["config.json"]))),
        lambda directory: check_configuration(directory / "config.json", Contents(10, 1000)),
    ),
    "compare": Target(evaluations, against_itself, 0.05),
    "report": Target(lambda: st.one_of(evaluations(), unlearnings()), write_report, 0.05),
    "study": Target(studies, write_report, 0.1),
    "comparison": Target(comparisons, write_report, 0.1),
    "yaml config": Target(one("config.yaml", lambda: about(samples.CONFIG)), read_config, 0.2),
    "model": Target(
        lambda: model_files(
            "config.json", "tokenizer.json", "tokenizer_config.json", "model.safetensors"
        ),
        read_model,
        0.05,
    ),
    "gguf model": Target(
        one("m.gguf", lambda: damaged(samples.gguf())),
        lambda directory: load_model(directory / "m.gguf", device="cpu"),
        0.02,
    ),
}
