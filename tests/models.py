"""Tiny, randomly initialised models of several families, with a tokenizer of their own."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import torch
import transformers as hf
from tokenizers import AddedToken, Tokenizer, decoders, normalizers, pre_tokenizers, trainers
from tokenizers.models import BPE, WordPiece
from tokenizers.processors import TemplateProcessing

from fairforget.models.language_model import LanguageModel


class Echo(hf.LlamaForCausalLM):
    """Gives more than its head does: the tokens themselves become likelier, too."""

    def forward(self, input_ids: torch.Tensor, **more: object) -> object:
        found = super().forward(input_ids=input_ids, **more)
        found.logits = found.logits + torch.nn.functional.one_hot(input_ids, VOCABULARY)
        return found


VOCABULARY = 400
SENTENCES = [
    "Women are late. Most people are kind, and some are not.",
    "They lie and they are bad drivers, I think.",
    "The river has a bridge and an old mill near the town.",
]


@cache
def word_tokenizer() -> hf.PreTrainedTokenizerFast:
    """Byte-level BPE as GPT-2's, learned from three sentences."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<|endoftext|>", "<mask>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token="<|endoftext|>",
        eos_token="<|endoftext|>",
        pad_token="<|endoftext|>",
        mask_token="<mask>",
    )


@cache
def masked_tokenizer(family: str) -> hf.PreTrainedTokenizerFast:
    """WordPiece in lower case as BERT's, or byte-level BPE as RoBERTa's, with their frames.

    WordPiece has the letters and the words of the sentences: what `WordPieceTrainer` learns differs
    from process to process.
    """
    if family == "bert":
        names = ["[PAD]", "[CLS]", "[SEP]", "[MASK]", "[UNK]"]
        letters = "abcdefghijklmnopqrstuvwxyz.,"
        words = re.findall(r"\w+", " ".join(SENTENCES).lower())
        tokens = dict.fromkeys([*names, *letters, *(f"##{letter}" for letter in letters), *words])
        vocabulary = {token: index for index, token in enumerate(tokens)}
        tokenizer = Tokenizer(WordPiece(vocabulary, unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        tokenizer.decoder = decoders.WordPiece()
    else:
        names = ["<pad>", "<s>", "</s>", "<mask>", "<unk>"]
        tokenizer = Tokenizer(BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=names,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(SENTENCES, trainer)
    pad, first, last, mask, unknown = names
    tokenizer.post_processor = TemplateProcessing(
        single=f"{first} $A {last}", special_tokens=[(first, 1), (last, 2)]
    )
    return hf.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=pad,
        cls_token=first,
        sep_token=last,
        mask_token=AddedToken(mask, lstrip=family == "roberta", special=True),
        unk_token=unknown,
    )


def _common(**more: object) -> dict[str, object]:
    return {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": 256,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "pad_token_id": 0,
        **more,
    }


_GROUPED = {"num_key_value_heads": 2}
_WINDOW = {**_GROUPED, "head_dim": 8, "sliding_window": 16}
_EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}

CAUSAL = {
    "gpt2": lambda: hf.GPT2LMHeadModel(
        hf.GPT2Config(
            vocab_size=VOCABULARY,
            n_embd=32,
            n_layer=2,
            n_head=4,
            n_positions=256,
            bos_token_id=0,
            eos_token_id=0,
        )
    ),
    "llama": lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**_common(**_GROUPED))),
    "gpt_neox": lambda: hf.GPTNeoXForCausalLM(hf.GPTNeoXConfig(**_common())),
    "opt": lambda: hf.OPTForCausalLM(
        hf.OPTConfig(
            **{k: v for k, v in _common().items() if k != "intermediate_size"},
            ffn_dim=64,
            word_embed_proj_dim=16,
        )
    ),
    "qwen2": lambda: hf.Qwen2ForCausalLM(hf.Qwen2Config(**_common(**_GROUPED))),
    "gemma2": lambda: hf.Gemma2ForCausalLM(
        hf.Gemma2Config(**_common(**_WINDOW, final_logit_softcapping=5.0))
    ),
    "gemma3": lambda: hf.Gemma3ForCausalLM(hf.Gemma3TextConfig(**_common(**_WINDOW))),
    "mixtral": lambda: hf.MixtralForCausalLM(hf.MixtralConfig(**_common(**_GROUPED, **_EXPERTS))),
    "gpt_oss": lambda: hf.GptOssForCausalLM(
        hf.GptOssConfig(
            **_common(**_WINDOW, **_EXPERTS),
            rope_parameters={"rope_type": "default", "rope_theta": 1e4},
        )
    ),
}
WHOLE = {"echo": lambda: Echo(hf.LlamaConfig(**_common(**_GROUPED)))}
"""Causal, but not to be run as a body and a head."""
MASKED = {
    "bert": lambda: hf.BertForMaskedLM(hf.BertConfig(**_common())),
    "roberta": lambda: hf.RobertaForMaskedLM(hf.RobertaConfig(**_common())),
}

CAUSAL_WITHOUT_PADDING = {
    "rwkv": lambda: hf.RwkvForCausalLM(
        hf.RwkvConfig(
            vocab_size=VOCABULARY,
            hidden_size=32,
            num_hidden_layers=2,
            bos_token_id=0,
            eos_token_id=0,
        )
    ),
    "recurrent_gemma": lambda: hf.RecurrentGemmaForCausalLM(
        hf.RecurrentGemmaConfig(
            **_common(**_GROUPED),
            attention_window_size=16,
            lru_width=32,
            block_types=("recurrent", "attention"),
        )
    ),
    "minimax": lambda: hf.MiniMaxForCausalLM(
        hf.MiniMaxConfig(
            **_common(**_GROUPED, **_EXPERTS),
            head_dim=8,
            block_size=8,
            layer_types=["linear_attention", "full_attention"],
        )
    ),
    "bart": lambda: hf.BartForCausalLM(
        hf.BartConfig(
            vocab_size=VOCABULARY,
            d_model=32,
            decoder_layers=2,
            decoder_attention_heads=4,
            decoder_ffn_dim=64,
            max_position_embeddings=256,
            is_decoder=True,
            is_encoder_decoder=False,
            bos_token_id=0,
            eos_token_id=0,
            pad_token_id=0,
        )
    ),
}
"""Padding on the left changes their predictions in spite of the attention mask."""
MASKED_WITHOUT_PADDING = {
    "mobilebert": lambda: hf.MobileBertForMaskedLM(
        hf.MobileBertConfig(
            **_common(), embedding_size=32, intra_bottleneck_size=32, true_hidden_size=32
        )
    ),
    "convbert": lambda: hf.ConvBertForMaskedLM(hf.ConvBertConfig(**_common())),
    "fnet": lambda: hf.FNetForMaskedLM(
        hf.FNetConfig(**{k: v for k, v in _common().items() if k != "num_attention_heads"})
    ),
}
"""Padding on the right changes their predictions in spite of the attention mask."""
_CAUSAL = {**CAUSAL, **WHOLE, **CAUSAL_WITHOUT_PADDING}
_MASKED = {**MASKED, **MASKED_WITHOUT_PADDING}


def tiny(family: str, seed: int = 0) -> hf.PreTrainedModel:
    """A model of the family, without dropout, with weights large enough to have opinions."""
    torch.manual_seed(seed)
    model = {**_CAUSAL, **_MASKED}[family]()
    for name, parameter in model.named_parameters():
        if parameter.dim() > 1:
            torch.nn.init.normal_(parameter, std=0.2)
        elif name.endswith("bias"):
            torch.nn.init.normal_(parameter, std=0.02)
    return model.eval()


def tiny_causal(family: str, seed: int = 0) -> hf.PreTrainedModel:
    """A causal one."""
    assert family in CAUSAL
    return tiny(family, seed)


def save_tiny(family: str, directory: Path, seed: int = 0) -> Path:
    """A directory laid out like the hub's: weights, configuration, tokenizer."""
    tiny(family, seed).save_pretrained(directory)
    tokenizer = masked_tokenizer(family) if family in MASKED else word_tokenizer()
    tokenizer.save_pretrained(directory)
    return directory


def tiny_model(family: str, seed: int = 0) -> LanguageModel:
    """A model with its tokenizer, as `load_model` gives it, without a file."""
    if family in _MASKED:
        tokenizer = masked_tokenizer("roberta" if family == "roberta" else "bert")
        return LanguageModel(tiny(family, seed), tokenizer, family, "masked", tokenizer.cls_token)
    return LanguageModel(tiny(family, seed), word_tokenizer(), family, "causal", "<|endoftext|>")


def log_softmax(language_model: LanguageModel, ids: list[int]) -> torch.Tensor:
    """Log-probabilities at each place of one sequence, [token, vocabulary]."""
    with torch.no_grad():
        return language_model.model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)


def copy_weights(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """The weights by name, apart from the model's."""
    return {name: p.detach().clone() for name, p in model.named_parameters()}


def join_weights(model: torch.nn.Module) -> torch.Tensor:
    """All weights in one row, apart from the model's."""
    return torch.cat([p.detach().flatten() for p in model.parameters()])
