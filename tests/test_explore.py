"""The explorer: its numbers, its page and its security."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers.processors import ByteLevel

from fairforget.cli import main
from fairforget.corpora.builtin.lexicon import DOMAINS
from fairforget.errors import InputError
from fairforget.explore import view
from fairforget.explore.app import OPENING, build, launch, list_groups
from fairforget.explore.pair import (
    MARKED,
    GroupTexts,
    LikelihoodChange,
    Pair,
    fill_template,
    load_pair,
    mark_differences,
    rank_changes,
)
from fairforget.forward import packing
from fairforget.models.fingerprint import fingerprint
from fairforget.models.saving import save_model
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record, write_record
from fairforget.scoring.causal import token_log_probs

from .models import tiny_model
from .report.runs import write_unlearning
from .report.test_browser import HOSTILE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pair() -> Pair:
    return Pair(tiny_model("llama"), tiny_model("llama", seed=1))


def test_tokens_spell_the_text_and_have_its_log_probabilities(pair: Pair) -> None:
    text = "Women are late, I think."
    changes = pair.tokens(text)
    assert "".join(c.text for c in changes) == text
    ids = [pair.before.start_id, *pair.before.tokenizer(text)["input_ids"]]
    for side, name in ((pair.before, "before"), (pair.after, "after")):
        with torch.inference_mode():
            whole = side.model(torch.tensor([ids])).logits[0].log_softmax(-1)
        wanted = [float(whole[i, token]) for i, token in enumerate(ids[1:])]
        assert [getattr(c, name) for c in changes] == pytest.approx(wanted, abs=1e-4)


@pytest.mark.parametrize("text", ["😡😡", "é 😡 e\u0301 👩‍👩‍👧", "naïve  \n😡"])
def test_a_character_of_several_tokens_is_shown_once(pair: Pair, text: str) -> None:
    changes = pair.tokens(text)
    assert "".join(change.text for change in changes) == text
    assert len(changes) == len(pair.before.tokenizer(text)["input_ids"])
    html = view.tokens_html(changes)
    assert html.count("😡") == 2 * text.count("😡")  # once in the text, once in the table
    assert html.count(">…<") == sum(not change.text for change in changes) > 0


@pytest.mark.parametrize("text", ["Women are late, I think.", " naïve  \n😡 ", "are  "])
def test_spaces_that_a_tokenizer_leaves_out_of_its_offsets_are_shown(text: str) -> None:
    sides = []
    for seed in (0, 1):
        side = tiny_model("llama", seed=seed)
        tokenizer = deepcopy(side.tokenizer)
        tokenizer.backend_tokenizer.post_processor = ByteLevel(trim_offsets=True)  # as GPT-NeoX's
        sides.append(replace(side, tokenizer=tokenizer))
    assert "".join(change.text for change in Pair(*sides).tokens(text)) == text


def test_a_model_is_tested_for_prefix_trees_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pair, tested = Pair(tiny_model("llama"), tiny_model("llama", seed=1)), []
    test = packing._test_tree_attention
    monkeypatch.setattr(
        packing,
        "_test_tree_attention",
        lambda model, last: tested.append(model) or test(model, last),
    )
    for _ in range(2):
        pair.tokens("Women are late.")
    assert tested == [pair.before.model, pair.after.model]


def test_groups_are_scored_by_the_tokens_after_them(pair: Pair) -> None:
    women, people = pair.groups("Most {group} are kind.", ["women", "people"])
    assert (women.text, people.text) == ("women", "people")
    tokenizer = pair.before.tokenizer
    for change, group in ((women, "women"), (people, "people")):
        ids = [pair.before.start_id, *tokenizer(f"Most {group} are kind.")["input_ids"]]
        tail = len(tokenizer(" are kind.")["input_ids"])
        wanted = float(np.mean(token_log_probs(pair.before.model, [ids])[0][-tail:]))
        assert change.before == pytest.approx(wanted, abs=1e-4)


def test_the_largest_changes_are_marked() -> None:
    deltas = [0.0, -2.0, 0.05, 1.0, 0.3]
    changes = [LikelihoodChange(str(i), -3.0, -3.0 + d) for i, d in enumerate(deltas)]
    assert rank_changes(changes) == {1, 3, 4}
    assert len(rank_changes([LikelihoodChange("a", -3.0, -2.0)] * 9)) == MARKED
    html = view.tokens_html(changes)
    assert html.count("most down") == 1
    assert html.count("most up") == 2


@pytest.mark.parametrize(
    ("template", "groups", "message"),
    [
        ("", ["a"], "is empty"),
        ("No place here", ["a"], "once"),
        ("{group} and {group} are", ["a"], "once"),
        ("{group} are", [], "one group"),
        ("{group} are", [" "], "is empty"),
        ("{group} are", ["a"] * 81, "80"),
        ("{group} " + "x" * 2000, ["a"], "2000, so shorten it"),
        (
            "\ud83d {group} are",
            ["a"],
            r"sentence contains an unpaired surrogate \(half of a character\) at position 1",
        ),
        (
            "{group} are",
            ["a\ud83d"],
            r"group contains an unpaired surrogate \(half of a character\) at position 2",
        ),
    ],
)
def test_templates_are_checked(template: str, groups: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fill_template("sentence", template, groups)


def test_a_sentence_needs_words_after_the_group(pair: Pair) -> None:
    with pytest.raises(InputError, match=r"after \{group\}"):
        pair.groups("All of them {group} ", ["a"])
    assert len(pair.group_texts("All of them {group}", ["a", "b"])) == 2


def test_each_group_gets_the_continuations_of_its_prompt(pair: Pair) -> None:
    women, men = pair.group_texts("Most {group} are", ["women", "men"])
    for text, group in ((women, "women"), (men, "men")):
        assert text.group == group
        assert (text.before, text.after) == pair.continuations(f"Most {group} are")
    html = view.group_texts_html([women, replace(men, after=men.before)])
    assert "1 of 2 continuations differ" in html
    assert html.count('<th scope="row">') == 2


@given(st.text(" ab\n"), st.text(" ab\n"))
def test_parts_restore_the_texts_and_what_is_not_marked_is_equal(one: str, other: str) -> None:
    sides = mark_differences(one, other)
    for text, parts in zip((one, other), sides, strict=True):
        assert "".join(part for part, _ in parts) == text
        assert all(part for part, _ in parts)
    first, second = ("".join(part for part, differs in side if not differs) for side in sides)
    assert first == second
    assert any(differs for side in sides for _, differs in side) == (one != other)


def test_words_that_differ_are_marked_on_both_sides() -> None:
    sides = mark_differences(" were kind and late.", " were rude and late. Very.")
    assert sides == (
        [(" were", False), (" kind", True), (" and late.", False)],
        [(" were", False), (" rude", True), (" and late.", False), (" Very.", True)],
    )


@pytest.mark.parametrize("domain", DOMAINS)
def test_the_groups_of_a_domain_can_all_be_compared(domain: str) -> None:
    groups = list_groups(domain).split("\n")
    assert groups[-1] == "people"
    assert len(groups) == len({*groups}) >= 3
    assert len(fill_template("prompt", OPENING, groups)) == len(groups)


def test_texts_must_fit_into_the_models(pair: Pair) -> None:
    most = pair.before.longest_input
    assert len(pair.tokens("a " * 40)) < most
    with pytest.raises(InputError, match=rf"tokens; the limit is {most - 1}, so shorten it"):
        pair.tokens("é" * 1900)
    with pytest.raises(InputError, match=rf"tokens; the limit is {most - 31}, so shorten it"):
        pair.continuations("é" * 1900)


@pytest.mark.parametrize("port", ["0", "65536"])
def test_a_port_is_checked_before_anything_is_loaded(tmp_path: Path, capsys, port: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["explore", str(tmp_path), "--port", port])
    assert ended.value.code == 2
    assert f"--port is {port}; it must be between 1 and 65535" in capsys.readouterr().err


def test_models_must_be_causal_with_one_vocabulary(pair: Pair) -> None:
    with pytest.raises(InputError, match="masked"):
        Pair(pair.before, tiny_model("bert"))


@pytest.mark.parametrize("text", [text[:60] for text in HOSTILE if text.strip()])
def test_hostile_text_is_escaped(pair: Pair, text: str) -> None:
    for html in (
        view.continuations_html(text, text, text),
        view.tokens_html(pair.tokens(text)),
        view.groups_html(pair.groups("{group} are kind.", [text])),
        view.group_texts_html([GroupTexts(text, text, text[::-1])]),
        view.problem_html(text),
    ):
        assert "<script" not in html
        assert "<img" not in html
        assert "<a " not in html


def test_a_run_is_loaded(tmp_path: Path) -> None:
    save_model(tiny_model("llama"), tmp_path / "source")
    write_unlearning(tmp_path / "run", measured=False)
    path = tmp_path / "run" / "record.json"
    path.write_text(
        path.read_text()
        .replace('"tiny"', f'"{tmp_path / "source"}"')
        .replace('"<s>"', '"<|endoftext|>"')
    )
    with pytest.raises(InputError, match=r"model has no config\.json; put it back"):
        load_pair(tmp_path / "run", device="cpu")
    save_model(tiny_model("llama", seed=1), tmp_path / "run" / "model")
    found = load_pair(tmp_path / "run", device="cpu")
    assert found.before.source == str(tmp_path / "source")
    with pytest.raises(InputError, match=r"record\.json"):
        load_pair(tmp_path)
    record = read_record(path, UnlearningRecord)
    weights = fingerprint(found.before.model)
    write_record(replace(record, model=replace(record.model, weights=weights)), path)
    assert load_pair(tmp_path / "run", device="cpu").before.source == found.before.source
    save_model(tiny_model("llama", seed=2), tmp_path / "source")
    with pytest.raises(InputError, match="is not the model that the run started from"):
        load_pair(tmp_path / "run", device="cpu")


def test_without_gradio_it_says_what_to_install(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "gradio", None)
    with pytest.raises(InputError, match=r"pip install '\.\[explore\]'"):
        build(pair)


@pytest.fixture(scope="module")
def page(pair: Pair) -> Iterator[Any]:
    pytest.importorskip("gradio")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = launch(pair, port=port, block=False)
    yield served
    served.close()


def test_the_page_returns_results(page: Any, pair: Pair) -> None:
    from gradio_client import Client

    client = Client(page.local_url, verbose=False, analytics_enabled=False)
    written, tokens = client.predict("Women are", api_name="/continuations")
    assert written == view.continuations_html("Women are", *pair.continuations("Women are"))
    before, _ = pair.continuations("Women are")
    assert tokens == view.tokens_html(pair.tokens("Women are" + before))
    assert "is empty" in client.predict(" ", api_name="/continuations")[0]
    groups = client.predict("{group} are late.", "Women\n\nPeople", api_name="/group_likelihoods")
    assert groups == view.groups_html(pair.groups("{group} are late.", ["Women", "People"]))
    assert "one group" in client.predict("{group} are", "", api_name="/group_likelihoods")
    texts = client.predict("{group} are", "Women\n\nPeople", api_name="/group_continuations")
    assert texts == view.group_texts_html(pair.group_texts("{group} are", ["Women", "People"]))
    assert "one group" in client.predict("{group} are", "", api_name="/group_continuations")


def test_the_page_is_local_and_not_shared(page: Any, pair: Pair) -> None:
    import gradio

    assert page.server_name == "127.0.0.1"
    assert page.share is False
    assert page.share_url is None
    assert gradio.analytics.analytics_enabled() is False
    with pytest.raises(InputError, match="--port"):
        launch(pair, port=page.server_port, block=False)


def test_a_foreign_page_reaches_nothing(page: Any) -> None:
    """Neither under a name of its own that resolves to this machine, nor with a file."""
    url = page.local_url.rstrip("/")
    assert httpx.get(f"{url}/config").status_code == 200
    assert httpx.get(f"{url}/config", headers={"Host": "evil.example"}).status_code == 400
    sent = httpx.post(f"{url}/gradio_api/upload", files={"files": ("a.txt", b"0" * 2000)})
    assert sent.status_code == 413


def test_an_ipv6_address_needs_no_brackets(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    gradio = pytest.importorskip("gradio")
    from starlette.responses import PlainTextResponse
    from starlette.testclient import TestClient

    given: list[dict[str, Any]] = []
    monkeypatch.setattr(gradio.Blocks, "launch", lambda self, **options: given.append(options))
    for host in ("::1", "[::1]", "localhost", "0.0.0.0"):
        launch(pair, host=host, block=False)
    assert [options["server_name"] for options in given] == [
        *("[::1]", "[::1]", "localhost", "0.0.0.0")
    ]
    guarded = [bool(options["app_kwargs"]) for options in given]
    assert guarded == [True, True, True, False]  # others reach 0.0.0.0 by names not known here
    (middleware,) = given[0]["app_kwargs"]["middleware"]
    answer = PlainTextResponse("hello")
    client = TestClient(middleware.cls(answer, **middleware.kwargs))
    for name, status in (("[::1]:7860", 200), ("localhost", 200), ("evil.example", 400)):
        assert client.get("/", headers={"Host": name}).status_code == status


def test_a_proxy_is_not_asked_for_the_page(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    gradio = pytest.importorskip("gradio")
    monkeypatch.setattr(gradio.Blocks, "launch", lambda self, **options: None)
    monkeypatch.setenv("NO_PROXY", "intranet")
    monkeypatch.setenv("no_proxy", "")
    launch(pair, host="127.0.0.2", block=False)
    exempt = "localhost,127.0.0.1,127.0.0.2"
    assert (os.environ["NO_PROXY"], os.environ["no_proxy"]) == (f"intranet,{exempt}", exempt)


@pytest.mark.browser
def test_the_page_loads_nothing_from_outside(page: Any, browser: Any, tmp_path: Path) -> None:
    tab = browser.new_page()
    asked: list[str] = []
    errors: list[str] = []
    tab.on("request", lambda r: asked.append(r.url))
    tab.on("pageerror", lambda e: errors.append(str(e)))
    from playwright.sync_api import expect

    browser.set_offline(False)
    tab.goto(page.local_url)
    parts = (HOSTILE[:5], HOSTILE[5:9], HOSTILE[9:17])  # each as long as the tiny model takes
    for i, part in enumerate(parts):
        tab.get_by_label("Prompt").first.fill(" ".join([f"part {i}", *part, "\u202edesrever"]))
        tab.get_by_role("button", name="Compare").first.click()
        tab.wait_for_selector(f".ff .tokens:has-text('part {i}')")
    tab.get_by_role("tab", name="Continuations by group").click()
    tab.get_by_label("Bias domain").first.click()
    tab.get_by_role("option", name="class").click()
    expect(tab.get_by_label("Groups").first).to_have_value(list_groups("class"))
    tab.get_by_role("button", name="Compare").last.click()
    tab.wait_for_selector(".ff .texts th:has-text('poor people')")
    tab.get_by_role("tab", name="Likelihoods by group").click()
    tab.get_by_role("button", name="Compare").last.click()
    tab.wait_for_function("document.body.innerText.includes('Gap between the groups')")
    assert tab.evaluate("window.pwned") is None
    assert errors == []
    assert asked
    assert {url for url in asked if not url.startswith((page.local_url, "data:", "blob:"))} == set()
    tab.close()
    browser.set_offline(True)
