"""The unlearning objectives and the ways to retain, by name."""

from fairforget.objectives.ascent import ascent
from fairforget.objectives.neutral import neutral
from fairforget.objectives.objective import Objective
from fairforget.objectives.retention import kl, nll

OBJECTIVES: dict[str, Objective] = {o.name: o for o in (ascent, neutral)}
RETENTIONS: dict[str, Objective] = {o.name: o for o in (kl, nll)}

__all__ = ["OBJECTIVES", "RETENTIONS", "Objective"]
