"""Few built-in, retain and held-out texts, and few that are written, for tests of their use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from itertools import islice
from typing import Any

import pytest

from fairforget.corpora import Text, overlap, passages
from fairforget.corpora.builtin import generate, pronouns
from fairforget.generation import continuations
from fairforget.leaderboards import runs
from fairforget.methods.passages import retain_corpus
from fairforget.training import harmful_words
from fairforget.training.preparation import HELD_OUT

TEXTS, PRONOUNS, GUARDED, PASSAGES, CHARACTERS = 60, 180, 12, 300, 200
"""Numbers kept: built-in texts of each domain, texts with pronouns, texts of the guard on harmful
words, texts of each retain corpus, and characters of each of these."""

PROMPTS, TOKENS = 2, 4
"""Numbers kept: prompts that a run continues, and tokens of each continuation."""

SEARCHED = "stereoset"
"""The benchmark that is searched for forget texts."""

KEPT = (retain_corpus, runs.held_out_corpora)
"""What keeps texts that it read."""


@contextmanager
def with_little_data(patch: pytest.MonkeyPatch) -> Iterator[None]:
    """Leave little data until the patch is undone; forget at the end what was read of it."""
    leave_little_data(patch)
    try:
        yield
    finally:
        for corpus in KEPT:
            corpus.cache_clear()


def leave_little_data(patch: pytest.MonkeyPatch | None = None) -> None:
    """Leave little data until the patch is undone: by default, while this process runs."""
    patch = patch or pytest.MonkeyPatch()
    patch.setattr(generate, "TEXTS_PER_DOMAIN", TEXTS)
    patch.setattr(generate, "_frames", cache(generate._frames.__wrapped__))
    all_pronouns = pronouns.pronoun_texts
    patch.setattr(pronouns, "pronoun_texts", lambda: all_pronouns()[:PRONOUNS])
    held_out = harmful_words._held_out_texts.__wrapped__
    patch.setattr(harmful_words, "_held_out_texts", cache(held_out))
    patch.setattr(harmful_words, "TEXTS", GUARDED)
    search_one_benchmark(patch)
    prompts = continuations.PROMPTS[:PROMPTS]
    few = partial(continuations.generate_continuations, prompts=prompts, tokens=TOKENS)
    patch.setattr(continuations, "PROMPTS", prompts)
    patch.setattr(continuations, "generate_continuations", few)
    for role, number in HELD_OUT.items():
        patch.setitem(HELD_OUT, role, number // 8)
    read_passages = passages._read_passages

    def read_few(*args: Any) -> Iterator[Text]:
        for text in islice(read_passages(*args), PASSAGES):
            yield replace(text, text=text.text[:CHARACTERS])

    patch.setattr(passages, "_read_passages", read_few)
    for corpus in KEPT:
        corpus.cache_clear()


def search_one_benchmark(patch: pytest.MonkeyPatch) -> None:
    """Search one benchmark for forget texts: all are searched alike."""
    is_cached = overlap._is_cached
    patch.setattr(overlap, "_is_cached", lambda name: name == SEARCHED and is_cached(name))
