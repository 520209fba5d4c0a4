"""Pack token sequences into rows that contain every shared prefix once.

Sequences that share a prefix are neighbours in lexicographical order, and a run of neighbours forms
a prefix tree (trie). A row lists the nodes of such a tree; a node attends to its ancestors and
itself. The last token of a sequence is predicted but never an input, so it has no node unless
another sequence continues after it. Every node of a row predicts at least one token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class PrefixRow:
    """A prefix tree of `n` nodes, and the sequences that are its paths."""

    tokens: npt.NDArray[np.int64]
    """[n] token ids."""
    depth: npt.NDArray[np.int64]
    """[n] position of each node in its sequence, counted from 0."""
    parent: npt.NDArray[np.int64]
    """[n] index of each node's parent, always smaller than the node's own; −1 for a root."""
    members: tuple[tuple[int, npt.NDArray[np.int64]], ...]
    """The sequences of this row: (index, [length − 1] the node that predicts each token after the
    first)."""

    def attention(self) -> npt.NDArray[np.bool_]:
        """Return a mask [n, n]: true if the row's node attends to the column's."""
        n = len(self.tokens)
        attends = np.zeros((n, n), dtype=bool)
        for node, parent in enumerate(self.parent):
            if parent >= 0:
                attends[node] = attends[parent]
            attends[node, node] = True
        return attends


def build_prefix_rows(sequences: Sequence[Sequence[int]], capacity: int) -> Iterator[PrefixRow]:
    """Yield rows of at most `capacity` nodes, or of one sequence that is longer.

    Every sequence of at least two tokens is in exactly one row. Shorter ones predict nothing and
    are left out.
    """
    order = sorted(
        (i for i, s in enumerate(sequences) if len(s) > 1), key=lambda i: tuple(sequences[i])
    )
    row = _RowBuilder()
    for i in order:
        if not row.fits(sequences[i], capacity):
            yield row.finish()
            row = _RowBuilder()
        row.add(i, sequences[i])
    if row.members:
        yield row.finish()


class _RowBuilder:
    """Builds a row. `path` holds the nodes of the sequence added last."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.depth: list[int] = []
        self.parent: list[int] = []
        self.members: list[tuple[int, npt.NDArray[np.int64]]] = []
        self.path: list[int] = []

    def shared_prefix(self, sequence: Sequence[int]) -> int:
        """Return how many leading nodes of `sequence` exist already."""
        count = 0
        for node, token in zip(self.path, sequence[:-1], strict=False):
            if self.tokens[node] != token:
                break
            count += 1
        return count

    def fits(self, sequence: Sequence[int], capacity: int) -> bool:
        if not self.members:
            return True
        return len(self.tokens) + len(sequence) - 1 - self.shared_prefix(sequence) <= capacity

    def add(self, index: int, sequence: Sequence[int]) -> None:
        del self.path[self.shared_prefix(sequence) :]
        for depth in range(len(self.path), len(sequence) - 1):
            self.parent.append(self.path[-1] if self.path else -1)
            self.path.append(len(self.tokens))
            self.tokens.append(sequence[depth])
            self.depth.append(depth)
        self.members.append((index, np.array(self.path)))

    def finish(self) -> PrefixRow:
        return PrefixRow(
            tokens=np.array(self.tokens),
            depth=np.array(self.depth),
            parent=np.array(self.parent),
            members=tuple(self.members),
        )
