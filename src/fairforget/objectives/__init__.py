"""The unlearning objectives and the ways to retain, by name. A new one is a file and a line."""

from fairforget.objectives.ascent import ascent
from fairforget.objectives.counterfactual import counterfactual_excess, counterfactual_kl
from fairforget.objectives.npo import npo, simnpo
from fairforget.objectives.objective import CONSTANTS, Objective
from fairforget.objectives.parsing import parse_objective
from fairforget.objectives.retain import kl, nll
from fairforget.objectives.task_vector import task_vector
from fairforget.objectives.zero import zero

OBJECTIVES: dict[str, Objective] = {
    o.name: o
    for o in (ascent, counterfactual_kl, counterfactual_excess, npo, simnpo, task_vector, zero)
}
RETAIN_LOSSES: dict[str, Objective] = {o.name: o for o in (kl, nll)}

__all__ = ["CONSTANTS", "OBJECTIVES", "RETAIN_LOSSES", "Objective", "parse_objective"]
