"""Models written as GGUF files, read again here and by llama.cpp."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf
from hypothesis import given
from hypothesis import strategies as st
from transformers.modeling_gguf_pytorch_utils import LlamaTensorProcessor

from fairforget import InputError, export, load_model, save_model
from fairforget.methods.erasure import untie_head
from fairforget.models import language_model
from fairforget.models.gguf_export.layout import interleave
from fairforget.models.gguf_export.types import FILE_TYPES
from fairforget.models.inputs import hash_model
from fairforget.models.language_model import LanguageModel
from fairforget.records.paths import RECORD, SETTINGS

from . import llama_cpp
from .gguf_files import IDS, LLAMA3, check_gemma, gemma3, kinds, log_probs, tensors
from .models import SENTENCES, _common, save_tiny, tiny_model, word_tokenizer
from .report.runs import write_unlearning

HEAD = "output.weight"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRFORGET_CACHE", str(tmp_path / "cache"))


def special(family: str) -> LanguageModel:
    """A model with what the plain ones lack."""
    common = _common(num_key_value_heads=2)
    torch.manual_seed(0)
    if family == "qwen3":
        model: hf.PreTrainedModel = hf.Qwen3ForCausalLM(hf.Qwen3Config(**common, head_dim=16))
    else:
        model = hf.LlamaForCausalLM(
            hf.LlamaConfig(
                **common,
                rope_parameters=LLAMA3,
                attention_bias=True,
                mlp_bias=True,
                tie_word_embeddings=True,
            )
        )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, mean=float(parameter.dim() == 1), std=0.2)
    return LanguageModel(model.eval(), word_tokenizer(), family, "causal", "<|endoftext|>")


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_a_file_gives_the_same_log_probabilities(family: str, tmp_path: Path) -> None:
    directory = save_tiny(family, tmp_path / "model")
    path = export(directory, tmp_path / "a.gguf", type="f32")
    back = load_model(path)
    np.testing.assert_allclose(log_probs(back), log_probs(load_model(directory)), atol=1e-5)
    text = "Women are late, I've 12 bridges."
    assert back.tokenizer(text)["input_ids"] == word_tokenizer()(text)["input_ids"]


def test_a_run_whose_tokenizer_names_no_start_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(language_model, "DOCUMENT_SEPARATOR", "<none>")
    tokenizer = word_tokenizer()
    tokenizer.bos_token = tokenizer.eos_token = tokenizer.cls_token = None
    record = write_unlearning(tmp_path / "run", measured=False) / RECORD
    save_model(replace(tiny_model("llama"), tokenizer=tokenizer), tmp_path / "run" / "model")
    record.write_text(record.read_text().replace('"<s>"', '"<|endoftext|>"'))
    export(tmp_path / "run", tmp_path / "a.gguf", type="f32")


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "llama 3.1"])
def test_llama_cpp_predicts_the_same(family: str, tmp_path: Path) -> None:
    made = tiny_model(family) if family in ("llama", "qwen2") else special(family)
    save_model(made, tmp_path / "model")
    path = export(tmp_path / "model", tmp_path / "a.gguf", type="f32")
    found, expected = llama_cpp.log_probs(path, IDS), log_probs(made)
    np.testing.assert_array_equal(found.argmax(-1), expected.argmax(-1))
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_template_that_is_not_the_file_of_the_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a file of the same name in another directory."""
    monkeypatch.chdir(tmp_path)
    directory = save_tiny("llama", tmp_path / "plain")
    source = export(directory, "model.gguf", type="f32")
    record = write_unlearning(tmp_path / "run", measured=False) / RECORD
    text = record.read_text().replace('"tiny"', f'"{source}"').replace('"<s>"', '"<|endoftext|>"')
    record.write_text(text)
    save_model(load_model(source), tmp_path / "run" / "model")
    (tmp_path / "run" / SETTINGS).write_text(
        json.dumps({f"content of {source}": hash_model(source)})
    )
    export("run", "same.gguf")
    (tmp_path / "model.gguf").unlink()
    export(save_tiny("llama", tmp_path / "other", seed=1), "model.gguf", type="f32")
    with pytest.raises(InputError, match="is not the file that the run started from"):
        export("run", "changed.gguf")
    export("run", "changed.gguf", template="model.gguf")


@given(st.integers(1, 5), st.integers(1, 4), st.sampled_from([(), (3,)]))
def test_interleaving_is_the_inverse_of_what_transformers_does(
    heads: int, half: int, rest: tuple[int, ...]
) -> None:
    shape = (heads * 2 * half, *rest)
    weights = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    back = LlamaTensorProcessor()._reverse_permute_weights(interleave(weights, heads), heads)
    np.testing.assert_array_equal(back, weights)


def test_q8_0_is_within_its_rounding(tmp_path: Path) -> None:
    """A step d is max |w| / 127 in each block of 32 weights.

    Rounding to the nearest step errs by at most d/2; d itself, an f16, is off by at most 2⁻¹¹ of
    it, which 127 steps multiply to 0.062 d. Nothing else may change the log-probabilities, so they
    are those of the original with weights rounded in this way.
    """
    directory = save_tiny("llama", tmp_path / "model")
    path = export(directory, tmp_path / "a.gguf", type="q8_0")
    model, back = load_model(directory), load_model(path)
    read = back.model.state_dict()
    with torch.no_grad():
        for name, weights in model.model.named_parameters():
            if weights.dim() == 1:
                assert torch.equal(read[name], weights)
                continue
            blocks = weights.reshape(-1, 32)
            step = blocks.abs().amax(1, keepdim=True) / 127
            errors = (read[name].reshape(-1, 32) - blocks).abs()
            assert (errors <= (0.5 + 127 * 2**-11) * step).all()
            assert (errors > 0).any()
            rounded = (blocks / step).round() * step.half().float()
            weights.copy_(rounded.reshape(weights.shape))
    np.testing.assert_allclose(log_probs(back), log_probs(model), atol=1e-4)


@pytest.mark.parametrize("kind", FILE_TYPES)
def test_every_type_is_within_its_rounding(kind: str, tmp_path: Path) -> None:
    """Relative to the largest weight of a block: half a step, and 10 % for the scale, an f16.

    f16 and bf16 have 11 and 8 digits. The types with four and five bits give up to a whole step at
    the end that has no level: max |w| / 8 and / 16.
    """
    bounds = {"f32": 0, "f16": 2**-11, "bf16": 2**-8, "q8_0": 1.13 / 254}
    bounds |= {"q5_1": 1.1 / 16, "q5_0": 1.1 / 16, "q4_1": 1.1 / 8, "q4_0": 1.1 / 8}
    directory = save_tiny("llama", tmp_path / "model")
    path = export(directory, tmp_path / "a.gguf", type=kind)
    exact = tensors(export(directory, tmp_path / "b.gguf", type="f32"))
    for name, weights in tensors(path).items():
        blocks, found = (part.reshape(-1, 32) for part in (exact[name], weights))
        largest = np.abs(blocks).max(1, keepdims=True)
        assert (np.abs(found - blocks) <= bounds[kind] * largest).all()
    assert kinds(path)["blk.0.attn_q.weight"] == kind.upper()
    rough = kind in ("q5_1", "q5_0", "q4_1", "q4_0")
    for name in ("token_embd.weight", HEAD):
        assert kinds(path)[name] == ("Q8_0" if rough else kind.upper())
    assert kinds(path)["blk.0.attn_norm.weight"] == "F32"
    # llama.cpp rounds the activations, too: to f16, to bf16, or to 8 bits
    apart = {"f32": 1e-4, "f16": 0.02, "bf16": 0.2}.get(kind, 0.4)
    read = log_probs(load_model(path))
    np.testing.assert_allclose(llama_cpp.log_probs(path, IDS), read, atol=apart)


def test_rows_that_fill_no_block_become_f16(tmp_path: Path) -> None:
    model = hf.LlamaForCausalLM(hf.LlamaConfig(**_common() | {"intermediate_size": 48}))
    made = LanguageModel(model, word_tokenizer(), "a", "causal", "<|endoftext|>")
    save_model(made, tmp_path / "model")
    found = kinds(export(tmp_path / "model", tmp_path / "a.gguf", type="q4_0"))
    assert found["blk.0.ffn_down.weight"] == "F16"
    assert found["blk.0.ffn_up.weight"] == "Q4_0"


@pytest.mark.parametrize("with_template", [False, True])
def test_a_head_is_written_once_it_is_untied(with_template: bool, tmp_path: Path) -> None:
    made = special("llama 3.1")
    made.model.config.rope_parameters = {"rope_type": "default", "rope_theta": 10000.0}
    save_model(made, tmp_path / "tied")
    tied = export(tmp_path / "tied", tmp_path / "tied.gguf", type="f32")
    assert HEAD not in tensors(tied)
    made = load_model(tmp_path / "tied")
    with torch.no_grad():
        untie_head(made).weight.mul_(0.5)
    save_model(made, tmp_path / "untied")
    path = export(
        tmp_path / "untied",
        tmp_path / "untied.gguf",
        type="f32",
        template=tied if with_template else None,
    )
    content = tensors(path)
    np.testing.assert_array_equal(content[HEAD], 0.5 * content["token_embd.weight"])
    np.testing.assert_allclose(llama_cpp.log_probs(path, IDS), log_probs(made), atol=1e-3)
    # the file has a head of its own, after the embeddings that are the model's head
    back = export(tmp_path / "tied", tmp_path / "back.gguf", type="f32", template=path)
    np.testing.assert_array_equal(tensors(back)[HEAD], tensors(tied)["token_embd.weight"])


def test_a_gemma_without_a_template(tmp_path: Path) -> None:
    made = gemma3()
    save_model(made, tmp_path / "model")
    path = export(tmp_path / "model", tmp_path / "a.gguf", type="f32")
    check_gemma(path, made)
    for text in SENTENCES:
        assert llama_cpp.tokens(path, text) == made.tokenizer(text)["input_ids"]
