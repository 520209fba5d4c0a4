"""Continuations: one prompt's text does not depend on the others, nor on chance."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from fairforget.errors import InputError
from fairforget.generation.continuations import (
    PROMPTS,
    generate_continuations,
    write_continuation_pairs,
    write_continuations,
)

from .models import CAUSAL, tiny_model

SHORT = ["Women", "The river has a bridge and an old mill near"]


@pytest.mark.parametrize("family", CAUSAL)
def test_greedy_and_independent_of_padding(family: str) -> None:
    language_model = tiny_model(family)
    together = generate_continuations(language_model, SHORT, tokens=8)
    assert together == generate_continuations(language_model, SHORT, tokens=8)
    alone = [generate_continuations(language_model, [prompt], tokens=8)[0] for prompt in SHORT]
    assert together == alone


def test_takes_the_likeliest_token_after_the_start_token() -> None:
    language_model = tiny_model("llama")
    ids = [language_model.start_id, *language_model.tokenizer("Women")["input_ids"]]
    with torch.inference_mode():
        best = language_model.model(torch.tensor([ids])).logits[0, -1].argmax()
    wanted = language_model.tokenizer.decode([int(best)], skip_special_tokens=True)
    assert generate_continuations(language_model, ["Women"], tokens=1) == [wanted]


def test_leaves_the_model_as_it_was() -> None:
    language_model = tiny_model("llama")
    language_model.model.train()
    language_model.model.generation_config.do_sample = True
    assert generate_continuations(language_model, SHORT) == generate_continuations(
        language_model, SHORT
    )
    assert language_model.model.training
    assert language_model.model.generation_config.do_sample
    assert generate_continuations(language_model, []) == []


def test_a_masked_model_writes_nothing(tmp_path: Path) -> None:
    language_model = tiny_model("bert")
    with pytest.raises(InputError, match="masked"):
        generate_continuations(language_model)
    write_continuations(tmp_path, language_model)
    assert list(tmp_path.iterdir()) == []
    write_continuation_pairs(tmp_path, tmp_path, tmp_path)
    (pairs,) = tmp_path.iterdir()
    assert json.loads(pairs.read_text()) == []


def test_both_sides_become_the_reports_rows(tmp_path: Path) -> None:
    before, after = tmp_path / "before", tmp_path / "after"
    write_continuations(before, tiny_model("llama"))
    write_continuation_pairs(tmp_path, before, after)
    assert not (tmp_path / "continuation_pairs.json").exists()
    write_continuations(after, tiny_model("llama", seed=1))
    first = (before / "continuations.json").read_bytes()
    write_continuations(before, tiny_model("llama", seed=1))  # there already
    assert (before / "continuations.json").read_bytes() == first
    write_continuation_pairs(tmp_path, before, after)
    rows = json.loads((tmp_path / "continuation_pairs.json").read_text())
    assert [row["prompt"] for row in rows] == list(PROMPTS)
    assert all(row.keys() == {"prompt", "before", "after"} for row in rows)
    assert any(row["before"] != row["after"] for row in rows)
    (after / "continuations.json").write_text("[")
    with pytest.raises(InputError, match="damaged"):
        write_continuation_pairs(tmp_path, before, after)
