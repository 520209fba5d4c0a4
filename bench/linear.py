"""Linear layers by oneDNN against torch's own, forward and backward, at SmolLM2-135M's shapes."""

from __future__ import annotations

import statistics
import time

import torch
from torch import nn

from bench.peak import layer_shapes
from fairforget.forward.linear import by_onednn, is_available
from fairforget.models.loading import load_model

TURNS = 5
TOKENS = 2048


def measure() -> dict[str, float | str]:
    """Run it; a minute."""
    if not is_available():
        return {"oneDNN with AVX-512": "not here"}
    forward: list[float] = []
    backward: list[float] = []
    shapes = layer_shapes(load_model("smollm2", device="cpu").model)
    for _ in range(TURNS):
        own, ours = [0.0, 0.0], [0.0, 0.0]
        for (inputs, outputs), count in shapes.items():
            x = torch.randn(TOKENS, inputs, requires_grad=True)
            weight = torch.randn(outputs, inputs, requires_grad=True)
            for times, function in ((own, nn.functional.linear), (ours, by_onednn)):
                start = time.perf_counter()
                result = function(x, weight)
                middle = time.perf_counter()
                result.backward(torch.ones_like(result))
                times[0] += count * (middle - start)
                times[1] += count * (time.perf_counter() - middle)
        forward.append(ours[0] / own[0])
        backward.append(ours[1] / own[1])
    return {
        "forward_time_ratio": statistics.median(forward),
        "backward_time_ratio": statistics.median(backward),
        "threads": torch.get_num_threads(),
    }
