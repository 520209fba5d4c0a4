"""The transfer study: what unlearning one bias does to the others."""

from fairforget.transfer.plan import CONTROLS, Recipe
from fairforget.transfer.record import StudyRecord
from fairforget.transfer.study import transfer

__all__ = ["CONTROLS", "Recipe", "StudyRecord", "transfer"]
