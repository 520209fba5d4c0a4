"""Results, and tables of a report, in the terminal."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from fairforget.benchmarks.degenerate import find_warnings
from fairforget.benchmarks.limitations import find_limitations
from fairforget.benchmarks.measures import measure_of
from fairforget.budget import HARM_TOLERANCE
from fairforget.records.records import (
    BudgetFacts,
    EvaluationRecord,
    ModelFacts,
    MovementFacts,
    UnlearningRecord,
    UtilityFacts,
)
from fairforget.records.schema import interval_of
from fairforget.report.tables import Table
from fairforget.report.wording import (
    budget_note,
    join_words,
    measured_text,
    steps_done,
)
from fairforget.terminal.messages import one_line
from fairforget.terminal.tables import make_table, print_content, print_lines

COUNTS = {"templates": "templ.", "contribution_items": "", "articles": ""}
"""Count → its title in the terminal, if not its name; empty if it is not shown."""
UNKNOWN = "unknown"
"""Placeholder for a field missing from another program's record."""
CONTEXTS = ("ambiguous", "disambiguated")
"""The contexts of BBQ; each has its own table."""


def show_evaluation(record: EvaluationRecord) -> None:
    """One table per benchmark, and a line for each result without domains."""
    for name, result in record.results.items():
        if "domains" in result:
            _show_domains(name, result)
        elif "value" in result:
            share = result.get("share", 1.0)
            part = "" if share == 1.0 else f", the first {100 * share:g} %"
            print_content(
                f"{one_line(name)}: {result['value']:.2f} on {result.get('corpus', UNKNOWN)}{part} "
                f"({result.get('tokens', 0):,} tokens), protocol {_protocol(result)}"
            )
        for task, metrics in result.get("metrics", {}).items():
            values = ", ".join(f"{metric} {value:.4f}" for metric, value in metrics.items())
            print_content(one_line(f"{name}: {task} {values}, protocol {_protocol(result)}"))
    if record.model.server or any("start_token" in it for it in record.results.values()):
        print_lines([describe_start(record.model)])
    print_lines((*find_warnings(record.results), *find_limitations(record.results)))


def show_unlearning(record: UnlearningRecord) -> None:
    """A line on the method, and one for each utility loss."""
    method, budget = record.method, record.budget
    print_content(
        f"{method.get('objective', UNKNOWN)} on {method.get('selection', UNKNOWN)} tokens of "
        f"{one_line(join_words([corpus.name for corpus in record.forget])) or UNKNOWN}, "
        f"{steps_done(method)}, {sum(record.seconds.values()):.0f} s."
    )
    bound = _bound(budget)
    for name, facts in budget.perplexities.items():
        print_content(
            f"Perplexity on {one_line(measured_text(name))} × {facts.reached:.4f} "
            f"(budget {facts.asked:g}{'; binding' if facts is bound else ''})."
        )
    for kind, moved in budget.movements.items():
        limit = "" if moved.asked is None else f"budget {moved.asked:g}"
        bounded = "; ".join(filter(None, [limit, "binding" if moved is bound else ""]))
        print_content(
            f"Movement on {one_line(measured_text(kind))}: {moved.reached:.4f} nats per token"
            f"{f' ({bounded})' if bounded else ''}."
        )
    if words := budget.harmful_words:
        limit = f"a rise of {words.asked + HARM_TOLERANCE:g}"
        print_content(
            f"Log p of harmful words after groups: {words.before:.3f} → {words.after:.3f} nats per "
            f"token ({words.change:+z.3f}; allowed: {limit}); what the group adds: "
            f"{words.added_before:+z.3f} → {words.added_after:+z.3f}."
        )
    print_content(f"α = {budget.alpha:.3f}. {budget_note(one_line(budget.note))}".rstrip())
    print_lines([describe_start(record.model)])


def describe_start(*models: ModelFacts) -> str:
    """The token that texts start with: scores depend on it."""
    if any(model.server for model in models):
        return "The server chooses the start token of every text."
    tokens = list(dict.fromkeys(model.start_token for model in models))
    shown = tokens[0] if len(tokens) == 1 else f"{tokens[0]} before, {tokens[1]} after"
    return f"Every text starts with the token {shown} (--start_token)."


def _bound(budget: BudgetFacts) -> UtilityFacts | MovementFacts | None:
    """The measure nearest to its limit: a ratio of perplexities, near 1, or nats.

    None at either end of the line, and where a guard ended the search: no budget decided.
    """
    if budget.alpha in (0, budget.max_alpha) or budget.is_limited_by_guard:
        return None

    def headroom(facts: UtilityFacts | MovementFacts) -> float:
        return math.inf if facts.asked is None else facts.asked - facts.reached

    measures: list[UtilityFacts | MovementFacts] = [budget, *budget.others.values()]
    return min((*measures, *budget.movements.values()), key=headroom)


def _protocol(result: dict[str, Any]) -> str:
    return str(result.get("protocol", UNKNOWN))


def _show_domains(name: str, result: dict[str, Any]) -> None:
    domains = result["domains"]
    facts = [f"protocol {_protocol(result)}"]
    if "split" in result:
        facts.append(f"split {result['split']}")
    for context in list_contexts({score for scores in domains.values() for score in scores}):
        about = [f"{context} contexts", *facts] if context else facts
        table = make_table(f"{name}, {', '.join(about)}", [])
        table.add_column("domain", overflow="fold")
        rows = {domain: _cells(scores, context) for domain, scores in domains.items()}
        if all(cells.get("ties", "0") == "0" for cells in rows.values()):
            rows = {d: {c: v for c, v in cells.items() if c != "ties"} for d, cells in rows.items()}
        columns = dict.fromkeys(column for cells in rows.values() for column in cells)
        for column in columns:
            table.add_column(column, justify="right")
        for domain, cells in rows.items():
            table.add_row(one_line(domain), *(cells.get(column, "–") for column in columns))
        print_content(table)


def _cells(scores: dict[str, Any], context: str) -> dict[str, str]:
    """A domain's scores by column; of scores that name a context, only those of this one."""
    cells = {}
    for name, value in scores.items():
        title, shown = short_title(name), measure_of(name)
        if name.endswith("ci") or not title or find_context(name) not in ("", context):
            continue
        text = f"{value:z.{shown.digits}f}" if isinstance(value, float) else str(value)
        bounds = interval_of(scores, name)
        if bounds and shown.interval:
            text += f" [{bounds[0]:z.{shown.digits}f}, {bounds[1]:z.{shown.digits}f}]"
        cells[title] = text
    return cells


def find_context(measure: str) -> str:
    """The context of BBQ that a score is about; "" for any other score."""
    return next((context for context in CONTEXTS if measure.endswith(f"_{context}")), "")


def in_contexts(context: str) -> str:
    """The context after the name of a benchmark: " in ambiguous contexts", or nothing."""
    return f" in {context} contexts" if context else ""


def list_contexts(measures: Collection[str]) -> list[str]:
    """The contexts of BBQ that scores are about; "" for another benchmark."""
    return [c for c in CONTEXTS if f"accuracy_{c}" in measures] or [""]


def short_title(name: str) -> str:
    """The title of a score or count in a narrow table; empty if there is no room for it."""
    return COUNTS.get(name, measure_of(name).short)


def print_table(table: Table, title: str = "") -> None:
    """Print a table of a report; by default, its caption is the title."""
    shown = make_table(title or table.caption, [column.title for column in table.columns])
    for column in shown.columns[1:]:
        column.no_wrap = False  # else 80 columns cut off the names and intervals
    for row in table.rows:
        shown.add_row(*map(str, row))
    print_content(shown)
