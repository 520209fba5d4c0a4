"""Selectors of harmful spans, by name. To add one, write a file here and add a line below."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from fairforget.errors import InputError
from fairforget.registry import Registry

if TYPE_CHECKING:
    from fairforget.selection.selected import Selector
    from fairforget.settings import SelectSettings

SELECTORS: Registry[Callable[[SelectSettings], Selector]] = Registry(
    {
        "given": "fairforget.selection.controls:build_given",
        "lexicon": "fairforget.selection.lexicon:build",
        "contrast": "fairforget.selection.contrast:build",
        "llm": "fairforget.selection.llm:Llm",
        "random": "fairforget.selection.controls:build_random",
        "all": "fairforget.selection.controls:build_all",
    }
)
"""Name → a function that builds the selector, and trains it if necessary."""


def make_selector(settings: SelectSettings) -> Selector:
    """Return the selector of a method.

    Raises:
        InputError: the method is unknown, or its settings or data are missing.
    """
    if settings.method not in SELECTORS:
        known = ", ".join(SELECTORS)
        raise InputError(f"method {settings.method!r} is unknown; choose from {known}")
    return SELECTORS[settings.method](settings)
