"""From `CORPUS[:DOMAIN][?option=value&…]` to texts."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl

from fairforget.corpora.builtin import group_terms
from fairforget.corpora.domains import DOMAINS, GROUPS, is_in_domain
from fairforget.corpora.hub import HUB, hub_texts
from fairforget.corpora.sources import SOURCES
from fairforget.corpora.table import COLUMNS, SUFFIXES, table_texts
from fairforget.corpora.text import Text
from fairforget.errors import InputError

HARMLESS = "harmless"
"""The label of texts that are to stay as likely as they are, or that damage is measured on."""
LABELS = {
    "hateful": (True, None),
    "other": (False,),
    HARMLESS: (False, None),
    "all": (True, False, None),
}
"""Value of the option `label` -> which texts are kept, by what the source says of them."""
SPLIT_IS = "split-is"
"""Of a file: keeps the texts of a split. Its `split` names a column, as the other columns do."""
ALL_DOMAINS = "all"
"""What a list of domains calls the whole corpus."""


@dataclass(frozen=True, slots=True)
class CorpusName:
    """A corpus as the user writes it, taken apart."""

    corpus: str
    part: str | None
    """A domain or a group."""
    options: dict[str, str]


def iter_corpus(name: str, *, label: str = "hateful", seed: int = 0) -> Iterator[Text]:
    """The texts of a corpus, one at a time, in constant memory.

    Args:
        name: `CORPUS[:DOMAIN][?option=value&…]`: a corpus of `SOURCES`, a `.csv`, `.jsonl` or
            `.parquet` file, a `.txt` file with a text a line, or `hub:OWNER/NAME`; all its texts,
            or those of one domain or group. Options: `label` (hateful, with those of which the
            source says nothing; other; harmless, all but the hateful ones; all), `split`, and the
            source's own; of a file or a hub data set, `COLUMN=theirs` for every column that has
            another name, and of a file `split-is`, which keeps the texts of a split.
        label: where the name has no such option.
        seed: of a corpus that is made by chance.

    Raises:
        InputError: unknown corpus, domain or option, a malformed file, or no text is left.
    """
    parts = parse_name(name)
    options = dict(parts.options)
    label = options.pop("label", label)
    if label not in LABELS:
        raise InputError(f"corpus {name!r}: label {label!r} is none of {', '.join(LABELS)}")
    texts, split = _opened(parts, options, seed)
    splits: set[str] = set()
    labelled, of_split, count = 0, 0, 0
    met: set[str] = set()
    for text in texts:
        splits.add(text.split or "")
        if split and text.split != split:
            continue
        of_split += 1
        if text.hateful not in LABELS[label]:
            continue
        labelled += 1
        met.update(f"{text.domain or ''}+{text.group or ''}".split("+"))
        if parts.part and not (
            is_in_domain(text.domain, parts.part) or is_in_domain(text.group, parts.part)
        ):
            continue
        count += 1
        yield text
    if count:
        return
    if labelled:
        lacks = f"of domain or group {parts.part!r}; it has {_listed(met)}"
    elif of_split:
        lacks = f"whose label is {label!r}; ?label=all takes those that it has"
    elif splits:
        lacks = f"of split {split!r}; it has {_listed(splits)}"
    else:
        lacks = "with " + "&".join(f"{key}={value}" for key, value in options.items())
    raise InputError(f"corpus {name!r} has no text {lacks if options or splits else 'at all'}")


def _listed(met: set[str]) -> str:
    return ", ".join(sorted(met - {""})) or "none"


def corpus_names(listed: str) -> list[str]:
    """Names of corpora joined by commas, taken apart: `dghs?round=2,3,edos` are two.

    A comma after a question mark joins values of an option, unless what follows begins a name: a
    known corpus, a file, a data set of the hub, a domain or a group.
    """
    names: list[str] = []
    for piece in filter(None, map(str.strip, listed.split(","))):
        if names and "?" in names[-1] and not _begins_name(piece):
            names[-1] += f",{piece}"
        else:
            names.append(piece)
    return names


def _begins_name(piece: str) -> bool:
    parts = piece.partition("?")[0].split(":")
    known = parts[0] in {*SOURCES, *DOMAINS, *GROUPS, ALL_DOMAINS, HUB.removesuffix(":")}
    return known or any(Path(part).suffix in SUFFIXES for part in parts)


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
        _check_options(corpus, options, ["config", "split"], COLUMNS)
        return hub_texts(corpus.removeprefix(HUB), options), None
    if Path(corpus).suffix in SUFFIXES:
        split = options.pop(SPLIT_IS, None)
        _check_options(corpus, options, [SPLIT_IS], COLUMNS)
        return table_texts(corpus, options), split
    if corpus not in SOURCES:
        raise InputError(
            f"corpus {corpus!r} is unknown; choose from {', '.join(SOURCES)}, "
            f"give a file ending in {', '.join(SUFFIXES)}, or hub:OWNER/NAME"
        )
    source = SOURCES[corpus]
    texts = source.texts
    if corpus == "builtin":  # the control is no part of the whole, and a domain is drawn for itself
        whole = parts.part in {term.group for term in group_terms()}
        texts = partial(source.texts, None if whole else parts.part, seed=seed)
    own = [] if corpus == "builtin" else [*inspect.signature(source.texts).parameters]
    _check_options(corpus, options, [*(["split"] if source.splits else []), *own])
    split = options.pop("split", None)
    if split is not None and split not in source.splits:
        raise InputError(
            f"corpus {corpus!r} has no split {split!r}; it has {', '.join(source.splits)}"
        )
    return iter(texts(**options)), split


def _check_options(
    corpus: str, options: dict[str, str], known: Sequence[str], columns: Sequence[str] = ()
) -> None:
    if unknown := [option for option in options if option not in (*known, *columns)]:
        more = [f"{column}=COLUMN" for column in columns if column not in known]
        raise InputError(
            f"corpus {corpus!r} has no option {unknown[0]!r}; "
            f"it has {', '.join(['label', *known, *more])}"
        )
