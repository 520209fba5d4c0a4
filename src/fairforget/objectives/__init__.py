"""Unlearning objectives and retain losses, by name.

To add one, write a file here and add a line below.
"""

from fairforget.objectives.objective import CONSTANTS, NOTHING, Objective, TokenLoss, as_objective
from fairforget.objectives.parsing import parse_objective
from fairforget.registry import Registry

OBJECTIVES: Registry[Objective] = Registry(
    {
        "ascent": "fairforget.objectives.ascent:ascent",
        "counterfactual-kl": "fairforget.objectives.counterfactual:counterfactual_kl",
        "counterfactual-excess": "fairforget.objectives.counterfactual:counterfactual_excess",
        "trait-kl": "fairforget.objectives.trait_kl:trait_kl",
        "npo": "fairforget.objectives.npo:npo",
        "simnpo": "fairforget.objectives.npo:simnpo",
        "task-vector": "fairforget.objectives.task_vector:task_vector",
        NOTHING: "fairforget.objectives.zero:zero",
    }
)
RETAIN_LOSSES: Registry[Objective] = Registry(
    {
        "kl": "fairforget.objectives.retain:kl",
        "nll": "fairforget.objectives.retain:nll",
    }
)

__all__ = [
    "CONSTANTS",
    "NOTHING",
    "OBJECTIVES",
    "RETAIN_LOSSES",
    "Objective",
    "TokenLoss",
    "as_objective",
    "parse_objective",
]
