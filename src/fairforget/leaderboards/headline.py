"""The headline of a leaderboard: with which methods bias fell, and at what cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from fairforget.benchmarks.measures import SCALED_CONTRIBUTION, measure_of
from fairforget.comparison.score_change import Score
from fairforget.leaderboards.effects import (
    depends_on_seed,
    inference_methods,
    methods_at,
    name_method,
    overall_effects,
    perplexity_change,
    runs_of,
    seed_counts,
)
from fairforget.leaderboards.plan import EQUAL, ORIGINAL, PUBLISHED
from fairforget.leaderboards.record import LeaderboardRecord, MethodEffect
from fairforget.report.headline import Headline
from fairforget.report.wording import (
    BIAS_VERDICTS,
    format_interval,
    format_number,
    format_signed,
    join_words,
)
from fairforget.terminal.messages import count_of

DIGITS = measure_of(SCALED_CONTRIBUTION).digits
NOT_MEASURED = "The contribution of the group was not measured."
MOST_NAMED = 3
"""A title with more methods than this gives their number."""


def headline(record: LeaderboardRecord) -> Headline:
    """Return with which methods the scaled contribution changed within the budget.

    Methods that act at inference, whose cost cannot be limited, have a sentence of their own.
    """
    lines = [line for model in record.models for line in _model_lines(record, model)]
    measured = {e.model for e in record.effects if e.measure == SCALED_CONTRIBUTION}
    compared = {e.model for e in record.effects}
    if compared and not measured:
        lines.insert(0, NOT_MEASURED)
    elif without := [model for model in record.models if model in compared - measured]:
        lines.append(f"{join_words(without)}: {NOT_MEASURED}")
    uncompared = [model for model in record.models if model not in compared]
    failed = uncompared if measured else _without_original(record)
    if failed:
        lines.append(f"{join_words(failed)}: No method was compared; see the failed runs.")
    return Headline(_title(record), lines)


def _without_original(record: LeaderboardRecord) -> list[str]:
    """Return the models whose original could not be evaluated, so that nothing compares with it."""
    evaluated = {row.model for row in record.rows if row.method == ORIGINAL}
    return [model for model in record.models if model not in evaluated]


def _title(record: LeaderboardRecord) -> str:
    names = {name for model in record.models for name in methods_at(record, model, EQUAL)}
    if not names:
        return "No method was evaluated within the budget"
    count = sum(not record.methods[name].is_control for name in names)
    methods, seeds = count_of(count, "method"), _count_seeds(record)
    if len(record.models) > 1:
        return (
            f"{methods} within the budget on {len(record.models)} models{seeds and f' ({seeds})'}"
        )
    if _without_original(record):
        return "No method was compared"
    (model,) = record.models
    changes = _changes(record, model, EQUAL)
    finding = _finding(record, changes) if changes else "Methods compared within the budget"
    return f"{finding} ({', '.join(filter(None, [methods, seeds]))})"


def _count_seeds(record: LeaderboardRecord) -> str:
    counts = seed_counts(record)
    if not counts:
        return ""
    return f"{'up to ' if len(counts) > 1 else ''}{count_of(max(counts), 'seed')}"


def _finding(record: LeaderboardRecord, changes: dict[str, tuple[MethodEffect, Score]]) -> str:
    fell = [name for name in _by_verdict(changes, "less") if not record.methods[name].is_control]
    if not fell:
        return "Bias did not fall significantly with any method within the budget"
    others = [change for name, (_, change) in changes.items() if name != fell[0]]
    if (
        len(fell) > 1
        and _has_all_seeds(fell[0], changes)
        and _is_below(changes[fell[0]][1], others)
    ):
        return f"{fell[0]} lowered bias most within the budget"
    count = sum(not record.methods[name].is_control for name in changes)
    named = join_words(fell) if len(fell) <= MOST_NAMED else f"{len(fell)} of {count} methods"
    return f"{named} lowered bias within the budget"


def _has_all_seeds(method: str, changes: dict[str, tuple[MethodEffect, Score]]) -> bool:
    """Return whether a method was run as often as the others, or does not depend on the seed."""
    if not depends_on_seed(method):
        return True
    return changes[method][0].seeds == max(effect.seeds for effect, _ in changes.values())


def _is_below(change: Score, others: Sequence[Score]) -> bool:
    """Return whether an interval is below all others; then the differences are significant."""
    highest = change.ci[1] if change.ci else change.value
    return all(other.ci and highest < other.ci[0] for other in others)


def _model_lines(record: LeaderboardRecord, model: str) -> Iterator[str]:
    name = f"{model}: " if len(record.models) > 1 else ""
    for line in (*_equal_lines(record, model), *_inference_lines(record, model)):
        yield name + line


def _equal_lines(record: LeaderboardRecord, model: str) -> Iterator[str]:
    changes = _changes(record, model, EQUAL)
    if not changes:
        return
    before = next(iter(changes.values()))[0].before
    subject = (
        "Within the budget, the scaled contribution of the group "
        f"({format_number(before.value, DIGITS)} MADs in the original; 0: no bias)"
    )
    decided = []
    for verdict, words in (("less", "came closer to 0"), ("more", "moved away from 0")):
        if names := _by_verdict(changes, verdict):
            decided += names
            described = join_words(
                [
                    f"{name_method(record, name)} ({_describe(*changes[name], n == 0)})"
                    for n, name in enumerate(names)
                ]
            )
            yield f"{subject} {words} with {described}."
            subject = "Within the budget, it"
    unchanged = [name for name in changes if _is_unchanged(record, model, name)]
    if unchanged:
        yield (
            "Within the budget, nothing is left of the update of "
            f"{join_words([name_method(record, name) for name in unchanged])} (α = 0)."
        )
    known = {*decided, *unchanged}
    if undecided := [name_method(record, name) for name in changes if name not in known]:
        end = "" if decided else " within the budget"
        yield f"The change is undecided with {join_words(undecided)}{end}."


def _is_unchanged(record: LeaderboardRecord, model: str, method: str) -> bool:
    """Return whether no part of a method's update was within the budget, with any seed."""
    return not any(run.alpha for run in runs_of(record, model, method, EQUAL))


def _describe(effect: MethodEffect, change: Score, is_first: bool) -> str:
    """Return the change of the distance from 0; only the first has words for its interval."""
    text = format_signed(change.value, DIGITS)
    if change.ci:
        text += f"{', 95 % interval' if is_first else ','} {format_interval(change.ci, DIGITS)}"
    if effect.before.is_decided:  # else a percentage of almost 0
        text += f", or {format_signed(100 * change.value / abs(effect.before.value), 0)} %"
    return text


def _inference_lines(record: LeaderboardRecord, model: str) -> Iterator[str]:
    names = inference_methods(record, model)
    if not names:
        return
    changes, effects = _changes(record, model, PUBLISHED), overall_effects(record, model)
    described = []
    for name in names:
        parts = []
        if name in changes:
            effect, change = changes[name]
            verdict = f", {BIAS_VERDICTS[effect.verdict]}" if effect.verdict else ""
            parts.append(f"scaled contribution {format_signed(change.value, DIGITS)}{verdict}")
        if lms := effects.get((name, PUBLISHED, "stereoset", "lms")):
            parts.append(f"LMS {format_signed(lms.change.value)}")
        rise = perplexity_change(record, model, name, PUBLISHED)
        parts.append(f"perplexity {format_signed(rise)} %")
        described.append(f"{name} ({'; '.join(parts)})")
    yield (
        "Methods that act at inference were not scaled to the limits, so they may cost more: "
        f"{join_words(described)}."
    )


def _changes(
    record: LeaderboardRecord, model: str, cost: str
) -> dict[str, tuple[MethodEffect, Score]]:
    """Return method → its effect on the scaled contribution, and the change of its distance."""
    return {
        method: (effect, effect.distance)
        for (method, at, benchmark, measure), effect in overall_effects(record, model).items()
        if (at, benchmark, measure) == (cost, "stereoset", SCALED_CONTRIBUTION) and effect.distance
    }


def _by_verdict(changes: dict[str, tuple[MethodEffect, Score]], verdict: str) -> list[str]:
    """Return the methods with a verdict, the largest change first."""
    names = [name for name, (effect, _) in changes.items() if effect.verdict == verdict]
    return sorted(names, key=lambda name: -abs(changes[name][1].value))
