"""Wikipedia passages of BoolQ (Clark et al. 2019): everyday text to retain."""

from __future__ import annotations

import json
from collections.abc import Iterator

from fairforget.corpora.text import Text
from fairforget.data.catalogue import CATALOGUE
from fairforget.data.locate import located


def boolq_texts() -> Iterator[Text]:
    """Every distinct passage, in file order, without its title."""
    path = located(*CATALOGUE["boolq"].files)
    seen: set[str] = set()
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            passage = json.loads(line)["passage"].partition(" -- ")[2].strip()
            if passage and passage not in seen:
                seen.add(passage)
                yield Text(f"boolq:{number}", passage)
