"""Tables, and their text as Markdown, LaTeX and CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from fairforget.report.wording import (
    NONE,
    ValueWithInterval,
    format_interval,
    format_number,
    format_signed,
)
from fairforget.terminal.messages import one_line

_NEGATIVE = re.compile(r"-\d[\d.,]*( %)?")
"""A negative number in a cell."""
_LATEX = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "−": "$-$",
    "→": r"$\rightarrow$",
    "≥": r"$\geq$",
    "α": r"$\alpha$",
    "∞": r"$\infty$",
    "×": r"$\times$",
    "≤": r"$\leq$",
    "±": r"$\pm$",
    "÷": r"$\div$",
    "\N{NARROW NO-BREAK SPACE}": r"\,",
}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>|#~&$@]|:(?=//)|(?<=www)\.)")


@dataclass(frozen=True, slots=True)
class Column:
    """A column; numeric ones are aligned right."""

    title: str
    numeric: bool = False
    interval: bool = False
    """Whether its cells are `IntervalCell`s."""

    @property
    def full_title(self) -> str:
        """The heading in formats that have the interval in the same cell."""
        return f"{self.title} (95 % interval)" if self.interval else self.title


@dataclass(frozen=True, slots=True)
class Blurred:
    """Text that may be hurtful: blurred on the page until the reader reveals it."""

    text: str

    def __str__(self) -> str:
        return self.text


@dataclass(frozen=True, slots=True)
class IntervalCell:
    """A number and its 95 % interval, if it has one.

    That of a change is left out if its width is 0: nothing changed in any item, which says nothing
    about others.
    """

    value: float | None
    ci: tuple[float, float] | None = None
    change: bool = False
    """Whether to show a plus sign."""
    digits: int = 1
    mark: str = ""
    """A remark after the number; not in CSV."""

    def __post_init__(self) -> None:
        if self.change and self.ci == (0.0, 0.0):
            object.__setattr__(self, "ci", None)

    @property
    def number(self) -> str:
        """The number as text."""
        form = format_signed if self.change else format_number
        return form(self.value, self.digits)

    @property
    def span(self) -> str:
        """The interval as text, empty if there is none."""
        return format_interval(self.ci, self.digits) if self.ci else ""

    def __str__(self) -> str:
        text = f"{self.number} {self.span}" if self.ci else self.number
        return f"{text}, {self.mark}" if self.mark else text


Content = str | Blurred | IntervalCell


def interval_column(title: str) -> Column:
    """A column of numbers with intervals."""
    return Column(title, numeric=True, interval=True)


def interval_cell(
    score: ValueWithInterval | None, digits: int = 1, *, change: bool = False, mark: str = ""
) -> Content:
    """A score and its interval; a dash for None."""
    if score is None:
        return NONE
    return IntervalCell(score.value, score.ci, change=change, digits=digits, mark=mark)


@dataclass(frozen=True, slots=True)
class Table:
    """A table; the first cell of each row is its heading."""

    caption: str
    columns: list[Column]
    rows: list[list[Content]]
    note: str = ""
    strong: frozenset[int] = field(default_factory=frozenset)
    """Indices of bold rows."""
    sortable: bool = False
    """Whether the page sorts it by a column on demand."""

    @property
    def has_intervals(self) -> bool:
        """Whether any cell has an interval."""
        return any(isinstance(cell, IntervalCell) and cell.ci for row in self.rows for cell in row)

    def markdown(self) -> str:
        """A pipe table."""
        head = [c.full_title for c in self.columns]
        rule = ["---:" if c.numeric else "---" for c in self.columns]
        lines = [_escape(head), rule, *map(_escape, self.rows)]
        return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"

    def latex(self) -> str:
        """A booktabs table."""
        form = "".join("r" if c.numeric else "l" for c in self.columns)
        body = [" & ".join(map(_latex, row)) + r" \\" for row in self.rows]
        head = " & ".join(_latex(c.full_title) for c in self.columns) + r" \\"
        return "\n".join(
            [
                r"\begin{table}",
                rf"\caption{{{_latex(self.caption)}}}",
                rf"\begin{{tabular}}{{{form}}}",
                r"\toprule",
                head,
                r"\midrule",
                *body,
                r"\bottomrule",
                r"\end{tabular}",
                r"\end{table}",
                "",
            ]
        )

    def csv(self) -> str:
        """Comma-separated values; interval bounds have their own columns.

        Text that a spreadsheet would run as a formula gets an apostrophe in front.
        """
        file = io.StringIO()
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([title for column in self.columns for title in _csv_titles(column)])
        for row in self.rows:
            writer.writerow(
                [text for cell in zip(self.columns, row, strict=True) for text in _csv(*cell)]
            )
        return file.getvalue()


def markdown_text(text: str) -> str:
    """Text on one line, escaped so that Markdown shows it literally."""
    return _MARKDOWN.sub(r"\\\1", one_line(text))


def _escape(cells: Sequence[Content]) -> list[str]:
    return [str(c) if isinstance(c, IntervalCell) else markdown_text(str(c)) for c in cells]


def _one_line(cell: Content) -> str:
    return " ".join(str(cell).split())


def _latex(cell: Content) -> str:
    return "".join(_LATEX.get(c, c) for c in _one_line(cell))


def _csv_titles(column: Column) -> list[str]:
    title = _escape_formula(column.title)
    return [title, *(f"{title}, {end}" for end in ("low", "high") if column.interval)]


def _escape_formula(text: str) -> str:
    formula = text[:1] in ("=", "+", "@") or (text[:1] == "-" and not _NEGATIVE.fullmatch(text))
    return "'" + text if formula else text


def _csv(column: Column, cell: Content) -> Iterator[str]:
    if column.interval and isinstance(cell, IntervalCell):
        for value in (cell.value, *(cell.ci or (None, None))):
            yield "" if value is None else f"{value:.4f}"
        return
    text = _one_line(cell).replace("−", "-")
    yield text if column.numeric else _escape_formula(text)
    if column.interval:
        yield from ("", "")


def drop_empty_columns(table: Table, *, keep: int) -> Table:
    """The table without empty columns; the first `keep` columns always stay."""
    indices = [
        i
        for i in range(len(table.columns))
        if i < keep or any(row[i] != NONE for row in table.rows)
    ]
    return replace(
        table,
        columns=[table.columns[i] for i in indices],
        rows=[[row[i] for i in indices] for row in table.rows],
    )
