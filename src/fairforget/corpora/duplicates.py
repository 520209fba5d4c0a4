"""Find rows of a corpus with the text of an earlier row, in little memory."""

from __future__ import annotations

from array import array

import numpy as np

from fairforget.terminal.messages import show_message

MAX_ROWS = 1_000_000
"""Rows that are compared: 8 bytes of memory each."""
SHOWN = 3
"""Repeated rows that the message names."""


class Duplicates:
    """Stores a hash of each text; `report` lists rows that repeat an earlier one."""

    def __init__(self, source: str) -> None:
        """Start with no rows; `source` names the corpus in the message."""
        self.source = source
        self.hashes = array("q")
        """[rows]"""

    def add(self, text: str) -> None:
        """Add the text of the next row."""
        if len(self.hashes) < MAX_ROWS:
            self.hashes.append(hash(text))

    def find(self) -> tuple[int, list[tuple[int, int]]]:
        """Return the number of repeated rows, and the first of them, each with the row it repeats.

        Rows are counted from 1, without a header.
        """
        hashes = np.frombuffer(self.hashes, np.int64)
        order = np.argsort(hashes, kind="stable")  # equal hashes in the order of their rows
        in_order = hashes[order]
        repeated = np.sort(order[1:][in_order[1:] == in_order[:-1]])
        earlier = (np.flatnonzero(hashes == hashes[row])[0] for row in repeated[:SHOWN])
        pairs = [
            (int(row) + 1, int(first) + 1)
            for row, first in zip(repeated[:SHOWN], earlier, strict=True)
        ]
        return len(repeated), pairs

    def report(self) -> None:
        """Print the number of repeated rows and the first of them on stderr, if there are any."""
        if not self.hashes:
            return
        count, pairs = self.find()
        if not count:
            return
        named = ", ".join(f"row {row} that of row {earlier}" for row, earlier in pairs)
        more = ", …" if count > len(pairs) else ""
        rows = f"{count} of {len(self.hashes)} rows {'repeats' if count == 1 else 'repeat'}"
        show_message(
            f"{self.source}: {rows} the text of an earlier row ({named}{more}); all are used, so a "
            "repeated text counts more than once: remove the copies if this is not intended"
        )
