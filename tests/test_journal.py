"""An interruption within a benchmark loses no continuation, and nothing is written twice."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from fairforget import evaluate
from fairforget.errors import InputError
from fairforget.evaluation.directory import evaluate_into
from fairforget.generation import engine
from fairforget.generation.decoding import Continuation, Decoding
from fairforget.generation.engine import BATCH_ROWS, AnyModel, generate
from fairforget.generation.journal import Journal, keep_continuations
from fairforget.generation.served import ServedModel
from fairforget.records.environment import environment
from fairforget.records.evaluation import read_items
from fairforget.records.paths import ITEMS, JOURNAL, PARTS, RECORD

from .models import tiny_model
from .openai_server import Stand, openai_server
from .two_processes import run_in_two

NAME = "counterfactual:gender:20"
ROWS = 160
"""Its continuations: 20 templates, 2 groups, 4 draws."""
PROMPTS = ["Women", "The river has a bridge", "They"]
FILE = "0.jsonl"
"""In the directory of a journal, when there is one process."""
SAMPLED = Decoding(tokens=8, temperature=1.0, draws=2, seed=3)
MANY = replace(SAMPLED, draws=6)
"""Several continuations for each of two processes."""


class Writer:
    """Stands for `engine._write_batch`, counts what it writes, and can be interrupted."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.batches: list[list[Any]] = []
        self.most: int | None = None
        """Batches until it is interrupted."""
        self._write = engine._write_batch
        monkeypatch.setattr(engine, "_write_batch", self)

    def __call__(self, model: Any, rows: Sequence[Any], decoding: Decoding) -> list[Continuation]:
        if self.most == len(self.batches):
            raise KeyboardInterrupt
        self.batches.append([(tuple(row.ids), row.seed) for row in rows])
        return self._write(model, rows, decoding)

    def take(self) -> list[list[Any]]:
        """The batches that were written since the last call."""
        taken, self.batches, self.most = self.batches, [], None
        return taken


@pytest.fixture
def writer(monkeypatch: pytest.MonkeyPatch) -> Writer:
    return Writer(monkeypatch)


def lasting(directory: Path) -> dict[str, Any]:
    """A record without what differs from run to run."""
    record = json.loads((directory / RECORD).read_text())
    return {key: value for key, value in record.items() if key != "seconds"}


def interrupt(writer: Writer, directory: Path, batches: int, **options: Any) -> Path:
    """Evaluate until the batch after some; the journal."""
    writer.most = batches
    with pytest.raises(KeyboardInterrupt):
        evaluate_into(directory, tiny_model("llama"), [NAME], **options)
    return directory / PARTS / "0" / JOURNAL


def test_repeated_prompts_are_separate_requests(writer: Writer, tmp_path: Path) -> None:
    """So the batches after an interruption are those of an uninterrupted call."""
    model, prompts = tiny_model("llama"), ["Women", "Men", "They", "Women", "Women", "Men"]

    def write() -> list[list[Continuation]]:
        with keep_continuations(tmp_path / JOURNAL, "model"):
            return generate(model, prompts, Decoding(tokens=4), batch_rows=2)

    whole = generate(model, prompts, Decoding(tokens=4), batch_rows=2)
    batches = writer.take()
    writer.most = 2
    with pytest.raises(KeyboardInterrupt):
        write()
    assert writer.take() == batches[:2]
    assert write() == whole
    assert writer.take() == batches[2:]


@pytest.mark.parametrize("batches", [0, 1, 2])
def test_a_local_model_goes_on_with_the_next_batch(
    writer: Writer, tmp_path: Path, batches: int
) -> None:
    out, whole = tmp_path / "out", tmp_path / "whole"
    interrupt(writer, out, batches)
    before = writer.take()
    evaluate_into(out, tiny_model("llama"), [NAME])
    after = writer.take()
    evaluate_into(whole, tiny_model("llama"), [NAME])
    assert before + after == writer.take()  # the same batches
    assert sum(map(len, before + after)) == ROWS
    assert lasting(out) == lasting(whole)
    assert read_items(out) == read_items(whole)
    assert sorted(path.name for path in out.iterdir()) == [ITEMS, RECORD]


def test_an_interruption_before_the_scores_costs_nothing(writer: Writer, tmp_path: Path) -> None:
    lm, path = tiny_model("llama"), tmp_path / JOURNAL
    with keep_continuations(path, "m"):
        written = generate(lm, PROMPTS, SAMPLED)
    writer.take()
    calls: list[tuple[int, int]] = []
    with keep_continuations(path, "m"):
        again = generate(
            lm,
            PROMPTS[::-1],
            SAMPLED,
            progress=lambda done, total, note="": calls.append((done, total)),
        )
    assert again == written[::-1]
    assert writer.take() == []
    assert calls == [(6, 6)]


@pytest.mark.parametrize("cut", [1, 40])
def test_an_incomplete_line_is_written_again(writer: Writer, tmp_path: Path, cut: int) -> None:
    out = tmp_path / "out"
    path = interrupt(writer, out, 1) / FILE
    path.write_bytes(path.read_bytes()[:-cut])
    first = writer.take()
    interrupt(writer, out, 1)
    second = writer.take()
    assert second[0][0] == first[0][-1]  # the prompts are sorted by length
    assert len({*first[0], *second[0]}) == 2 * BATCH_ROWS - 1
    evaluate_into(out, tiny_model("llama"), [NAME])
    assert [len(batch) for batch in writer.take()] == [ROWS - 2 * BATCH_ROWS + 1]


@pytest.mark.parametrize(
    "damage",
    [b"", b"{", b"\xff\x00\xfe", b"[1]", b'{"key": "x"}', b'{"key": 1, "continuation": null}'],
)
def test_damage_hides_no_other_line(tmp_path: Path, damage: bytes) -> None:
    one = Continuation("a\nb\u2028c\r", 3, True)
    Journal(tmp_path, "m").add([("first", one)])
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes() + b"\n" + damage)
    Journal(tmp_path, "m").add([("second", one), ("third", one)])
    found = Journal(tmp_path, "m")
    assert [found.find(name) for name in ("first", "second", "third", "x")] == [one] * 3 + [None]


def test_no_other_model_or_decoding_is_taken_for_it(writer: Writer, tmp_path: Path) -> None:
    lm, path = tiny_model("llama"), tmp_path / JOURNAL

    def count(model: str = "m", **changes: Any) -> int:
        with keep_continuations(path, model):
            generate(lm, PROMPTS, replace(SAMPLED, **changes))
        return sum(map(len, writer.take()))

    assert count() == 6
    for change in ({"seed": 4}, {"tokens": 9}, {"temperature": 0.5}, {"model": "other"}):
        assert count(**change) == 6
        assert count(**change) == 0
    assert count(temperature=0, draws=1) == 3
    assert count(draws=1) == 0
    assert count(draws=3) == 3
    assert count() == 0
    generate(lm, PROMPTS, SAMPLED)  # outside, nothing is kept
    assert len(writer.take()) == 1


def test_an_evaluation_of_another_model_or_seed_starts_anew(writer: Writer, tmp_path: Path) -> None:
    interrupt(writer, tmp_path, 2)
    writer.take()
    interrupt(writer, tmp_path, 1, seed=1)
    assert len(writer.take()[0]) == BATCH_ROWS
    evaluate_into(tmp_path, tiny_model("llama", seed=1), [NAME])
    assert sum(map(len, writer.take())) == ROWS


def test_text_of_another_environment_is_generated_again(
    writer: Writer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt(writer, tmp_path, 2)
    writer.take()
    newer = replace(environment("cpu"), torch="99.0")
    monkeypatch.setattr("fairforget.evaluation.directory.environment", lambda *_: newer)
    evaluate_into(tmp_path, tiny_model("llama"), [NAME])
    assert sum(map(len, writer.take())) == ROWS


def _continue(
    directory: Path, stop: int | None
) -> tuple[list[Any], list[list[Continuation]] | None]:
    """The rows that this process wrote, and what it returned; `stop`: batches until it stops."""
    with pytest.MonkeyPatch.context() as patch:
        writer = Writer(patch)
        writer.most = stop
        written = None
        with keep_continuations(directory, "m"), suppress(KeyboardInterrupt):
            written = generate(tiny_model("llama"), PROMPTS, MANY, batch_rows=1)
        return [row for batch in writer.take() for row in batch], written


def _stop_and_continue(directory: Path) -> list[tuple[list[Any], list[list[Continuation]] | None]]:
    """What a process that stops after one batch did, and what one that resumes did."""
    stopped = _continue(directory, 1)
    torch.distributed.barrier()  # the other has stopped, too
    return [stopped, _continue(directory, None)]


@pytest.mark.processes
def test_two_processes_resume_what_two_left(writer: Writer, tmp_path: Path) -> None:
    """Each writes what it lacks; then one process finds what both wrote."""
    whole = generate(tiny_model("llama"), PROMPTS, MANY)
    writer.take()
    stopped, resumed = zip(*run_in_two(_stop_and_continue, tmp_path / JOURNAL), strict=True)
    before, nothing = zip(*stopped, strict=True)
    assert nothing == (None, None)
    assert [len(rows) for rows in before] == [1, 1]
    after, results = zip(*resumed, strict=True)
    assert results == (whole, whole)
    assert all(rows for rows in after)
    once = [row for rows in (*before, *after) for row in rows]
    assert len({*once}) == len(once) == len(PROMPTS) * MANY.draws
    with keep_continuations(tmp_path / JOURNAL, "m"):
        assert generate(tiny_model("llama"), PROMPTS, MANY) == whole
    assert writer.take() == []


class Server:
    """Answers with the prompt and the seed of a request, and refuses one request."""

    stand: Stand

    def __init__(self, refused: int) -> None:
        self.refused = refused
        """Number of the request."""

    def __call__(self, number: int, messages: list[dict[str, str]]) -> str | int:
        if number == self.refused:
            return 400
        return f"{messages[0]['content']} {self.stand.asked[number]['seed']}"

    @property
    def answered(self) -> list[tuple[str, int]]:
        """The prompts and seeds of all requests but that one."""
        return [
            (body["prompt"], body["seed"])
            for number, body in enumerate(self.stand.asked)
            if number != self.refused
        ]


@pytest.mark.slow
def test_a_server_is_asked_only_for_what_is_missing(tmp_path: Path) -> None:
    pytest.importorskip("openai")
    name, rows, refused, probes = "counterfactual:gender:4", 32, 15, 2
    out, whole = tmp_path / "out", tmp_path / "whole"
    server = Server(refused)
    with openai_server(server) as server.stand:
        options = {"server": server.stand.url, "server_concurrency": 1}
        with pytest.raises(InputError, match="failed"):
            evaluate("m", [name], output_dir=out, **options)
        assert (out / PARTS / "0" / JOURNAL).exists()
        evaluate("m", [name], output_dir=out, **options)
        both = server.answered
        evaluate("m", [name], output_dir=whole, **options)
        undisturbed = server.answered[len(both) :]
    first, second = both[:refused], both[refused:]
    assert first[:probes] == second[:probes]  # does the server still sample?
    assert first + second[probes:] == undisturbed
    assert len({*undisturbed}) == rows
    assert lasting(out) == lasting(whole)
    assert read_items(out) == read_items(whole)
    assert not (out / PARTS).exists()


@pytest.mark.slow
def test_of_concurrent_requests_only_those_in_flight_are_lost(tmp_path: Path) -> None:
    pytest.importorskip("openai")
    server, prompts = Server(40), [f"prompt {n}" for n in range(60)]

    def write(model: AnyModel) -> list[list[Continuation]]:
        with keep_continuations(tmp_path / JOURNAL, "m"):
            return generate(model, prompts, Decoding(tokens=4))

    with openai_server(server) as server.stand:
        model = ServedModel("m", server.stand.url, concurrency=8)
        with pytest.raises(InputError, match="failed"):
            write(model)
        written = write(model)
        asked = server.answered
        assert len({*asked}) == 60
        assert len(asked) < 60 + 8
        assert write(model) == written
        assert server.answered == asked
    assert [c.text.split()[1] for (c,) in written] == [str(n) for n in range(60)]
