"""What cannot be exported to GGUF is refused in one line, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import transformers as hf
from gguf import GGMLQuantizationType, GGUFWriter

from fairforget import InputError, export, save_model
from fairforget.cli import main
from fairforget.models.decoding import DECODING
from fairforget.models.gguf_export.types import encode
from fairforget.models.language_model import LanguageModel

from .models import _common, save_tiny, tiny_model, word_tokenizer


@pytest.mark.parametrize(
    ("setting", "value", "message"),
    [
        ("gguf", "a.bin", "does not end in .gguf"),
        ("gguf", "there.gguf", "there.gguf exists; choose another name"),
        ("type", "q4_k_m", "'q4_k_m' cannot be written here; .*llama-quantize"),
        ("type", "iq2_xs", "llama-quantize"),
        ("type", "int8", "'int8' is unknown; choose from f32, f16"),
        ("run", "nowhere", "nowhere has no record.json and no config.json"),
        ("template", "no.gguf", "template no.gguf: no such file"),
        ("template", "there.gguf", "there.gguf is not a GGUF file"),
    ],
)
def test_what_cannot_be_done_is_refused(
    setting: str,
    value: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    save_tiny("llama", tmp_path / "model")
    Path("there.gguf").write_bytes(b"nothing")
    given = {"run": "model", "gguf": "a.gguf"} | {setting: value}
    before = sorted(tmp_path.iterdir())
    capsys.readouterr()
    with pytest.raises(InputError, match=message):
        export(**given)
    with pytest.raises(SystemExit) as stopped:
        main(["export", given.pop("run"), *(f"--{k}={v}" for k, v in given.items())])
    assert stopped.value.code == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert sorted(tmp_path.iterdir()) == before


def test_models_that_llama_cpp_would_compute_differently_are_refused(tmp_path: Path) -> None:
    cases: dict[str, tuple[LanguageModel, str]] = {
        "family": (tiny_model("gpt_neox"), "convert_hf_to_gguf.py"),
        "gemma": (tiny_model("gemma3"), "query_pre_attn_scalar is 256, .*convert_hf_to_gguf.py"),
        "masked": (tiny_model("bert"), "needs a causal model"),
        "decoding": (tiny_model("llama"), "changes the decoding"),
        "activation": (tiny_model("llama"), "hidden_act is gelu"),
        "rope": (tiny_model("qwen2"), "rope_type is yarn"),
        "window": (tiny_model("qwen2"), "use_sliding_window is True"),
        "large": (tiny_model("llama"), "too large for f16; choose bf16"),
        "nan": (tiny_model("llama"), "not finite"),
    }
    setattr(cases["decoding"][0].model.config, DECODING, {"method": "prompt"})
    cases["activation"][0].model.config.hidden_act = "gelu"
    cases["window"][0].model.config.use_sliding_window = True
    cases["rope"][0].model.config.rope_parameters = {
        "rope_type": "yarn",
        "rope_theta": 1e4,
        "factor": 2.0,
        "original_max_position_embeddings": 128,
    }
    for name, value in (("large", 1e5), ("nan", float("nan"))):
        cases[name][0].model.get_input_embeddings().weight.data[3, 3] = value
    for name, (model, message) in cases.items():
        save_model(model, tmp_path / name)
        with pytest.raises(InputError, match=message):
            export(tmp_path / name, tmp_path / f"{name}.gguf")
    assert not list(tmp_path.glob("*.gguf"))
    assert not list(tmp_path.glob(".fairforget*"))


def test_a_template_of_another_model_is_refused(tmp_path: Path) -> None:
    llama = save_tiny("llama", tmp_path / "a")
    template = export(save_tiny("qwen2", tmp_path / "b"), tmp_path / "b.gguf")
    with pytest.raises(InputError, match="architecture 'qwen2', but the model is 'llama'"):
        export(llama, tmp_path / "a.gguf", template=template)
    small = hf.LlamaForCausalLM(hf.LlamaConfig(**_common() | {"intermediate_size": 32}))
    made = LanguageModel(small, word_tokenizer(), "a", "causal", "<|endoftext|>")
    save_model(made, tmp_path / "c")
    template = export(llama, tmp_path / "a.gguf")
    with pytest.raises(InputError, match=r"the model has no blk\.0\.attn_k"):
        export(tmp_path / "c", tmp_path / "c.gguf", template=template)


def test_a_type_of_the_template_that_cannot_be_written_names_the_tool() -> None:
    with pytest.raises(InputError, match=r"a is q6_k in the template, .*llama-quantize"):
        encode("a", np.zeros((1, 256), np.float32), GGMLQuantizationType.Q6_K)


def test_a_full_disk_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError("4096 requested and 0 written")  # as NumPy says it

    monkeypatch.setattr(GGUFWriter, "write_tensor_data", full)
    directory = save_tiny("llama", tmp_path / "model")
    capsys.readouterr()
    with pytest.raises(SystemExit) as stopped:
        main(["export", str(directory), "--gguf", str(tmp_path / "a.gguf")])
    assert stopped.value.code == 2
    assert "a.gguf: No space left on device; free some" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
