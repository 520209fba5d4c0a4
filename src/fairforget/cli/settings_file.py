"""Check a file with settings before the parser reads it: its messages name no file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fairforget.errors import InputError

TEXT = "tag:yaml.org,2002:str"
MERGE = "<<"
"""Key of the YAML mappings that are merged into another."""


def check_settings_file(path: Path) -> None:
    """Check that a YAML file has settings, each once; a file that is not YAML is not checked.

    Raises:
        InputError: it is not UTF-8, has none, or a key is not a string or is set twice.
    """
    import yaml

    try:
        content = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: {error.reason}; save the file as UTF-8") from error
    try:
        root = yaml.compose(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        return  # the parser says where
    if root is None:
        raise InputError(f"{path} is empty; write one setting per line, such as `seed: 1`")
    if not isinstance(root, yaml.MappingNode):
        raise InputError(
            f"{path} contains no settings, but {content.strip()[:40]!r}; write one setting per "
            "line, such as `seed: 1`"
        )
    for mapping in _mappings(root, set()):
        _check_keys(path, mapping)


def _mappings(node: Any, seen: set[int]) -> Iterator[Any]:
    """Yield every mapping of a document once, from the outermost inwards."""
    if id(node) in seen or not isinstance(node.value, list):
        return
    seen.add(id(node))
    if node.id == "mapping":
        yield node
    for entry in node.value:
        for part in entry if isinstance(entry, tuple) else (entry,):
            yield from _mappings(part, seen)


def _check_keys(path: Path, mapping: Any) -> None:
    lines: dict[str, int] = {}
    for key, _ in mapping.value:
        if key.value == MERGE:
            continue
        line = key.start_mark.line + 1
        if key.tag != TEXT:
            raise InputError(
                f"{path}: {key.value or 'a mapping'} on line {line} is not the name of a setting; "
                "remove it"
            )
        if key.value in lines:
            raise InputError(
                f"{path}: {key.value} is set twice, on lines {lines[key.value]} and {line}; "
                "remove one"
            )
        lines[key.value] = line
