"""Fingerprints of input files, to detect a file that changed under the same name."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from fairforget.files.digest import hash_file, hash_values
from fairforget.files.home import expand_home
from fairforget.models.adapter_directory import find_base_model, is_adapter
from fairforget.names import SMOLLM2
from fairforget.records.outputs import CONTENT

MODEL_FILES = (
    "*.safetensors",
    "*config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "*.model",
    "*.jinja",
    "*.py",
)
"""Names of the files that determine the outputs of a model."""


def fingerprint_inputs(names: Iterable[str]) -> dict[str, str]:
    """Return "content of NAME" → digest, for each name of a local file or model directory.

    Args:
        names: models, corpora and options of benchmarks. Other names are skipped, and so are files
            without a suffix: their name may be the value of an option. The local base model of
            an adapter is part of the adapter.

    Raises:
        InputError: an adapter has no usable base model.
    """
    fingerprints = {}
    for name in dict.fromkeys(names):
        with suppress(OSError):  # not a path, or too long for one
            if name != SMOLLM2 and (digest := _hash_content(expand_home(name))):
                fingerprints[CONTENT + name] = digest[:16]
    return fingerprints


def hash_model(directory: Path) -> str:
    """Return a digest of the files of a local model."""
    return _hash_content(directory)[:16]


def _hash_content(path: Path) -> str:
    if path.is_file():
        return hash_file(path) if path.suffix else ""
    if not any((path / name).is_file() for name in ("config.json", "adapter_config.json")):
        return ""
    files = sorted(file for file in path.iterdir() if is_file_of(file, MODEL_FILES))
    content = [(file.name, hash_file(file)) for file in files]
    if is_adapter(path):
        content.append(("base model", _hash_content(Path(find_base_model(path)))))
    return hash_values(content)


def is_file_of(path: Path, patterns: Iterable[str]) -> bool:
    """Return whether a path is a file whose name matches one of the patterns."""
    return path.is_file() and any(fnmatch(path.name, pattern) for pattern in patterns)
