"""A directory with a PEFT adapter is a model."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from transformers import AutoModelForCausalLM

from fairforget.errors import InputError
from fairforget.models.loading import load_model
from fairforget.models.saving import save_model
from fairforget.records.inputs import fingerprint_inputs

from .models import save_tiny

IDS = torch.tensor([[0, 5, 9, 13, 17]])


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_tiny("llama", tmp_path / "base")


def saved_adapter(base: Path, directory: Path) -> torch.Tensor:
    """Write an adapter that changes something; returns the logits of the adapted model."""
    torch.manual_seed(0)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
        LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False),
    )
    model.save_pretrained(directory)
    with torch.no_grad():
        return model.eval()(input_ids=IDS).logits


def test_the_adapter_is_merged_into_its_base(base: Path, tmp_path: Path) -> None:
    expected = saved_adapter(base, tmp_path / "adapter")
    found = load_model(tmp_path / "adapter", device="cpu")
    assert found.source == str(tmp_path / "adapter")
    assert not any("lora" in name for name, _ in found.model.named_modules())
    again = load_model(save_model(found, tmp_path / "saved"), device="cpu")
    original = load_model(base, device="cpu")
    with torch.no_grad():
        logits = found.model(input_ids=IDS).logits
        assert torch.allclose(logits, expected, atol=1e-4)
        assert torch.equal(again.model(input_ids=IDS).logits, logits)
        assert not torch.allclose(original.model(input_ids=IDS).logits, logits, atol=1e-2)


def named(directory: Path, base: str | None) -> None:
    path = directory / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "base_model_name_or_path": base}))


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda a: named(a, "no/such/base"), "with base 'no/such/base'.*no such directory"),
        (lambda a: named(a, str(a)), "refers back to it"),
        (lambda a: named(a, None), "base_model_name_or_path is missing"),
        (lambda a: (a / "adapter_config.json").write_text("{"), "is not JSON"),
        (lambda a: (a / "adapter_model.safetensors").unlink(), "has no adapter_model"),
        (
            lambda a: (a / "adapter_model.safetensors").rename(a / "adapter_model.bin"),
            "pickled, which can run code",
        ),
        (
            lambda a: (a / "adapter_model.safetensors").write_bytes(b"\xff" * 100),
            "cannot be loaded",
        ),
    ],
)
def test_adapters_that_cannot_be_used(base: Path, tmp_path: Path, damage, message) -> None:
    saved_adapter(base, tmp_path / "adapter")
    damage(tmp_path / "adapter")
    with pytest.raises(InputError, match=message):
        load_model(tmp_path / "adapter", device="cpu")


def test_a_trained_prompt_is_no_change_of_weights(base: Path, tmp_path: Path) -> None:
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32),
        PromptTuningConfig(task_type="CAUSAL_LM", num_virtual_tokens=2),
    )
    model.save_pretrained(tmp_path / "adapter")
    with pytest.raises(InputError, match="PROMPT_TUNING cannot be merged"):
        load_model(tmp_path / "adapter", device="cpu")


def test_peft_is_not_installed(base: Path, tmp_path: Path, monkeypatch) -> None:
    saved_adapter(base, tmp_path / "adapter")
    monkeypatch.setitem(sys.modules, "peft", None)
    with pytest.raises(InputError, match="needs peft: pip install"):
        load_model(tmp_path / "adapter", device="cpu")


def test_another_base_is_another_input(base: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    saved_adapter(base, adapter)
    names = [str(adapter), "smollm2"]
    (name,) = before = fingerprint_inputs(names)
    assert fingerprint_inputs(names) == before
    save_tiny("gpt2", base)
    assert fingerprint_inputs(names)[name] != before[name]
