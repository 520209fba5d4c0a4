"""What a budget limits: perplexities, movement, and the rise in harmful words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from transformers import PreTrainedModel

from fairforget.budget import Budget
from fairforget.models.language_model import LanguageModel
from fairforget.records.records import BudgetFacts, MovementFacts
from fairforget.scoring.perplexity import perplexity
from fairforget.training.budget_search import Bound, Measured, PerplexityConstraint
from fairforget.training.harmful_words import TOLERANCE
from fairforget.training.interpolation import EVERYDAY_PERPLEXITY, MAIN, MOVEMENT
from fairforget.training.movement import OriginalStates
from fairforget.training.original import Original
from fairforget.training.preparation import EVERYDAY, RETAIN, Sequences

HARMFUL_WORDS = "harmful_words"
"""Name of the guard on harmful words."""
PERPLEXITIES = {RETAIN: MAIN, EVERYDAY: EVERYDAY_PERPLEXITY}
"""Kind of held-out text → name of the constraint on its perplexity."""


def allowed_ratios(kinds: Iterable[str], budget: Budget) -> list[float]:
    """Return the largest perplexity ratio on held-out texts of each kind."""
    allowed = {RETAIN: budget.perplexity, EVERYDAY: budget.everyday_perplexity}
    return [allowed[kind] for kind in kinds]


def list_constraints(
    language_model: LanguageModel,
    held_out: Mapping[str, Sequences],
    budget: Budget,
    most: Mapping[str, int] = MappingProxyType({}),
) -> dict[str, PerplexityConstraint]:
    """Return the constraints on perplexity, by name.

    Args:
        language_model: the model whose perplexity is measured, with its current weights.
        held_out: kind → token ids of its texts.
        budget: the largest ratios.
        most: kind → number of texts to measure. Default: all.
    """
    return {
        PERPLEXITIES[kind]: PerplexityConstraint(
            partial(perplexity, language_model, texts[: most.get(kind)]), allowed
        )
        for (kind, texts), allowed in zip(
            held_out.items(), allowed_ratios(held_out, budget), strict=True
        )
    }


def list_bounds(language_model: LanguageModel, known: Original, budget: Budget) -> dict[str, Bound]:
    """Return what a budget limits besides perplexities, as far as it can be measured."""
    bounds = {}
    if known.harmful_words and budget.harmful_log_prob is not None:
        rise = partial(known.harmful_words.rise, language_model)
        bounds[HARMFUL_WORDS] = Bound(
            lambda: Measured(rise()), budget.harmful_log_prob + TOLERANCE, is_guard=True
        )
    if known.states and budget.movement is not None:
        for kind in known.states.batches:
            movement = partial(_measure_movement, known.states, language_model.model, kind)
            bounds[_movement_on(kind)] = Bound(movement, budget.movement)
    return bounds


def _measure_movement(states: OriginalStates, model: PreTrainedModel, kind: str) -> Measured:
    moved = states.measure(model, kind)
    return Measured(moved.divergence, {PERPLEXITIES[kind]: moved.perplexity})


def _movement_on(kind: str) -> str:
    """Return the name of the bound on movement on the texts of one kind."""
    return f"{kind}_{MOVEMENT}"


def measure_bounds(
    reached: BudgetFacts,
    language_model: LanguageModel,
    known: Original,
    budget: Budget,
    rises: Mapping[float, Mapping[str, float]] = MappingProxyType({}),
) -> BudgetFacts:
    """Add the movement of a result, and its change of harmful words if that is bounded.

    Args:
        reached: the facts of its interpolation.
        language_model: has the weights of the result.
        known: what was measured of the original model.
        budget: the limits.
        rises: α → rise of each of `list_bounds` that was measured there, in nats.
    """
    risen = rises.get(reached.alpha, {})
    if states := known.states:
        asked = None if reached.movement_asked is not None else budget.movement
        by_kind = {
            kind: risen[name]
            if (name := _movement_on(kind)) in risen
            else states.measure(language_model.model, kind).divergence
            for kind in states.batches
        }
        reached = replace(
            reached,
            movement=states.average(by_kind),
            movements={kind: MovementFacts(asked, value) for kind, value in by_kind.items()},
        )
    if known.harmful_words and budget.harmful_log_prob is not None:
        facts = known.harmful_words.facts(
            language_model, budget.harmful_log_prob, rise=risen.get(HARMFUL_WORDS)
        )
        reached = replace(reached, harmful_words=facts)
    return reached
