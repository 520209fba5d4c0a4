"""Reports in a real browser: rendering, mouse, keyboard, accessibility and security."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fairforget.report import write_report
from tests.report.runs import WRITERS, write_unlearning

pytestmark = pytest.mark.browser

SIZES = {"phone": (390, 844), "desk": (1440, 900)}
HOSTILE = [
    "<script>window.pwned=1</script>",
    "</script><script>window.pwned=1</script>",
    "</style><style>body{display:none}</style>",
    '<img src="x" onerror="window.pwned=1">',
    '"><svg onload=window.pwned=1>',
    "' onmouseover='window.pwned=1' x='",
    '<a href="javascript:window.pwned=1">go</a>',
    '<link rel="stylesheet" href="https://example.org/x.css">',
    '<meta http-equiv="refresh" content="0;url=https://example.org">',
    "<!--",
    "]]>",
    "%{x}<extra></extra>",
    "{{ 7 * 7 }}{% raw %}",
    "<b>bold</b>",
    "&lt;i&gt;",
    "\u2028\u2029",
    "=HYPERLINK(1)",
    "x" * 300,
]
EVIL = " ".join([*HOSTILE, "\u202edesrever"])


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One report of each kind."""
    return {
        kind: write_report(write(tmp_path_factory.mktemp(kind))) for kind, write in WRITERS.items()
    }


class Watched:
    """A browser tab that records its errors and its requests."""

    def __init__(self, page: Any) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.blocked: dict[str, str] = {}
        page.on("console", lambda m: m.type in ("error", "warning") and self.errors.append(m.text))
        page.on("pageerror", lambda e: self.errors.append(str(e)))
        page.on("request", lambda r: self.requests.append(r.url))
        page.on("requestfailed", lambda r: self.blocked.update({r.url: r.failure}))

    def open(self, path: Path, size: str = "desk", scheme: str = "light") -> Any:
        width, height = SIZES[size]
        self.page.set_viewport_size({"width": width, "height": height})
        self.page.emulate_media(color_scheme=scheme)
        self.page.goto(path.as_uri())
        return self.page


@pytest.fixture
def tab(browser: Any) -> Iterator[Watched]:
    page = browser.new_page()
    page.set_default_timeout(60_000)  # a busy machine may be slow
    yield Watched(page)
    page.close()


@pytest.mark.parametrize(("size", "scheme"), [("phone", "light"), ("desk", "dark")])
@pytest.mark.parametrize("kind", WRITERS)
def test_opens_cleanly_fits_and_is_accessible(
    reports: dict[str, Path], tab: Watched, tmp_path: Path, kind: str, size: str, scheme: str
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = tab.open(reports[kind], size, scheme)
    assert tab.errors == []
    assert tab.requests == [reports[kind].as_uri()]
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    levels = page.eval_on_selector_all("h1, h2, h3, h4", "all => all.map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))
    for revealed in (False, True):
        if revealed and page.locator("[data-unveil-all]").count():
            page.click("[data-unveil-all]")
            page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
            page.wait_for_timeout(300)
        found = Axe().run(page).response["violations"]
        assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
    folder = Path(os.environ.get("FAIRFORGET_SCREENSHOTS", tmp_path))
    picture = folder / f"{kind}-{size}-{scheme}.png"
    page.reload()
    page.screenshot(path=picture, full_page=True)
    assert picture.stat().st_size > 20_000


def test_plots_are_drawn_where_the_numbers_are(reports: dict[str, Path], tab: Watched) -> None:
    page = tab.open(reports["unlearning"])
    for plot in (
        "#plot-stereoset",
        "#plot-stereoset-change",
        "#plot-stereoset-contribution",
        "#plot-crows_pairs",
    ):
        rows = page.locator(f"{plot} .dot-row:not(.axis)")
        assert rows.count() >= 2
        for row in rows.all():
            strip, ideal = row.locator(".strip"), row.locator(".ideal")
            point = row.locator(".point.after, .point.before, .point").last
            box, mark = strip.bounding_box(), point.bounding_box()
            assert box["width"] > 300
            assert mark["width"] > 6
            centre = mark["x"] + mark["width"] / 2
            assert box["x"] <= centre <= box["x"] + box["width"]
            value = row.locator(".dot-value").inner_text().split("→")[-1].replace("−", "-")
            best = 0 if plot.endswith(("change", "contribution")) else 50
            side = float(value) - best
            if abs(side) > (0.01 if plot.endswith("contribution") else 0.5):
                assert (centre - ideal.bounding_box()["x"]) * side > 0
    lines = page.locator(".curve polyline")
    assert lines.count() == 3
    assert all(line.bounding_box()["width"] > 100 for line in lines.all())


def test_lines_of_doses_fill_their_plot(reports: dict[str, Path], tab: Watched) -> None:
    page = tab.open(reports["study"])
    lines = page.locator("#doses-stereoset-ss-gender-npo .field .dose")
    assert lines.count() == 2
    field = page.locator("#doses-stereoset-ss-gender-npo .field").bounding_box()
    for line in lines.all():
        assert line.bounding_box()["width"] > 0.95 * field["width"]
    marks = page.locator("#doses-stereoset-ss-gender-npo .field .point")
    assert marks.count() == 8
    assert all(mark.bounding_box()["height"] < 20 for mark in marks.all())


def test_a_table_is_sorted_by_a_column(reports: dict[str, Path], tab: Watched) -> None:
    page = tab.open(reports["leaderboard"])
    table = page.locator("table").first
    values = "cells => cells.map(c => Number(c.dataset.value))"

    def column() -> list[float]:
        return table.locator("tbody tr td:nth-child(2)").evaluate_all(values)

    unsorted = column()
    heading = table.locator("thead th").nth(1)
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert column() == sorted(unsorted)
    heading.locator("button").click()
    assert heading.get_attribute("aria-sort") == "descending"
    assert column() == sorted(unsorted, reverse=True) != sorted(unsorted)


def test_the_best_methods_are_joined(reports: dict[str, Path], tab: Watched) -> None:
    page = tab.open(reports["leaderboard"])
    assert page.locator(".field .best").first.bounding_box()["width"] > 50


def test_hovering_shows_the_numbers(reports: dict[str, Path], tab: Watched) -> None:
    page = tab.open(reports["unlearning"])
    page.locator("#plot-stereoset .strip").first.hover()
    assert "before" in page.locator("#tip").inner_text()
    page.mouse.move(0, 0)
    assert page.locator("#tip").is_hidden()


def test_texts_are_blurred_until_revealed(reports: dict[str, Path], tab: Watched) -> None:
    page = tab.open(reports["unlearning"])
    blur = "all => all.map(e => getComputedStyle(e).filter)"
    blurs = page.eval_on_selector_all(".veiled", blur)
    assert len(blurs) > 20
    assert all("blur" in b for b in blurs)
    hidden = page.eval_on_selector_all(".veiled", "all => all.map(e => e.ariaHidden)")
    assert set(hidden) == {"true"}

    first = page.locator(".veil").first
    first.click()
    assert first.get_attribute("aria-expanded") == "true"
    first.focus()
    page.keyboard.press("Enter")
    assert first.get_attribute("aria-expanded") == "false"
    page.keyboard.press("Space")
    assert first.get_attribute("aria-expanded") == "true"
    assert first.locator(".veiled").get_attribute("aria-hidden") == "false"

    everything = page.locator("[data-unveil-all]")
    everything.click()
    page.wait_for_timeout(300)
    assert set(page.eval_on_selector_all(".veiled", blur)) == {"none"}
    assert everything.inner_text() == "Hide all texts"
    everything.click()
    page.wait_for_timeout(300)
    assert all("blur" in b for b in page.eval_on_selector_all(".veiled", blur))


def test_the_keyboard_starts_at_a_link_to_the_results(
    reports: dict[str, Path], tab: Watched
) -> None:
    page = tab.open(reports["unlearning"])
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.wait_for_function("document.activeElement.id === 'main'")


@pytest.mark.parametrize("clipboard", ["allowed", "missing", "refused"])
def test_every_table_can_be_copied(reports: dict[str, Path], tab: Watched, clipboard: str) -> None:
    gone = {
        "missing": "Object.defineProperty(navigator, 'clipboard', { value: undefined });",
        "refused": "navigator.clipboard.writeText = () => Promise.reject(new Error('no'));",
    }
    if clipboard in gone:
        tab.page.add_init_script(gone[clipboard])
    page = tab.open(reports["unlearning"])
    tables = page.locator("figure.tabular")
    assert tables.count() == page.locator("table").count()
    page.evaluate("document.body.prepend(document.createElement('textarea'))")
    for form, sign in (("Markdown", "| --- |"), ("LaTeX", r"\toprule"), ("CSV", ",")):
        button = page.locator(f"[data-form={form}]").first
        button.click()
        page.wait_for_function("b => b.textContent === 'Copied'", arg=button.element_handle())
        assert page.locator("#status").inner_text() == f"Copied as {form}"
        page.fill("textarea", "")
        page.focus("textarea")
        page.keyboard.press("Control+V")
        pasted = page.input_value("textarea")
        assert sign in pasted
        assert pasted == button.get_attribute("data-copy")
    assert tab.errors == []


@pytest.mark.parametrize("kind", WRITERS)
def test_hostile_text_stays_text(tmp_path: Path, tab: Watched, kind: str) -> None:
    path = write_report(WRITERS[kind](tmp_path, text=EVIL))
    page = tab.open(path, "phone")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    if page.locator("[data-unveil-all]").count():
        page.click("[data-unveil-all]")
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    page.evaluate(
        """document.querySelectorAll("body *").forEach((e) => {
            for (const kind of ["mouseover", "mouseenter", "focus", "pointermove", "load"]) {
                e.dispatchEvent(new Event(kind, { bubbles: true }));
            }
        })"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.pwned") is None
    assert tab.errors == []
    assert tab.requests == [path.as_uri()]
    count = "s => document.querySelectorAll(s).length"
    assert page.evaluate(count, "script") == 1
    assert page.evaluate(count, "style") == 1
    assert page.evaluate(count, "a") == 1
    assert page.evaluate(count, "img, iframe, link, object, embed, form, extra, b, i") == 0
    assert page.evaluate(
        """[...document.querySelectorAll("*")].every((e) =>
            [...e.attributes].every((a) => !a.name.startsWith("on") && a.name !== "style"))"""
    )
    text = page.evaluate("document.body.textContent")
    for wanted in HOSTILE:
        assert wanted in text
    assert "\u202e" not in text
    assert "\ufffddesrever" in text


def test_the_security_policy_blocks_injected_markup(reports: dict[str, Path], tab: Watched) -> None:
    page = tab.open(reports["unlearning"])
    page.evaluate(
        """() => {
            document.body.insertAdjacentHTML("beforeend", `
                <img id="planted" src="https://example.org/a.png" onerror="window.pwned = 1">
                <button id="trap" onclick="window.pwned = 1" style="color: red">x</button>
                <style>h1 { display: none }</style>`);
            const script = document.createElement("script");
            script.textContent = "window.pwned = 1";
            document.body.append(script);
            document.getElementById("trap").click();
        }"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.pwned") is None
    assert page.locator("h1").is_visible()
    assert page.locator("#trap").evaluate("e => getComputedStyle(e).color") != "rgb(255, 0, 0)"
    assert any("Content Security Policy" in error for error in tab.errors)
    assert tab.blocked == {"https://example.org/a.png": "csp"}


def test_it_prints(tmp_path: Path, tab: Watched) -> None:
    page = tab.open(write_report(write_unlearning(tmp_path)))
    page.emulate_media(media="print")
    assert page.locator(".copies").first.is_hidden()
    assert page.locator(".switch").is_hidden()
    folder = Path(os.environ.get("FAIRFORGET_SCREENSHOTS", tmp_path))
    page.pdf(path=folder / "report.pdf")
    assert (folder / "report.pdf").read_bytes().startswith(b"%PDF")
