"""What a command read from files of the user's, by content: files change under their names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from fairforget.files.digest import digest, file_digest

CONTENT = "content of "
"""How what is remembered of an input begins."""
WEIGHTS = (".safetensors", ".gguf")
OF_A_MODEL = (
    "*.safetensors",
    "*config.json",
    "tokenizer*",
    "vocab*",
    "merges.txt",
    "*.model",
    "*.py",
)
"""Names of the files of a model that decide what it says."""
GLANCES, GLANCE = 64, 1 << 16
"""How many pieces of a file of weights are looked at, and bytes of each. Training changes all."""


def contents(names: Iterable[str]) -> dict[str, str]:
    """For each name that is a file or a model's directory here, what stands for its content.

    Args:
        names: models, corpora, or options of benchmarks; others are passed over. So is a file
            without an ending, whose name may be a word that means something else.
    """
    found = {}
    for name in dict.fromkeys(names):
        with suppress(OSError):  # it is no path, or too long for one
            if content := _content(Path(name)):
                found[CONTENT + name] = content[:16]
    return found


def _content(path: Path) -> str:
    if path.is_file():
        return _of_file(path) if path.suffix else ""
    if not any((path / name).is_file() for name in ("config.json", "adapter_config.json")):
        return ""
    files = sorted(file for file in path.iterdir() if _is_of_a_model(file))
    return digest([(file.name, _of_file(file)) for file in files])


def _is_of_a_model(file: Path) -> bool:
    return file.is_file() and any(fnmatch(file.name, pattern) for pattern in OF_A_MODEL)


def _of_file(path: Path) -> str:
    if path.suffix not in WEIGHTS:
        return file_digest(path)
    size = path.stat().st_size
    seen = hashlib.sha256(str(size).encode())
    with path.open("rb") as file:
        for number in range(GLANCES):
            file.seek(number * max(0, size - GLANCE) // (GLANCES - 1))
            seen.update(file.read(GLANCE))
    return seen.hexdigest()
