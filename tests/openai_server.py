"""A stand-in for an OpenAI-compatible server on loopback, which can misbehave in several ways."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from threading import Lock
from typing import Any

from .loopback import loopback_server

Reply = Callable[[int, list[dict[str, str]]], Any]
"""Number of the question (from 0) and its messages, or its prompt as one → content, an HTTP status,
an error as OpenAI's servers say it, seconds of silence, bytes to send as they are, or None to hang
up."""


class Stand:
    """What was asked, and how to answer."""

    def __init__(self, reply: Reply) -> None:
        self.reply = reply
        self.asked: list[dict[str, Any]] = []
        self.keys: set[str | None] = set()
        self.url = ""
        self.lock = Lock()


@contextmanager
def openai_server(reply: Reply) -> Iterator[Stand]:
    """Running, until the block ends; how it answers, `reply` says."""
    stand = Stand(reply)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with stand.lock:
                number = len(stand.asked)
                stand.asked.append(body)
            stand.keys.add(self.headers.get("Authorization"))
            chat = self.path.endswith("/chat/completions")
            messages = body["messages"] if chat else [{"role": "user", "content": body["prompt"]}]
            answer = stand.reply(number, messages)
            if isinstance(answer, float):
                time.sleep(answer)
                answer = "too late"
            if answer is None:  # in the middle of its answer
                self._send(200, b'{"id": ', length=1000)
                self.close_connection = True
            elif isinstance(answer, bytes):
                self._send(200, answer)
            elif isinstance(answer, dict):
                self._send(400, json.dumps({"error": answer}).encode())
            elif isinstance(answer, int):
                error = {"error": {"message": f"told to fail, {self.headers['Authorization']}"}}
                self._send(answer, json.dumps(error).encode())
            else:
                message = {"role": "assistant", "content": answer}
                text = {"message": message} if chat else {"text": answer}
                tokens = len(answer.split())
                usage = {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": tokens}
                whole = {"id": "1", "object": "completion", "created": 0, "model": "m"}
                reason = "stop" if tokens < body.get("max_tokens", tokens + 1) else "length"
                choices = [{"index": 0, "finish_reason": reason, **text}]
                self._send(200, json.dumps({**whole, "choices": choices, "usage": usage}).encode())

        def _send(self, status: int, data: bytes, length: int | None = None) -> None:
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(length or len(data)))
                self.end_headers()
                self.wfile.write(data)
            except OSError:  # the client did not wait
                pass

    with loopback_server(Handler) as address:
        stand.url = f"{address}/v1"
        yield stand
