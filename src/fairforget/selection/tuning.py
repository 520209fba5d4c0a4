"""A language model, briefly tuned on texts by plain language modelling."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

import torch
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from fairforget.forward.packing import pad

STEPS = 30
BATCH = 8
"""Texts of a step."""
LEARNING_RATE = 3e-5
WARM_UP = 4
"""Steps until the full learning rate; it falls to 0 afterwards."""
IGNORED = -100


def fine_tune(
    model: PreTrainedModel,
    sequences: Sequence[Sequence[int]],
    *,
    steps: int = STEPS,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Tune all weights in place; deterministic for a seed.

    Args:
        model: causal; left in evaluation mode.
        sequences: token ids, start token included.
        steps: optimiser steps; texts are drawn anew once all were seen.
        seed: of their order.
        progress: called with 1 after each step.
    """
    rng = random.Random(seed)
    order: list[int] = []
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: min((step + 1) / WARM_UP, (steps - step) / steps)
    )
    model.eval()  # dropout is noise, and a few steps have no use for it
    for _ in range(steps):
        if len(order) < BATCH:
            order = rng.sample(range(len(sequences)), len(sequences))
        rows = [sequences[order.pop()] for _ in range(min(BATCH, len(order)))]
        inputs = {name: value.to(model.device) for name, value in pad(rows).items()}
        logits = model(**inputs).logits[:, :-1]
        targets = inputs["input_ids"].masked_fill(inputs["attention_mask"] == 0, IGNORED)[:, 1:]
        loss = cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=IGNORED)
        loss.backward()
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
        if progress:
            progress(1)
    model.zero_grad()
