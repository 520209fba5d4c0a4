"""The comparison of two models in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import starmap

from rich.table import Table as TerminalTable

from fairforget.benchmarks.measures import MEASURES, measure_of
from fairforget.benchmarks.options import base_name
from fairforget.comparison.compare import Comparison
from fairforget.comparison.paired import Cell
from fairforget.comparison.score_change import Change
from fairforget.report.cell_words import describe_p
from fairforget.report.harmful_words import VERDICTS
from fairforget.report.terminal import (
    describe_start,
    find_context,
    in_contexts,
    list_contexts,
    short_title,
)
from fairforget.report.wording import HARMFUL_WORDS, format_plain_interval
from fairforget.report.written import WRITTEN
from fairforget.terminal.messages import one_line
from fairforget.terminal.tables import make_table, print_content, print_lines

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
    "(BOLD), corrected separately for each score. Lower is better; a gap is best at 0."
)


def show_comparison(comparison: Comparison) -> None:
    """Print the tables of each benchmark, the perplexities, and how to read them."""
    for name in dict.fromkeys(cell.benchmark for cell in comparison.cells):
        cells = [cell for cell in comparison.cells if cell.benchmark == name]
        harm = [cell for cell in cells if cell.lower_is_better]
        if any(cell.main for cell in harm):
            _show_harm(name, cells)
            continue
        _show_bias(name, [cell for cell in cells if not cell.lower_is_better])
        _show_harm(name, harm)
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
    main = [cell for cell in cells if cell.main and cell.beside]
    if main:
        print_content(_other_scores(name, main, ""))


def _show_bias(name: str, cells: Sequence[Cell]) -> None:
    """Print the tables of the main score, of the bias scores beside it, and of all else."""
    main = [cell for cell in cells if cell.main]
    measure = main[0].measure if main else cells[0].measure
    print_content(
        _change_table(
            f"{name}: {short_title(measure)}{in_contexts(find_context(measure))} "
            "before → after, paired on the same items",
            [(cell, cell.score) for cell in main],
            digits=2,
            interval_digits=1,
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
    for context in list_contexts({score for cell in main for score in cell.beside}):
        print_content(_other_scores(name, main, context))


def _change_table(
    title: str,
    rows: Sequence[tuple[Cell, Change]],
    *,
    digits: int,
    interval_digits: int | None = None,
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
            _delta(score, digits, digits if interval_digits is None else interval_digits),
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


def _other_scores(name: str, cells: list[Cell], context: str) -> TerminalTable:
    """The scores without a verdict, of one context of BBQ or of another benchmark; and counts."""
    table = make_table(f"{name}: other scores{in_contexts(context)}, and counts", ["domain"])
    measures = {
        m: title
        for cell in cells
        for m in cell.beside
        if (title := short_title(m))
        and not measure_of(m).judged_by
        and find_context(m) in ("", context)
    }
    for title in measures.values():
        table.add_column(title, justify="right", no_wrap=True)
    for column in ("items", "clusters", "gained", "lost", "ties"):
        table.add_column(column, justify="right")
    for cell in cells:
        values = [cell.beside.get(measure) for measure in measures]
        table.add_row(
            one_line(cell.domain),
            *starmap(_describe_change, zip(measures, values, strict=True)),
            *map(str, (cell.items, cell.clusters, cell.gained, cell.lost)),
            f"{cell.ties[0]} → {cell.ties[1]}",
        )
    return table


def _describe_change(measure: str, change: Change | None) -> str:
    if change is None:
        return "–"
    digits = measure_of(measure).digits
    return f"{change.before:z.{digits}f} → {change.after:z.{digits}f}"


def _describe(measure: str) -> str:
    return measure_of(measure).meaning or measure_of(measure).in_words


def _delta(change: Change, digits: int, interval_digits: int) -> str:
    interval = format_plain_interval(change.ci, interval_digits)
    return f"{change.delta:+z.{digits}f} {interval}".rstrip()
