"""Strategies for wrong input: valid files with bytes changed, valid JSON with values bent."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

EDGES = [0, 1, 2, 7, 127, 128, 255, 2**15, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1, 2**40]
HUGE = [2**62, 2**63 - 1, 2**63, 2**64 - 1]
BYTES = [b"\0", b"\xff", b"\n", b"\r", b'"', b",", b"{", b"}", b"[", b"]", b"\\ud800", b"\xed\xa0"]
ODD_TEXT = [
    "",
    " ",
    "\0",
    "\x1b[31m",
    "‮",
    "é",
    "e\u0301",
    "😀",
    "\ud800",
    "NaN",
    "../../x",
    "a" * 5000,
]

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.sampled_from([*EDGES, *HUGE, -1, -(2**63), 10**30, 10**400]),
    st.integers(-10, 300),
    st.floats(),
    st.sampled_from(ODD_TEXT),
    st.text(max_size=12),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


def descent(draw: st.DrawFn, whole: Any) -> Iterator[tuple[Any, Any, Any]]:
    """A way down into a JSON value: the container, the key that was drawn, and what stands there.

    Until there is nothing below; what is put in place of a part is not entered.
    """
    place = whole
    while isinstance(place, dict | list) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = draw(st.sampled_from(keys))
        inner = place[key]
        yield place, key, inner
        place = inner


@st.composite
def bent(draw: st.DrawFn, valid: Any) -> Any:
    """A JSON value like the valid one, with up to three parts replaced, dropped or doubled."""
    whole = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 3))):
        for place, key, inner in descent(draw, whole):
            if not (isinstance(inner, dict | list) and inner and draw(st.integers(0, 3))):
                change = draw(st.integers(0, 5))
                if change == 0:
                    del place[key]
                elif change == 1 and isinstance(place, list):
                    place.insert(key, copy.deepcopy(inner))
                elif change == 1:
                    place[draw(st.text(max_size=6))] = place.pop(key)
                elif change == 2:
                    place[key] = draw(values)
                else:
                    place[key] = draw(scalars)
                break
    return whole


@st.composite
def alike(draw: st.DrawFn, valid: Any) -> Any:
    """The valid value with up to three numbers or texts replaced by odd ones of their type."""
    whole = copy.deepcopy(valid)
    for _ in range(draw(st.integers(1, 3))):
        for place, key, inner in descent(draw, whole):
            if isinstance(inner, str):
                place[key] = draw(st.sampled_from(ODD_TEXT))
            elif isinstance(inner, float):
                place[key] = draw(st.floats())
            elif isinstance(inner, int) and not isinstance(inner, bool):
                place[key] = draw(st.sampled_from([*EDGES, -1]))
    return whole


def as_json(value: Any) -> bytes:
    """JSON as Python writes it: NaN and lone halves of pairs included."""
    return json.dumps(value).encode()


@st.composite
def damaged(draw: st.DrawFn, valid: bytes) -> bytes:
    """The bytes with a few edits: where files begin and end, more often than between."""
    content = bytearray(valid)
    for _ in range(draw(st.integers(1, 4))):
        size = len(content)
        near = draw(st.integers(0, 2))
        low, high = [(0, min(size, 64)), (max(0, size - 64), size), (0, size)][near]
        at = draw(st.integers(low, high))
        change = draw(st.integers(0, 6))
        if change == 0 and at < size:
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif change == 1:
            del content[at:]
        elif change == 2:
            del content[at : at + draw(st.integers(1, 16))]
        elif change == 3:
            content[at:at] = draw(st.sampled_from(BYTES) | st.binary(max_size=8))
        elif change == 4:
            content[at:at] = content[at : at + draw(st.integers(1, 64))] * draw(st.integers(1, 8))
        else:
            width = draw(st.sampled_from([1, 4, 8]))
            number = draw(st.sampled_from([*EDGES, *HUGE])) % (1 << 8 * width)
            content[at : at + width] = number.to_bytes(width, "little")
    return bytes(content)


def about(valid: bytes) -> st.SearchStrategy[bytes]:
    """Damaged bytes mostly, and any bytes at all."""
    return st.one_of(damaged(valid), damaged(valid), damaged(valid), st.binary(max_size=200))


def json_about(valid: Any) -> st.SearchStrategy[bytes]:
    """A JSON document that is bent, or damaged, or another one altogether."""
    return st.one_of(
        bent(valid).map(as_json),
        bent(valid).map(as_json),
        damaged(as_json(valid)),
        values.map(as_json),
        st.integers(1, 200_000).map(lambda depth: b"[" * depth),
    )


def lines_about(*valid: Any) -> st.SearchStrategy[bytes]:
    """JSON lines, likewise."""
    row = st.one_of(*[bent(one) for one in valid], st.sampled_from(valid)).map(as_json)
    whole = b"\n".join(map(as_json, valid))
    return st.one_of(st.lists(row, max_size=5).map(b"\n".join), about(whole))
