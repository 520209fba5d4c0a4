"""Silence libraries while they load or save a model, and turn their errors into one line."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator
from pathlib import Path

import transformers

from fairforget.errors import InputError, first_line


@contextlib.contextmanager
def silence_libraries() -> Iterator[None]:
    """Hide the progress bars and warnings of libraries while loading or saving."""
    verbosity = transformers.logging.get_verbosity()
    bars = transformers.logging.is_progress_bar_enabled()
    hub = logging.getLogger("huggingface_hub")
    hub_level = hub.level
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    hub.setLevel(logging.ERROR)  # it logs every retry
    try:
        yield
    finally:
        transformers.logging.set_verbosity(verbosity)
        hub.setLevel(hub_level)
        if bars:
            transformers.logging.enable_progress_bar()


@contextlib.contextmanager
def suppress_stderr() -> Iterator[None]:
    """Hide stderr: the progress bar of GGUF files cannot be switched off."""
    with contextlib.redirect_stderr(io.StringIO()):
        yield


@contextlib.contextmanager
def clear_errors(name: str) -> Iterator[None]:
    """Turn errors while loading a model into a one-line `InputError`.

    Args:
        name: of the model.

    Raises:
        InputError: instead of nearly every error within the block.
    """
    try:
        yield
    except (InputError, MemoryError, KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except BaseException as error:  # damaged files also cause Rust panics, no Exception
        if isinstance(error, OSError) and error.errno is not None:
            raise
        text = str(error)
        if not Path(name).exists() and (
            "not a local folder" in text
            or "couldn't connect" in text
            or "offline" in text
            or "Repo id must" in text
        ):
            raise InputError(
                f"model {name!r}: no such directory, and no such model on the hub "
                "(or the hub cannot be reached); check the spelling, or give a local directory"
            ) from None  # the hub's errors fill pages
        if "backend tokenizer" in text:
            raise InputError(
                f"model {name!r}: it has no tokenizer; save one with it (tokenizer.save_pretrained)"
            ) from error
        if "custom code" in text:
            raise InputError(
                f"model {name!r} comes with Python code, which loading would run; if you trust it, "
                "add --trust_remote_code"
            ) from error
        raise InputError(f"model {name!r} cannot be loaded: {summarize(error)}") from error


def summarize(error: BaseException) -> str:
    """Return the first line of an error, with the next if that ends in a colon."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return " ".join(lines[:2]) if lines and lines[0].endswith(":") else first_line(error)
