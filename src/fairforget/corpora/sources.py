"""The corpora that FairForget knows by name. To add one: its file, and a line here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from fairforget.corpora.boolq import boolq_texts
from fairforget.corpora.builtin import DOMAINS, builtin_texts
from fairforget.corpora.edos import edos_texts
from fairforget.corpora.everyday import everyday_texts
from fairforget.corpora.hatecheck import hatecheck_texts
from fairforget.corpora.text import Text


@dataclass(frozen=True, slots=True)
class Source:
    """A corpus that is known by name."""

    about: str
    texts: Callable[..., Iterator[Text]]
    """Its keyword parameters are the options of `NAME?option=value`, strings with defaults."""
    use: Literal["forget", "retain"] = "forget"
    benchmark: str | None = None
    """The benchmark whose items these are: a model that forgot them cannot be measured with it."""


def _builtin() -> Iterator[Text]:
    yield from builtin_texts()


SOURCES: dict[str, Source] = {
    "builtin": Source(
        "mild derogations of groups, made from templates; domains: " + ", ".join(DOMAINS), _builtin
    ),
    "hatecheck": Source("functional tests of hate speech, harmful words marked", hatecheck_texts),
    "edos": Source("sexist and other posts", edos_texts),
    "boolq": Source("Wikipedia passages", boolq_texts, "retain"),
    "everyday": Source("everyday sentences", everyday_texts, "retain"),
}
