"""What a command read from files of the user's, by content: files change under their names."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from fairforget.files.digest import digest, file_digest

WEIGHTS = (".safetensors", ".gguf")
OF_A_MODEL = (*WEIGHTS, ".json", ".txt", ".model", ".py")
"""How the names of a model's files end that decide what it says; its card is none of them."""
GLANCES, GLANCE = 64, 1 << 16
"""How many pieces of a file of weights are looked at, and bytes of each. Training changes all."""


def contents(names: Iterable[str]) -> dict[str, str]:
    """For each name that is a file or directory here, a short text that stands for its content.

    Args:
        names: models, corpora, or options of benchmarks; those that are no path are passed over.
    """
    found = {}
    for name in dict.fromkeys(names):
        path = Path(name)
        if path.is_dir():
            files = sorted(file for file in path.iterdir() if file.suffix in OF_A_MODEL)
            content = digest([(file.name, _of_file(file)) for file in files if file.is_file()])
        elif path.is_file():
            content = _of_file(path)
        else:
            continue
        found[f"content of {name}"] = content[:16]
    return found


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
