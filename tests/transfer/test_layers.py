"""The transfer study is an application: the core of the library does not import it."""

from __future__ import annotations

import ast
from pathlib import Path

import fairforget
from fairforget.report.page import PAGES

ROOT = Path(fairforget.__file__).parent
STUDY = "fairforget.transfer_study"
APPLICATIONS = ("cli", "transfer_study")
"""Packages that may import it."""


def test_no_core_module_imports_the_study_at_the_top() -> None:
    core = [p for p in ROOT.rglob("*.py") if p.relative_to(ROOT).parts[0] not in APPLICATIONS]
    assert len(core) > 50
    for path in core:
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names.append(node.module or "")
            assert not any(name.startswith(STUDY) for name in names), path


def test_the_report_finds_its_page_by_name() -> None:
    assert PAGES["study"].startswith(STUDY)
