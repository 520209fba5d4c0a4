"""LLM: a language model on any OpenAI-compatible server lists the harmful words.

Answers are checked against the text and cached one by one, so that an interrupted command can
continue.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

from fairforget.corpora.text import Text
from fairforget.data.locate import cache_directory
from fairforget.errors import InputError, first_line
from fairforget.files.atomic import write_atomically
from fairforget.redaction import redact
from fairforget.selection.llm_answers import INSTRUCTIONS, SCHEMA, objection, read_answer
from fairforget.selection.selected import SelectedSpan, merge_adjacent
from fairforget.servers import connect, map_parallel
from fairforget.settings import SelectSettings
from fairforget.terminal.messages import count_of

TOKENS_PER_CHARACTER = 0.3
"""Upper estimate for English."""
ANSWER_TOKENS = 60
"""Upper estimate of the tokens of one answer."""
REQUEST_OPTIONS: dict[str, Any] = {
    "temperature": 0,
    "max_tokens": 512,
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "spans", "schema": SCHEMA, "strict": True},
    },
}
"""Options of a request; those that the server rejects are left out."""


@dataclass(frozen=True, slots=True)
class CostEstimate:
    """Estimated cost of a selection; printing it shows the output of `select --dry_run`."""

    texts: int
    cached: int
    """Number of texts with cached answers."""
    input_tokens: int
    output_tokens: int
    dollars: float | None
    """None without prices."""

    def __str__(self) -> str:
        cost = (
            "give --input_price and --output_price for the cost"
            if self.dollars is None
            else f"about ${self.dollars:.2f}"
        )
        return (
            f"{count_of(self.texts, 'text')}, {self.cached} in the cache; about "
            f"{self.input_tokens:,} input tokens and {self.output_tokens:,} output tokens; {cost}"
        )


@dataclass(slots=True)
class Llm:
    """The selector."""

    settings: SelectSettings
    attempts: int = 3
    """Maximum number of requests per text until an answer is valid."""
    retries: int = 2
    """Repetitions of a failed request, with growing pauses."""
    progress: Callable[[int], None] | None = None
    """Called with the number of texts finished since the last call."""
    unusable: int = 0
    """Number of texts without a valid answer."""
    refusal: str = ""
    """The server's last reason to reject a request; empty if it rejected none."""
    _answers: int = 0
    _unknown: set[str] = field(default_factory=set)
    """Options that the server rejects."""
    _lock: Lock = field(default_factory=Lock)

    def __call__(self, texts: Sequence[Text]) -> list[list[SelectedSpan]]:
        """Query the model about each text without a cached answer, in parallel.

        Equal texts are one request.

        Raises:
            InputError: the server cannot be reached, fails repeatedly, or rejects every request.
                Earlier answers are in the cache.
        """
        client = self._client()
        copies = Counter(text.text for text in texts)
        distinct = list({text.text: text for text in texts}.values())
        selected: dict[str, list[SelectedSpan]] = {}
        for index, spans in map_parallel(
            partial(self._select, client), distinct, self.settings.concurrency
        ):
            text = distinct[index].text
            selected[text] = spans or []
            if spans is None:
                self.unusable += copies[text]
            if self.progress:
                self.progress(copies[text])
        if self.refusal and not self._answers:
            raise InputError(
                f"the server {client.base_url} rejects every request ({self.refusal}); "
                "check --model and --url"
            )
        return [selected[text.text] for text in texts]

    def estimate(
        self, texts: Iterable[Text], input_price: float = 0.0, output_price: float = 0.0
    ) -> CostEstimate:
        """Return the estimated cost for texts; prices are in dollars per million tokens."""
        count = cached = characters = 0
        requests: set[Path] = set()
        for count, text in enumerate(texts, 1):  # noqa: B007
            path = self._cache_path(text)
            if path.is_file():
                cached += 1
            elif path not in requests:
                requests.add(path)
                characters += len(INSTRUCTIONS) + len(text.text)
        input_tokens = round(TOKENS_PER_CHARACTER * characters)
        output_tokens = ANSWER_TOKENS * len(requests)
        dollars = None
        if input_price or output_price:
            dollars = (input_tokens * input_price + output_tokens * output_price) / 1e6
        return CostEstimate(count, cached, input_tokens, output_tokens, dollars)

    def _select(self, client: Any, text: Text) -> list[SelectedSpan] | None:
        path = self._cache_path(text)
        spans = read_cached_answer(path, text.text)
        if spans is not None:
            with self._lock:
                self._answers += 1
        else:
            spans = self._query(client, text)
            if spans is not None:
                content = json.dumps([[s.start, s.end, s.why] for s in spans], ensure_ascii=False)
                write_atomically(path, content.encode("utf-8", "replace"))
        return spans

    def _query(self, client: Any, text: Text) -> list[SelectedSpan] | None:
        """Query the model until its spans are in the text; None if no answer is valid."""
        messages = [
            {"role": "system", "content": INSTRUCTIONS},
            {"role": "user", "content": text.text},
        ]
        found: list[SelectedSpan] | None = None
        for _ in range(self.attempts):
            content = self._request(client, messages)
            if content is None:
                break
            answer = read_answer(text.text, content)
            if answer is not None and (answer.spans or not answer.absent):
                spans = [*answer.spans]
                found = merge_adjacent(text.text, [*found, *spans]) if found else spans
                if not answer.absent:
                    break
            messages += [
                {"role": "assistant", "content": content or "…"},
                {"role": "user", "content": objection(answer)},
            ]
        return found

    def _request(self, client: Any, messages: list[dict[str, str]]) -> str | None:
        """Return the content of the model's answer; None if the server rejects the request."""
        import openai

        options = {
            name: value for name, value in REQUEST_OPTIONS.items() if name not in self._unknown
        }
        while True:
            try:
                completion = client.chat.completions.create(
                    model=self.settings.model, messages=messages, **options
                )
                break
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                rejected = error.param if error.param in REQUEST_OPTIONS else "response_format"
                if options.pop(rejected, None) is None:
                    self.refusal = redact(first_line(error))
                    return None
            except (
                openai.NotFoundError,
                openai.AuthenticationError,
                openai.PermissionDeniedError,
            ) as error:
                raise InputError(
                    f"the server {client.base_url} rejects the request "
                    f"({redact(first_line(error))}); check --model, --url and the "
                    "key; earlier answers are cached"
                ) from None  # the cause may contain the key
            except (openai.OpenAIError, ValueError) as error:
                raise InputError(
                    f"the server {client.base_url} does not answer ({first_line(error)}); "
                    "earlier answers are cached: repeat the command to continue"
                ) from None  # the cause may contain the key
        with self._lock:
            self._answers += 1
            self._unknown.update(REQUEST_OPTIONS.keys() - options.keys())
        try:
            content = str(completion.choices[0].message.content or "")
        except (AttributeError, IndexError, TypeError):  # not a completion
            return ""
        return content.encode(errors="replace").decode()  # a lone surrogate cannot be sent back

    def _client(self) -> Any:
        return connect(
            self.settings.url,
            what="method 'llm'",
            option="--url",
            timeout=self.settings.timeout,
            retries=self.retries,
        )

    def _cache_path(self, text: Text) -> Path:
        request = json.dumps([self.settings.model, INSTRUCTIONS, text.text])
        name = hashlib.sha256(request.encode("utf-8", "replace")).hexdigest()
        return cache_directory() / "llm" / name[:2] / f"{name}.json"


def read_cached_answer(path: Path, text: str) -> list[SelectedSpan] | None:
    """Return the cached answer about a text; None if it is missing or damaged."""
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(rows, list) or not all(map(_is_span, rows)):
        return None
    spans = [SelectedSpan(*row) for row in rows]
    bounds = [0, *(bound for span in spans for bound in (span.start, span.end)), len(text)]
    return spans if bounds == sorted(bounds) else None


def _is_span(row: object) -> bool:
    return isinstance(row, list) and [*map(type, row)] == [int, int, str] and row[0] < row[1]
