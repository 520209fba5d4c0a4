"""The kinds of language model."""

from __future__ import annotations

from typing import Literal

Kind = Literal["causal", "masked"]
"""Predicts the next token, or those that are masked."""
