"""The speed of continuations in batches, compared with one prompt at a time.

Greedy continuations of the first words of StereoSet's sentences, by SmolLM2-135M. One prompt at a
time is slow, so it gets only some of the prompts. Both ways are measured alternately; the ratio of
their tokens per second is the median over the turns.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Sequence

import torch

from fairforget.data.stereoset import read_items
from fairforget.generation.decoding import Decoding
from fairforget.generation.engine import BATCH_ROWS, generate
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model

TURNS = 3
BATCHES = 2
SAMPLE = 8
WORDS = 5
DECODING = Decoding(tokens=24)


def measure() -> dict[str, float | int | str]:
    """Run the benchmark; some minutes."""
    lm = load_model("smollm2", device="cpu")
    prompts = [" ".join(item.sentences[0].split()[:WORDS]) for item in read_items()]
    prompts = random.Random(0).sample(sorted(set(prompts)), BATCHES * BATCH_ROWS)
    generate(lm, prompts[:2], DECODING)
    ratios, speeds = [], []
    for _ in range(TURNS):
        fast = tokens_per_second(lm, prompts, BATCH_ROWS)
        slow = tokens_per_second(lm, prompts[:SAMPLE], 1)
        ratios.append(fast / slow)
        speeds.append(fast)
    return {
        "prompts": len(prompts),
        "new_tokens": DECODING.tokens,
        "batch_rows": BATCH_ROWS,
        "speedup_one_at_a_time": statistics.median(ratios),
        "tokens_per_second": statistics.median(speeds),
        "threads": torch.get_num_threads(),
    }


def tokens_per_second(lm: LanguageModel, prompts: Sequence[str], rows: int) -> float:
    """Return the speed with batches of `rows` prompts."""
    start = time.perf_counter()
    written = generate(lm, prompts, DECODING, batch_rows=rows)
    tokens = sum(c.tokens for (c,) in written)
    return tokens / (time.perf_counter() - start)
