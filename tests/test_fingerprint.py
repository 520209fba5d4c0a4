"""Models are distinguished by what determines a result, and by nothing else."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch

from fairforget.benchmarks import any_generates
from fairforget.models.fingerprint import (
    WEIGHTS_PER_TENSOR,
    fingerprint,
    model_identity,
    scattered_places,
)
from fairforget.models.inputs import fingerprint_inputs
from fairforget.models.loading import load_model

from .models import save_tiny, tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny("llama", tmp_path_factory.mktemp("model"))


def changed(model: Path, copy: Path) -> set[str]:
    """What differs between a model and its copy."""
    one, other = (model_identity(load_model(str(path), device="cpu")) for path in (model, copy))
    return {name for name in one if one[name] != other[name]}


def test_a_copy_elsewhere_is_the_same(model: Path, tmp_path: Path) -> None:
    assert not changed(model, shutil.copytree(model, tmp_path / "copy"))


def test_each_part_changes_the_fingerprint(model: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(model, tmp_path / "copy")
    configuration = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(configuration | {"rms_norm_eps": 0.5}))
    assert changed(model, copy) == {"configuration"}
    rules = json.loads((copy / "tokenizer.json").read_text())
    (copy / "tokenizer.json").write_text(json.dumps(rules | {"normalizer": {"type": "Lowercase"}}))
    assert changed(model, copy) == {"configuration", "tokenizer"}
    heavier = load_model(str(model), device="cpu")
    before = model_identity(heavier)
    with torch.no_grad():
        next(heavier.model.parameters()).mul_(2)
    after = model_identity(heavier)
    assert {name for name in before if before[name] != after[name]} == {"weights"}


@pytest.mark.parametrize("columns", [64, 256, 576, 768, 1000, 4096])
@pytest.mark.parametrize("rows", [2, 192, 256, 4096])
def test_the_weights_of_a_fingerprint_are_of_all_columns_and_rows(rows: int, columns: int) -> None:
    places = scattered_places(rows * columns)
    count = min(WEIGHTS_PER_TENSOR, rows * columns)
    assert len({*places}) == count
    assert len({place % columns for place in places}) == min(columns, count)
    assert len({place // columns for place in places}) >= min(rows, count // 2)


def test_a_column_in_the_middle_changes_the_fingerprint() -> None:
    lm = tiny_model("llama")
    before = fingerprint(lm.model)
    matrix = max(lm.model.parameters(), key=torch.numel)
    with torch.no_grad():
        matrix[:, 1:].add_(0.5)
    assert fingerprint(lm.model) != before


def test_a_small_tensor_is_read_whole() -> None:
    assert scattered_places(WEIGHTS_PER_TENSOR) == [*range(WEIGHTS_PER_TENSOR)]
    assert scattered_places(0) == []
    lm = tiny_model("llama")
    before = fingerprint(lm.model)
    lm.model.register_parameter("none", torch.nn.Parameter(torch.empty(0)))
    assert fingerprint(lm.model) != before


def test_how_a_model_writes_counts_where_it_generates(model: Path) -> None:
    lm = load_model(str(model), device="cpu")
    plain, before = model_identity(lm), model_identity(lm, generates=True)
    assert before.keys() - plain.keys() == {"generation"}
    lm.tokenizer.chat_template = "{{ messages[0].content }}"
    asked = model_identity(lm, generates=True)
    assert lm.model.generation_config
    lm.model.generation_config.eos_token_id = 7
    ended = model_identity(lm, generates=True)
    assert len({found["generation"] for found in (before, asked, ended)}) == 3
    assert model_identity(lm) == plain


def test_a_chat_template_is_part_of_a_model_directory(model: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(model, tmp_path / "copy")
    (copy / "chat_template.jinja").write_text("{{ messages[0].content }}")
    before = fingerprint_inputs([str(copy)])
    (copy / "chat_template.jinja").write_text("{{ messages[0].content }} Reply:")
    assert fingerprint_inputs([str(copy)]) != before


def test_the_chat_template_counts_where_a_benchmark_uses_it() -> None:
    assert any_generates(["stereoset", "bbq:chat"])
    assert not any_generates(["stereoset", "crows_pairs", "perplexity:a.csv"])


def test_what_was_tokenised_before_does_not_matter(model: Path) -> None:
    lm = load_model(str(model), device="cpu")
    before = model_identity(lm)
    lm.tokenizer(["a b", "a"], padding=True, truncation=True, max_length=2)
    assert model_identity(lm) == before
