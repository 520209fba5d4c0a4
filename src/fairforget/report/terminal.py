"""Results, and tables of a report, in the terminal."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

from rich.table import Table as TerminalTable

from fairforget.benchmarks.degenerate import find_warnings
from fairforget.benchmarks.limitations import find_limitations
from fairforget.benchmarks.measures import MEASURES, measure_of
from fairforget.benchmarks.options import base_name
from fairforget.comparison.compare import Comparison
from fairforget.comparison.paired import Cell
from fairforget.comparison.score_change import Change
from fairforget.records.records import (
    LIMITED_BY_GUARD,
    BudgetFacts,
    EvaluationRecord,
    ModelFacts,
    MovementFacts,
    UnlearningRecord,
    UtilityFacts,
)
from fairforget.records.schema import interval_of
from fairforget.report.figures import describe_p
from fairforget.report.harmful_words import VERDICTS
from fairforget.report.tables import Table
from fairforget.report.wording import (
    HARMFUL_WORDS,
    budget_note,
    join_words,
    measured_text,
    steps_done,
)
from fairforget.report.written import WRITTEN
from fairforget.terminal.messages import one_line
from fairforget.terminal.tables import make_table, print_content, print_lines

COUNTS = {"templates": "templ.", "contribution_items": "", "articles": ""}
"""Count → its title in the terminal, if not its name; empty if it is not shown."""
UNKNOWN = "unknown"
"""Placeholder for a field missing from another program's record."""
CONTEXTS = ("ambiguous", "disambiguated")
"""The contexts of BBQ; each has its own table."""
BIAS_LEGEND = (
    "Bias: whether it fell or rose; ?: undecided. Gained, lost: items in which the stereotype "
    "became, or ceased to be, the more likely version (ability benchmarks: the correct answer). p: "
    "paired t over clusters of items; for scores that count items, the exact McNemar test of these "
    "items if its p is larger. Contribution: what naming the group, instead of a neutral word, "
    "adds to the log-probability of the stereotype minus that of the anti-stereotype. Contribution "
    "and conditional: p and verdict are those of the score scaled by the model's spread. Holm: p "
    "corrected separately over single domains, over all items, and over ability benchmarks. "
    "Intervals: paired t over clusters of items."
)
HARM_LEGEND = (
    "Harmful words: p from Student's t over texts with different harmful words, corrected "
    "separately for each score. Lower is better."
)
WRITTEN_LEGEND = (
    "Continuations: p from Student's t over templates (HONEST, counterfactual prompts) or articles "
    "(BOLD), corrected separately for each score. Lower is better."
)


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
    if not all("chat_template" in result for result in record.results.values()):
        print_lines([describe_start(record.model)])
    print_lines((*find_warnings(record.results), *find_limitations(record.results)))


def show_comparison(comparison: Comparison) -> None:
    """Print the tables of each benchmark, the perplexities, and how to read them."""
    for name in dict.fromkeys(cell.benchmark for cell in comparison.cells):
        cells = [cell for cell in comparison.cells if cell.benchmark == name]
        if any(cell.lower_is_better for cell in cells):
            _show_harm(name, cells)
        else:
            _show_bias(name, cells)
    for name, change in comparison.perplexity.items():
        percent = 100 * (change.after / change.before - 1)
        print_content(
            f"{one_line(name)}: {change.before:.2f} → {change.after:.2f} ({percent:+z.2f} %)"
        )
    print_lines([describe_start(comparison.before, comparison.after)])
    benchmarks = {base_name(cell.benchmark) for cell in comparison.cells}
    print_lines(
        (
            *([BIAS_LEGEND] if not benchmarks <= {HARMFUL_WORDS, *WRITTEN} else []),
            *([HARM_LEGEND] if HARMFUL_WORDS in benchmarks else []),
            *([WRITTEN_LEGEND] if not benchmarks.isdisjoint(WRITTEN) else []),
            *comparison.notes,
            *comparison.limitations,
        )
    )


def _show_harm(name: str, cells: Sequence[Cell]) -> None:
    """Print a table for each score of harm."""
    for measure in dict.fromkeys(cell.measure for cell in cells):
        rows = [(cell, cell.score) for cell in cells if cell.measure == measure]
        title = f"{name}: {_describe(measure)}"
        print_content(_change_table(title, rows, digits=measure_of(measure).digits))


def _show_bias(name: str, cells: Sequence[Cell]) -> None:
    """Print the tables of the main score, of the bias scores beside it, and of all else."""
    main = [cell for cell in cells if cell.main]
    measure = main[0].measure if main else cells[0].measure
    print_content(
        _change_table(
            f"{name}: {_short_title(measure)}{_in_contexts(_find_context(measure))} "
            "before → after, paired on the same items",
            [(cell, cell.score) for cell in main],
        )
    )
    for shown, facts in MEASURES.items():
        rows = [
            (cell, score)
            for cell in cells
            if cell.measure == facts.judged_by and (score := _find_score(cells, cell.domain, shown))
        ]
        if rows:
            title = f"{name}: {_describe(shown)}"
            print_content(_change_table(title, rows, digits=facts.digits))
    for context in _list_contexts({score for cell in main for score in cell.beside}):
        print_content(_other_scores(name, main, context))


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
        limit = f"at most {words.asked:+g}" if words.asked else "no rise"
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
    if budget.alpha in (0, budget.max_alpha) or LIMITED_BY_GUARD in budget.note:
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
    for context in _list_contexts({score for scores in domains.values() for score in scores}):
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
        title, shown = _short_title(name), measure_of(name)
        if name.endswith("ci") or not title or _find_context(name) not in ("", context):
            continue
        text = f"{value:z.{shown.digits}f}" if isinstance(value, float) else str(value)
        bounds = interval_of(scores, name)
        if bounds and shown.interval:
            text += f" [{bounds[0]:z.{shown.digits}f}, {bounds[1]:z.{shown.digits}f}]"
        cells[title] = text
    return cells


def _change_table(
    title: str, rows: Sequence[tuple[Cell, Change]], *, digits: int = 2
) -> TerminalTable:
    """A score by domain, with its p-values (ability: of the main score only) and verdicts."""
    table = make_table(title, [])
    table.add_column("domain", overflow="fold")  # the numbers need their width
    for column in ("before", "after", "change [95 %]", "p, Holm"):
        table.add_column(column, justify="right", no_wrap=True)
    harm = any(cell.lower_is_better for cell, _ in rows)
    table.add_column("verdict" if harm else "bias", no_wrap=True)
    for cell, score in rows:
        table.add_row(
            one_line(cell.domain),
            f"{score.before:z.{digits}f}",
            f"{score.after:z.{digits}f}",
            _delta(score, digits),
            describe_p(cell) if cell.distance or score is cell.score else "",
            _verdict(cell),
        )
    return table


def _verdict(cell: Cell) -> str:
    """Whether bias or harm fell or rose; empty for a benchmark of general ability."""
    if cell.tested is None:
        return ""
    words = VERDICTS.get(cell.measure, {"less": "fell", "more": "rose"})
    return words.get(cell.verdict, "?")


def _find_score(cells: Sequence[Cell], domain: str, name: str) -> Change | None:
    """The change of a score in a domain, whether or not it is a bias score."""
    for cell in cells:
        if cell.domain == domain and (cell.measure == name or name in cell.beside):
            return cell.score if cell.measure == name else cell.beside[name]
    return None


def _find_context(measure: str) -> str:
    """The context of BBQ that a score is about; "" for any other score."""
    return next((context for context in CONTEXTS if measure.endswith(f"_{context}")), "")


def _in_contexts(context: str) -> str:
    return f" in {context} contexts" if context else ""


def _list_contexts(measures: Collection[str]) -> list[str]:
    """The contexts of BBQ that scores are about; "" for another benchmark."""
    return [c for c in CONTEXTS if f"accuracy_{c}" in measures] or [""]


def _other_scores(name: str, cells: list[Cell], context: str) -> TerminalTable:
    """The scores without a verdict, of one context of BBQ or of another benchmark; and counts."""
    table = make_table(f"{name}: other scores{_in_contexts(context)}, and counts", ["domain"])
    measures = {
        m: title
        for cell in cells
        for m in cell.beside
        if (title := _short_title(m))
        and not measure_of(m).judged_by
        and _find_context(m) in ("", context)
    }
    for title in measures.values():
        table.add_column(title, justify="right", no_wrap=True)
    for column in ("items", "clusters", "gained", "lost", "ties"):
        table.add_column(column, justify="right")
    for cell in cells:
        values = [cell.beside.get(measure) for measure in measures]
        table.add_row(
            one_line(cell.domain),
            *(f"{v.before:z.1f} → {v.after:z.1f}" if v else "–" for v in values),
            *map(str, (cell.items, cell.clusters, cell.gained, cell.lost)),
            f"{cell.ties[0]} → {cell.ties[1]}",
        )
    return table


def _short_title(name: str) -> str:
    """The title of a score or count in a narrow table; empty if there is no room for it."""
    return COUNTS.get(name, measure_of(name).short)


def _describe(measure: str) -> str:
    return measure_of(measure).meaning or measure_of(measure).in_words


def _delta(change: Change, digits: int) -> str:
    ends = 1 if digits == 2 else digits
    bounds = ", ".join(f"{bound:+z.{ends}f}" for bound in change.ci or ())
    return f"{change.delta:+z.{digits}f}" + (f" [{bounds}]" if bounds else "")


def print_table(table: Table, title: str = "") -> None:
    """Print a table of a report; by default, its caption is the title."""
    shown = make_table(title or table.caption, [column.title for column in table.columns])
    for column in shown.columns[1:]:
        column.no_wrap = False  # else 80 columns cut off the names and intervals
    for row in table.rows:
        shown.add_row(*map(str, row))
    print_content(shown)
