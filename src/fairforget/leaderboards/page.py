"""The report page of a leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fairforget.benchmarks.measures import CONTRIBUTION, SCALED_CONTRIBUTION, measure_of
from fairforget.leaderboards.plan import EQUAL
from fairforget.leaderboards.record import LeaderboardRecord, MethodEffect
from fairforget.leaderboards.tables import (
    bias_scores,
    costs_table,
    domains_table,
    make_parts,
    overall_effects,
)
from fairforget.records.paths import LEADERBOARD
from fairforget.records.store import read_record
from fairforget.report.evidence import list_limitations
from fairforget.report.facts import pairs_table
from fairforget.report.headline import Headline
from fairforget.report.wording import NONE, flatten, format_number, join_words

TEMPLATE = "leaderboard.html.j2"


def read(directory: Path) -> LeaderboardRecord:
    """Return the leaderboard in a directory."""
    return read_record(directory / LEADERBOARD, LeaderboardRecord)


def context(record: LeaderboardRecord) -> dict[str, Any]:
    """Return the variables of the template."""
    return {
        "headline": headline(record),
        "parts_by_cost": make_parts(record),
        "costs": [costs_table(record, model) for model in record.models],
        "by_domain": [
            domains_table(record, model, *score)
            for model in record.models
            for score in bias_scores(record)
        ],
        "failed": [(failure.run, failure.last_line or NONE) for failure in record.failed],
        "settings": pairs_table("Settings", flatten(record.settings)),
        "limitations": list_limitations(
            dict.fromkeys(effect.benchmark for effect in record.effects), "study"
        ),
    }


def headline(record: LeaderboardRecord) -> Headline:
    """Return with which methods the scaled contribution came closer to 0 at equal cost."""
    lines = [line for model in record.models for line in _verdict_lines(record, model)]
    finished = {row.method for row in record.rows}
    count = sum(name in finished and not facts.is_control for name, facts in record.methods.items())
    return Headline(
        f"{count} debiasing method{'' if count == 1 else 's'} at equal cost",
        lines or ["The contribution of the group was not measured; add the benchmark stereoset."],
    )


def _verdict_lines(record: LeaderboardRecord, model: str) -> list[str]:
    effects = overall_effects(record, model).values()
    inference = {name for name, facts in record.methods.items() if facts.change == "inference"}
    compared = [e for e in effects if e.cost == EQUAL or e.method in inference]
    judged = {e.method: e for e in compared if e.measure == SCALED_CONTRIBUTION}
    nats = {e.method: e for e in compared if e.measure == CONTRIBUTION}
    fell = [method for method, effect in judged.items() if effect.verdict == "less"]
    rose = [method for method, effect in judged.items() if effect.verdict == "more"]
    undecided = [method for method in judged if method not in (*fell, *rose)]
    lines = []
    name = f"{model}: " if len(record.models) > 1 else ""
    for words, methods in (("came closer to 0", fell), ("moved away from 0", rose)):
        if methods:
            methods.sort(key=lambda method: abs(nats[method].after.value))
            shown = join_words(_describe([nats[method] for method in methods]))
            lines.append(f"{name}The scaled contribution of the group {words} with {shown}.")
    if undecided:
        lines.append(f"{name}The change is undecided with {join_words(undecided)}.")
    return lines


def _describe(effects: Sequence[MethodEffect]) -> list[str]:
    """Return each method with its contribution in nats; only the first has the unit."""
    digits = measure_of(CONTRIBUTION).digits
    texts: list[str] = []
    for effect in effects:
        before, after = (format_number(s.value, digits) for s in (effect.before, effect.after))
        numbers = f"{before} → {after}"
        if not texts:
            numbers = f"unscaled: {numbers} nats per token"
        texts.append(f"{effect.method} ({numbers})")
    return texts
