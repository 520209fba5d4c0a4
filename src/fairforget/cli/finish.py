"""What is done with an unlearned model: described, shown, reported on, pushed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import TypeAdapter
from pydantic_core import to_json

from fairforget.card import write_card
from fairforget.cli.tables import show_comparison, show_unlearning
from fairforget.comparison.compare import Comparison, compare
from fairforget.models.push import push_to_hub as push
from fairforget.records.paths import AFTER, BEFORE, CARD, MODEL, RECORD
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record
from fairforget.report import write_report


def finish(directory: Path, *, measured: bool, push_to_hub: str | None, json: bool) -> None:
    """Write the card and, of a measured model, the report; print what was reached; push.

    Args:
        directory: with `record.json` and `model`.
        measured: whether evaluations are in `before` and `after`.
        push_to_hub: a repository of the hub.
        json: print JSON and nothing else.
    """
    record = read_record(directory / RECORD, UnlearningRecord)
    comparison = compare(directory / BEFORE, directory / AFTER) if measured else None
    if not (directory / MODEL / CARD).exists():  # a person may have edited it
        write_card(directory)
    if json:
        content: dict[str, Any] = {"record": TypeAdapter(UnlearningRecord).dump_python(record)}
        if comparison:
            content["comparison"] = TypeAdapter(Comparison).dump_python(comparison)
        print(to_json(content, indent=1, inf_nan_mode="strings").decode())
    else:
        show_unlearning(record)
        if comparison:
            show_comparison(comparison)
        print(f"Written: {directory / MODEL} and {directory / RECORD}")
    if measured:
        report = write_report(directory)
        if not json:
            print(f"Written: {report}")
    if push_to_hub is not None:
        url = push(directory, push_to_hub)
        if not json:
            print(f"Pushed: {url}")
