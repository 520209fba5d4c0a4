"""A small BERT of one's own, for machines that reach no model hub: trained here in minutes."""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertForMaskedLM, BertTokenizer

from fairforget.corpora import read_corpus
from fairforget.forward.packing import padded

CORPORA = ("boolq", "everyday", "edos", "hatecheck", "builtin")
"""What it reads: encyclopaedia, everyday life, and the hate that models are said to inherit."""
VOCABULARY = 6000
TOKENS = 40
"""Of a text, its frame included."""
STEPS, BATCH, RATE, WARM_UP = 3000, 48, 1e-3, 200
MASKED = 0.15
"""Share of the tokens that are hidden and predicted (Devlin et al. 2019)."""


def small_bert(directory: Path) -> Path:
    """Train it, unless it is there: four layers of width 192, three million weights.

    Returns:
        The directory, for `load_model`.
    """
    if (directory / "config.json").exists():
        return directory
    texts = [sentence for name in CORPORA for sentence in _sentences(name)]
    tokenizer = _tokenizer(texts)
    torch.manual_seed(0)
    model = BertForMaskedLM(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=192,
            num_hidden_layers=4,
            num_attention_heads=6,
            intermediate_size=768,
            max_position_embeddings=256,
        )
    )
    _train(model, tokenizer, tokenizer(texts, max_length=TOKENS, truncation=True)["input_ids"])
    model.save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def _sentences(corpus: str) -> Iterator[str]:
    """A passage in pieces of about the length that the model sees."""
    for text in read_corpus(corpus):
        words = text.text.split()
        for start in range(0, len(words), TOKENS // 2):
            yield " ".join(words[start : start + TOKENS // 2])


def _tokenizer(texts: Sequence[str]) -> BertTokenizer:
    pieces = BertWordPieceTokenizer(lowercase=True)
    pieces.train_from_iterator(texts, vocab_size=VOCABULARY, show_progress=False)
    return BertTokenizer(pieces.get_vocab(), model_max_length=256)


def _train(
    model: BertForMaskedLM, tokenizer: BertTokenizer, texts: Sequence[Sequence[int]]
) -> None:
    draw = random.Random(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / WARM_UP, (STEPS - step) / (STEPS - WARM_UP))
    )
    for step in range(STEPS):
        batch = padded(draw.choices(texts, k=BATCH))
        labels = batch["input_ids"].clone()
        hidden = (torch.rand(labels.shape) < MASKED) & (labels >= len(tokenizer.all_special_ids))
        labels[~hidden] = -100
        batch["input_ids"][hidden] = tokenizer.mask_token_id
        loss = model(**batch, labels=labels).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        schedule.step()
        if step % 100 == 0 or step == STEPS - 1:
            print(f"step {step} of {STEPS}: loss {loss.item():.2f}", file=sys.stderr)
