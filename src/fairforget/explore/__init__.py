"""Look into two models at once: the original and the unlearned, side by side, in a browser."""

from fairforget.explore.app import build, launch
from fairforget.explore.pair import GroupChange, Pair, TokenChange

__all__ = ["GroupChange", "Pair", "TokenChange", "build", "launch"]
