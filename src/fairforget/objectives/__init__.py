"""The unlearning objectives and the ways to retain, by name. A new one is a file and a line."""

from fairforget.objectives.ascent import ascent
from fairforget.objectives.named import parse_objective
from fairforget.objectives.neutral import neutral, neutral_excess
from fairforget.objectives.nothing import nothing
from fairforget.objectives.npo import npo, simnpo
from fairforget.objectives.objective import CONSTANTS, Objective
from fairforget.objectives.retention import kl, nll
from fairforget.objectives.task_vector import task_vector

OBJECTIVES: dict[str, Objective] = {
    o.name: o for o in (ascent, neutral, neutral_excess, npo, simnpo, task_vector, nothing)
}
RETENTIONS: dict[str, Objective] = {o.name: o for o in (kl, nll)}

__all__ = ["CONSTANTS", "OBJECTIVES", "RETENTIONS", "Objective", "parse_objective"]
