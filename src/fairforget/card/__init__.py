"""The model card: `README.md` of a debiased model, in Hugging Face's format."""

from __future__ import annotations

from pathlib import Path

from fairforget.card.metadata import card_metadata
from fairforget.card.text import Licence, render_body
from fairforget.errors import InputError
from fairforget.files.atomic import write_atomically
from fairforget.records.paths import CARD, MODEL
from fairforget.report.contents import UnlearningRun, find_kind, read_unlearning


def write_card(directory: Path) -> Path:
    """Write `model/README.md` of an unlearning run.

    If the run has evaluations in `before` and `after`, their results are in the tables and, as
    `model-index`, in the metadata. Otherwise the card says that the model was not evaluated.

    Args:
        directory: the output directory of `fairforget unlearn`.

    Returns:
        The path of the card.

    Raises:
        InputError: the directory is not an unlearning run, or a file in it is malformed.
    """
    if find_kind(directory) != "unlearning":
        raise InputError(f"{directory} is not an unlearning run, so it has no model to describe")
    card = render_card(read_unlearning(directory), directory / MODEL)
    path = directory / MODEL / CARD
    write_atomically(path, card.encode("utf-8", errors="replace"))
    return path


def render_card(run: UnlearningRun, model: Path) -> str:
    """The card of a run as text; `model` is the directory of the debiased model."""
    data = card_metadata(run, model)
    licence = Licence(data.license_name or data.license, data.license_link)
    return f"---\n{data.to_yaml()}\n---\n\n{render_body(run, licence)}"


__all__ = ["render_card", "write_card"]
