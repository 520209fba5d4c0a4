"""Known limitations and clusters of the benchmarks, as pages name them."""

from __future__ import annotations

from collections.abc import Iterable

from fairforget.benchmarks.options import base_name
from fairforget.benchmarks.registry import BENCHMARKS, Entry


def known_limitations(names: Iterable[str]) -> list[tuple[str, str]]:
    """Title and limitations of each benchmark, given names with options."""
    return [(entry.title, entry.limitations) for entry in _entries(names) if entry.limitations]


def find_limitations(names: Iterable[str]) -> list[str]:
    """`known_limitations`, one line for each benchmark."""
    return [f"{title}: {text}" for title, text in known_limitations(names)]


def known_clusters(names: Iterable[str]) -> list[tuple[str, str]]:
    """Title and clusters of each benchmark with intervals, given names with options."""
    return [(entry.title, entry.clusters) for entry in _entries(names) if entry.clusters]


def _entries(names: Iterable[str]) -> list[Entry]:
    bases = dict.fromkeys(map(base_name, names))
    return [BENCHMARKS[base] for base in bases if base in BENCHMARKS]
