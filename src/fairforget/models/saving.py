"""Save a model so that transformers can load it."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from fairforget.errors import InputError
from fairforget.files.atomic import OLD, apply_umask, flush, temporary_prefix
from fairforget.machine.stages import stage
from fairforget.models.adapter_directory import has_adapter
from fairforget.models.inputs import MODEL_FILES, is_file_of
from fairforget.models.language_model import LanguageModel
from fairforget.models.quiet import silence_libraries

SAVED_FILES = (
    *(pattern for pattern in MODEL_FILES if pattern != "*.py"),
    *(f"{part}_*.py" for part in ("modeling", "configuration", "tokenization")),
    *("*.safetensors.index.json", "chat_template*", "README.md"),
)
"""Names of the files of a saved model."""
CHAT_TEMPLATES = "additional_chat_templates"
"""Directory in which a tokenizer with several chat templates saves them."""


@stage("writing the model")
def save_model(language_model: LanguageModel, directory: str | os.PathLike[str]) -> Path:
    """Save model and tokenizer so that `from_pretrained(directory)` gives the same logits.

    The directory appears only once it is complete; a model in its place is replaced. A symbolic
    link stays, and the directory that it points to is replaced.

    Raises:
        InputError: the directory holds something other than a model, or the model has an adapter,
            whose layers have names that no loader knows.
    """
    if has_adapter(language_model.model):
        raise InputError(
            "the model has an adapter; merge it first: "
            "fairforget.training.adapters.merge_adapter(model)"
        )
    target = Path(directory).resolve()
    if target.exists():
        _check_replaceable(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=temporary_prefix(target), dir=target.parent))
    try:
        apply_umask(temporary)
        with silence_libraries():
            language_model.model.save_pretrained(temporary)
            language_model.tokenizer.save_pretrained(temporary)
        for path in temporary.rglob("*"):
            apply_umask(path)  # the library that writes weights lets only their owner read them
            if path.is_file():
                flush(path)
        _replace_directory(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    return Path(directory)


def find_missing_part(directory: Path) -> str | None:
    """Return what the directory of a saved model lacks, or None if it can be loaded."""
    if not (directory / "config.json").is_file():
        return "config.json"
    return None if any(directory.glob("*.safetensors")) else "weights (*.safetensors)"


def check_saved(directory: Path) -> None:
    """Check that the directory of a run's model can be loaded.

    Raises:
        InputError: it cannot.
    """
    if missing := find_missing_part(directory):
        raise InputError(f"{directory} has no {missing}; put it back, or unlearn again")


def _check_replaceable(directory: Path) -> None:
    """Check that a directory is empty, or holds a model and nothing else.

    Raises:
        InputError: it does not, or is no directory.
    """
    paths = [*directory.iterdir()] if directory.is_dir() else [directory]
    if paths and not (directory / "config.json").is_file():
        raise InputError(f"{directory} exists and contains no model; choose another directory")
    if others := [path for path in paths if not _is_model_file(path)]:
        raise InputError(
            f"{directory} contains a model and {others[0].name}, which would be lost; "
            "choose another directory"
        )


def _replace_directory(temporary: Path, directory: Path) -> None:
    """Rename a temporary directory to its final name, and remove the old directory of that name."""
    if not directory.exists():
        temporary.rename(directory)
        return
    old = temporary.with_name(f"{temporary.name}{OLD}")
    directory.rename(old)
    try:
        temporary.rename(directory)
    except BaseException:
        old.rename(directory)
        raise
    shutil.rmtree(old)


def _is_model_file(path: Path) -> bool:
    """Return whether a path may belong to a saved model: weights, settings, tokenizer, card."""
    return path.name == CHAT_TEMPLATES or is_file_of(path, SAVED_FILES)
