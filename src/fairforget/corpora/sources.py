"""The registry of corpora. To add one, write its file and add an entry to `SOURCES`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from fairforget.corpora.builtin import DOMAINS, builtin_texts
from fairforget.corpora.dghs import dghs_texts
from fairforget.corpora.edos import edos_texts
from fairforget.corpora.ethos import ethos_texts
from fairforget.corpora.hatecheck import hatecheck_texts
from fairforget.corpora.hatexplain import hatexplain_texts
from fairforget.corpora.passages import everyday_texts, wikipedia_texts
from fairforget.corpora.social_bias_frames import social_bias_frames_texts
from fairforget.corpora.stereoset import stereoset_texts
from fairforget.corpora.text import Text
from fairforget.corpora.toxigen import toxigen_texts
from fairforget.corpora.wikitext import wikitext_texts
from fairforget.data.catalogue import CATALOGUE, DataSet


@dataclass(frozen=True, slots=True)
class Source:
    """A named corpus."""

    about: str
    """Short description; the catalogue describes the data set."""
    texts: Callable[..., Iterable[Text]]
    """Returns the texts; its keyword parameters (strings with defaults) are the options of
    `NAME?option=value`."""
    domains: tuple[str, ...] = ()
    data: str | None = None
    """Its entry in the catalogue; None for the built-in corpus."""
    use: Literal["forget", "retain"] = "forget"
    benchmark: str | None = None
    """Benchmark that these texts are items of: do not report it for a model trained on them."""
    splits: tuple[str, ...] = ()
    """Values of the option `split`."""


def find_data_set(name: str) -> DataSet | None:
    """Return the catalogue's entry for a corpus, or of that name; None if there is none."""
    source = SOURCES.get(name)
    return CATALOGUE.get(source.data if source and source.data else name)


RACE = ("race", "nationality")
SPLITS = ("train", "dev", "test")
SOURCES: dict[str, Source] = {
    "builtin": Source("mild derogations of groups, made from templates", builtin_texts, DOMAINS),
    "dghs": Source(
        "hate speech written to mislead a classifier",
        dghs_texts,
        ("gender", *RACE, "religion", "sexuality", "disability", "class", "age"),
        "dghs",
        splits=SPLITS,
    ),
    "hatecheck": Source(
        "functional tests of hate speech detectors, with marked harmful words",
        hatecheck_texts,
        ("gender", *RACE, "religion", "sexuality", "disability"),
        "hatecheck",
    ),
    "edos": Source(
        "sexist and other posts",
        edos_texts,
        ("gender",),
        "edos",
        splits=SPLITS,
    ),
    "hatexplain": Source(
        "hateful posts with the rationales of three annotators",
        hatexplain_texts,
        ("gender", *RACE, "religion", "sexuality", "disability", "class"),
        "hatexplain",
    ),
    "ethos": Source(
        "hateful comments with their domains",
        ethos_texts,
        ("gender", *RACE, "religion", "sexuality", "disability"),
        "ethos",
    ),
    "social_bias_frames": Source(
        "posts with the groups that they target",
        social_bias_frames_texts,
        ("gender", *RACE, "religion", "sexuality", "disability", "class", "age", "appearance"),
        "social_bias_frames",
        splits=SPLITS,
    ),
    "toxigen": Source(
        "generated implicit hate speech with human judgements",
        toxigen_texts,
        ("gender", *RACE, "religion", "sexuality", "disability"),
        "toxigen",
        splits=("train",),
    ),
    "stereoset-intersentence": Source(
        "StereoSet's sentences after a context; benchmark items",
        stereoset_texts,
        ("gender", "profession", "race", "religion"),
        "stereoset",
        benchmark="stereoset",
        splits=("dev",),
    ),
    "wikipedia": Source(
        "Wikipedia passages that BoolQ carries", wikipedia_texts, data="wikipedia", use="retain"
    ),
    "wikitext2": Source(
        "Wikipedia paragraphs, validation split",
        wikitext_texts,
        data="wikitext2-valid",
        use="retain",
    ),
    "everyday": Source("everyday sentences", everyday_texts, data="everyday", use="retain"),
}
