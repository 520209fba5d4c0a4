"""Digests of values."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from fairforget.files.digest import hash_values

VALUES = st.one_of(st.integers(), st.text(), st.none(), st.floats(), st.binary())


@given(
    st.recursive(
        VALUES,
        lambda inner: st.one_of(
            st.lists(inner), st.lists(inner).map(tuple), st.dictionaries(st.text(), inner)
        ),
    ).map(lambda value: [value])
)
def test_a_digest_is_that_of_the_whole_repr(content: list[object]) -> None:
    assert hash_values(content) == hashlib.sha256(repr(content).encode()).hexdigest()
