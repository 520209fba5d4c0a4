"""Everyday sentences about what people do, from Social IQa (Sap et al. 2019).

Damage to everyday language shows here first; encyclopaedic text hardly sees it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from fairforget.corpora.text import Text
from fairforget.data.catalogue import CATALOGUE
from fairforget.data.locate import located


def everyday_texts() -> Iterator[Text]:
    """Every distinct context sentence, in file order."""
    path = located(*CATALOGUE["everyday"].files)
    seen: set[str] = set()
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            passage = json.loads(line)["passage"].strip()
            if passage and passage not in seen:
                seen.add(passage)
                yield Text(f"everyday:{number}", passage)
