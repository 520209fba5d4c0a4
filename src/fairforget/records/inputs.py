"""What a command read from files of the user's, by content: files change under their names."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path

from fairforget.files.digest import hash_file, hash_values

CONTENT = "content of "
"""How what is remembered of an input begins."""
OF_A_MODEL = (
    "*.safetensors",
    "*config.json",
    "tokenizer*",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab*",
    "merges.txt",
    "*.model",
    "*.py",
)
"""Names of the files of a model that decide what it says."""


def fingerprint_inputs(names: Iterable[str]) -> dict[str, str]:
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
        return hash_file(path) if path.suffix else ""
    if not any((path / name).is_file() for name in ("config.json", "adapter_config.json")):
        return ""
    files = sorted(file for file in path.iterdir() if _is_of_a_model(file))
    return hash_values([(file.name, hash_file(file)) for file in files])


def _is_of_a_model(file: Path) -> bool:
    return file.is_file() and any(fnmatch(file.name, pattern) for pattern in OF_A_MODEL)
