"""Train a small BERT in minutes, for machines without access to a model hub."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from statistics import fmean

import torch
from tokenizers import BertWordPieceTokenizer
from torch.nn.functional import cross_entropy
from transformers import BertConfig, BertForMaskedLM, BertTokenizer

from fairforget.corpora import read_corpus
from fairforget.forward.padding import pad
from fairforget.scoring.masked import MASKED_SHARE

CORPORA = ("wikipedia", "everyday", "edos", "hatecheck", "builtin")
"""Training corpora: encyclopaedia, everyday sentences and hateful texts."""
VOCABULARY = 6000
TOKENS = 32
"""Of a text, special tokens included."""
WIDTH, LAYERS = 128, 3
STEPS, BATCH, RATE, WARM_UP = 12_000, 32, 1e-3, 100


def train_small_bert(directory: Path) -> Path:
    """Train a BERT of 1.4 million weights and save it, unless the directory has one.

    Batches draw from each corpus equally often.

    Returns:
        The directory, for `load_model`.
    """
    if (directory / "config.json").exists():
        return directory
    texts = [list(_split_corpus(name)) for name in CORPORA]
    tokenizer = _train_tokenizer([*chain(*texts)])
    torch.manual_seed(0)
    model = BertForMaskedLM(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            num_hidden_layers=LAYERS,
            num_attention_heads=WIDTH // 32,
            intermediate_size=4 * WIDTH,
            max_position_embeddings=256,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
        )
    )
    encoded = [tokenizer(part, max_length=TOKENS, truncation=True)["input_ids"] for part in texts]
    _train(model, tokenizer, encoded)
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def _split_corpus(corpus: str) -> Iterator[str]:
    """Pieces of the texts, about as long as the model's input."""
    for text in read_corpus(corpus):
        words = text.text.split()
        for start in range(0, len(words), TOKENS // 2):
            yield " ".join(words[start : start + TOKENS // 2])


def _train_tokenizer(texts: Sequence[str]) -> BertTokenizer:
    pieces = BertWordPieceTokenizer(lowercase=True)
    pieces.train_from_iterator(texts, vocab_size=VOCABULARY, show_progress=False)
    return BertTokenizer(pieces.get_vocab(), model_max_length=256)


def _train(
    model: BertForMaskedLM, tokenizer: BertTokenizer, corpora: Sequence[Sequence[Sequence[int]]]
) -> None:
    draw = random.Random(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / WARM_UP, (STEPS - step) / (STEPS - WARM_UP))
    )
    special = len(tokenizer.all_special_ids)
    recent = []
    for step in range(1, STEPS + 1):
        batch = pad([draw.choice(draw.choice(corpora)) for _ in range(BATCH)])
        ids = batch["input_ids"]
        masked = (torch.rand(ids.shape) < MASKED_SHARE) & (ids >= special)
        targets = ids[masked]
        ids[masked] = tokenizer.mask_token_id
        hidden = model.bert(**batch).last_hidden_state
        logits = model.cls(hidden[masked])  # logits of masked tokens only
        loss = cross_entropy(logits, targets)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        recent.append(loss.item())
        if step % 500 == 0:
            print(f"step {step} of {STEPS}: loss {fmean(recent):.2f}", file=sys.stderr)
            recent.clear()
