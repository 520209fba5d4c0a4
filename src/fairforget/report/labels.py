"""Labels at the marks of a plot, where they overlap as little as possible."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

OVERLAP = 2.0, 4.0
"""Two marks overlap if they are closer than this, in % of the width and of the height."""
LABELS_LEFT = 60.0
"""To the right of this, in % of the width, labels are left of their marks, to stay on the page."""
CHARACTER, LINE, GAP = 2.5, 5.0, 2.0
"""Size of a character, in % of the width and of the height of a plot on a telephone, and the
distance of a label from its mark."""

Box = tuple[float, float, float, float]
"""Left, right, bottom and top, in % from the bottom left."""


@dataclass(frozen=True, slots=True)
class Label:
    """The text at a mark."""

    text: str
    """Its number, and those of marks that overlap it; empty if another mark has its number."""
    is_left: bool = False
    """Whether it is left of the mark."""
    is_below: bool = False


def place_labels(positions: Sequence[tuple[str, float, float]], zero: Box) -> list[Label]:
    """Return the label of each mark, where it overlaps no other label or mark, if possible.

    Args:
        positions: the number of each mark, and its position in % from the bottom left.
        zero: the place of the label of the line at 0.
    """
    taken = [zero, *((x - 1, x + 1, y - 1, y + 1) for _, x, y in positions)]
    labels = []
    for text, (_, x, y) in zip(_mark_labels(positions), positions, strict=True):
        if not text:
            labels.append(Label(""))
            continue
        side = x > LABELS_LEFT
        places = [Label(text, *place) for place in product((side, not side), (False, True))]
        boxes = [label_box(label, x, y) for label in places]
        overlaps = [sum(_overlap(box, other) for other in taken) for box in boxes]
        best = overlaps.index(min(overlaps))
        taken.append(boxes[best])
        labels.append(places[best])
    return labels


def label_box(label: Label, x: float, y: float) -> Box:
    """Return the place of the label of a mark."""
    width = CHARACTER * len(label.text)
    left = x - GAP - width if label.is_left else x + GAP
    bottom = y - GAP - LINE if label.is_below else y + GAP
    return left, left + width, bottom, bottom + LINE


def _overlap(one: Box, other: Box) -> float:
    """Return the area that two boxes share."""
    width = min(one[1], other[1]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[2], other[2])
    return max(width, 0.0) * max(height, 0.0)


def _mark_labels(positions: Sequence[tuple[str, float, float]]) -> list[str]:
    """The text at each mark; of marks that overlap, the first has all texts."""
    groups: list[tuple[float, float, list[int]]] = []
    for i, (_, x, y) in enumerate(positions):
        for group_x, group_y, members in groups:
            if abs(x - group_x) < OVERLAP[0] and abs(y - group_y) < OVERLAP[1]:
                members.append(i)
                break
        else:
            groups.append((x, y, [i]))
    first = {members[0]: ", ".join(positions[i][0] for i in members) for _, _, members in groups}
    return [first.get(i, "") for i in range(len(positions))]
