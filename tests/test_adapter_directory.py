"""A directory with a PEFT adapter is a model."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, PromptTuningConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from fairforget.errors import InputError
from fairforget.models.adapter_directory import has_adapter
from fairforget.models.fingerprint import fingerprint
from fairforget.models.inputs import fingerprint_inputs
from fairforget.models.loading import load_model
from fairforget.models.saving import save_model
from fairforget.training.trainability import check_trainable

from .models import save_tiny

LAYERS = "base_model.model.model.layers"
IDS = torch.tensor([[0, 5, 9, 13, 17]])


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return save_tiny("llama", tmp_path / "base")


def saved_adapter(
    base: Path, directory: Path, rows: int | None = None, **settings: object
) -> torch.Tensor:
    """Write an adapter that changes something; returns the logits of the adapted model."""
    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    if rows:
        model.resize_token_embeddings(rows)
    settings = {"target_modules": "all-linear", **settings}
    model = get_peft_model(model, LoraConfig(r=4, init_lora_weights=False, **settings))
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


def test_a_directory_with_a_model_and_an_adapter_is_refused(base: Path, tmp_path: Path) -> None:
    """As merge_and_unload().save_pretrained leaves it; transformers would add the adapter again."""
    saved_adapter(base, tmp_path / "adapter")
    save_model(load_model(tmp_path / "adapter", device="cpu"), tmp_path / "both")
    for path in (tmp_path / "adapter").glob("adapter_*"):
        (tmp_path / "both" / path.name).write_bytes(path.read_bytes())
    with pytest.raises(InputError, match="has the weights of a model and an adapter"):
        load_model(tmp_path / "both", device="cpu")


def test_a_configuration_beside_an_adapter_is_no_model(base: Path, tmp_path: Path) -> None:
    saved_adapter(base, tmp_path / "adapter")
    plain = load_model(tmp_path / "adapter", device="cpu")
    (tmp_path / "adapter" / "config.json").write_text((base / "config.json").read_text())
    (tmp_path / "adapter" / "tokenizer_config.json").write_text("{}")  # without a vocabulary
    found = load_model(tmp_path / "adapter", device="cpu")
    assert fingerprint(found.model) == fingerprint(plain.model)
    assert len(found.tokenizer) == len(plain.tokenizer)


def test_a_revision_of_the_base_is_not_ignored(base: Path, tmp_path: Path) -> None:
    saved_adapter(base, tmp_path / "adapter")
    path = tmp_path / "adapter" / "adapter_config.json"
    settings = json.loads(path.read_text()) | {"revision": "step3000"}
    path.write_text(json.dumps(settings))
    load_model(tmp_path / "adapter", device="cpu")  # a directory has no revisions
    path.write_text(json.dumps(settings | {"base_model_name_or_path": "some/model"}))
    with pytest.raises(InputError, match="was trained on revision 'step3000' of 'some/model'"):
        load_model(tmp_path / "adapter", device="cpu")


@pytest.mark.parametrize("start", ["pissa", "olora"])
def test_adapters_whose_start_changes_the_base(base: Path, tmp_path: Path, start: str) -> None:
    model = AutoModelForCausalLM.from_pretrained(base)
    config = LoraConfig(r=2, target_modules=["q_proj"], init_lora_weights=start)
    adapted = get_peft_model(model, config)
    with torch.no_grad():
        for name, weights in adapted.named_parameters():
            if "lora_B" in name:
                weights.add_(0.1)
    adapted.save_pretrained(tmp_path / "adapter")
    expected = adapted.merge_and_unload().state_dict()
    found = load_model(tmp_path / "adapter", device="cpu").model.state_dict()
    for name, weights in expected.items():
        assert torch.allclose(found[name], weights, atol=1e-5), name


def test_a_model_with_a_merged_adapter_can_be_trained(base: Path, tmp_path: Path) -> None:
    saved_adapter(base, tmp_path / "adapter")
    found = load_model(tmp_path / "adapter", device="cpu")
    assert all(weights.requires_grad for weights in found.model.parameters())
    assert not has_adapter(found.model)
    check_trainable(found)


def test_an_adapter_that_is_not_merged_and_frozen_weights_are_refused(
    base: Path, tmp_path: Path
) -> None:
    saved_adapter(base, tmp_path / "adapter")
    found = load_model(base, device="cpu")
    injected = AutoModelForCausalLM.from_pretrained(tmp_path / "adapter", dtype=torch.float32)
    with pytest.raises(InputError, match="has an unmerged adapter"):
        check_trainable(replace(found, model=injected))
    with pytest.raises(InputError, match="the model has an adapter; merge it first"):
        save_model(replace(found, model=injected), tmp_path / "saved")
    found.model.requires_grad_(False)
    with pytest.raises(InputError, match="all its weights are frozen"):
        check_trainable(found)


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda w: {}, "does not contain .*lora_A.* other weights; save the adapter again"),
        (
            lambda w: {k: v for k, v in w.items() if "layers.0" in k},
            r"does not contain base_model\.model\.model\.layers\.1\..* other weights",
        ),
        (
            lambda w: {k.replace("layers", "blocks"): v for k, v in w.items()},
            r"does not contain base_model\.model\.model\.layers\.0\.",
        ),
        (
            lambda w: {**w, f"{LAYERS}.2.mlp.up_proj.lora_A.weight": torch.ones(4, 32)},
            r"its base model has no module for \S+layers\.2\.mlp.*; set the base model",
        ),
        (
            lambda w: {k: v[:2] if "lora_A" in k else v for k, v in w.items()},
            r"cannot be loaded: Error.* size mismatch for \S+: copying .*\[2, 32\]",
        ),
    ],
)
def test_weights_that_are_not_those_of_the_adapter(
    base: Path, tmp_path: Path, change, message
) -> None:
    saved_adapter(base, tmp_path / "adapter")
    path = tmp_path / "adapter/adapter_model.safetensors"
    save_file(change(load_file(path)), path)
    with pytest.raises(InputError, match=message):
        load_model(tmp_path / "adapter", device="cpu")


@pytest.mark.parametrize(
    "settings",
    [
        {"target_modules": ["q_proj"], "use_dora": True},
        {"target_modules": ["embed_tokens", "lm_head"]},
        {"target_modules": ["q_proj"], "modules_to_save": ["lm_head"]},
        {"target_modules": ["q_proj"], "trainable_token_indices": [1, 2]},
    ],
)
def test_adapters_with_other_weights(base: Path, tmp_path: Path, settings) -> None:
    expected = saved_adapter(base, tmp_path / "adapter", **settings)
    found = load_model(tmp_path / "adapter", device="cpu")
    with torch.no_grad():
        assert torch.allclose(found.model(input_ids=IDS).logits, expected, atol=1e-4)


TEMPLATE = "{{ messages[0]['content'] }}"


def extended(base: Path, directory: Path, tokens: int) -> int:
    """Save a tokenizer with a chat template and further tokens; returns its number of tokens."""
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.add_tokens([f"<new{number}>" for number in range(tokens)])
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(directory)
    return len(tokenizer)


def test_the_tokenizer_of_the_adapter_replaces_that_of_the_base(base: Path, tmp_path: Path) -> None:
    saved_adapter(base, tmp_path / "adapter")
    assert load_model(tmp_path / "adapter", device="cpu").tokenizer.chat_template is None
    extended(base, tmp_path / "adapter", 3)
    with pytest.raises(InputError, match="start token '<new9>' is not in the vocabulary"):
        load_model(tmp_path / "adapter", device="cpu", start_token="<new9>")
    found = load_model(tmp_path / "adapter", device="cpu", start_token="<new2>")
    assert found.tokenizer.chat_template == TEMPLATE
    assert found.start_token == "<new2>"


def test_the_base_needs_no_start_token(base: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("fairforget.models.language_model.DOCUMENT_SEPARATOR", "<none>")
    saved_adapter(base, tmp_path / "adapter")
    extended(base, tmp_path / "adapter", 3)
    for directory in (base, tmp_path / "adapter"):
        path = directory / "tokenizer_config.json"
        roles = ("bos_token", "eos_token", "cls_token")
        settings = json.loads(path.read_text()) | dict.fromkeys(roles, "<|im_end|>")
        path.write_text(json.dumps(settings))
    with pytest.raises(InputError, match="adapter': its tokenizer has no start token"):
        load_model(tmp_path / "adapter", device="cpu")
    found = load_model(tmp_path / "adapter", device="cpu", start_token="<new2>")
    assert found.start_token == "<new2>"


@pytest.mark.parametrize("family", ["llama", "gpt2"])  # of its own head, and of a tied one
def test_embeddings_of_added_tokens_are_those_of_the_adapter(tmp_path: Path, family: str) -> None:
    base = save_tiny(family, tmp_path / "base")
    tokens = extended(base, tmp_path / "adapter", 100)
    saved_adapter(base, tmp_path / "adapter")
    with pytest.raises(InputError, match=f"has {tokens} tokens, but there are only 400 embeddings"):
        load_model(tmp_path / "adapter", device="cpu")
    expected = saved_adapter(base, tmp_path / "adapter", rows=tokens)
    found = load_model(tmp_path / "adapter", device="cpu")
    with torch.no_grad():
        logits = found.model(input_ids=IDS).logits
    assert logits.shape[-1] == len(found.tokenizer) == found.model.config.vocab_size == tokens
    assert torch.allclose(logits, expected, atol=1e-4)


def test_resized_embeddings_without_their_head_are_refused(base: Path, tmp_path: Path) -> None:
    saved_adapter(base, tmp_path / "adapter", rows=410)
    path = tmp_path / "adapter/adapter_model.safetensors"
    save_file({k: v for k, v in load_file(path).items() if "lm_head.weight" not in k}, path)
    with pytest.raises(InputError, match="410 embeddings, but no output head for them"):
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
    with pytest.raises(InputError, match="needs peft: in the clone of FairForget, pip install"):
        load_model(tmp_path / "adapter", device="cpu")


def test_another_base_is_another_input(base: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    saved_adapter(base, adapter)
    names = [str(adapter), "smollm2"]
    (name,) = before = fingerprint_inputs(names)
    assert fingerprint_inputs(names) == before
    save_tiny("gpt2", base)
    assert fingerprint_inputs(names)[name] != before[name]
