"""Every code block of the README and the site works, typed in order.

Here the models are tiny, whatever their name, and so are the corpora and benchmarks;
`make test-docs-long` types the same with the real SmolLM2 and all data, and the blocks marked
`long` too.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from fairforget import target_scores
from fairforget.benchmarks import crows_pairs, perplexity, stereoset
from fairforget.corpora import passages
from fairforget.data.crows_pairs import read_pairs
from fairforget.data.stereoset import read_items
from fairforget.models import loading
from fairforget.training.config import UnlearningConfig

from ..models import tiny, word_tokenizer
from ..openai_server import openai_server
from .blocks import PAGES, PARSED_ONLY, ROOT, blocks
from .reader import Reader

LLM = "http://127.0.0.1:8000/v1"
LONGEST = 4096
"""Tokens that the tiny model takes: its tokenizer cuts words into letters."""
MOST_STEPS = 5
"""Of training; the perplexity is first measured after five."""
MOST_CHARACTERS = 40_000
"""Of the text whose perplexity is measured."""
NEEDS_DATA = ("crows_pairs", "edos")
RUNNABLE = [page for page in PAGES if any(b.language in ("sh", "python") for b in blocks(page))]


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture(scope="module")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a tiny model that takes long texts."""
    directory = tmp_path_factory.mktemp("tiny")
    model = tiny("llama")
    model.config.max_position_embeddings = LONGEST
    model.save_pretrained(directory)
    word_tokenizer().save_pretrained(directory)
    return directory


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to work in."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "configs").symlink_to(ROOT / "configs")  # what pages name of the repository
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    return tmp_path


@pytest.fixture
def little(
    desk: Path, tiny_model: Path, little_data: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The desk with a tiny model for every name, and little data."""
    monkeypatch.setenv("FAIRFORGET_CACHE", str(desk / ".cache"))
    monkeypatch.setattr(
        loading, "locate_model", lambda name: name if Path(name).is_dir() else str(tiny_model)
    )
    for reader in (stereoset, target_scores):
        monkeypatch.setattr(reader, "read_items", some_of(read_items))
    monkeypatch.setattr(crows_pairs, "read_pairs", some_of(read_pairs))
    texts = passages.wikipedia_texts
    monkeypatch.setattr(UnlearningConfig, "__post_init__", in_few_steps)
    load_text = perplexity.load_text
    monkeypatch.setattr(perplexity, "load_text", lambda corpus: load_text(corpus)[:MOST_CHARACTERS])
    monkeypatch.setattr(passages, "wikipedia_texts", lambda: islice(texts(), 200))


AS_GIVEN = UnlearningConfig.__post_init__


def in_few_steps(config: UnlearningConfig) -> None:
    """A short training, whatever the page says."""
    config.max_steps = min(config.max_steps, MOST_STEPS)
    AS_GIVEN(config)


def some_of(function: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """The function, giving every thirtieth element of its list."""
    return lambda *args, **kwargs: function(*args, **kwargs)[::30]


def type_all(page: Path, *, patient: bool) -> None:
    if "FAIRFORGET_DATA" not in os.environ:
        typed = [b.code for b in blocks(page) if not b.mark.startswith(PARSED_ONLY)]
        if any(name in code for code in typed for name in NEEDS_DATA):
            # the long suite types every page or says that it did not
            (pytest.fail if patient else pytest.skip)("FAIRFORGET_DATA is not set")
    with openai_server(lambda *_: json.dumps({"spans": []})) as stand:
        reader = Reader({LLM: stand.url}, patient=patient)
        for block in blocks(page):
            try:
                reader.type(block)
            except (Exception, SystemExit) as error:
                pytest.fail(f"{block}: {type(error).__name__}: {error}")


@pytest.mark.slow
@pytest.mark.parametrize("page", RUNNABLE, ids=name_of)
@pytest.mark.usefixtures("little")
def test_every_block_works(page: Path) -> None:
    type_all(page, patient=False)


def test_the_long_suite_passes_over_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAIRFORGET_DATA", raising=False)
    typed = {page: " ".join(block.code for block in blocks(page)) for page in RUNNABLE}
    page = next(page for page, code in typed.items() if any(name in code for name in NEEDS_DATA))
    with pytest.raises(pytest.fail.Exception, match="FAIRFORGET_DATA is not set"):
        type_all(page, patient=True)
    with pytest.raises(pytest.skip.Exception):
        type_all(page, patient=False)


@pytest.mark.nightly
@pytest.mark.real_model
@pytest.mark.parametrize("page", RUNNABLE, ids=name_of)
def test_every_block_works_with_the_real_model(page: Path, desk: Path, tiny_model: Path) -> None:
    shutil.copytree(tiny_model, desk / "gpt2")  # a name of the hub, which tests do not ask
    type_all(page, patient=True)
