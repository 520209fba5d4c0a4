"""Replace the group words of a text by those of another group of the same domain."""

from fairforget.methods.swapping.swap import swap

__all__ = ["swap"]
