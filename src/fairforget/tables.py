"""Results as tables in the terminal: 80 columns, no colour where there is no terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import redirect_stdout
from io import StringIO
from typing import Any, TypeVar

from rich import box
from rich.console import Console
from rich.table import Table

from fairforget.benchmarks.degenerate import find_warnings
from fairforget.benchmarks.limitations import find_limitations
from fairforget.comparison.compare import Comparison
from fairforget.comparison.paired import Cell, Change
from fairforget.comparison.rerun import RerunComparison
from fairforget.records.records import BudgetFacts, EvaluationRecord, UnlearningRecord, UtilityFacts
from fairforget.records.schema import interval_of
from fairforget.report.wording import budget_note, format_p_number, one_line, steps_done

T = TypeVar("T")

TITLES = {
    "ss": "SS",
    "lms": "LMS",
    "icat": "ICAT",
    "contribution": "contrib.",
    "stereotype": "stereotype %",
    "stereotype_summed": "summed %",
    "conditional": "cond.",
    "bias_ambiguous": "bias, ambig.",
    "bias_disambiguated": "bias, clear",
    "accuracy_ambiguous": "acc., ambig.",
    "accuracy_disambiguated": "acc., clear",
    "accuracy": "acc. %",
    "templates": "templ.",
}
NOT_SHOWN = (
    *("contribution_scaled", "contribution_items", "ss_smoothed", "ss_smoothed_by_sense"),
    "prior",
)
"""Scores that are only in the record: a table has 80 columns."""
UNKNOWN = "unknown"
"""For a field that a record from another program lacks."""
WITH_INTERVAL = ("ss", "lms", "stereotype", "bias")
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
    print_lines((*find_warnings(record.results), *find_limitations(record.results)))


def show_comparison(comparison: Comparison) -> None:
    """Two tables per benchmark: the bias score, and the scores to read with it."""
    for name, measure in dict.fromkeys((cell.benchmark, cell.measure) for cell in comparison.cells):
        cells = [c for c in comparison.cells if (c.benchmark, c.measure) == (name, measure)]
        title = TITLES.get(cells[0].measure, cells[0].measure)
        table = make_table(f"{name}: {title} before → after, paired on the same items", ["domain"])
        for column in ("before", "after", "change [95 %]", "p", "p, Holm"):
            table.add_column(column, justify="right", no_wrap=True)
        for cell in cells:
            table.add_row(
                one_line(cell.domain),
                f"{cell.score.before:.2f}",
                f"{cell.score.after:.2f}",
                _delta(cell.score),
                format_p_number(cell.p),
                format_p_number(cell.p_adjusted),
            )
        print_content(table)
        if cells[0].main:
            print_content(_other_scores(name, cells))
    for name, change in comparison.perplexity.items():
        percent = 100 * (change.after / change.before - 1)
        print_content(
            f"{one_line(name)}: {change.before:.2f} → {change.after:.2f} ({percent:+.2f} %)"
        )
    print_content(
        "Gained, lost: items in which the stereotype became, or ceased to be, the more likely "
        "version (ability benchmarks: the correct answer). p: exact McNemar test of these items, "
        "or Student's t for scores that do not count items. Holm: p corrected separately over "
        "single domains, over all items, and over ability benchmarks. Intervals: paired t over "
        "clusters of items."
    )
    print_lines((*comparison.notes, *comparison.limitations))


def show_unlearning(record: UnlearningRecord) -> None:
    """A line on the method, and one for each utility loss."""
    method, budget = record.method, record.budget
    print_content(
        f"{method.get('objective', UNKNOWN)} on {method.get('selection', UNKNOWN)} tokens of "
        f"{one_line(record.corpora[0].name) if record.corpora else UNKNOWN}, "
        f"{steps_done(method)}, {sum(record.seconds.values()):.0f} s."
    )
    bound = _bound(budget)
    for name, facts in {"": budget, **budget.others}.items():
        print_content(
            f"Held-out perplexity{', ' + one_line(name) if name else ''} × {facts.reached:.4f} "
            f"(budget {facts.asked:g}{'; binding' if facts is bound else ''})."
        )
    print_content(f"α = {budget.alpha:.3f}. {budget_note(one_line(budget.note))}".rstrip())


def _bound(budget: BudgetFacts) -> UtilityFacts | None:
    """The measure nearest to its limit; none at either end of the line, where no limit decided."""
    if budget.alpha in (0, budget.max_alpha):
        return None
    return min((budget, *budget.others.values()), key=lambda facts: facts.asked - facts.reached)


def _protocol(result: dict[str, Any]) -> str:
    return str(result.get("protocol", UNKNOWN))


def _show_domains(name: str, result: dict[str, Any]) -> None:
    domains = result["domains"]
    facts = [f"protocol {_protocol(result)}"]
    if "split" in result:
        facts.append(f"split {result['split']}")
    contexts = [c for c in CONTEXTS if any(f"bias_{c}" in scores for scores in domains.values())]
    for context in contexts or [""]:
        about = [f"{context} contexts", *facts] if context else facts
        table = make_table(f"{name}, {', '.join(about)}", ["domain"])
        rows = {domain: _cells(scores, context) for domain, scores in domains.items()}
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
        if name in NOT_SHOWN or name.endswith(
            ("ci", *(f"_{other}" for other in CONTEXTS if other != context))
        ):
            continue
        measure = name.removesuffix(f"_{context}")
        digits = 3 if name == "contribution" else 2
        text = f"{value:.{digits}f}" if isinstance(value, float) else str(value)
        bounds = interval_of(scores, name)
        if bounds and measure in WITH_INTERVAL:
            text += f" [{bounds[0]:.1f}, {bounds[1]:.1f}]"
        cells[TITLES.get(measure, measure)] = text
    return cells


def _other_scores(name: str, cells: list[Cell]) -> Table:
    table = make_table(f"{name}: other scores and counts", ["domain"])
    measures = dict.fromkeys(m for cell in cells for m in cell.beside if m not in NOT_SHOWN)
    for measure in measures:
        table.add_column(TITLES.get(measure, measure), justify="right", no_wrap=True)
    for column in ("items", "clusters", "gained", "lost", "ties"):
        table.add_column(column, justify="right")
    for cell in cells:
        values = [cell.beside.get(measure) for measure in measures]
        table.add_row(
            one_line(cell.domain),
            *(f"{v.before:.1f} → {v.after:.1f}" if v else "–" for v in values),
            *map(str, (cell.items, cell.clusters, cell.gained, cell.lost)),
            f"{cell.ties[0]} → {cell.ties[1]}",
        )
    return table


def _delta(change: Change) -> str:
    bounds = f" [{change.ci[0]:+.1f}, {change.ci[1]:+.1f}]" if change.ci else ""
    return f"{change.delta:+.2f}{bounds}"


def make_table(title: str, columns: Iterable[str]) -> Table:
    """An empty table for the terminal."""
    table = Table(
        title=one_line(title),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def format_tables(show: Callable[[T], None], content: T) -> str:
    """Return what one of the functions above would print."""
    with redirect_stdout(StringIO()) as output:
        show(content)
    return output.getvalue().rstrip()


def print_content(content: object) -> None:
    """Print a table or text, wrapped to the width of the terminal."""
    Console(highlight=False, soft_wrap=False, markup=False, emoji=False).print(content)


def print_lines(lines: Iterable[str]) -> None:
    """Print texts, each as one paragraph."""
    for line in lines:
        print_content(one_line(line))


def show_rerun(rerun: RerunComparison, most: int) -> None:
    """Print up to `most` differences in results, and all differences in the environment."""
    for change in rerun.environment:
        print(f"{change.where}: {change.before!r} before, {change.after!r} now")
    for difference in rerun.differences[:most]:
        print(
            f"{one_line(difference.where)}: {difference.before!r} before, {difference.after!r} now"
        )
    count = len(rerun.differences)
    if count > most:
        print(f"… and {count - most} more")
    if not count:
        print(f"All {rerun.figures:,} figures are bitwise equal.")
        return
    largest = max(difference.relative for difference in rerun.differences)
    print(f"{count:,} of {rerun.figures:,} figures differ; maximum relative error: {largest:.2g}")
