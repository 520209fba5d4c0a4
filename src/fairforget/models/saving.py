"""Save a model so that plain transformers loads it again."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from fairforget.errors import InputError
from fairforget.files.atomic import OLD, flush, temporary_prefix
from fairforget.models.language_model import LanguageModel
from fairforget.models.quiet import silence_libraries

MODEL_SUFFIXES = {".safetensors", ".json", ".txt", ".model", ".jinja", ".md", ".py"}
"""Of the files that a saved model consists of."""
CHAT_TEMPLATES = "additional_chat_templates"
"""Directory that a tokenizer with several of them is saved with."""


def save_model(language_model: LanguageModel, directory: str | os.PathLike[str]) -> Path:
    """Write model and tokenizer so that `from_pretrained(directory)` gives the same logits.

    The directory appears whole or not at all; a model that stands there is replaced.

    Raises:
        InputError: something else stands there, too.
    """
    directory = Path(directory)
    if directory.exists() and not (directory / "config.json").is_file():
        raise InputError(f"{directory} is there and holds no model; choose another place")
    if directory.exists() and (others := [p for p in directory.iterdir() if not _is_of_model(p)]):
        raise InputError(
            f"{directory} holds a model and {others[0].name}, which would be lost; choose another "
            "place"
        )
    directory.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=temporary_prefix(directory), dir=directory.parent))
    try:
        aside.chmod(0o755)
        with silence_libraries():
            language_model.model.save_pretrained(aside)
            language_model.tokenizer.save_pretrained(aside)
        for path in aside.rglob("*"):
            if path.is_file():
                flush(path)
        _put(aside, directory)
    except BaseException:
        shutil.rmtree(aside, ignore_errors=True)
        raise
    return directory


def _put(aside: Path, directory: Path) -> None:
    """Give a new directory the name of one that may be there, and remove that one."""
    if not directory.exists():
        aside.rename(directory)
        return
    old = aside.with_name(f"{aside.name}{OLD}")
    directory.rename(old)
    try:
        aside.rename(directory)
    except BaseException:
        old.rename(directory)
        raise
    shutil.rmtree(old)


def _is_of_model(path: Path) -> bool:
    """Whether it may be a part of a saved model: weights, configuration, tokenizer, card."""
    return path.name == CHAT_TEMPLATES or (path.is_file() and path.suffix in MODEL_SUFFIXES)
