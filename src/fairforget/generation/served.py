"""Generate text with a model on an OpenAI-compatible server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from fairforget.errors import InputError, first_line
from fairforget.generation.decoding import Continuation, Decoding
from fairforget.generation.journal import Batches, write_missing
from fairforget.generation.sampling import noise_seed
from fairforget.records.records import ModelFacts
from fairforget.scoring.progress import NotedProgress
from fairforget.servers import EXAMPLE, KEY, connect, map_parallel

OPTION = "--server"
MAX_SEED = 2**31
"""Exclusive upper bound of seeds: some servers use signed 32-bit integers."""
PROBES = 8
"""Prompts that may show that a server samples."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model on an OpenAI-compatible server, such as vLLM or llama.cpp.

    Raises:
        InputError: the address is not one, or contains credentials.
    """

    source: str
    """Name of the model on the server."""
    server: str
    """Address of the server, such as `http://127.0.0.1:8000/v1`."""
    concurrency: int = 8
    """Maximum number of concurrent requests."""
    timeout: float = 300.0
    """Timeout of a request in seconds."""
    retries: int = 5
    """Maximum number of retries of a failed request, with exponential backoff."""
    kind: Literal["served"] = "served"
    start_token: str = ""
    """The server chooses the token that starts a text."""

    def __post_init__(self) -> None:
        try:
            parts = urlsplit(self.server)
        except ValueError:
            parts = urlsplit("")
        if "@" in parts.netloc or parts.query:
            raise InputError(
                f"{OPTION} must not contain credentials or a query, because records show it; set "
                f"{KEY}"
            )
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(
                f"{OPTION} {self.server!r} is not an address; give one such as {EXAMPLE}"
            )

    def describe(self) -> ModelFacts:
        """Return the facts about the model for a record."""
        return ModelFacts(
            source=self.source, parameters=None, dtype="", start_token="", server=self.server
        )

    def generate(
        self, prompts: Sequence[str], decoding: Decoding, progress: NotedProgress | None = None
    ) -> list[list[Continuation]]:
        """Continue prompts; arguments and result are those of `generation.engine.generate`.

        Each continuation is a separate request with its own seed; results are reproducible only if
        the server honours it. Token counts come from the server and may include the end-of-text
        token. Within `journal.keep_continuations`, only continuations that are missing are
        requested. Before them, a few requests check whether the server samples; their results are
        not kept.

        Raises:
            InputError: the server cannot be reached, rejects a request, does not sample, filters
                texts, or returns no completion with token counts.
        """
        client = connect(
            self.server,
            what="a served model",
            option=OPTION,
            timeout=self.timeout,
            retries=self.retries,
        )
        draws = decoding.draws
        requests = [(prompt, draw) for prompt in prompts for draw in range(draws)]

        def write(missing: list[tuple[str, int]]) -> Batches:
            if decoding.temperature and missing:
                self._check_sampling(client, prompts[:PROBES], decoding)
            for finished in map_parallel(
                lambda request: self._continue(client, *request, decoding),
                missing,
                self.concurrency,
            ):
                yield [finished]

        written = write_missing(requests, decoding, write, progress)
        return [written[i : i + draws] for i in range(0, len(written), draws)]

    def _check_sampling(self, client: Any, prompts: Sequence[str], decoding: Decoding) -> None:
        """Check that two seeds give different texts for at least one prompt."""
        for prompt in prompts:
            texts = {self._continue(client, prompt, draw, decoding).text for draw in (0, 1)}
            if len(texts) > 1:
                return
        if prompts:
            raise InputError(
                f"the server {self.server} gives the same text for different seeds, so it does not "
                "sample; enable sampling on the server (transformers serve: do_sample in the "
                "model's generation_config.json)"
            )

    def _continue(self, client: Any, prompt: str, draw: int, decoding: Decoding) -> Continuation:
        import openai

        options = {
            "model": self.source,
            "max_tokens": decoding.tokens,
            "temperature": decoding.temperature,
            "top_p": 1.0,
            "seed": noise_seed(prompt, draw, decoding.seed) % MAX_SEED,
        }
        try:
            if decoding.chat:
                message = {"role": "user", "content": prompt}
                answer = client.chat.completions.create(messages=[message], **options)
                text = answer.choices[0].message.content
            else:
                answer = client.completions.create(prompt=prompt, **options)
                text = answer.choices[0].text
            reason = answer.choices[0].finish_reason
            # a server may cut a character in two, and half of one cannot be written
            text = (text or "").encode(errors="replace").decode()
            continuation = Continuation(text, int(answer.usage.completion_tokens), reason == "stop")
        except (openai.OpenAIError, ValueError) as error:
            cause = error.__cause__ if isinstance(error, openai.APIConnectionError) else None
            raise InputError(
                f"request to {self.server} failed ({first_line(cause or error)}); check that the "
                f"server is running and serves the model {self.source!r}"
            ) from None  # the cause may contain the key
        except (AttributeError, IndexError, TypeError):
            raise InputError(
                f"{self.server} did not return a completion with token counts; check that the "
                "address ends in /v1 and that the server supports OpenAI's completions API"
            ) from None
        if reason == "content_filter":
            raise InputError(
                f"the server {self.server} filters what the model writes; turn its content filter "
                "off"
            )
        return continuation
