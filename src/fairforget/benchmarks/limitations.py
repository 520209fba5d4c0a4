"""Known limitations of the benchmarks, shown with all of their results."""

from __future__ import annotations

from collections.abc import Iterable

from fairforget.benchmarks.options import base_name
from fairforget.benchmarks.registry import BENCHMARKS


def known_limitations(names: Iterable[str]) -> list[tuple[str, str]]:
    """Title and limitations of each benchmark, given names with options."""
    bases = dict.fromkeys(map(base_name, names))
    entries = [BENCHMARKS[base] for base in bases if base in BENCHMARKS]
    return [(entry.title, entry.limitations) for entry in entries if entry.limitations]


def find_limitations(names: Iterable[str]) -> list[str]:
    """`known_limitations`, one line for each benchmark."""
    return [f"{title}: {text}" for title, text in known_limitations(names)]
