"""The model card: what whoever finds the model on the hub should know of it."""

from __future__ import annotations

from pathlib import Path

from fairforget.card.metadata import card_metadata
from fairforget.card.text import render_body
from fairforget.errors import InputError
from fairforget.files.atomic import atomic_write
from fairforget.records.paths import CARD, MODEL
from fairforget.report.contents import Unlearning, read_directory


def write_card(directory: Path) -> Path:
    """Write `model/README.md` of an unlearning run, in Hugging Face's format.

    With evaluations in `before` and `after`, their results are in the table and, as
    `model-index`, in the metadata; without, the card says that the model was not measured.

    Args:
        directory: what `fairforget unlearn` wrote.

    Returns:
        The path of the card.

    Raises:
        InputError: the directory holds no unlearning run, or a malformed one.
    """
    run = read_directory(directory)
    if not isinstance(run, Unlearning):
        raise InputError(f"{directory} is no unlearning run, so it has no model to describe")
    path = directory / MODEL / CARD
    with atomic_write(path) as file:
        file.write(render_card(run, directory / MODEL).encode("utf-8", errors="replace"))
    return path


def render_card(run: Unlearning, model: Path) -> str:
    """The card of a run whose model lies in a directory."""
    data = card_metadata(run, model)
    return f"---\n{data.to_yaml()}\n---\n\n{render_body(run, data.license)}"


__all__ = ["render_card", "write_card"]
