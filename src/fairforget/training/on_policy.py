"""On-policy texts: what the model itself writes after a group is mentioned.

A corpus of derogatory sentences shows the model few contexts, and none of those in which it will be
used. Its own continuations cover what it would write. Training on samples of the model in training
is generalised knowledge distillation (Agarwal et al. 2024, arXiv 2306.13649); here the samples are
those of the original model, drawn once.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from transformers import GenerationConfig

from fairforget.corpora.text import Mention, Text
from fairforget.forward.packing import group_by_length, pad
from fairforget.models.language_model import LanguageModel

BATCH_TOKENS = 2048
"""Tokens of a batch, with the new ones."""
TOP_K = 50
"""Tokens that are sampled from: the most likely ones."""


def continue_texts(
    language_model: LanguageModel,
    texts: Sequence[Text],
    *,
    tokens: int,
    seed: int,
    progress: Callable[[int], None] = lambda texts: None,
) -> list[Text]:
    """Replace what follows in each text, from its first harmful span on, by the model's own words.

    Args:
        language_model: a causal model with its original weights.
        texts: those without a mention before their first span are left out.
        tokens: sampled for each text, each among the `TOP_K` most likely.
        seed: of the samples.
        progress: called with the number of texts finished since the last call.

    Returns:
        Texts with the mentions before their continuation, and without spans. A continuation ends
        with its paragraph; a text whose continuation is empty is left out.
    """
    prompts = [prompt for text in texts if (prompt := _cut(text))]
    random.Random(f"on-policy {seed}").shuffle(prompts)
    tokenizer, model = language_model.tokenizer, language_model.model
    encoded = [
        [language_model.start_id, *ids]
        for ids in tokenizer([p.text for p in prompts], add_special_tokens=False)["input_ids"]
    ]
    config = GenerationConfig(
        max_new_tokens=tokens,
        do_sample=True,
        top_k=TOP_K,
        temperature=1.0,
        pad_token_id=language_model.start_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    order = sorted(range(len(prompts)), key=lambda i: len(encoded[i]))
    written: dict[int, str] = {}
    training, devices = model.training, [model.device] if model.device.type == "cuda" else []
    model.eval()
    try:
        with torch.random.fork_rng(devices), torch.inference_mode():
            torch.manual_seed(seed)
            for batch in group_by_length(order, lambda i: len(encoded[i]) + tokens, BATCH_TOKENS):
                inputs = pad([encoded[i] for i in batch], side="left")
                width = inputs["input_ids"].shape[1]
                output = model.generate(  # type: ignore[operator]
                    **{name: values.to(model.device) for name, values in inputs.items()},
                    generation_config=config,
                )
                decoded = tokenizer.batch_decode(output[:, width:], skip_special_tokens=True)
                written.update(zip(batch, decoded, strict=True))
                progress(len(batch))
    finally:
        model.train(training)
    continued = []
    for number, prompt in enumerate(prompts):
        continuation = written[number].split("\n")[0].rstrip()
        if continuation.strip():
            continued.append(replace(prompt, text=prompt.text + continuation))
    return continued


def _cut(text: Text) -> Text | None:
    """Return a text up to its first harmful span, without the space before it."""
    if not text.mentions:
        return None
    end = min((span.start for span in text.spans if span.start >= text.mentions[0].end), default=0)
    end = end or text.mentions[0].end
    start = text.text[:end].rstrip()
    mentions: tuple[Mention, ...] = tuple(m for m in text.mentions if m.end <= len(start))
    return replace(text, text=start, spans=(), mentions=mentions, hateful=None)
