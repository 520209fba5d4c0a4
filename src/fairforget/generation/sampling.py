"""Sampling with noise of its own for every prompt, so that batches do not matter."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor
from transformers import LogitsProcessor


def noise_seed(prompt: str, draw: int, seed: int) -> int:
    """The seed of one continuation's noise: a hash of the prompt, the draw and the run's seed."""
    digest = hashlib.sha256(f"{seed}\0{draw}\0{prompt}".encode(errors="surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") >> 1


class GumbelNoise(LogitsProcessor):
    """Adds Gumbel noise to logits ÷ temperature; their argmax is then a sample.

    The Gumbel-max trick (Gumbel 1954; Maddison et al. 2014). Each row of a batch has its own
    generator, on the CPU, so its noise depends neither on the other rows nor on the device. Two
    models get the same noise for the same prompt: where they predict alike, they write alike, so
    that a comparison of the two has less variance.
    """

    def __init__(self, seeds: Sequence[int], temperature: float) -> None:
        """Make the generators.

        Args:
            seeds: [rows] of the batch.
            temperature: above 0.
        """
        self.generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self.temperature = temperature
        # rows are drawn side by side: one of 262,144 tokens takes 8 ms
        self.pool = ThreadPoolExecutor(max(1, min(len(seeds), torch.get_num_threads())))

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return [rows, vocabulary] the noisy scores of the next token."""
        size = scores.shape[1]
        rows = self.pool.map(
            lambda generator: torch.empty(size).exponential_(generator=generator), self.generators
        )
        noise = torch.stack([*rows]).log_().neg_().to(scores.device)
        return scores.float() / self.temperature + noise
