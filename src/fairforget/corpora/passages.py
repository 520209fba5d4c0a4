"""Two retain corpora of distinct passages, read from JSON lines.

`wikipedia`: the passages of the BoolQ dataset (Clark et al. 2019). `everyday`: sentences about
what people do, the contexts of Social IQa (Sap et al. 2019). They show a utility loss in everyday
language, which encyclopaedic text hardly shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fairforget.corpora.text import Text
from fairforget.data.catalogue import CATALOGUE
from fairforget.data.locate import find_file
from fairforget.errors import InputError
from fairforget.files.rows import json_rows


def wikipedia_texts() -> Iterator[Text]:
    """Yield every distinct Wikipedia passage of BoolQ, in file order, without its title."""
    return _read_passages("wikipedia", lambda passage: passage.partition(" -- ")[2])


def everyday_texts() -> Iterator[Text]:
    """Yield every distinct context sentence of Social IQa, in file order."""
    return _read_passages("everyday")


def _read_passages(name: str, extract: Callable[[str], str] = str) -> Iterator[Text]:
    """Yield every distinct passage of a dataset, in file order.

    Args:
        name: entry of the catalogue, and of the corpus.
        extract: passage → its text.

    Raises:
        InputError: the file is missing or malformed; names the line.
    """
    seen: set[str] = set()
    for where, row in json_rows(find_file(*CATALOGUE[name].files)):
        if not isinstance(passage := row.get("passage"), str):
            raise InputError(f"{where}: field 'passage' is missing")
        text = extract(passage).strip()
        if text and text not in seen:
            seen.add(text)
            yield Text(f"{name}:{where.rpartition(' ')[2]}", text)
