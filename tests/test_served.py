"""A model behind a server continues prompts; a stand-in misbehaves, and a real one agrees."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import pytest
import torch

from fairforget import compare, evaluate
from fairforget.benchmarks.counterfactual import list_prompts
from fairforget.cli import main
from fairforget.errors import InputError
from fairforget.generation.decoding import Decoding
from fairforget.generation.engine import generate
from fairforget.generation.served import ServedModel
from fairforget.models.loading import load_model
from fairforget.servers import KEY, map_parallel

from .models import save_tiny
from .openai_server import Reply, openai_server

pytestmark = pytest.mark.slow
pytest.importorskip("openai")
SECRET = "sk-secret-0123456789"
BENCHMARK = "counterfactual:gender:2"


@pytest.fixture(autouse=True)
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, SECRET)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)


def echo(number: int, messages: list[dict[str, str]]) -> str:
    return f"{messages[0]['content']} {number}"


def constant(*_: object) -> str:
    return "always the same"


@pytest.mark.parametrize("chat", [False, True])
def test_each_draw_is_a_request_with_its_own_seed(chat: bool) -> None:
    prompts = ["a", "b", "one two three"]
    with openai_server(echo) as server:
        model = ServedModel("m", server.url)
        decoding = Decoding(tokens=3, temperature=0.7, draws=2, chat=chat)
        written = generate(model, prompts, decoding)
    for prompt, draws in zip(prompts, written, strict=True):
        assert len(draws) == 2
        assert all(draw.text.startswith(prompt) for draw in draws)
    assert [(draws[0].tokens, draws[0].ended) for draws in written] == [
        (2, True),
        (2, True),
        (4, False),
    ]
    probes, requests = server.asked[:2], server.asked[2:]
    assert all(("messages" in body) is chat for body in server.asked)
    assert {body["max_tokens"] for body in requests} == {3}
    assert {body["temperature"] for body in requests} == {0.7}
    seeds = {body["seed"] for body in requests}
    assert len(seeds) == 6
    assert {body["seed"] for body in probes} < seeds  # the first prompt, twice
    assert max(seeds) < 2**31
    assert server.keys == {f"Bearer {SECRET}"}


def test_greedy_decoding_does_not_check_that_the_server_samples() -> None:
    with openai_server(constant) as server:
        ((written,),) = generate(ServedModel("m", server.url), ["a"], Decoding())
        assert generate(ServedModel("m", server.url), [], Decoding(temperature=1.0)) == []
    assert written.text == "always the same"
    assert len(server.asked) == 1
    assert server.asked[0]["temperature"] == 0


def test_a_server_that_does_not_sample_is_refused_before_the_work() -> None:
    with openai_server(constant) as server:
        model = ServedModel("m", server.url)
        for draws in (1, 2):
            decoding = Decoding(temperature=1.0, draws=draws)
            with pytest.raises(InputError, match="the same text for different seeds"):
                generate(model, ["a"] * 100, decoding)
    assert len(server.asked) == 2 * 2 * 8


def test_half_a_character_can_be_written() -> None:
    """A server may cut one at its limit of tokens."""
    cut = b'{"choices": [{"text": "a \\ud83d", "finish_reason": "length"}], '
    with openai_server(lambda *_: cut + b'"usage": {"completion_tokens": 2}}') as server:
        ((written,),) = generate(ServedModel("m", server.url), ["x"], Decoding())
    assert written.text == "a ?"


def filtered(*_: object) -> bytes:
    choices = [{"index": 0, "text": "", "finish_reason": "content_filter"}]
    return json.dumps({"choices": choices, "usage": {"completion_tokens": 0}}).encode()


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (lambda *_: 500, "failed"),
        (lambda *_: 401, "failed"),
        (lambda *_: {"message": "no such model"}, "no such model.*check that the server is"),
        (lambda *_: None, "failed"),
        (lambda *_: b"[]", "did not return a completion"),
        (lambda *_: b'{"choices": []}', "did not return a completion"),
        (lambda *_: b'{"choices": [{"text": "x", "finish_reason": "stop"}]}', "token counts"),
        (filtered, "filters what the model writes"),
        (lambda *_: 0.8, "failed"),
    ],
)
def test_a_bad_server_is_one_line_without_the_key(reply: Reply, message: str) -> None:
    with openai_server(reply) as server:
        model = ServedModel("m", server.url, retries=0, timeout=0.4)
        with pytest.raises(InputError, match=message) as raised:
            generate(model, ["a", "b"])
    assert SECRET not in str(raised.value)
    assert "\n" not in str(raised.value)
    assert server.url in str(raised.value)


def test_an_error_does_not_wait_for_other_requests() -> None:
    """Nor does an interruption: the first error ends all."""

    def slow(number: int, _: object) -> int | float:
        return 400 if number == 3 else 5.0

    with openai_server(slow) as server:
        start = time.monotonic()
        with pytest.raises(InputError, match="failed"):
            generate(ServedModel("m", server.url, retries=0), ["a"] * 20)
        assert time.monotonic() - start < 4


def test_evaluate_records_the_server_and_resumes(tmp_path: Path, capsys) -> None:
    output = tmp_path / "out"
    names = f"{BENCHMARK},counterfactual:age:1"
    first = {prompt.text for prompt in list_prompts(["gender"], 2)}
    failed: list[str] = []

    def fails_once(number: int, messages: list[dict[str, str]]) -> str | int:
        prompt = messages[0]["content"]
        if prompt not in first and not failed:
            failed.append(prompt)
            return 400
        return echo(number, messages)

    with openai_server(fails_once) as server:
        command = ["evaluate", "m", "--server", server.url, "--benchmarks", names]
        command += ["--output", str(output)]
        with pytest.raises(SystemExit):
            main(command)
        asked = [body["prompt"] for body in server.asked]
        assert first <= {*asked}
        main(command)  # goes on with the second benchmark
        assert not first & {body["prompt"] for body in server.asked[len(asked) :]}
        total = len(server.asked)
        capsys.readouterr()
        main(command)  # a finished evaluation is shown again
        shown = " ".join(capsys.readouterr().out.split())
        assert len(server.asked) == total
        main(["report", str(output)])
        with pytest.raises(SystemExit) as refused:
            main(["rerun", str(output / "record.json")])
        assert refused.value.code == 2
        assert "names a server" in capsys.readouterr().err
        assert len(server.asked) == total
        with pytest.raises(SystemExit) as differs:  # as the stand-in counts its answers
            main(["rerun", str(output / "record.json"), "--trust_record", "true"])
        assert differs.value.code == 1
        assert len(server.asked) > total
        main(["compare", str(output), str(tmp_path / "out-again")])
    record = json.loads((output / "record.json").read_text())
    assert record["model"]["server"] == server.url
    assert record["model"]["source"] == "m"
    assert record["model"]["parameters"] is None
    assert record["environment"]["device"] == "server"
    assert BENCHMARK in record["results"]
    assert "The server chooses the start token of every text." in shown
    page = (output / "report.html").read_text()
    assert server.url in page
    assert SECRET not in page + json.dumps(record)


def test_a_served_model_is_compared_with_a_served_one_only(tmp_path: Path) -> None:
    model = load_model(save_tiny("llama", tmp_path / "model"), device="cpu")
    local = evaluate(model, ["counterfactual:age:1"])
    with openai_server(echo) as server:
        served = evaluate("m", ["counterfactual:age:1"], server=server.url)
    with pytest.raises(InputError, match="only be compared with a served model"):
        compare(local, served)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--benchmarks", "stereoset"], "does not support served models"),
        (["--benchmarks", BENCHMARK, "--dtype", "float32"], "dtype has no effect on a served"),
        (["--benchmarks", BENCHMARK, "--server", "http://u:p@x/v1"], "must not contain credent"),
        (["--benchmarks", BENCHMARK, "--server", "http://token@x/v1"], "must not contain cred"),
        (["--benchmarks", BENCHMARK, "--server", "http://x/v1?key=1"], "must not contain cred"),
        (["--benchmarks", BENCHMARK, "--server", "nonsense"], "is not an address"),
        (["--benchmarks", BENCHMARK, "--server", "localhost:9/v1"], "is not an address"),
        (["--benchmarks", BENCHMARK, "--server", "http://[bad/v1"], "is not an address"),
        (["--benchmarks", BENCHMARK, "--server="], "is not an address"),
        (["--benchmarks", BENCHMARK, "--server_concurrency", "0"], "concurrency is 0; it must be"),
        (["--benchmarks", BENCHMARK, "--server_timeout", "-1"], "timeout is -1; it must be"),
    ],
)
def test_what_a_server_cannot_do_is_refused(
    options: list[str], message: str, tmp_path: Path, capsys
) -> None:
    given = any(option.partition("=")[0] == "--server" for option in options)
    server = [] if given else ["--server", "http://127.0.0.1:1/v1"]
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "m", *server, *options, "--output", str(tmp_path / "out")])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_map_parallel_ends_when_its_caller_stops() -> None:
    begun: list[int] = []

    def call(number: int) -> int:
        begun.append(number)
        time.sleep(0.05)
        return -number

    results = map_parallel(call, range(100), 2)
    index, result = next(results)
    assert result == -index
    results.close()
    time.sleep(0.2)
    assert len(begun) < 10
    assert dict(map_parallel(call, range(3), 8)) == {0: 0, 1: -1, 2: -2}


def test_limits_of_requests_apply_and_need_a_server(tmp_path: Path) -> None:
    running, most = 0, 0
    lock = Lock()

    def count(number: int, messages: list[dict[str, str]]) -> str | int:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.01)
        with lock:
            running -= 1
        return echo(number, messages)

    with openai_server(count) as server:
        options = {"server": server.url, "server_timeout": 30.0}
        evaluate("m", ["counterfactual:age:1"], server_concurrency=1, **options)
        assert most == 1
        evaluate("m", ["counterfactual:age:1"], server_concurrency=4, **options)
        assert most > 1
    with pytest.raises(InputError, match="server_timeout needs a server"):
        evaluate("m", [BENCHMARK], server_timeout=30.0)


def test_a_loaded_model_has_no_server(tmp_path: Path) -> None:
    model = load_model(save_tiny("llama", tmp_path / "model"), device="cpu")
    with pytest.raises(InputError, match="cannot be used with a model that is already loaded"):
        evaluate(model, [BENCHMARK], server="http://127.0.0.1:1/v1")
    with pytest.raises(InputError, match="server_timeout needs a server"):
        evaluate(model, [BENCHMARK], server_timeout=30.0)


@contextmanager
def serve(model: Path) -> Iterator[str]:
    """The address of `transformers serve` with the model."""
    module = pytest.importorskip("transformers.cli.serve")
    if not module.is_serve_available():
        pytest.skip("transformers serve needs fastapi, uvicorn and openai")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = module.Serve(
        force_model=str(model), host="127.0.0.1", port=port, device="cpu", non_blocking=True
    )
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.kill_server()


def test_a_real_server_continues_as_transformers_does(tmp_path: Path) -> None:
    path = Path(save_tiny("llama", tmp_path / "model"))
    prompts = ["Women are", "Most people in our town"]
    with serve(path) as url:
        served = generate(ServedModel(str(path), url), prompts, Decoding(tokens=8))
        with pytest.raises(InputError, match="does not sample"):
            generate(ServedModel(str(path), url), prompts, Decoding(tokens=8, temperature=1.0))
    model = load_model(path, device="cpu")
    for prompt, (continuation,) in zip(prompts, served, strict=True):
        ids = model.tokenizer(prompt, return_tensors="pt")
        with torch.no_grad():
            wanted = model.model.generate(**ids, max_new_tokens=8, do_sample=False)
        new = wanted[0, ids["input_ids"].shape[1] :]
        assert continuation.text == model.tokenizer.decode(new, skip_special_tokens=True)
        assert continuation.tokens == len(new)


def test_a_real_server_that_samples(tmp_path: Path) -> None:
    path = Path(save_tiny("llama", tmp_path / "model"))
    config = path / "generation_config.json"
    given = json.loads(config.read_text()) if config.exists() else {}
    config.write_text(json.dumps({**given, "do_sample": True, "top_k": 0}))
    decoding = Decoding(tokens=8, temperature=1.0, draws=2)
    with serve(path) as url:
        written = generate(ServedModel(str(path), url), ["Women are", "Men are"], decoding)
    assert len({continuation.text for draws in written for continuation in draws}) > 2
