"""The transfer study: what unlearning one bias does to the others."""

from fairforget.transfer.plan import Recipe
from fairforget.transfer.study import transfer

__all__ = ["Recipe", "transfer"]
