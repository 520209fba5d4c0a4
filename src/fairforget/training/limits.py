"""What a budget limits: perplexities, movement, and the rise in harmful words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from types import MappingProxyType

from torch import Tensor

from fairforget.budget import HARM_TOLERANCE, Budget
from fairforget.machine.stages import stage
from fairforget.models.language_model import LanguageModel
from fairforget.records.records import MAIN, NOTED, BudgetFacts, MovementFacts
from fairforget.scoring.perplexity import perplexity
from fairforget.training.budget_search import Bound, Measured, PerplexityConstraint
from fairforget.training.harmful_words import measure_harmful_words
from fairforget.training.interpolation import (
    EVERYDAY_PERPLEXITY,
    MOVEMENT,
    interpolate_to_budget,
)
from fairforget.training.movement import record_original
from fairforget.training.original import Original, Sequences
from fairforget.training.preparation import EVERYDAY, RETAIN

HARMFUL_WORDS = "harmful_words"
"""Name of the guard on harmful words."""
PERPLEXITIES = {RETAIN: MAIN, EVERYDAY: EVERYDAY_PERPLEXITY}
"""Kind of held-out text → name of the constraint on its perplexity."""
CHECK_TEXTS = {RETAIN: 16, EVERYDAY: 40}
"""Number of held-out texts, by kind, for evaluations during training and the first line search."""
NO_EVERYDAY_TEXTS = "evaluated without everyday sentences"
NO_MOVEMENT = "the movement is not bounded, because this model's head needs more than hidden states"
NO_HARMFUL_WORDS = "harmful words are not bounded, because the context is too short for them"


def allowed_ratios(kinds: Iterable[str], budget: Budget) -> list[float]:
    """Return the largest perplexity ratio on held-out texts of each kind."""
    allowed = {RETAIN: budget.perplexity, EVERYDAY: budget.everyday_perplexity}
    return [allowed[kind] for kind in kinds]


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a budget on one model."""

    language_model: LanguageModel
    """The model to measure, with its current weights."""
    held_out: Mapping[str, Sequences]
    """Kind → token ids of its held-out texts."""
    budget: Budget
    known: Original
    """Facts about the original model; missing ones are added."""

    @stage("measuring the original model")
    def measure_original(self) -> None:
        """Add what the limits need and earlier runs have not measured, except perplexities.

        The model must have its original weights. Its predictions, from which movement is measured,
        are recorded on the first few texts of each kind.
        """
        if self.known.states is None:
            few = {kind: texts[: CHECK_TEXTS[kind]] for kind, texts in self.held_out.items()}
            self.known.states = record_original(self.language_model, few)
        if self.known.harmful_words is None and self.budget.harmful_log_prob is not None:
            self.known.harmful_words = measure_harmful_words(self.language_model)

    def constraints(
        self, most: Mapping[str, int] = MappingProxyType({})
    ) -> dict[str, PerplexityConstraint]:
        """Return the constraints on perplexity, by name.

        Args:
            most: kind → number of texts to measure. Default: all.
        """
        allowed = allowed_ratios(self.held_out, self.budget)
        return {
            PERPLEXITIES[kind]: PerplexityConstraint(
                partial(perplexity, self.language_model, texts[: most.get(kind)]), ratio
            )
            for (kind, texts), ratio in zip(self.held_out.items(), allowed, strict=True)
        }

    def bounds(self) -> dict[str, Bound]:
        """Return what the budget limits besides perplexities, as far as it can be measured."""
        bounds = {}
        if self.known.harmful_words and self.budget.harmful_log_prob is not None:
            rise = partial(self.known.harmful_words.rise, self.language_model)
            bounds[HARMFUL_WORDS] = Bound(
                lambda: Measured(rise()),
                self.budget.harmful_log_prob + HARM_TOLERANCE,
                is_guard=True,
            )
        if self.known.states and self.budget.movement is not None:
            for kind in self.known.states.batches:
                movement = partial(self._measure_movement, kind)
                bounds[_movement_on(kind)] = Bound(movement, self.budget.movement)
        return bounds

    def _measure_movement(self, kind: str) -> Measured:
        assert self.known.states
        moved = self.known.states.measure(self.language_model.model, kind)
        return Measured(moved.divergence, {PERPLEXITIES[kind]: moved.perplexity})

    def interpolate(
        self,
        original: Mapping[str, Tensor],
        *,
        few: Mapping[float, Mapping[str, float]] = MappingProxyType({}),
        progress: Callable[[], None],
    ) -> tuple[BudgetFacts, Mapping[str, float]]:
        """Set the weights to θ₀ + α(θ − θ₀), with the α at which the first limit is reached.

        Args:
            original: θ₀, as for `interpolate_to_budget`; the model has the trained weights θ.
            few: α → perplexities already measured on the small sample of texts.
            progress: called after each measurement on all texts.

        Returns:
            The results of `interpolate_to_budget`; pass both to `complete`.
        """
        return interpolate_to_budget(
            self.language_model.model,
            original,
            self.constraints(),
            bounds=self.bounds(),
            rough=self.constraints(CHECK_TEXTS),
            before=self.known.perplexities,
            few=few,
            max_alpha=self.budget.max_alpha,
            progress=progress,
        )

    def complete(
        self, reached: BudgetFacts, risen: Mapping[str, float] = MappingProxyType({})
    ) -> BudgetFacts:
        """Add the movement, the change of harmful words, and a note on limits without effect.

        Args:
            reached: the facts of the interpolation whose result the model has.
            risen: bound → its rise at `reached.alpha`, in nats, where it was measured.
        """
        budget, notes = self.budget, [reached.note]
        if EVERYDAY not in self.held_out:
            notes.append(NO_EVERYDAY_TEXTS)
        if states := self.known.states:
            asked = None if reached.movement_asked is not None else budget.movement
            by_kind = {
                kind: risen[name]
                if (name := _movement_on(kind)) in risen
                else states.measure(self.language_model.model, kind).divergence
                for kind in states.batches
            }
            reached = replace(
                reached,
                movement=states.average(by_kind),
                movements={kind: MovementFacts(asked, value) for kind, value in by_kind.items()},
            )
        elif budget.movement is not None:
            notes.append(NO_MOVEMENT)
        if budget.harmful_log_prob is not None:
            if words := self.known.harmful_words:
                rise = risen.get(HARMFUL_WORDS)
                facts = words.facts(self.language_model, budget.harmful_log_prob, rise=rise)
                reached = replace(reached, harmful_words=facts)
            else:
                notes.append(NO_HARMFUL_WORDS)
        return replace(reached, note=NOTED.join(filter(None, notes)))


def _movement_on(kind: str) -> str:
    """Return the name of the bound on movement on the texts of one kind."""
    return f"{kind}_{MOVEMENT}"
