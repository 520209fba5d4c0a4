"""Look into two models at once: the original and the unlearned, side by side, in a browser."""

from fairforget.explore.app import launch

__all__ = ["launch"]
