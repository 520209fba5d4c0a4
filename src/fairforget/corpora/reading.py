"""From `CORPUS[:DOMAIN][?option=value&…]` to texts."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl

from fairforget.corpora.builtin import builtin_texts
from fairforget.corpora.domains import belongs
from fairforget.corpora.hub import HUB, hub_texts
from fairforget.corpora.sources import SOURCES
from fairforget.corpora.table import COLUMNS, SUFFIXES, table_texts
from fairforget.corpora.text import Text
from fairforget.errors import InputError

LABELS = {"hateful": (True, None), "other": (False,), "all": (True, False, None)}
"""Value of the option `label` -> which texts are kept, by what the source says of them."""


@dataclass(frozen=True, slots=True)
class CorpusName:
    """A corpus as the user writes it, taken apart."""

    corpus: str
    part: str | None
    """A domain or a group."""
    options: dict[str, str]


def iter_corpus(name: str, *, seed: int = 0) -> Iterator[Text]:
    """The texts of a corpus, one at a time, in constant memory.

    Args:
        name: `CORPUS[:DOMAIN][?option=value&…]`: a corpus of `SOURCES`, a `.csv`, `.jsonl` or
            `.parquet` file, or `hub:OWNER/NAME`; all its texts, or those of one domain or group.
            Options: `label` (hateful, the default; other; all), `split`, and the source's own; of
            a file or a hub data set, `COLUMN=theirs` for every column that has another name.
        seed: of a corpus that is made by chance.

    Raises:
        InputError: unknown corpus, domain or option, or a malformed file.
    """
    parts = parse_name(name)
    options = dict(parts.options)
    label = options.pop("label", "hateful")
    if label not in LABELS:
        raise InputError(f"corpus {name!r}: label {label!r} is none of {', '.join(LABELS)}")
    texts, split = _opened(parts, options, seed)
    met: set[str] = set()
    count = 0
    for text in texts:
        if text.hateful not in LABELS[label] or (split and text.split != split):
            continue
        met.update(f"{text.domain or ''}+{text.group or ''}".split("+"))
        if parts.part and not (belongs(text.domain, parts.part) or belongs(text.group, parts.part)):
            continue
        count += 1
        yield text
    if not count and parts.part:
        there = sorted(met - {""}) or ["none"]
        raise InputError(
            f"corpus {parts.corpus!r} has no text of domain or group {parts.part!r}; "
            f"it has {', '.join(there)}"
        )


def parse_name(name: str) -> CorpusName:
    """Take `CORPUS[:DOMAIN][?option=value&…]` apart.

    Raises:
        InputError: what follows the question mark is no list of options.
    """
    name, _, query = name.partition("?")
    try:
        options = dict(parse_qsl(query, strict_parsing=True)) if query else {}
    except ValueError as error:
        raise InputError(
            f"corpus {name!r}: ?{query} is no list of options, such as ?split=train&label=all"
        ) from error
    if Path(name).exists():
        return CorpusName(name, None, options)
    hub = HUB if name.startswith(HUB) else ""
    corpus, _, part = name.removeprefix(hub).rpartition(":")
    if corpus and "/" not in part and "." not in part:
        return CorpusName(hub + corpus, part, options)
    return CorpusName(name, None, options)


def _opened(
    parts: CorpusName, options: dict[str, str], seed: int
) -> tuple[Iterator[Text], str | None]:
    """The corpus, and the split that is still to be picked out of it."""
    corpus = parts.corpus
    if corpus.startswith(HUB):
        known = ("config", "split", *COLUMNS)
        _check_options(corpus, options, known)
        return hub_texts(corpus.removeprefix(HUB), options), None
    split = options.pop("split", None) if corpus in SOURCES else None
    if Path(corpus).suffix in SUFFIXES:
        _check_options(corpus, options, COLUMNS)
        return table_texts(corpus, options), None
    if corpus not in SOURCES:
        raise InputError(
            f"corpus {corpus!r} is unknown; choose from {', '.join(SOURCES)}, "
            f"give a file ending in {', '.join(SUFFIXES)}, or hub:OWNER/NAME"
        )
    texts: Callable[..., Iterable[Text]] = SOURCES[corpus].texts
    if corpus == "builtin":  # the control is no part of the whole, and a domain is drawn for itself
        texts = partial(builtin_texts, parts.part, seed=seed)
    _check_options(corpus, options, [] if corpus == "builtin" else _options(corpus))
    return iter(texts(**options)), split


def _options(corpus: str) -> list[str]:
    return [*inspect.signature(SOURCES[corpus].texts).parameters]


def _check_options(corpus: str, options: dict[str, str], known: object) -> None:
    names = [*known] if isinstance(known, (list, tuple)) else []
    if unknown := [option for option in options if option not in names]:
        raise InputError(
            f"corpus {corpus!r} has no option {unknown[0]!r}; "
            f"it has {', '.join(['label', 'split', *names])}"
        )
