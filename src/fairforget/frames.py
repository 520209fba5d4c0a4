"""Results as text, as a pandas DataFrame, and as an HTML table for notebooks."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

from fairforget.extras import require_extra

if TYPE_CHECKING:
    import pandas


class TabularResult(ABC):
    """A result that prints as the tables of its command, and that a notebook shows as one table."""

    __slots__ = ()

    @abstractmethod
    def _rows(self) -> list[dict[str, Any]]:
        """Return the rows of the table."""

    @abstractmethod
    def _show(self) -> None:
        """Print the tables."""

    def to_pandas(self) -> pandas.DataFrame:
        """Return the rows as a DataFrame.

        Raises:
            InputError: pandas is not installed.
        """
        return to_frame(self._rows())

    def __str__(self) -> str:
        from fairforget.terminal.tables import printed_by

        return printed_by(self._show)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return to_html(self._rows())


def to_frame(rows: Sequence[Mapping[str, Any]]) -> pandas.DataFrame:
    """Return the rows as a DataFrame.

    Raises:
        InputError: pandas is not installed; gives the command to install it.
    """
    return require_extra("pandas", "pandas", "to_pandas").DataFrame(list(rows))


def to_html(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the rows as an HTML table; numbers with four significant digits."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(row.get(name))}</td>" for name in columns) + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" if isinstance(value, float) else escape(str(value))
