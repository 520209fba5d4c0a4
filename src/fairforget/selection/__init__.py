"""Selectors of harmful spans, by name. To add one, write a file here and add a line below."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fairforget.registry import Registry

METHODS: Registry[Callable[[Any], Any]] = Registry(
    {
        "given": "fairforget.selection.controls:build_given",
        "lexicon": "fairforget.selection.lexicon:build",
        "contrast": "fairforget.selection.contrast:build",
        "llm": "fairforget.selection.llm:build",
        "random": "fairforget.selection.controls:build_random",
        "all": "fairforget.selection.controls:build_all",
    }
)
"""Name → a function of `SelectSettings` that returns a `Selector`."""
