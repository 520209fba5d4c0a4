"""GGUF files that transformers reads differently from llama.cpp are corrected or refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf
from gguf import MODEL_ARCH, GGUFReader, GGUFValueType, GGUFWriter, get_tensor_name_map

from fairforget import InputError, export, load_model, save_model
from fairforget.data.locate import cache_directory
from fairforget.models.gguf_export.vocabulary import add_vocabulary
from fairforget.models.gguf_import import convert
from fairforget.models.gguf_import.gemma import set_attention_scalar
from fairforget.models.gguf_import.header import GGUFContents, check_gguf
from fairforget.models.gguf_import.rope import set_rope_base
from fairforget.models.gguf_import.settings import set_ignored_settings
from fairforget.models.language_model import LanguageModel

from . import llama_cpp
from .gguf_files import IDS, LLAMA3, close_file, gemma3, log_probs, open_file
from .models import _common, save_tiny, tiny, tiny_model, word_tokenizer

TYPES = {str: GGUFValueType.STRING, float: GGUFValueType.FLOAT32, int: GGUFValueType.UINT32}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRFORGET_CACHE", str(tmp_path / "cache"))


def rewrite(
    source: Path,
    *,
    keep: Callable[[str], bool] = lambda _: True,
    add: dict[str, np.ndarray] | None = None,
    **values: str | float,
) -> Path:
    """A copy with other tensors and metadata; in keys, "__" is a dot, ARCH the architecture."""
    reader = GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    path = source.with_name("rewritten.gguf")
    writer = GGUFWriter(path, architecture)
    changed = {k.replace("__", ".").replace("ARCH", architecture): v for k, v in values.items()}
    for key, field in reader.fields.items():
        if not key.startswith("GGUF.") and key not in ("general.architecture", *changed):
            inner = field.types[-1] if len(field.types) > 1 else None
            writer.add_key_value(key, field.contents(), field.types[0], inner)
    for key, value in changed.items():
        writer.add_key_value(key, value, TYPES[type(value)])
    tensors = {t.name: np.array(t.data) for t in reader.tensors if keep(t.name)}
    for name, tensor in {**tensors, **(add or {})}.items():
        writer.add_tensor(name, tensor)
    close_file(writer)
    return path


def starcoder2_file(path: Path, model: hf.Starcoder2ForCausalLM) -> Path:
    """As llama.cpp's converter writes it."""
    config = model.config
    writer = open_file(path, "starcoder2", config)
    writer.add_layer_norm_eps(config.norm_epsilon)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    add_vocabulary(writer, word_tokenizer(), config.vocab_size, "starcoder2")
    names = get_tensor_name_map(MODEL_ARCH.STARCODER2, config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        known = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if name != "lm_head.weight":  # tied
            writer.add_tensor(known, tensor.numpy())
    close_file(writer)
    return path


def nemotron_file(path: Path, model: hf.NemotronForCausalLM) -> Path:
    """As llama.cpp's converter writes it: norms are stored plus one."""
    config = model.config
    writer = open_file(path, "nemotron", config)
    writer.add_layer_norm_eps(config.norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    writer.add_rope_dimension_count(
        int(config.head_dim * config.rope_parameters["partial_rotary_factor"])
    )
    add_vocabulary(writer, word_tokenizer(), config.vocab_size, "nemotron")
    names = get_tensor_name_map(MODEL_ARCH.NEMOTRON, config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        more = float("norm" in name and name.endswith("weight"))
        known = names.get_name(name, try_suffixes=(".weight", ".bias"))
        writer.add_tensor(known, (tensor + more).numpy())
    close_file(writer)
    return path


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    return export(save_tiny("llama", tmp_path / "model"), tmp_path / "plain.gguf", type="f32")


YARN = {"ARCH__rope__scaling__original_context_length": 64}


@pytest.mark.parametrize(
    ("family", "kind", "more", "tolerance"),
    [
        ("llama", "linear", {}, 1e-4),
        ("llama", "yarn", YARN, 1e-4),
        ("qwen2", "yarn", YARN, 1e-4),
        ("qwen2", "linear", {}, 1e-4),
        ("gemma3", "linear", {}, 0.02),
    ],
)
def test_scaled_rotary_embeddings_are_those_of_llama_cpp(
    tmp_path: Path, family: str, kind: str, more: dict[str, int], tolerance: float
) -> None:
    made = gemma3() if family == "gemma3" else tiny_model(family)
    save_model(made, tmp_path / "model")
    original = export(tmp_path / "model", tmp_path / "plain.gguf", type="f32")
    path = rewrite(
        original, ARCH__rope__scaling__type=kind, ARCH__rope__scaling__factor=4.0, **more
    )
    found = log_probs(load_model(path, device="cpu"))
    assert np.abs(found - log_probs(made)).max() > 10 * tolerance
    np.testing.assert_allclose(found, llama_cpp.log_probs(path, IDS), atol=tolerance)


def test_the_scaling_of_llama3_is_recovered_from_its_factors(tmp_path: Path) -> None:
    config = hf.LlamaConfig(**_common(num_key_value_heads=2, rope_parameters=LLAMA3))
    model = hf.LlamaForCausalLM(config).eval()
    model.load_state_dict(tiny("llama").state_dict())
    made = LanguageModel(model, word_tokenizer(), "a", "causal", "<|endoftext|>")
    save_model(made, tmp_path / "model")
    path = export(tmp_path / "model", tmp_path / "a.gguf", type="f32")
    back = load_model(path, device="cpu")
    np.testing.assert_allclose(log_probs(back), log_probs(made), atol=1e-5)
    np.testing.assert_allclose(log_probs(back), llama_cpp.log_probs(path, IDS), atol=1e-4)
    assert back.model.config.rope_parameters["factor"] == 8


def test_the_absence_of_scaling_may_be_written_down(plain: Path) -> None:
    ones = {"rope_freqs.weight": np.ones(4, np.float32)}
    path = rewrite(plain, add=ones, llama__rope__scaling__type="none")
    found, expected = load_model(path, device="cpu"), load_model(plain, device="cpu")
    np.testing.assert_array_equal(log_probs(found), log_probs(expected))


@pytest.mark.parametrize(
    ("values", "add", "message"),
    [
        (
            {"type": "longrope", "factor": 4.0},
            (),
            "rotary embeddings cannot be converted .*type = longrope",
        ),
        ({"type": "linear", "factor": 4.0, "attn_factor": 1.5}, (), "attn_factor = 1.5"),
        ({"type": "yarn", "factor": 4.0, "yarn_beta_fast": 8.0}, (), "yarn_beta_fast = 8"),
        ({}, ("rope_factors_long.weight", [2, 2, 2, 2]), "rope_factors_long"),
        (
            {},
            ("rope_freqs.weight", [1, 5, 2, 3]),
            "rotary embeddings cannot be converted .rope_freqs.weight",
        ),
        ({"factor": 4.0}, ("rope_freqs.weight", [1, 1, 8, 8]), "and linear scaling"),
    ],
)
def test_other_scalings_are_refused(plain: Path, values, add, message: str) -> None:
    path = rewrite(
        plain,
        add={add[0]: np.array(add[1], np.float32)} if add else {},
        **{f"llama__rope__scaling__{key}": value for key, value in values.items()},
    )
    with pytest.raises(InputError, match=rf"{message}.*give the transformers checkpoint"):
        load_model(path, device="cpu")


def test_the_base_of_the_rotary_frequencies_of_starcoder2_is_that_of_the_file(
    tmp_path: Path,
) -> None:
    common = _common(num_key_value_heads=2, rope_parameters={"rope_theta": 1e6})
    config = hf.Starcoder2Config(**common, bias=True)
    torch.manual_seed(0)
    model = hf.Starcoder2ForCausalLM(config).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    made = LanguageModel(model, word_tokenizer(), "a", "causal", "<|endoftext|>")
    path = starcoder2_file(tmp_path / "a.gguf", model)
    found = load_model(path, device="cpu")
    assert found.model.config.rope_parameters["rope_theta"] == 1e6
    np.testing.assert_allclose(log_probs(found), log_probs(made), atol=1e-5)


@pytest.mark.parametrize(("epsilon", "rotated"), [(1e-5, 0.5), (1e-2, 0.5), (1e-5, 0.25)])
def test_the_epsilon_and_the_rotated_dimensions_of_nemotron_are_those_of_the_file(
    tmp_path: Path, epsilon: float, rotated: float
) -> None:
    rope = {"rope_type": "default", "rope_theta": 1e4, "partial_rotary_factor": rotated}
    common = _common(num_key_value_heads=2, norm_eps=epsilon, rope_parameters=rope)
    torch.manual_seed(0)
    model = hf.NemotronForCausalLM(hf.NemotronConfig(**common)).eval()
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    made = LanguageModel(model, word_tokenizer(), "a", "causal", "<|endoftext|>")
    path = nemotron_file(tmp_path / "a.gguf", model)
    np.testing.assert_allclose(
        log_probs(load_model(path, device="cpu")), log_probs(made), atol=1e-4
    )
    np.testing.assert_allclose(llama_cpp.log_probs(path, IDS), log_probs(made), atol=1e-4)


@pytest.mark.parametrize(
    ("config", "setting", "name"),
    [
        (hf.GPT2Config(), "gpt2.context_length", "n_positions"),
        (hf.FalconConfig(), "falcon.attention.layer_norm_epsilon", "layer_norm_epsilon"),
        (hf.Lfm2Config(), "lfm2.attention.layer_norm_rms_epsilon", "norm_eps"),
        (hf.Gemma2Config(), "gemma2.attn_logit_softcapping", "attn_logit_softcapping"),
        (hf.Gemma2Config(), "gemma2.final_logit_softcapping", "final_logit_softcapping"),
    ],
)
def test_settings_of_a_file_replace_the_default_of_transformers(
    config: hf.PretrainedConfig, setting: str, name: str
) -> None:
    default = getattr(config, name)
    rounded, other = type(default)(np.float32(default)), type(default)(default / 2)
    for value, expected in ((rounded, default), (other, other)):
        values = {"general.architecture": setting.partition(".")[0], setting: value}
        set_ignored_settings(config, GGUFContents(0, 0, values, {}), Path("a.gguf"))
        assert getattr(config, name) == expected


def test_falcon_mamba_is_refused(plain: Path) -> None:
    path = rewrite(plain, mamba__ssm__dt_b_c_rms=1)
    with pytest.raises(InputError, match=r"Falcon-Mamba .*give the transformers checkpoint"):
        load_model(path, device="cpu")


@pytest.mark.parametrize("base", [10_000.0, 500_000.0])
def test_the_base_of_the_rotary_frequencies_of_gemma3_is_that_of_full_attention(
    base: float,
) -> None:
    config = hf.Gemma3TextConfig()
    values = {"general.architecture": "gemma3", "gemma3.rope.freq_base": base}
    set_rope_base(config, GGUFContents(0, 0, values, {}), Path("a.gguf"))
    assert config.rope_parameters["full_attention"]["rope_theta"] == base
    assert config.rope_parameters["sliding_attention"]["rope_theta"] == 10_000


@pytest.mark.parametrize(("config", "base"), [(hf.GPT2Config(), 1e6), (hf.LlamaConfig(), "many")])
def test_a_base_without_rotary_embeddings_is_refused(
    config: hf.PretrainedConfig, base: float | str
) -> None:
    values = {"general.architecture": "a", "a.rope.freq_base": base}
    with pytest.raises(InputError, match=rf"a\.rope\.freq_base = {base}.*transformers checkpoint"):
        set_rope_base(config, GGUFContents(0, 0, values, {}), Path("a.gguf"))


def test_llama_cpp_scales_the_attention_of_gemma3_27b_so(tmp_path: Path) -> None:
    made = gemma3(num_hidden_layers=62, head_dim=16, query_pre_attn_scalar=8)
    save_model(made, tmp_path / "model")
    path = export(tmp_path / "model", tmp_path / "a.gguf", type="f32")
    expected = log_probs(made)
    np.testing.assert_allclose(llama_cpp.log_probs(path, IDS), expected, atol=0.05)
    config = hf.AutoConfig.from_pretrained(tmp_path, gguf_file=path.name)  # weights take minutes
    assert config.query_pre_attn_scalar != 8
    set_attention_scalar(config, check_gguf(path))
    assert config.query_pre_attn_scalar == 8  # 32 dimensions in 4 heads
    for layer in made.model.model.layers:
        layer.self_attn.scaling = 16**-0.5
    assert np.abs(log_probs(made) - expected).max() > 0.2


@pytest.mark.parametrize(
    ("architecture", "layers", "size", "dimension", "scalar"),
    [
        ("gemma2", 26, 2304, 256, 256),
        ("gemma2", 42, 3584, 256, 256),
        ("gemma2", 46, 4608, 128, 144),
        ("gemma3", 48, 3840, 256, 256),
        ("gemma3", 62, 5376, 128, 168),
        ("gemma3", 7, 1024, 64, 64),
        ("llama", 46, 4608, 128, None),
    ],
)
def test_the_scale_of_attention_depends_on_the_size_of_a_gemma(
    architecture: str, layers: int, size: int, dimension: int, scalar: int | None
) -> None:
    heads = {2304: 8, 3584: 16, 3840: 16, 1024: 4}.get(size, 32)
    kind = {"gemma2": hf.Gemma2Config, "gemma3": hf.Gemma3TextConfig}.get(
        architecture, hf.LlamaConfig
    )
    config = kind(
        num_hidden_layers=layers, hidden_size=size, num_attention_heads=heads, head_dim=dimension
    )
    set_attention_scalar(config, GGUFContents(0, 0, {"general.architecture": architecture}, {}))
    assert getattr(config, "query_pre_attn_scalar", None) == scalar


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"keep": lambda name: name != "blk.1.ffn_up.weight"}, "do not contain .*up_proj.weight"),
        ({"split__count": 2}, "one of 2 parts .*`llama-gguf-split --merge`"),
        (
            {"add": {"blk.2.ffn_up.weight": np.ones((64, 32), np.float32)}},
            "transformers does not load blk.2",
        ),
        (
            {"add": {"blk.0.attn_q.bias": np.ones(32, np.float32)}},
            "transformers does not load blk.0.attn_q.bias",
        ),
        (
            {
                "keep": lambda name: name != "output_norm.weight",
                "add": {"output_norm.weight": np.ones(31, np.float32)},
            },
            r"model.norm.weight has the shape \(31,\)",
        ),
    ],
)
def test_files_without_exactly_the_weights_of_the_model_are_refused(
    plain: Path, changes: dict[str, object], message: str
) -> None:
    path = rewrite(plain, **changes)
    for _ in range(2):  # nothing is cached
        with pytest.raises(InputError, match=message):
            load_model(path, device="cpu")


def test_only_the_file_itself_is_read(plain: Path, tmp_path: Path, monkeypatch) -> None:
    """Neither a file of its name in the current directory nor a tokenizer beside it."""
    expected = load_model(plain, device="cpu")
    path = tmp_path / "there" / plain.name
    path.parent.mkdir()
    shutil.copyfile(plain, path)
    (path.parent / "tokenizer.json").write_text("{")
    (path.parent / "tokenizer_config.json").write_text('{"tokenizer_class": "TokenizersBackend"}')
    (tmp_path / plain.name).write_bytes(b"GGUF, but no model")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FAIRFORGET_CACHE", str(tmp_path / "another cache"))
    found = load_model(path, device="cpu")
    assert found.tokenizer.get_vocab() == expected.tokenizer.get_vocab()
    for one, other in zip(found.model.parameters(), expected.model.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_a_killed_conversion_left_is_removed(plain: Path, tmp_path: Path) -> None:
    kept = tmp_path / "cache" / "gguf"
    left = kept / ".fairforget-0123456789abcdef-5-abcd_123"
    left.mkdir(parents=True)
    (left / "model.safetensors").write_bytes(bytes(100))
    copy = convert.convert_gguf(plain)
    assert [path for path in kept.iterdir() if path.is_dir()] == [copy]


def test_copies_of_an_earlier_converter_are_not_used(plain: Path, monkeypatch) -> None:
    monkeypatch.setattr(convert, "CONVERTER_VERSION", 1)
    old = convert.convert_gguf(plain)
    monkeypatch.undo()
    monkeypatch.setenv("FAIRFORGET_CACHE", str(old.parents[1]))
    assert convert.convert_gguf(plain) != old
    assert cache_directory() / "gguf" == old.parent
