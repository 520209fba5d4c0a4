"""Pack token sequences into rows in which every shared prefix stands once.

Sorted lexicographically, sequences that share a prefix are neighbours, and a run of neighbours is
a prefix tree (a trie). A row holds such a tree node after node; a node attends to its ancestors
and itself. The last token of a sequence is predicted but never fed in, so it gets no node unless
another sequence goes on from it: every node of a row predicts at least one token.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class PrefixRow:
    """One row: a prefix tree of `n` nodes, and the sequences that are its paths."""

    tokens: npt.NDArray[np.int64]
    """[n] token ids."""
    depth: npt.NDArray[np.int64]
    """[n] position of each node in its sequence, from 0."""
    parent: npt.NDArray[np.int64]
    """[n] index of the node before, always smaller than the node's own; −1 for a root."""
    members: tuple[tuple[int, npt.NDArray[np.int64]], ...]
    """The sequences of this row: (index, [length − 1] the node that predicts each token but the
    first)."""

    def attention(self) -> npt.NDArray[np.bool_]:
        """[n, n], true where the node of the row may see the node of the column."""
        n = len(self.tokens)
        sees = np.zeros((n, n), dtype=bool)
        for node, parent in enumerate(self.parent):
            if parent >= 0:
                sees[node] = sees[parent]
            sees[node, node] = True
        return sees


def build_prefix_rows(sequences: Sequence[Sequence[int]], capacity: int) -> Iterator[PrefixRow]:
    """Yield rows of at most `capacity` nodes (or one sequence's, where that is longer).

    Every sequence of two tokens or more is in exactly one row; shorter ones predict nothing and
    are in none.
    """
    order = sorted(
        (i for i, s in enumerate(sequences) if len(s) > 1), key=lambda i: tuple(sequences[i])
    )
    row = _Growing()
    for i in order:
        if not row.fits(sequences[i], capacity):
            yield row.finish()
            row = _Growing()
        row.add(i, sequences[i])
    if row.members:
        yield row.finish()


class _Growing:
    """A row while it is filled; `path` holds the nodes of the sequence added last."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.depth: list[int] = []
        self.parent: list[int] = []
        self.members: list[tuple[int, npt.NDArray[np.int64]]] = []
        self.path: list[int] = []

    def shared(self, sequence: Sequence[int]) -> int:
        """How many leading nodes of `sequence` exist already."""
        count = 0
        for node, token in zip(self.path, sequence[:-1], strict=False):
            if self.tokens[node] != token:
                break
            count += 1
        return count

    def fits(self, sequence: Sequence[int], capacity: int) -> bool:
        if not self.members:
            return True
        return len(self.tokens) + len(sequence) - 1 - self.shared(sequence) <= capacity

    def add(self, index: int, sequence: Sequence[int]) -> None:
        del self.path[self.shared(sequence) :]
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
