"""Read the texts of `CORPUS[:DOMAIN][?option=value&…]`."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import parse_qsl

from fairforget.corpora.builtin.lexicon import CONTROL, group_terms
from fairforget.corpora.domains import DOMAINS, GROUPS, canonical_label, is_in_domain
from fairforget.corpora.sources import SOURCES
from fairforget.corpora.table import COLUMNS, HUB, SUFFIXES, hub_texts, table_texts
from fairforget.corpora.text import Text
from fairforget.errors import InputError
from fairforget.files.rows import table_suffix
from fairforget.names import split_commas, split_names

BUILTIN = "builtin"
"""The corpus that comes with the package."""
CONTROL_CORPUS = f"{BUILTIN}:{CONTROL}"
"""Built-in texts about no protected group."""
HARMLESS = "harmless"
"""Label of the texts to retain, or to measure the utility loss on."""
LABELS = {
    "hateful": (True, None),
    "other": (False,),
    HARMLESS: (False, None),
    "all": (True, False, None),
}
"""Value of the option `label` → the values of `Text.hateful` that it keeps."""
SPLIT_IS = "split-is"
"""Option of a file that keeps the texts of one split; its option `split` names a column."""
ALL_DOMAINS = "all"
"""Name of the full corpus in a list of domains."""


@dataclass(frozen=True, slots=True)
class CorpusName:
    """A parsed corpus name."""

    corpus: str
    part: str | None
    """A domain or a group."""
    options: dict[str, str]


def iter_corpus(name: str, *, label: str = "hateful", seed: int = 0) -> Iterator[Text]:
    """Yield the texts of a corpus, in constant memory.

    Args:
        name: `CORPUS[:DOMAIN][?option=value&…]`: a corpus of `SOURCES`, a `.csv`, `.jsonl` or
            `.parquet` file, a `.txt` file with one text per line, or `hub:OWNER/NAME`; all its
            texts, or those of one domain or group. Options: `label` (hateful: labelled hateful or
            unlabelled; other: labelled not hateful; harmless: all but the hateful; all), `split`,
            and those of the source. A file or a hub dataset takes `COLUMN=NAME` for every column
            with another name; a file also takes `split-is`, which keeps the texts of one split.
        label: default of the option `label`.
        seed: of a generated corpus.

    Raises:
        InputError: unknown corpus, domain or option, malformed file, or no text left.
    """
    parts = parse_name(name)
    options = dict(parts.options)
    label = options.pop("label", label)
    if label not in LABELS:
        raise InputError(f"corpus {name!r}: label {label!r} is not one of {', '.join(LABELS)}")
    texts, split = _open_corpus(parts, options, seed)
    splits: set[str] = set()
    labelled, of_split, count = 0, 0, 0
    names: set[str] = set()
    for text in texts:
        splits.add(text.split or "")
        if split and text.split != split:
            continue
        of_split += 1
        if text.hateful not in LABELS[label]:
            continue
        labelled += 1
        names.update(f"{text.domain or ''}+{text.group or ''}".split("+"))
        if parts.part and not (
            is_in_domain(text.domain, parts.part) or is_in_domain(text.group, parts.part)
        ):
            continue
        count += 1
        yield text
    if count:
        return
    if labelled:
        condition = f"of domain or group {parts.part!r}; it has {_join_names(names)}"
    elif of_split:
        condition = f"with label {label!r}; ?label=all keeps all texts"
    elif splits:
        condition = f"of split {split!r}; it has {_join_names(splits)}"
    else:
        query = "&".join(f"{key}={value}" for key, value in options.items())
        condition = f"with {query}; change or remove these options"
    raise InputError(f"corpus {name!r} has no text {condition if options or splits else 'at all'}")


def _join_names(names: set[str]) -> str:
    return ", ".join(sorted(names - {""})) or "none"


def corpus_names(names: str) -> list[str]:
    """Split corpus names at commas: `dghs?round=2,3,edos` are two names.

    A name begins with a known corpus, a file, a hub dataset, a domain or a group. The name of a
    single file may have commas.
    """
    return [names] if _is_file(names) else split_names(names, _is_name_start)


def _is_file(name: str) -> bool:
    """Whether this is the name of one file, with or without a domain and options."""
    # a list that is too long for a name, or with the options of several corpora
    with suppress(OSError, InputError):
        file = parse_name(name).corpus
        rest = split_commas(name.removeprefix(file))[1:]
        return Path(file).is_file() and not any(map(_is_name_start, rest))
    return False


def _is_name_start(piece: str) -> bool:
    parts = piece.partition("?")[0].split(":")
    known = parts[0] in {*SOURCES, *DOMAINS, *GROUPS, ALL_DOMAINS, HUB.removesuffix(":")}
    return known or any(table_suffix(part) in SUFFIXES for part in parts)


def parse_name(name: str) -> CorpusName:
    """Parse `CORPUS[:DOMAIN][?option=value&…]`.

    Raises:
        InputError: the part after the question mark is not a list of options, each with one value,
            or belongs to the name of a file; or nothing follows a colon.
    """
    _check_question_marks(name)
    name, _, query = name.partition("?")
    options = _parse_options(name, query) if query else {}
    if os.path.exists(name):  # noqa: PTH110  # False for a name that is too long
        return CorpusName(name, None, options)
    hub = HUB if name.startswith(HUB) else ""
    corpus, _, part = name.removeprefix(hub).rpartition(":")
    if corpus and not part:
        raise InputError(f"corpus {name!r} has nothing after the colon; give a domain or a group")
    is_file_name = "/" in part or "." in part
    if corpus and (corpus in SOURCES or os.path.isfile(corpus) or not is_file_name):  # noqa: PTH113
        return CorpusName(hub + corpus, part, options)
    return CorpusName(name, None, options)


def _parse_options(name: str, query: str) -> dict[str, str]:
    """Return the options of `?option=value&…`.

    Raises:
        InputError: it is not a list of options, or one has no value or is given twice.
    """
    try:
        given = parse_qsl(query, keep_blank_values=True, strict_parsing=True)
    except ValueError as error:
        raise InputError(
            f"corpus {name!r}: ?{query} is not a list of options such as ?split=train&label=all"
        ) from error
    options = dict[str, str]()
    for option, value in given:
        if not value or option in options:
            problem = "is given twice" if value else "has no value"
            raise InputError(f"corpus {name!r}: option {option} {problem} in ?{query}")
        options[option] = value
    return options


def is_builtin(name: str) -> bool:
    """Return whether this is the built-in corpus, which has exact spans and control texts.

    Raises:
        InputError: as `parse_name`.
    """
    return parse_name(name).corpus == BUILTIN


def _check_question_marks(name: str) -> None:
    """Raise an error if the name of a file contains a question mark, which would end it."""
    files = (name, name.rpartition(":")[0], name.rpartition("?")[0])
    # unlike Path.is_file, it is False for a name that is too long
    for file in filter(os.path.isfile, files):
        if "?" in file:
            raise InputError(
                f"corpus {name!r}: {file!r} has a question mark in its name, which begins options; "
                "rename the file"
            )


def _open_corpus(
    parts: CorpusName, options: dict[str, str], seed: int
) -> tuple[Iterator[Text], str | None]:
    """Return the texts of a corpus, and the split that the caller must still select from them."""
    corpus = parts.corpus
    if corpus.startswith(HUB):
        if not corpus.removeprefix(HUB):
            raise InputError(f"corpus {HUB!r} names no dataset; give hub:OWNER/NAME")
        _check_options(corpus, options, ["config", "split"], COLUMNS)
        return hub_texts(corpus.removeprefix(HUB), options), None
    if table_suffix(corpus) in SUFFIXES:
        split = options.pop(SPLIT_IS, None)
        _check_options(corpus, options, [SPLIT_IS], COLUMNS)
        return table_texts(corpus, options), split
    if corpus not in SOURCES:
        raise InputError(
            f"corpus {corpus!r} is unknown; choose from {', '.join(SOURCES)}, "
            f"or give a file ending in {', '.join(SUFFIXES)}, or hub:OWNER/NAME"
        )
    source = SOURCES[corpus]
    texts = source.read
    if corpus == BUILTIN:  # each domain, and the control, is generated separately
        part = canonical_label(parts.part) if parts.part else None
        is_group = part and any(is_in_domain(term.group, part) for term in group_terms())
        texts = partial(source.read, None if is_group else part, seed=seed)
    own = [] if corpus == BUILTIN else [*inspect.signature(source.read).parameters]
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
