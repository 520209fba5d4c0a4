"""The review page in a real browser: blurred, filtered, corrected by mouse and keys, safe."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fairforget.corpora import Mention, Span, Text, read_corpus
from fairforget.errors import InputError
from fairforget.files.overwriting import check_replaceable
from fairforget.selection.review import write_review
from fairforget.selection.selected import SelectedText, is_spans_file

from .report.test_browser import HOSTILE

pytestmark = pytest.mark.browser

TEXTS = [
    Text(
        "a",
        "🐀 Women are late, rude 🐀🐀 liars.",
        "gender",
        "women",
        spans=(Span(12, 16),),
        mentions=(Mention(2, 7, ("People",)),),
        split="dev",
        hateful=True,
    ),
    Text("b", "Old women lie.", "gender+age", "old+women", spans=(Span(10, 13),)),
    Text("c", "The river has a bridge.", None, None),
]
Page = Any
Open = Callable[..., Page]


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Open]:
    """Write the page about some texts and open it; fails if anything goes wrong on it."""
    tabs, errors, requests = [], [], []

    def open_(texts: list[Text] = TEXTS, title: str = "mine") -> Page:
        path = tmp_path / "review.html"
        items = [SelectedText(text, ("given",) * len(text.spans)) for text in texts]
        write_review(items, path, title)
        page = browser.new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda m: m.type in ("error", "warning") and errors.append(m.text))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        tabs.append((page, path.as_uri()))
        return page

    yield open_
    assert errors == []
    assert {url for url in requests if not url.startswith("blob:")} == {url for _, url in tabs}
    for page, _ in tabs:
        page.close()


def blurred(page: Page, what: str = ".text") -> list[bool]:
    return page.eval_on_selector_all(
        what, "all => all.map(e => getComputedStyle(e).filter.includes('blur'))"
    )


def shown(page: Page) -> list[str]:
    return page.locator(".facts").all_inner_texts()


def choose(page: Page, number: int, words: str) -> None:
    """Select the words in a text, as a mouse would."""
    page.locator(".text").nth(number).evaluate(
        """(text, words) => {
            const walker = document.createTreeWalker(text, NodeFilter.SHOW_TEXT);
            for (let node; (node = walker.nextNode());) {
                const at = node.data.indexOf(words);
                if (at >= 0) getSelection().setBaseAndExtent(node, at, node, at + words.length);
            }
        }""",
        words,
    )
    page.wait_for_function("words => getSelection().toString() === words", arg=words)


def exported(page: Page, tmp_path: Path) -> list[Text]:
    with page.expect_download() as download:
        page.click("#export")
    path = tmp_path / "reviewed.jsonl"
    download.value.save_as(path)
    return read_corpus(str(path))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1440])
def test_fits_and_is_accessible(opened: Open, scheme: str, width: int) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = opened()
    page.set_viewport_size({"width": width, "height": 800})
    page.emulate_media(color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    for _ in range(2):
        found = Axe().run(page).response["violations"]
        assert [v["id"] for v in found if v["impact"] in ("serious", "critical")] == []
        page.click("#show")


def test_texts_are_blurred_until_looked_at(opened: Open) -> None:
    page = opened()
    assert blurred(page) == [True] * 3
    page.locator(".text").nth(1).hover()
    assert blurred(page) == [True, False, True]
    page.mouse.move(0, 0)
    page.locator(".text").nth(2).focus()
    assert blurred(page) == [True, True, False]
    page.click("#show")
    assert blurred(page) == [False] * 3
    assert page.locator("#show").get_attribute("aria-pressed") == "true"
    page.click("#show")
    page.locator("#find").focus()
    assert blurred(page) == [True] * 3


def test_reasons_quote_the_words_and_are_blurred_like_them(opened: Open) -> None:
    page = opened()
    assert blurred(page, ".why") == [True] * 3
    page.locator(".text").nth(2).focus()
    assert blurred(page, ".why") == [True, True, False]
    page.click("#show")
    assert blurred(page, ".why") == [False] * 3


def test_filters(opened: Open) -> None:
    page = opened()
    a, b, c = "a · gender · women", "b · gender+age · old+women", "c"
    assert shown(page) == [a, b, c]
    assert page.locator("#domain option").all_inner_texts() == ["all", "age", "gender"]
    page.select_option("#domain", "gender")
    assert shown(page) == [a, b]
    assert page.locator("#count").inner_text() == "1 to 2 of 2"
    page.select_option("#domain", "age")
    assert shown(page) == [b]
    page.select_option("#domain", "")
    page.select_option("#spans", "without")
    assert shown(page) == [c]
    page.select_option("#spans", "with")
    page.fill("#find", "LIARS")
    assert shown(page) == [a]
    page.fill("#find", "nowhere")
    assert page.locator("#count").inner_text() == "0 to 0 of 0"


def test_many_texts_come_page_by_page(opened: Open) -> None:
    page = opened([Text(str(n), f"Text number {n}.") for n in range(250)])
    assert page.locator(".text").count() == 100
    page.click("#more")
    page.click("#more")
    assert shown(page)[0] == "200"
    assert page.locator("#count").inner_text() == "201 to 250 of 250"
    page.click("#more")
    assert shown(page)[0] == "0"


def test_corrections_by_mouse_are_exported_and_read_back(opened: Open, tmp_path: Path) -> None:
    page = opened()
    assert page.locator("mark").all_inner_texts() == ["late", "lie"]
    assert page.locator(".mention").all_inner_texts() == ["Women"]
    assert exported(page, tmp_path) == TEXTS
    choose(page, 0, "liars")
    page.click("#mark")
    choose(page, 1, "lie")
    page.click("#unmark")
    assert page.locator("mark").all_inner_texts() == ["late", "liars"]
    first = replace(TEXTS[0], spans=(Span(12, 16), Span(26, 31)))
    assert TEXTS[0].text[26:31] == "liars"
    assert exported(page, tmp_path) == [first, replace(TEXTS[1], spans=()), TEXTS[2]]
    with pytest.raises(InputError, match="is not an earlier result"):  # a person's work
        check_replaceable("--output", tmp_path / "reviewed.jsonl", is_spans_file)
    assert "marked by a person" in page.locator(".why").first.inner_text()
    page.select_option("#spans", "edited")
    assert len(shown(page)) == 2


def test_corrections_by_keyboard(opened: Open, tmp_path: Path) -> None:
    page = opened()
    text = page.locator(".text").nth(2)
    text.focus()
    page.keyboard.press("Control+Home")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    page.keyboard.press("m")
    assert page.evaluate("document.activeElement.dataset.number") == "2"
    page.keyboard.type("xyz")
    page.keyboard.press("Delete")
    assert text.inner_text() == TEXTS[2].text
    assert exported(page, tmp_path)[2] == replace(TEXTS[2], spans=(Span(0, 3),))


def test_words_chosen_before_moving_on_are_not_marked(opened: Open, tmp_path: Path) -> None:
    page = opened()
    choose(page, 0, "liars")
    page.evaluate("""() => {
        const text = document.querySelectorAll('.text')[2];
        text.focus();
        getSelection().collapse(text.firstChild, 0);
    }""")
    page.wait_for_function("getSelection().isCollapsed")
    page.keyboard.press("m")
    choose(page, 0, "liars")
    page.evaluate("getSelection().selectAllChildren(document.querySelector('.facts'))")
    page.wait_for_function("!getSelection().isCollapsed")
    page.click("#mark")
    choose(page, 0, "liars")
    page.fill("#find", "they")
    page.click("#mark")
    page.fill("#find", "")
    assert exported(page, tmp_path) == TEXTS


def test_characters_of_an_input_method_are_removed(opened: Open, tmp_path: Path) -> None:
    page = opened()
    page.locator(".text").nth(0).focus()
    page.keyboard.press("Control+Home")
    client = page.context.new_cdp_session(page)
    client.send("Input.imeSetComposition", {"text": "かな", "selectionStart": 2, "selectionEnd": 2})
    client.send("Input.insertText", {"text": "かな"})
    assert page.locator(".text").nth(0).inner_text() == TEXTS[0].text
    choose(page, 0, "liars")
    page.click("#mark")
    assert exported(page, tmp_path)[0].spans == (Span(12, 16), Span(26, 31))


def test_leaving_with_marks_that_are_not_exported_needs_a_confirmation(
    opened: Open, tmp_path: Path
) -> None:
    page = opened()
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    choose(page, 0, "liars")
    page.click("#mark")
    page.reload()
    assert asked == ["beforeunload"]
    choose(page, 0, "liars")
    page.click("#mark")
    exported(page, tmp_path)
    page.reload()
    assert asked == ["beforeunload"]


def test_hostile_text_stays_text(opened: Open, tmp_path: Path) -> None:
    texts = [
        Text(f"{evil} {n}", f"{evil} \u202edesrever", evil, evil, spans=(Span(0, 1),))
        for n, evil in enumerate(evil for evil in HOSTILE if evil.strip())
    ]
    page = opened(texts, " ".join(HOSTILE))
    page.set_viewport_size({"width": 390, "height": 800})
    page.click("#show")
    page.evaluate(
        """document.querySelectorAll("body *").forEach((e) => {
            for (const kind of ["mouseover", "focus", "load", "error"])
                e.dispatchEvent(new Event(kind));
        })"""
    )
    page.wait_for_timeout(200)
    assert page.evaluate("window.pwned") is None
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("script").count() == 2
    assert page.locator("style").count() == 1
    assert (
        page.locator("main :is(a, img, svg, iframe, link, meta, object, form, script)").count() == 0
    )
    assert page.locator(".text").count() == len(texts)
    for text, showing in zip(texts, page.locator(".text").all(), strict=True):
        assert showing.text_content() == text.text.replace("\u202e", "\ufffd")
    assert exported(page, tmp_path) == texts
