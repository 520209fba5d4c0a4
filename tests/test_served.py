"""A model behind a server continues prompts; a stand-in misbehaves, and a real one agrees."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from fairforget import evaluate
from fairforget.cli import main
from fairforget.errors import InputError
from fairforget.generation.decoding import Decoding
from fairforget.generation.engine import generate
from fairforget.generation.served import ServedModel
from fairforget.models.loading import load_model
from fairforget.servers import KEY

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


@pytest.mark.parametrize("chat", [False, True])
def test_each_draw_is_a_request_with_its_own_seed(chat: bool) -> None:
    with openai_server(echo) as server:
        model = ServedModel("m", server.url)
        decoding = Decoding(tokens=3, temperature=0.7, draws=2, chat=chat)
        written = generate(model, ["a", "b", "one two three"], decoding)
        generate(model, ["b"], decoding)
    for prompt, draws in zip(("a", "b", "one two three"), written, strict=True):
        assert len(draws) == 2
        assert all(draw.text.startswith(prompt) for draw in draws)
    assert [(draws[0].tokens, draws[0].ended) for draws in written] == [
        (2, True),
        (2, True),
        (4, False),
    ]
    requests = server.asked
    assert {body["max_tokens"] for body in requests} == {3}
    assert {body["temperature"] for body in requests} == {0.7}
    seeds = {body["seed"] for body in requests[:6]}
    assert len(seeds) == 6  # and a repeated request has the same
    assert {body["seed"] for body in requests[6:]} < seeds
    assert max(seeds) < 2**31
    assert server.keys == {f"Bearer {SECRET}"}


def test_greedy_decoding_asks_once() -> None:
    with openai_server(echo) as server:
        (draws,) = generate(ServedModel("m", server.url), ["a"], Decoding(draws=3))
    assert [c.text for c in draws] == ["a 0"] * 3
    assert len(server.asked) == 1
    assert server.asked[0]["temperature"] == 0


def test_a_server_that_does_not_sample_is_refused() -> None:
    with openai_server(lambda *_: "always the same") as server:
        with pytest.raises(InputError, match="the same text for every draw"):
            generate(ServedModel("m", server.url), ["a", "b"], Decoding(temperature=1.0, draws=2))
        assert generate(ServedModel("m", server.url), ["a"], Decoding(temperature=1.0))


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (lambda *_: 500, "gives no continuation"),
        (lambda *_: 401, "gives no continuation"),
        (lambda *_: {"message": "no such model"}, "no such model"),
        (lambda *_: None, "gives no continuation"),
        (lambda *_: b"[]", "answers with no completion"),
        (lambda *_: b'{"choices": []}', "answers with no completion"),
        (lambda *_: b'{"choices": [{"text": "x", "finish_reason": "stop"}]}', "count tokens"),
        (lambda *_: 0.8, "gives no continuation"),
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


def test_evaluate_records_the_server_and_resumes(tmp_path: Path, capsys) -> None:
    output = tmp_path / "out"
    with openai_server(echo) as server:
        command = ["evaluate", "m", "--server", server.url, "--benchmarks", BENCHMARK]
        command += ["--output", str(output)]
        main(command)
        asked = len(server.asked)
        shown = capsys.readouterr().out
        main(command)  # a finished evaluation is shown again
        assert len(server.asked) == asked > 0
        main(["report", str(output)])
    record = json.loads((output / "record.json").read_text())
    assert record["model"]["server"] == server.url
    assert record["model"]["source"] == "m"
    assert record["model"]["parameters"] is None
    assert record["environment"]["device"] == "server"
    assert BENCHMARK in record["results"]
    assert "counterfactual" in shown
    assert "starts with the token that its server chooses" in " ".join(shown.split())
    page = (output / "report.html").read_text()
    assert server.url in page
    assert SECRET not in page + json.dumps(record)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--benchmarks", "stereoset"], "needs log-probabilities, which a served model"),
        (["--benchmarks", BENCHMARK, "--dtype", "float32"], "dtype has no effect on a served"),
        (["--benchmarks", BENCHMARK, "--server", "http://u:p@x/v1"], "contains a password"),
        (["--benchmarks", BENCHMARK, "--server", "nonsense"], "not a valid address|gives no"),
    ],
)
def test_what_a_server_cannot_do_is_refused(
    options: list[str], message: str, tmp_path: Path, capsys
) -> None:
    server = [] if "--server" in options else ["--server", "http://127.0.0.1:1/v1"]
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", "m", *server, *options, "--output", str(tmp_path / "out")])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()[-1:]
    assert re.search(message, line), line


def test_a_loaded_model_has_no_server(tmp_path: Path) -> None:
    model = load_model(save_tiny("llama", tmp_path / "model"), device="cpu")
    with pytest.raises(InputError, match="server has no effect on a loaded model"):
        evaluate(model, [BENCHMARK], server="http://127.0.0.1:1/v1")


@pytest.fixture(scope="module")
def real_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A model, and the address of `transformers serve` with it."""
    serve = pytest.importorskip("transformers.cli.serve")
    if not serve.is_serve_available():
        pytest.skip("transformers serve needs fastapi, uvicorn and openai")
    path = Path(save_tiny("llama", tmp_path_factory.mktemp("served") / "model"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = serve.Serve(
        force_model=str(path), host="127.0.0.1", port=port, device="cpu", non_blocking=True
    )
    yield path, f"http://127.0.0.1:{port}/v1"
    server.kill_server()


def test_a_real_server_writes_what_the_model_writes(real_server: tuple[Path, str]) -> None:
    path, url = real_server
    prompts = ["Women are", "Most people in our town"]
    served = generate(ServedModel(str(path), url), prompts, Decoding(tokens=8))
    model = load_model(path, device="cpu")
    for prompt, (continuation,) in zip(prompts, served, strict=True):
        ids = model.tokenizer(prompt, return_tensors="pt")
        with torch.no_grad():
            wanted = model.model.generate(**ids, max_new_tokens=8, do_sample=False)
        new = wanted[0, ids["input_ids"].shape[1] :]
        assert continuation.text == model.tokenizer.decode(new, skip_special_tokens=True)
        assert continuation.tokens == len(new)
