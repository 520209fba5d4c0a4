"""The `llm` selector against a server that answers well, badly, late, or not at all."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

import fairforget
from fairforget.cli import main
from fairforget.corpora import Text
from fairforget.errors import InputError
from fairforget.selection.llm import Llm
from fairforget.selection.llm_answers import read_answer
from fairforget.selection.selected import SelectedSpan
from fairforget.servers import KEY, connect
from fairforget.settings import SelectSettings

from .openai_server import Reply, Stand, openai_server

pytestmark = pytest.mark.slow

pytest.importorskip("openai")
SECRET = "sk-secret-0123456789"
TEXTS = [Text(f"t{n}", f"Women number {n} are vile pests.", "gender") for n in range(6)]


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("FAIRFORGET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv(KEY, SECRET)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    return tmp_path


@pytest.mark.parametrize("address", [None, ""])
def test_without_an_address_the_server_is_that_of_openai(
    address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if address is not None:
        monkeypatch.setenv("OPENAI_BASE_URL", address)
    client = connect(None, what="llm", option="--url", timeout=1.0, retries=0)
    assert str(client.base_url) == "https://api.openai.com/v1/"


def named(*words: str) -> str:
    return json.dumps({"spans": [{"text": word, "reason": "insult"} for word in words]})


def settings(url: str = "", **others: Any) -> SelectSettings:
    return SelectSettings(method="llm", model="m", url=url, **others)


def chosen(
    reply: Reply, texts: list[Text] = TEXTS, *, attempts: int = 3, retries: int = 0, **others: Any
) -> tuple[list, list]:
    with openai_server(reply) as stand:
        selector = Llm(settings(stand.url, **others), attempts, retries)
        found = selector(texts)
        shown = [
            [text.text[c.start : c.end] for c in choices]
            for text, choices in zip(texts, found, strict=True)
        ]
        return shown, [stand, selector]


def test_good_answers_become_choices_with_reasons() -> None:
    shown, (stand, _) = chosen(lambda *_: named("vile", "pests"))
    assert shown == [["vile pests"]] * 6
    assert stand.keys == {f"Bearer {SECRET}"}
    assert stand.asked[0]["response_format"]["type"] == "json_schema"


def test_every_place_of_a_span_is_chosen_and_no_part_of_a_word() -> None:
    text = "A rat is a rat, not a rational rat."
    answer = read_answer(text, named("rat"))
    assert answer is not None
    assert [(c.start, c.end) for c in answer.spans] == [(2, 5), (11, 14), (31, 34)]


def test_an_emoji_can_be_harmful() -> None:
    shown, _ = chosen(lambda *_: named("🐒"), [Text("a", "Look at these 🐒 again.")])
    assert shown == [["🐒"]]


def test_names_of_groups_are_left_out() -> None:
    answer = read_answer("Women are vile.", named("Women", "vile"))
    assert answer is not None
    assert answer.spans == (SelectedSpan(10, 14, "llm: insult"),)
    text = "I hate women and black people, those fools."
    answer = read_answer(text, named("hate women and black people, those"))
    assert answer is not None
    found = [text[choice.start : choice.end] for choice in answer.spans]
    assert found == ["hate", "and", ", those"]


def test_of_an_answer_that_broke_off_the_complete_spans_are_read() -> None:
    whole = json.dumps({"spans": [{"text": "vile", "reason": "insult"}] * 40}, indent=1)
    answer = read_answer("Women are vile.", whole[:-30])
    assert answer is not None
    assert answer.spans == (SelectedSpan(10, 14, "llm: insult"),)
    assert read_answer("Women are vile.", whole[:30]) is None


def test_null_in_an_answer_is_no_word() -> None:
    answer = read_answer(
        "None of them is vile.", '{"spans": [{"text": null}, {"text": "vile", "reason": null}]}'
    )
    assert answer is not None
    assert answer.spans == (SelectedSpan(16, 20, "llm"),)
    assert answer.absent == ()


def test_a_span_that_does_not_occur_is_requested_again() -> None:
    def reply(number: int, messages: list[dict[str, str]]) -> str:
        return named("vermin") if len(messages) == 2 else named("pests")

    shown, (stand, selector) = chosen(reply, TEXTS[:1])
    assert shown == [["pests"]]
    assert selector.unusable == 0
    assert '"vermin"' in stand.asked[1]["messages"][-1]["content"]


def test_of_answers_that_stay_wrong_what_occurs_is_kept() -> None:
    shown, (stand, _) = chosen(lambda *_: named("vermin", "vile"), TEXTS[:1], attempts=2)
    assert shown == [["vile"]]
    assert len(stand.asked) == 2


def test_what_a_shorter_answer_leaves_out_is_kept() -> None:
    answers = iter([named("vermin", "vile"), named(), named("vermin", "vile"), named("pests")])
    shown, _ = chosen(lambda *_: next(answers), TEXTS[:1], attempts=2)
    assert shown == [["vile"]]
    shown, _ = chosen(lambda *_: next(answers), TEXTS[1:2], attempts=2)
    assert shown == [["vile pests"]]  # words with only a space between them are one span


def test_equal_texts_are_one_request(places: Path) -> None:
    """Two requests would also write the same file at once."""
    texts = [replace(text, id=f"{text.id}-{copy}") for text in TEXTS for copy in range(8)]
    shown, (stand, _) = chosen(lambda *_: named("vile"), texts, concurrency=8)
    assert shown == [["vile"]] * len(texts)
    assert len(stand.asked) == len(TEXTS)
    _, (_, selector) = chosen(lambda *_: "", [Text("a", "So vile.")] * 3, attempts=1)
    assert selector.unusable == 3


@pytest.mark.parametrize(
    "nonsense",
    [
        named("vermin"),
        "",
        "lorem ipsum",
        "{",
        '{"spans": 3}',
        '{"spans": [4',
        '{"spans": "vermin"}',
        '{"spans": {"text": "vermin"}}',
        "[]",
        "I'm sorry, I can't help.",
    ],
)
def test_nonsense_and_refusals_are_counted_and_not_cached(nonsense: str, places: Path) -> None:
    shown, (_, selector) = chosen(lambda *_: nonsense, TEXTS[:2], attempts=2)
    assert shown == [[], []]
    assert selector.unusable == 2
    assert not list(places.rglob("llm/**/*.json"))


def test_answers_wrapped_in_prose_are_read() -> None:
    shown, _ = chosen(lambda *_: f"Sure!\n```json\n{named('vile')}\n```\n", TEXTS[:1])
    assert shown == [["vile"]]


def question(stand: Stand, number: int) -> str:
    """The text that a question was about."""
    return stand.asked[number]["messages"][1]["content"]


@pytest.mark.parametrize("concurrency", [1, 6])
@pytest.mark.parametrize("status", [400, 422])
def test_a_server_without_structured_output_is_asked_plainly(status: int, concurrency: int) -> None:
    together = Barrier(concurrency, timeout=5)

    def reply(number: int, _: object) -> str | int:
        if "response_format" in stand.asked[number]:
            together.wait()  # all questions are out before the first is refused
            return status
        return named("vile")

    with openai_server(reply) as stand:
        selector = Llm(settings(stand.url, concurrency=concurrency), retries=0)
        assert [len(choices) for choices in selector(TEXTS)] == [1] * 6
        assert sum("response_format" in body for body in stand.asked) == concurrency


def test_an_option_that_the_server_blames_is_left_out_and_no_other() -> None:
    def reply(number: int, _: object) -> str | dict[str, str]:
        if "max_tokens" in stand.asked[number]:
            return {"message": "use another", "param": "max_tokens"}
        return named("vile")

    with openai_server(reply) as stand:
        selector = Llm(settings(stand.url, concurrency=1), retries=0)
        assert [len(choices) for choices in selector(TEXTS)] == [1] * 6
        assert len(stand.asked) == 7
        assert all({"response_format", "temperature"} <= set(body) for body in stand.asked)


def test_a_text_that_the_server_will_not_see_does_not_stop_the_others(places: Path) -> None:
    def reply(number: int, messages: list[dict[str, str]]) -> str | dict[str, str]:
        if "number 2" in messages[1]["content"]:
            return {"message": f"content filter, says {SECRET}"}
        return named("vile")

    shown, (_, selector) = chosen(reply, attempts=2)
    assert shown == [[] if n == 2 else ["vile"] for n in range(6)]
    assert selector.unusable == 1
    assert "content filter" in selector.refusal
    assert SECRET not in selector.refusal
    shown, (stand, selector) = chosen(reply)
    assert {question(stand, n) for n in range(len(stand.asked))} == {TEXTS[2].text}
    assert selector.unusable == 1


def test_a_server_that_refuses_everything() -> None:
    with pytest.raises(InputError, match=r"rejects every request .*no such model"):
        chosen(lambda *_: {"message": "no such model"})


@pytest.mark.parametrize(
    ("death", "reason"),
    [
        (500, "does not answer .*told to fail"),
        (2.0, "does not answer .*timed out"),
        (None, "does not answer .*Connection error"),
        (401, "rejects the request .*told to fail.*; check --model, --url and the key"),
        (404, "rejects the request .*told to fail.*; check --model, --url and the key"),
    ],
)
def test_a_server_that_dies_in_the_middle_loses_nothing(death: object, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as error:
        chosen(lambda n, _: named("vile") if n < 4 else death, concurrency=1, timeout=0.5)
    assert SECRET not in str(error.value)
    assert "\n" not in str(error.value)
    # the port is another, the model the same
    shown, (stand, _) = chosen(lambda *_: named("pests"), concurrency=1)
    assert shown == [["vile"]] * 4 + [["pests"]] * 2
    assert [question(stand, n) for n in range(len(stand.asked))] == [t.text for t in TEXTS[4:]]
    again, (stand, _) = chosen(lambda *_: 500)
    assert again == shown
    assert not stand.asked


def test_a_damaged_answer_in_the_cache_is_requested_again(places: Path) -> None:
    chosen(lambda *_: named("vile"), TEXTS[:2])
    first, _ = sorted(places.rglob("llm/*/*.json"))
    first.write_text('[[0, "')
    shown, (stand, _) = chosen(lambda *_: named("vile"), TEXTS[:2])
    assert shown == [["vile"]] * 2
    assert len(stand.asked) == 1


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://127.0.0.1:80O0/v1", "is not a valid"),
        ("127.0.0.1:8000/v1", r"does not start with http:// or https://; give"),
        ("localhost:8000/v1", r"does not start with http:// or https://; give"),
    ],
)
def test_an_address_that_is_none(url: str, problem: str) -> None:
    selector = Llm(settings(url), retries=0)
    with pytest.raises(InputError, match=f"--url '{url}' {problem}"):
        selector(TEXTS[:1])


def test_a_server_that_is_not_there() -> None:
    selector = Llm(settings("http://127.0.0.1:9/v1"), retries=0)
    with pytest.raises(InputError, match="does not answer"):
        selector(TEXTS[:1])


@pytest.mark.parametrize(
    "body", [b"{}", b"null", b"[]", b'{"choices": []}', b'{"choices": [{"message": null}]}']
)
def test_an_answer_that_is_no_completion(body: bytes) -> None:
    shown, (_, selector) = chosen(lambda *_: body, TEXTS[:1], attempts=1)
    assert (shown, selector.unusable) == ([[]], 1)


def test_transient_failures_are_retried() -> None:
    shown, (stand, _) = chosen(lambda n, _: 503 if n == 0 else named("vile"), TEXTS[:1], retries=2)
    assert shown == [["vile"]]
    assert len(stand.asked) == 2


def test_the_estimate_counts_what_is_not_cached() -> None:
    _, (stand, _) = chosen(lambda *_: named("vile"), TEXTS[:2])
    estimate = Llm(settings(stand.url)).estimate(TEXTS, 1.0, 10.0)
    assert (estimate.texts, estimate.cached) == (6, 2)
    assert estimate.dollars is not None
    assert 0 < estimate.dollars < 0.01
    assert Llm(settings()).estimate(TEXTS).dollars is None
    assert Llm(settings(stand.url)).estimate([*TEXTS, *TEXTS], 1.0, 10.0) == replace(
        estimate, texts=12, cached=4
    )


@pytest.mark.parametrize(
    "rows",
    [
        {"0": 1},
        ["ab1"],
        [[0, 1]],
        [["0", "1", "why"]],
        [[0, 1, None]],
        [[True, 5, "why"]],
        [[3, 3, "why"]],
        [[-1, 3, "why"]],
        [[4, 6, "why"], [0, 2, "why"]],
        [[0, 999, "why"]],
    ],
)
def test_a_damaged_cached_answer_is_requested_again(rows: object, places: Path) -> None:
    chosen(lambda *_: named("vile"), TEXTS[:1])
    (path,) = places.rglob("llm/**/*.json")
    path.write_text(json.dumps(rows))
    shown, (stand, _) = chosen(lambda *_: named("pests"), TEXTS[:1])
    assert (shown, len(stand.asked)) == ([["pests"]], 1)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = tmp_path / "mine.jsonl"
    corpus.write_text("".join(json.dumps({"text": t.text}) + "\n" for t in TEXTS))
    with openai_server(lambda *_: named("vile")) as stand:
        args = ["select", str(corpus), "--method", "llm", "--model", "m", "--url", stand.url]
        main([*args, "--dry_run"])
        assert not stand.asked
        assert "6 texts, 0 in the cache" in capsys.readouterr().out
        main([*args, "--json", "--output", str(tmp_path / "out.jsonl")])
        out, err = capsys.readouterr()
        assert json.loads(out)["texts_with_spans"] == 6
        everything = out + err + (tmp_path / "out.jsonl").read_text()
        everything += "".join(p.read_text() for p in tmp_path.rglob("*.json"))
        assert SECRET not in everything


def test_an_output_may_lie_in_a_directory_with_the_name_of_a_corpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.jsonl").write_text(json.dumps({"text": TEXTS[0].text}) + "\n")
    for _ in range(2):
        result = fairforget.select_spans("mine.jsonl", method="all", output="edos/out.jsonl")
        assert result.texts == 1


def test_the_command_says_which_texts_to_retry(tmp_path: Path, capsys) -> None:
    corpus = tmp_path / "mine.jsonl"
    corpus.write_text("".join(json.dumps({"text": t.text}) + "\n" for t in TEXTS))

    def reply(number: int, messages: list[dict[str, str]]) -> str | dict[str, str]:
        if "number 2" in messages[1]["content"]:
            return {"message": "content filter"}
        return named("vile")

    with openai_server(reply) as stand:
        main(["select", str(corpus), "--method", "llm", "--url", stand.url, "--json"])
    out, err = capsys.readouterr()
    assert json.loads(out)["unusable_answers"] == 1
    assert "refusal" not in json.loads(out)
    assert "1 text without a usable answer (the server refused: " in err
    assert "content filter); run the same command to retry." in err
