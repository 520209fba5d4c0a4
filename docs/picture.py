"""Take the README's picture: the top of the report of `make demo`.

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
WIDTH, HEIGHT = 1200, 900
COLOURS = 64
"""Enough for text, paper and two inks; a third of the file."""


def take(report: Path, to: Path, element: str = "") -> None:
    """A picture of the top of a report, or of an element of it."""
    program = shutil.which("chromium") or sys.exit("no chromium on the PATH")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, color_scheme="light")
        page.goto(report.as_uri())
        shot = page.locator(element).first.screenshot() if element else page.screenshot()
        picture = Image.open(io.BytesIO(shot))
        browser.close()
    small = picture.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    small.save(to, optimize=True)
    print(f"Written: {to} ({to.stat().st_size // 1024} kB)")


if __name__ == "__main__":
    take(write_report(RUN), PICTURE)
