"""A model behind an OpenAI-compatible server: it continues prompts, and no more is known of it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urlsplit

from fairforget.errors import InputError
from fairforget.generation.decoding import Continuation, Decoding
from fairforget.generation.sampling import noise_seed
from fairforget.scoring.causal import NotedProgress
from fairforget.servers import connect, hide_key

OPTION = "--server"
MAX_SEED = 2**31
"""Servers read a seed as a 32-bit integer."""


@dataclass(frozen=True, slots=True)
class ServedModel:
    """A model behind an OpenAI-compatible server, such as vLLM or llama.cpp.

    Raises:
        InputError: the address contains a password.
    """

    source: str
    """Name of the model on the server."""
    server: str
    """Address of the server, such as `http://127.0.0.1:8000/v1`."""
    concurrency: int = 8
    """Number of parallel requests."""
    timeout: float = 300.0
    """Seconds to wait for a continuation."""
    retries: int = 2
    """Repetitions of a failed request, with growing pauses."""
    kind: Literal["served"] = "served"
    start_token: str = ""
    """The server decides which token starts a text."""

    def __post_init__(self) -> None:
        if urlsplit(self.server).password:
            raise InputError(
                f"{OPTION} contains a password, which records would show; set OPENAI_API_KEY "
                "instead"
            )

    def generate(
        self, prompts: Sequence[str], decoding: Decoding, progress: NotedProgress | None = None
    ) -> list[list[Continuation]]:
        """Continue prompts; arguments and result are those of `generation.engine.generate`.

        Every continuation is a request with its own seed. Whether a repeated call gives the same
        texts depends on the server. The server counts the tokens; some count the one that ends a
        text.

        Raises:
            InputError: the server cannot be reached, rejects a request, gives no completion, or
                does not sample.
        """
        client = connect(
            self.server,
            what="a served model",
            option=OPTION,
            timeout=self.timeout,
            retries=self.retries,
        )
        draws = decoding.draws if decoding.temperature else 1
        requests = [(prompt, draw) for prompt in prompts for draw in range(draws)]
        start, tokens = time.perf_counter(), 0
        with ThreadPoolExecutor(self.concurrency) as pool:
            pending = [pool.submit(self._continue, client, *one, decoding) for one in requests]
            try:
                for done in as_completed(pending):
                    tokens += done.result().tokens
                    if progress:
                        speed = tokens / (time.perf_counter() - start)
                        progress(1, len(requests), note=f"{speed:.0f} tokens/s")
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise
        flat = [one.result() for one in pending]
        written = [flat[i : i + draws] for i in range(0, len(flat), draws)]
        if draws > 1 and all(len({one.text for one in texts}) == 1 for texts in written):
            raise InputError(
                f"the server {self.server} gives the same text for every draw, so it does not "
                "sample; let it honour temperature and seed (transformers serve: set do_sample in "
                "the model's generation_config.json)"
            )
        return [texts * (decoding.draws // draws) for texts in written]

    def _continue(self, client: Any, prompt: str, draw: int, decoding: Decoding) -> Continuation:
        import openai

        options = {
            "model": self.source,
            "max_tokens": decoding.tokens,
            "temperature": decoding.temperature,
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
            ended = answer.choices[0].finish_reason != "length"
            return Continuation(text or "", int(answer.usage.completion_tokens), ended)
        except (openai.OpenAIError, ValueError) as error:
            raise InputError(
                f"the server {self.server} gives no continuation ({hide_key(error)}); check "
                f"{OPTION}, and that the server has a model {self.source!r}"
            ) from None  # the cause may contain the key
        except (AttributeError, IndexError, TypeError) as error:
            raise InputError(
                f"the server {self.server} answers with no completion ({hide_key(error)}); it must "
                "support OpenAI's completions API and count tokens"
            ) from None
