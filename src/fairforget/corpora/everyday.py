"""Everyday sentences about what people do, from Social IQa (Sap et al. 2019).

Damage to everyday language shows here first; encyclopaedic text hardly sees it.
"""

from __future__ import annotations

from collections.abc import Iterator

from fairforget.corpora.passages import read_passages
from fairforget.corpora.text import Text


def everyday_texts() -> Iterator[Text]:
    """Every distinct context sentence, in file order."""
    return read_passages("everyday")
