"""How large a model is that a configuration describes."""

from __future__ import annotations

from typing import Any

import torch
from transformers import PretrainedConfig


def describe_weights(loader: Any, config: PretrainedConfig, trust_remote_code: bool = False) -> int:
    """The weights that a configuration asks for; none is allocated."""
    with torch.device("meta"):
        plan = loader.from_config(config, trust_remote_code=trust_remote_code)
    return sum(p.numel() for p in plan.parameters())
