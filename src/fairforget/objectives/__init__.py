"""The unlearning objectives, by name."""

from fairforget.objectives.ascent import ascent
from fairforget.objectives.neutral import neutral
from fairforget.objectives.objective import Objective

OBJECTIVES: dict[str, Objective] = {o.name: o for o in (ascent, neutral)}

__all__ = ["OBJECTIVES", "Objective", "ascent", "neutral"]
