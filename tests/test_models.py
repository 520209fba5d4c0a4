"""Loading and saving."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertForPreTraining,
    PreTrainedTokenizerFast,
    RwkvConfig,
    RwkvForCausalLM,
)

from fairforget.errors import InputError
from fairforget.forward.causality import looks_ahead
from fairforget.forward.probes import agree
from fairforget.models.encoding import encode_texts
from fairforget.models.fingerprint import fingerprint
from fairforget.models.inputs import fingerprint_inputs
from fairforget.models.language_model import select_start_token
from fairforget.models.loading import load_model
from fairforget.models.saving import save_model
from fairforget.scoring.causal import token_log_probs

from .models import (
    CAUSAL,
    CAUSAL_WITHOUT_PADDING,
    MASKED,
    VOCABULARY,
    WHOLE,
    _common,
    masked_tokenizer,
    save_tiny,
    tiny,
    tiny_model,
    word_tokenizer,
)


@pytest.mark.parametrize("family", CAUSAL)
def test_saved_models_give_the_same_logits_in_plain_transformers(tmp_path, family) -> None:
    ours = load_model(save_tiny(family, tmp_path / "given"))
    again = save_model(ours, tmp_path / "saved")
    plain = AutoModelForCausalLM.from_pretrained(again, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(again)
    ids = torch.tensor([tokenizer("They are late.", add_special_tokens=False)["input_ids"]])
    with torch.no_grad():
        assert torch.equal(ours.model(input_ids=ids).logits, plain(input_ids=ids).logits)


def test_a_saved_model_can_be_read_by_all_that_can_read_other_files(model, tmp_path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "file").touch()
    saved = save_model(load_model(model, device="cpu"), tmp_path / "saved")
    assert saved.stat().st_mode == other.stat().st_mode
    modes = {path.name: path.stat().st_mode for path in saved.iterdir()}
    assert modes["model.safetensors"] == (other / "file").stat().st_mode
    assert len({*modes.values()}) == 1


def test_saving_replaces_what_was_there(tmp_path: Path) -> None:
    model = load_model(save_tiny("gpt2", tmp_path / "given"))
    save_model(model, tmp_path / "saved")
    (tmp_path / "saved" / "vocab.txt").touch()
    save_model(model, tmp_path / "saved")
    assert not (tmp_path / "saved" / "vocab.txt").exists()
    (tmp_path / "saved" / ".git").mkdir()
    with pytest.raises(InputError, match=r"contains a model and \.git, which would be lost"):
        save_model(model, tmp_path / "saved")
    (tmp_path / "saved" / ".git").rmdir()
    for name in ("train.py", "results.json", "notes.txt"):
        (tmp_path / "saved" / name).touch()
        with pytest.raises(InputError, match=f"contains a model and {name}, which would be lost"):
            save_model(model, tmp_path / "saved")
        (tmp_path / "saved" / name).unlink()
    assert (tmp_path / "saved" / "config.json").exists()
    (tmp_path / "given" / "config.json").unlink()
    with pytest.raises(InputError, match="contains no model"):  # it might be anything
        save_model(model, tmp_path / "given")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["given", "saved"]


def test_a_model_is_saved_in_an_empty_directory(tmp_path: Path) -> None:
    model = load_model(save_tiny("gpt2", tmp_path / "given"))
    (tmp_path / "empty").mkdir()
    saved = save_model(model, tmp_path / "empty")
    assert (saved / "config.json").is_file()
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="contains no model"):
        save_model(model, tmp_path / "file")


def test_a_link_to_a_model_stays(tmp_path: Path) -> None:
    model = load_model(save_tiny("gpt2", tmp_path / "given"))
    disk, link = tmp_path / "disk", tmp_path / "link"
    disk.mkdir()
    link.symlink_to(disk)
    for _ in range(2):
        assert save_model(model, link) == link
    assert link.is_symlink()
    assert (disk / "config.json").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["disk", "given", "link"]


def test_several_chat_templates_are_saved_and_replaced(tmp_path: Path) -> None:
    model = load_model(save_tiny("llama", tmp_path / "given"))
    model.tokenizer.chat_template = {"default": "{{ messages }}", "tools": "{{ tools }}"}
    for _ in range(2):
        saved = save_model(model, tmp_path / "saved")
    assert AutoTokenizer.from_pretrained(saved).chat_template == model.tokenizer.chat_template


def test_a_model_that_cannot_be_put_in_place_leaves_the_old_one(
    tmp_path: Path, monkeypatch
) -> None:
    model = load_model(save_tiny("gpt2", tmp_path / "given"))
    saved = save_model(model, tmp_path / "saved")
    rename, renamed = Path.rename, []

    def once(self: Path, target: Path) -> Path:
        renamed.append(target)
        if len(renamed) == 2:
            raise PermissionError("no")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", once)
    with pytest.raises(PermissionError):
        save_model(model, saved)
    assert (saved / "config.json").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["given", "saved"]


@pytest.mark.parametrize("longest", [[], 0, -1, math.nan])
def test_a_tokenizer_without_a_number_for_its_longest_input_is_refused(
    tmp_path: Path, longest: object
) -> None:
    directory = save_tiny("gpt2", tmp_path / "given")
    path = directory / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_max_length": longest}))
    with pytest.raises(
        InputError, match=r"model_max_length of its tokenizer is .*; it must be a number"
    ):
        load_model(directory)


def test_a_tokenizer_may_take_inputs_of_any_length(tmp_path: Path) -> None:
    directory = save_tiny("gpt2", tmp_path / "given")
    path = directory / "tokenizer_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "model_max_length": math.inf}))
    assert load_model(directory).longest_input == 256


@pytest.mark.parametrize("family", MASKED)
def test_a_masked_model_takes_the_longest_input_and_no_longer_one(family: str) -> None:
    model = tiny_model(family)
    longest = model.longest_input
    with torch.no_grad():
        model.model(input_ids=torch.full((1, longest), 7))
        with pytest.raises((IndexError, RuntimeError)):
            model.model(input_ids=torch.full((1, longest + 1), 7))


def edit_config(directory: Path, **changes: object) -> None:
    """Change settings of a saved model; None removes one."""
    path = directory / "config.json"
    settings = {**json.loads(path.read_text()), **changes}
    path.write_text(json.dumps({k: v for k, v in settings.items() if v is not None}))


@pytest.mark.parametrize("family", MASKED)
def test_an_encoder_without_architectures_is_a_masked_model(tmp_path: Path, family: str) -> None:
    directory = save_tiny(family, tmp_path / "given")
    edit_config(directory, architectures=None)
    assert load_model(directory).kind == "masked"


@pytest.mark.parametrize("family", CAUSAL)
def test_a_causal_model_needs_no_architectures(tmp_path: Path, family: str) -> None:
    directory = save_tiny(family, tmp_path / "given")
    edit_config(directory, architectures=None)
    assert load_model(directory).kind == "causal"


@pytest.mark.parametrize("family", [*CAUSAL, *CAUSAL_WITHOUT_PADDING, *WHOLE])
def test_no_causal_model_looks_ahead(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[bool | None] = []

    def watch(*args: Any) -> bool | None:
        found.append(agree(*args))
        return found[-1]

    monkeypatch.setattr("fairforget.forward.causality.agree", watch)
    assert not looks_ahead(tiny(family))
    assert found == [True]


def test_a_model_that_sees_later_tokens_is_not_causal(tmp_path: Path) -> None:
    """As BERT's next-token head does without a mask, and XLNet by design."""
    directory = save_tiny("bert", tmp_path / "given")
    edit_config(directory, architectures=["BertLMHeadModel"])
    with pytest.raises(InputError, match="predicts a token from later ones, so it is not a"):
        load_model(directory)


def test_a_deep_rwkv_is_saved_as_it_was(tmp_path: Path) -> None:
    """transformers would divide the weights of its later blocks at the first use."""
    torch.manual_seed(0)
    deep = RwkvForCausalLM(
        RwkvConfig(
            vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=8, attention_hidden_size=32
        )
    )
    deep.save_pretrained(tmp_path / "given")
    word_tokenizer().save_pretrained(tmp_path / "given")
    model, texts = load_model(tmp_path / "given"), [[0, 5, 9, 2, 7]]
    before = token_log_probs(model.model, texts)
    again = load_model(save_model(model, tmp_path / "saved"))
    assert token_log_probs(again.model, texts)[0] == pytest.approx(before[0], abs=1e-5)
    assert fingerprint(again.model) == fingerprint(load_model(tmp_path / "given").model)


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    directory = save_tiny("gpt2", tmp_path / "given")
    larger = Tokenizer(WordLevel({str(number): number for number in range(1000)}, unk_token="0"))
    PreTrainedTokenizerFast(tokenizer_object=larger).save_pretrained(directory)
    with pytest.raises(
        InputError, match=r"tokenizer has 1000 tokens, but the model has only \d+ embed"
    ):
        load_model(directory)


def test_a_tokenizer_may_have_added_tokens_that_are_not_used(tmp_path: Path) -> None:
    directory = save_tiny("gpt2", tmp_path / "given")
    tokenizer = AutoTokenizer.from_pretrained(directory)
    tokenizer.add_tokens([f"<unused {number}>" for number in range(100)])
    tokenizer.save_pretrained(directory)
    loaded = load_model(directory)
    assert len(loaded.tokenizer) > loaded.model.config.vocab_size
    with pytest.raises(InputError, match="no embedding for the start token '<unused 99>'; choose"):
        load_model(directory, start_token="<unused 99>")
    used = encode_texts(loaded, ["the woman", "the <unused 99> woman"])
    assert len(token_log_probs(loaded.model, used[:1])) == 1
    with pytest.raises(InputError, match=r"'<unused 99>', a token that model .* has no embedding"):
        token_log_probs(loaded.model, used)


def test_a_model_with_code_of_its_own_names_the_flag(tmp_path: Path) -> None:
    directory = save_tiny("llama", tmp_path / "given")
    classes = {"AutoConfig": "mine.Config", "AutoModelForCausalLM": "mine.Model"}
    config = json.loads((directory / "config.json").read_text())
    (directory / "config.json").write_text(
        json.dumps(config | {"auto_map": classes, "model_type": "mine"})
    )
    (directory / "mine.py").write_text("raise RuntimeError")
    with pytest.raises(InputError, match=r"if you trust it, add --trust_remote_code$"):
        load_model(directory)


def test_names_of_models_may_start_with_the_home_directory(tmp_path: Path, monkeypatch) -> None:
    save_tiny("llama", tmp_path / "given")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load_model("~/given").source == str(tmp_path / "given")
    assert fingerprint_inputs(["~/given"])


@pytest.mark.parametrize("role", ["mask", "sep"])
def test_a_masked_model_without_its_tokens_is_refused(tmp_path: Path, role: str) -> None:
    directory = save_tiny("bert", tmp_path / "given")
    path = directory / "tokenizer_config.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({k: v for k, v in settings.items() if k != f"{role}_token"}))
    with pytest.raises(InputError, match=f"its tokenizer has no {role} token"):
        load_model(directory)


def test_masked_models_are_recognised(tmp_path: Path) -> None:
    assert load_model(save_tiny("bert", tmp_path / "bert")).kind == "masked"
    assert load_model(save_tiny("gpt2", tmp_path / "gpt2")).kind == "causal"


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: None, "no config.json"),
        (lambda p: (p / "config.json").write_text("{}"), "cannot be loaded"),
        (lambda p: (p / "config.json").write_text("{"), "cannot be loaded"),
        (
            lambda p: (p / "config.json").write_text('{"model_type": "vit"}'),
            "give a causal or masked",
        ),
    ],
)
def test_directories_that_hold_no_model(tmp_path, make, message) -> None:
    make(tmp_path)
    with pytest.raises(InputError, match=message):
        load_model(tmp_path)


def test_a_file_of_weights_is_no_model(tmp_path: Path, capsys) -> None:
    weights = save_tiny("gpt2", tmp_path / "model") / "model.safetensors"
    capsys.readouterr()
    with pytest.raises(InputError, match="is a file; give the directory of the model"):
        load_model(weights)
    assert capsys.readouterr().err == ""


def test_damaged_weights(tmp_path: Path) -> None:
    directory = save_tiny("gpt2", tmp_path / "given")
    (directory / "model.safetensors").write_bytes(b"\xff" * 100)
    with pytest.raises(InputError, match="given"):
        load_model(directory)


def rewrite(
    directory: Path,
    change: Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]],
    **settings: object,
) -> None:
    """Change the weights and the settings of a saved model."""
    weights, config = directory / "model.safetensors", directory / "config.json"
    save_file(change(load_file(weights)), weights, metadata={"format": "pt"})
    config.write_text(json.dumps({**json.loads(config.read_text()), **settings}))


UP = "model.layers.1.mlp.up_proj.weight"


@pytest.mark.parametrize(
    ("change", "settings", "message"),
    [
        (
            lambda w: {k: v for k, v in w.items() if k != UP},
            {},
            f"its files do not contain {UP}; download it again",
        ),
        (
            lambda w: {k.replace("layers", "blocks"): v for k, v in w.items()},
            {},
            r"do not contain model\.layers\.0\.\S+ and 17 other weights",
        ),
        (lambda w: w, {"num_hidden_layers": 3}, "do not contain model.layers.2.* 8 other weights"),
        (
            lambda w: w,
            {"num_hidden_layers": 1},
            "its files contain model.layers.1.* 8 other weights",
        ),
        (
            lambda w: {**w, "model.layers.0.mlp.up_proj.bias": torch.ones(64)},
            {},
            "model.layers.0.mlp.up_proj.bias, which its configuration does not describe",
        ),
        (
            lambda w: {f"_orig_mod.{k}": v for k, v in w.items()},
            {},
            r"named _orig_mod\.lm_head\.weight; remove '_orig_mod\.' from their names",
        ),
        (lambda w: {f"module.{k}": v for k, v in w.items()}, {}, r"remove 'module\.' from"),
        (
            lambda w: {**w, UP: w[UP][:-1].contiguous()},
            {},
            rf"{UP} has the shape \(63, 32\) in its files, but \(64, 32\) according to",
        ),
    ],
)
def test_weights_that_are_not_those_of_the_configuration(
    tmp_path: Path, change, settings, message
) -> None:
    rewrite(save_tiny("llama", tmp_path / "given"), change, **settings)
    with pytest.raises(InputError, match=message):
        load_model(tmp_path / "given")


def test_layers_beyond_the_last_are_found_without_the_prefix_of_the_base_model(
    tmp_path: Path,
) -> None:
    directory = save_tiny("gpt2", tmp_path / "given")
    original = tiny("gpt2").transformer
    original.save_pretrained(directory)  # as on the hub: "h.0" instead of "transformer.h.0"
    rewrite(
        directory,
        lambda w: {**w, "h.0.attn.bias": torch.ones(1, 1, 8, 8)},  # an old buffer
        architectures=["GPT2LMHeadModel"],
    )
    found = load_model(directory).model.transformer.state_dict()
    assert all(torch.equal(found[k], weights) for k, weights in original.state_dict().items())
    rewrite(directory, lambda w: w, n_layer=1)
    with pytest.raises(InputError, match=r"its files contain h\.1\."):
        load_model(directory)


@pytest.mark.parametrize("family", [*CAUSAL, *MASKED])
def test_complete_weights_are_loaded(tmp_path: Path, family: str) -> None:
    found = load_model(save_tiny(family, tmp_path / "given"), device="cpu").model.state_dict()
    expected = tiny(family).state_dict()
    assert all(torch.equal(found[k], weights) for k, weights in expected.items())


def test_weights_of_other_heads_and_old_buffers_are_ignored(tmp_path: Path) -> None:
    bert = BertForPreTraining(BertConfig(**_common()))  # with a pooler
    bert.save_pretrained(tmp_path / "bert")
    masked_tokenizer("bert").save_pretrained(tmp_path / "bert")
    loaded = load_model(tmp_path / "bert")  # a BertForPreTraining, which has such a head
    assert loaded.kind == "masked"
    found = loaded.model.state_dict()
    assert all(torch.equal(found[k], v) for k, v in bert.state_dict().items() if k in found)
    buffer = "model.layers.0.self_attn.rotary_emb.inv_freq"
    rewrite(
        save_tiny("llama", tmp_path / "llama"),
        lambda w: {**w, buffer: torch.ones(4), "value_head.weight": torch.ones(1, 32)},
    )
    load_model(tmp_path / "llama")


@pytest.mark.parametrize(
    ("kind", "bos", "eos", "cls", "chosen"),
    [
        ("causal", "<s>", "</s>", None, "<s>"),
        ("causal", "<|im_start|>", "</s>", None, "</s>"),
        ("causal", "<|im_start|>", "<|im_end|>", None, "<|endoftext|>"),
        ("causal", None, None, "<s>", "<|endoftext|>"),
        ("masked", None, "</s>", "<s>", "<s>"),  # as ModernBERT, which has <|endoftext|>, too
        ("masked", None, "</s>", None, "</s>"),
    ],
)
def test_the_start_token_is_no_chat_marker_unless_given(kind, bos, eos, cls, chosen) -> None:
    tokenizer = copy.deepcopy(word_tokenizer())
    tokenizer.add_tokens(["<s>", "</s>", "<|im_start|>", "<|im_end|>"], special_tokens=True)
    tokenizer.bos_token, tokenizer.eos_token, tokenizer.cls_token = bos, eos, cls
    assert select_start_token(tokenizer, kind, None, "tiny") == chosen
    for token in filter(None, (bos, eos)):  # as lm-eval does
        assert select_start_token(tokenizer, kind, token, "tiny") == token
    with pytest.raises(InputError, match="start token '<bos>' is not in the vocabulary of 'tiny'"):
        select_start_token(tokenizer, kind, "<bos>", "tiny")


@pytest.mark.real_model
def test_smollm2_from_its_package(tmp_path: Path) -> None:
    model = load_model("smollm2")
    assert model.parameters == 134_515_008
    assert model.start_token == "<|endoftext|>"
    assert model.start_id == 0
    saved = save_model(model, tmp_path / "saved")
    plain = AutoModelForCausalLM.from_pretrained(saved, dtype=torch.float32).eval()
    ids = torch.tensor([[0, 504, 1234, 99]])
    with torch.no_grad():
        assert torch.equal(model.model(input_ids=ids).logits, plain(input_ids=ids).logits)


@pytest.mark.parametrize("family", ["llama", "gpt2", "qwen2", "gpt_neox", "opt", "bert", "roberta"])
def test_a_model_without_a_tokenizer_is_refused(family: str, tmp_path: Path) -> None:
    """Of most families, transformers makes a tokenizer without a vocabulary."""
    directory = save_tiny(family, tmp_path / "model")
    for file in (tmp_path / "model").glob("*token*"):
        file.unlink()
    with pytest.raises(InputError, match="has no tokenizer; save one with"):
        load_model(str(directory))


@pytest.mark.parametrize("longest", [0, 2, None])
def test_a_tokenizer_without_room_for_a_token_is_refused(longest: object, tmp_path: Path) -> None:
    directory = save_tiny("gpt2", tmp_path / "given")
    path = directory / "tokenizer_config.json"
    settings = json.loads(path.read_text()) | {"model_max_length": longest}
    path.write_text(json.dumps(settings))
    if longest is None:
        load_model(directory)
        return
    with pytest.raises(InputError, match="must be a number of tokens, at least 3"):
        load_model(directory)


def test_optimizer_states_are_no_pickled_weights(tmp_path: Path) -> None:
    directory = save_tiny("gpt2", tmp_path / "given")
    (directory / "model.safetensors").unlink()
    (directory / "training_args.bin").touch()
    with pytest.raises(InputError, match=r"no file named model\.safetensors"):
        load_model(directory)
