"""The headline of a run: what was done, what changed, and how far the model moved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from fairforget.records.records import BudgetFacts, UnlearningRecord
from fairforget.report.before_after import BeforeAfter
from fairforget.report.evidence import is_within_budget
from fairforget.report.headline import Headline, change_headline
from fairforget.report.wording import (
    format_number,
    format_signed,
    join_words,
    measured_text,
    model_name,
    steps_done,
)


def run_headline(record: UnlearningRecord, comparison: BeforeAfter, trained: list[str]) -> Headline:
    """The headline of a run: what was done, `change_headline`, and how sure it is."""
    found = change_headline(comparison, trained, record.budget.reached_ratios)
    method, name = record.method, model_name(record.model.source) or "the model"
    done = (
        f"{name} was trained for {steps_done(method)} with "
        f"{method.get('objective', 'an unknown objective')}, and {describe_weights(record.budget)}."
    )
    seed = method.get("seed")
    sure = f"One run{'' if seed is None else f' (seed {seed})'}, without a control"
    if any(change.paired for changes in comparison.benchmarks.values() for change in changes):
        sure += "; intervals cover the choice of items only"
    bounds = list(_bound_sentences(record.budget, comparison))
    title = found.title
    if record.budget.alpha == 0:
        title = "Nothing was unlearned: the original weights were kept"
    return replace(found, title=title, sentences=[done, *found.sentences, *bounds, f"{sure}."])


def describe_weights(budget: BudgetFacts) -> str:
    """What became of the trained weights, as a clause: "the trained weights were kept (α = 1)"."""
    if budget.alpha in (0, 1):
        kept = "trained" if budget.alpha else "original"
        return f"the {kept} weights were kept (α = {budget.alpha:g})"
    verb = "extrapolated" if budget.alpha > 1 else "interpolated"
    where = ", within the budget" if is_within_budget(budget) else ""
    return f"the weights were {verb} to α = {format_number(budget.alpha, 3)}{where}"


def _bound_sentences(budget: BudgetFacts, comparison: BeforeAfter) -> Iterator[str]:
    """How far the model moved, and what became of harmful words if no benchmark says so."""
    if budget.movements:
        reached = [
            f"{format_number(facts.reached, 3)} on {measured_text(kind)}"
            for kind, facts in budget.movements.items()
        ]
        yield (
            "The mean KL divergence from the original model, in nats per token, is "
            f"{join_words(reached)}."
        )
    words = budget.harmful_words
    if words and not comparison.harm:
        yield (
            "In built-in texts that no run trains on, the log-probability of harmful words after a "
            f"group changed by {format_signed(words.change, 3)} nats per token, and the part that "
            f"the group adds by {format_signed(words.added_after - words.added_before, 3)} (no "
            "intervals)."
        )
