"""Take the README's picture, a screenshot of the top of the report of `make demo`.

python docs/picture.py            after `make demo`; needs Chromium and the dev extra
"""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from fairforget.report import write_report

ROOT = Path(__file__).resolve().parents[1]
RUN, PICTURE = ROOT / "runs" / "demo", ROOT / "docs" / "pages" / "report.png"
WIDTH, HEIGHT = 1200, 1060
COLOURS = 64
"""Enough for text, background and two colours; makes the file a third as large."""


def take_screenshot(report: Path, path: Path) -> None:
    """Write a screenshot of the top of a report."""
    program = shutil.which("chromium") or sys.exit("no chromium on the PATH")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(report.as_uri())
        picture = Image.open(io.BytesIO(page.screenshot()))
        browser.close()
    small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(path, optimize=True)
    print(f"Written: {path} ({path.stat().st_size // 1024} kB)")


if __name__ == "__main__":
    take_screenshot(write_report(RUN), PICTURE)
