"""WikiText-2, validation split (Merity et al. 2016): encyclopaedic paragraphs to retain."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fairforget.corpora.text import Text
from fairforget.data.catalogue import CATALOGUE
from fairforget.data.locate import find_file
from fairforget.files.text import read_lines

MIN_CHARACTERS = 40
"""Shorter lines are headings and fragments."""


def wikitext_texts() -> Iterator[Text]:
    """Yield every paragraph, detokenised and without `<unk>`."""
    path = find_file(*CATALOGUE["wikitext2-valid"].files)
    for number, line in enumerate(read_lines(path), 1):
        line = line.strip()
        if len(line) < MIN_CHARACTERS or line.startswith("= "):
            continue
        yield Text(f"wikitext2:{number}", detokenize(line))


def detokenize(line: str) -> str:
    """Return a line without the spaces that tokenisation added around punctuation, and `<unk>`."""
    line = re.sub(r" @(.)@ ", r"\1", line)
    line = re.sub(r"\s*<unk>", "", line)
    line = re.sub(r' " ([^"]*) " ?', r' "\1" ', line)
    line = re.sub(r"\( ", "(", line)
    line = re.sub(r" (n't|'s|'re|'ve|'ll|'d|'m|')(?=\W)", r"\1", line)
    return re.sub(r" +([.,;:?!)])", r"\1", line).strip()
