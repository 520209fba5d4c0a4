"""The machine's matrix-multiplication rate at the shapes of a model's layers."""

from __future__ import annotations

import time

import torch
from torch import nn
from transformers import PreTrainedModel


def layer_shapes(model: PreTrainedModel) -> dict[tuple[int, int], int]:
    """Count the body's linear layers by shape (inputs, outputs)."""
    shapes: dict[tuple[int, int], int] = {}
    for module in model.get_submodule(model.base_model_prefix).modules():
        if isinstance(module, nn.Linear):
            shape = (module.in_features, module.out_features)
            shapes[shape] = shapes.get(shape, 0) + 1
    return shapes


def work(model: PreTrainedModel, tokens: int, head_rows: int) -> float:
    """Return the floating-point operations of the linear layers for these tokens and head rows."""
    body = sum(2 * i * o * count for (i, o), count in layer_shapes(model).items())
    head = model.get_output_embeddings()
    assert isinstance(head, nn.Linear)
    return tokens * body + head_rows * 2.0 * head.in_features * head.out_features


def peak_seconds(
    model: PreTrainedModel, tokens: int, head_rows: int, *, batch: int, head_batch: tuple[int, int]
) -> float:
    """Return the seconds that bare matrix multiplications of the same work take, best of three.

    Args:
        model: determines the shapes.
        tokens: tokens that pass through the body.
        head_rows: positions that pass through the head.
        batch: tokens of one multiplication in the body.
        head_batch: rows and columns of one multiplication in the head.
    """
    head = model.get_output_embeddings()
    assert isinstance(head, nn.Linear)
    rows, columns = head_batch
    total = head_rows / rows * head.out_features / columns * _best(rows, head.in_features, columns)
    for (inputs, outputs), count in layer_shapes(model).items():
        total += tokens / batch * count * _best(batch, inputs, outputs)
    return total


def _best(rows: int, inputs: int, outputs: int) -> float:
    x, weight = torch.randn(rows, inputs), torch.randn(outputs, inputs)
    repeats = max(1, int(1e10 / (2 * rows * inputs * outputs)))
    nn.functional.linear(x, weight)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(repeats):
            nn.functional.linear(x, weight)
        times.append((time.perf_counter() - start) / repeats)
    return min(times)
