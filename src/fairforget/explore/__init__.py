"""The explorer: the original and the debiased model side by side, in a browser."""

from fairforget.explore.app import launch

__all__ = ["launch"]
