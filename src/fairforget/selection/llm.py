"""LLM: any OpenAI-compatible server names the harmful words; its answers are checked and kept.

Answers go to the cache one by one: whatever happens to the server, the same command goes on.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import Any

from fairforget.corpora.text import Text
from fairforget.data.cache import cache_directory
from fairforget.errors import InputError, first_line
from fairforget.extras import require_extra
from fairforget.files.atomic import atomic_write
from fairforget.selection.llm_answers import INSTRUCTIONS, SCHEMA, objection, read_answer
from fairforget.selection.selected import SelectedSpan

KEY = "OPENAI_API_KEY"
"""Environment variable with the key; it is passed to the client and goes nowhere else."""
TOKENS_PER_CHARACTER = 0.3
"""Of English, on the safe side."""
ANSWER_TOKENS = 60
"""Of an answer about one text, on the safe side."""
OPTIONS: dict[str, Any] = {
    "temperature": 0,
    "max_tokens": 512,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "spans", "schema": SCHEMA, "strict": True},
    },
}
"""Of a question; a server that does not know one is asked without it."""


@dataclass(frozen=True, slots=True)
class Server:
    """Where to ask, and how."""

    model: str
    url: str = ""
    """By default OpenAI's, or what OPENAI_BASE_URL says."""
    attempts: int = 3
    """Questions about one text, until the answer can be used."""
    retries: int = 2
    """Of one question that the server does not answer, with growing pauses."""
    timeout: float = 60.0
    """Seconds that an answer may take."""
    concurrency: int = 8
    """Questions at one time."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a selection would cost."""

    texts: int
    cached: int
    """Texts whose answers are in the cache."""
    input_tokens: int
    output_tokens: int
    dollars: float | None
    """None without prices."""


@dataclass(slots=True)
class Llm:
    """The selector."""

    server: Server
    progress: Callable[[int], None] | None = None
    unusable: int = 0
    """Texts about which no answer could be used."""
    refusal: str = ""
    """Why the server last would not have a question, if it ever did not."""
    _answers: int = 0
    _unknown: set[str] = field(default_factory=set)
    """The options that the server does not know."""
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, texts: Sequence[Text]) -> list[list[SelectedSpan]]:
        """Ask about each text that the cache does not know, several at a time.

        Raises:
            InputError: the server cannot be reached, fails again and again, or will have no
                question at all. Answers that came before are in the cache.
        """
        client = self._client()
        with ThreadPoolExecutor(self.server.concurrency) as pool:
            answers = [pool.submit(self._choices, client, text) for text in texts]
            try:
                found = [answer.result() for answer in answers]
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        if self.refusal and not self._answers:
            raise InputError(
                f"the server {client.base_url} refuses every question ({self.refusal}); "
                "check --model and --url"
            )
        return found

    def estimate(
        self, texts: Iterable[Text], input_price: float = 0.0, output_price: float = 0.0
    ) -> Estimate:
        """What asking about the texts would take; prices are in dollars a million tokens."""
        count = asked = characters = 0
        for count, text in enumerate(texts, 1):  # noqa: B007
            if not self._cached(text).is_file():
                asked += 1
                characters += len(INSTRUCTIONS) + len(text.text)
        tokens, answered = round(TOKENS_PER_CHARACTER * characters), ANSWER_TOKENS * asked
        priced = input_price or output_price
        dollars = (tokens * input_price + answered * output_price) / 1e6 if priced else None
        return Estimate(count, count - asked, tokens, answered, dollars)

    def _choices(self, client: Any, text: Text) -> list[SelectedSpan]:
        path = self._cached(text)
        kept = _read(path)
        if kept is not None:
            self._answers += 1
        else:
            kept = self._asked(client, text)
            if kept is None:
                with self._lock:
                    self.unusable += 1
            else:
                content = json.dumps([[c.start, c.end, c.why] for c in kept], ensure_ascii=False)
                with atomic_write(path) as file:
                    file.write(content.encode("utf-8", "replace"))
        if self.progress:
            self.progress(1)
        return kept or []

    def _asked(self, client: Any, text: Text) -> list[SelectedSpan] | None:
        """What the model says, asked again while it names what is not there; None: no answer."""
        messages = [
            {"role": "system", "content": INSTRUCTIONS},
            {"role": "user", "content": text.text},
        ]
        best: tuple[SelectedSpan, ...] | None = None
        for _ in range(self.server.attempts):
            said = self._said(client, messages)
            if said is None:
                break
            answer = read_answer(text.text, said)
            if answer is not None and (answer.choices or not answer.absent):
                best = answer.choices
                if not answer.absent:
                    break
            messages += [
                {"role": "assistant", "content": said or "…"},
                {"role": "user", "content": objection(answer)},
            ]
        return None if best is None else list(best)

    def _said(self, client: Any, messages: list[dict[str, str]]) -> str | None:
        """What the model says; None where the server refuses the question as it is."""
        import openai

        options = {name: value for name, value in OPTIONS.items() if name not in self._unknown}
        while True:
            try:
                found = client.chat.completions.create(
                    model=self.server.model, messages=messages, **options
                )
                break
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                blamed = error.param if error.param in OPTIONS else "response_format"
                if options.pop(blamed, None) is None:
                    self.refusal = self._without_key(error)
                    return None
            except (openai.OpenAIError, ValueError) as error:
                raise InputError(
                    f"the server {client.base_url} does not answer ({self._without_key(error)}); "
                    "the answers so far are kept: the same command goes on from here"
                ) from None  # the cause may show the key
        self._answers += 1
        self._unknown.update(OPTIONS.keys() - options.keys())
        try:
            return str(found.choices[0].message.content or "")
        except (AttributeError, IndexError, TypeError):  # it is no completion
            return ""

    def _client(self) -> Any:
        openai = require_extra("openai", "llm", "method 'llm'")
        url = self.server.url or os.environ.get("OPENAI_BASE_URL") or None
        key = os.environ.get(KEY)
        if not key and not url:
            raise InputError(
                f"method 'llm': set {KEY}, or say where the server is with --url, "
                "such as http://127.0.0.1:8000/v1"
            )
        try:
            return openai.OpenAI(
                api_key=key or "none",
                base_url=url,
                timeout=self.server.timeout,
                max_retries=self.server.retries,
            )
        except Exception as error:  # of the HTTP library, which is openai's own choice
            raise InputError(
                f"--url {url!r} is no address of a server ({self._without_key(error)}); give one "
                "such as http://127.0.0.1:8000/v1"
            ) from None  # the cause may show the key

    def _without_key(self, error: Exception) -> str:
        text = first_line(error)
        key = os.environ.get(KEY)
        return text.replace(key, "…") if key else text

    def _cached(self, text: Text) -> Path:
        asked = json.dumps([self.server.model, INSTRUCTIONS, text.text])
        name = hashlib.sha256(asked.encode("utf-8", "replace")).hexdigest()
        return cache_directory() / "llm" / name[:2] / f"{name}.json"


def _read(path: Path) -> list[SelectedSpan] | None:
    """An answer of the cache; a damaged one counts as none."""
    try:
        return [SelectedSpan(*row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError, RecursionError):
        return None
