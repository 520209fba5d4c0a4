"""Models: check, load, identify, save and push them."""

from typing import Literal

Kind = Literal["causal", "masked", "served"]
"""A causal model predicts the next token, a masked model the masked tokens."""
