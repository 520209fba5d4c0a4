"""Check a file with settings before the parser reads it: its messages name no file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fairforget.errors import InputError

TEXT = "tag:yaml.org,2002:str"
MERGE = "<<"
"""Key of the YAML mappings that are merged into another."""
MAX_VALUES = 10_000
"""Maximum number of values of a file after its aliases are expanded."""


def check_settings_file(path: Path) -> None:
    """Check that a YAML file has settings, each once; a file that is not YAML is not checked.

    Raises:
        InputError: it is not UTF-8, has none or far too many, or a key is not a string or is set
            twice.
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
    if _count_values(root, {}) > MAX_VALUES:
        raise InputError(
            f"{path} expands to more than {MAX_VALUES:,} values because of its YAML aliases "
            "(*NAME); write the values out instead"
        )
    for mapping in _mappings(root, set()):
        _check_keys(path, mapping)


def sets(path: Path, name: str) -> bool:
    """Whether a YAML file has a setting, such as `budget.movement`; False if it is not YAML."""
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError, yaml.YAMLError):
        return False
    for part in name.split("."):
        if not isinstance(content, dict) or part not in content:
            return False
        content = content[part]
    return True


def _count_values(node: Any, counts: dict[int, int]) -> int:
    """Return the number of values of a document with its aliases written out."""
    if id(node) not in counts:
        counts[id(node)] = 1  # where it refers to itself
        counts[id(node)] += sum(_count_values(part, counts) for part in _parts(node))
    return counts[id(node)]


def _mappings(node: Any, seen: set[int]) -> Iterator[Any]:
    """Yield every mapping of a document once, from the outermost inwards."""
    if id(node) in seen:
        return
    seen.add(id(node))
    if node.id == "mapping":
        yield node
    for part in _parts(node):
        yield from _mappings(part, seen)


def _parts(node: Any) -> Iterator[Any]:
    """Yield the values of a list, or the keys and values of a mapping."""
    for entry in node.value if isinstance(node.value, list) else ():
        yield from entry if isinstance(entry, tuple) else (entry,)


def _check_keys(path: Path, mapping: Any) -> None:
    lines: dict[str, int] = {}
    for key, _ in mapping.value:
        if key.value == MERGE:
            continue
        line = key.start_mark.line + 1
        if key.tag != TEXT:
            what = key.value if key.id == "scalar" else f"a {key.id}"
            raise InputError(
                f"{path}: {what or 'null'} on line {line} is not the name of a setting; remove it"
            )
        if key.value in lines:
            raise InputError(
                f"{path}: {key.value} is set twice, on lines {lines[key.value]} and {line}; "
                "remove one"
            )
        lines[key.value] = line
