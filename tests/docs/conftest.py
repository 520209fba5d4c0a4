"""What tests of several scripts of docs need."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import ModuleType

import pytest

from .blocks import ROOT


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a script of docs by its name."""
    monkeypatch.syspath_prepend(str(ROOT / "docs"))
    return importlib.import_module
