"""Distinct passages of a file of JSON lines, as BoolQ and Social IQa are laid out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from fairforget.corpora.text import Text
from fairforget.data.catalogue import CATALOGUE
from fairforget.data.locate import find_file
from fairforget.errors import InputError
from fairforget.files.rows import json_rows


def read_passages(name: str, shown: Callable[[str], str] = str) -> Iterator[Text]:
    """Every distinct passage, in file order.

    Args:
        name: of the entry of the catalogue, and of the corpus.
        shown: what of a passage is the text.

    Raises:
        InputError: the file is missing or malformed; names the line.
    """
    seen: set[str] = set()
    for where, row in json_rows(find_file(*CATALOGUE[name].files)):
        if not isinstance(passage := row.get("passage"), str):
            raise InputError(f"{where}: field 'passage' is missing")
        text = shown(passage).strip()
        if text and text not in seen:
            seen.add(text)
            yield Text(f"{name}:{where.rpartition(' ')[2]}", text)
