"""WikiText-2, validation (Merity et al. 2016): encyclopaedic paragraphs to retain."""

from __future__ import annotations

import re
from collections.abc import Iterator

from fairforget.corpora.text import Text
from fairforget.data.catalogue import CATALOGUE
from fairforget.data.locate import find_file
from fairforget.files.lines import utf8_lines

SHORTEST = 40
"""Characters of a paragraph; shorter ones are headings and remains."""


def wikitext_texts() -> Iterator[Text]:
    """Every paragraph as a person would write it: the tokenisation undone, no `<unk>` left."""
    path = find_file(*CATALOGUE["wikitext2-valid"].files)
    for number, line in enumerate(utf8_lines(path), 1):
        line = line.strip()
        if len(line) < SHORTEST or line.startswith("= "):
            continue
        yield Text(f"wikitext2:{number}", detokenize(line))


def detokenize(line: str) -> str:
    """Without the blanks that tokenisation put around punctuation; `<unk>` is taken out."""
    line = re.sub(r" @(.)@ ", r"\1", line)
    line = re.sub(r"\s*<unk>", "", line)
    line = re.sub(r' " ([^"]*) " ?', r' "\1" ', line)
    line = re.sub(r"\( ", "(", line)
    line = re.sub(r" (n't|'s|'re|'ve|'ll|'d|'m|')(?=\W)", r"\1", line)
    return re.sub(r" +([.,;:?!)])", r"\1", line).strip()
