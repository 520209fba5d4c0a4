"""A browser to look at pages with: one for all tests, as Playwright allows."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Debian's Chromium, headless, with an empty profile and no network."""
    program = shutil.which("chromium")
    missing = [name for name in ("playwright", "axe_playwright_python") if not find_spec(name)]
    if program is None or missing:
        reason = f"no {missing[0]}: pip install -e .[dev]" if missing else "no chromium on the PATH"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        context = driver.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"),
            executable_path=program,
            args=FLAGS,
            headless=True,
            offline=True,
        )
        yield context
        context.close()
