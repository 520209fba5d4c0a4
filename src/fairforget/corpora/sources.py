"""The corpora that FairForget knows by name. To add one: its file, and an entry here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from fairforget.corpora.builtin import DOMAINS, builtin_texts
from fairforget.corpora.dghs import dghs_texts
from fairforget.corpora.edos import edos_texts
from fairforget.corpora.ethos import ethos_texts
from fairforget.corpora.everyday import everyday_texts
from fairforget.corpora.hatecheck import hatecheck_texts
from fairforget.corpora.hatexplain import hatexplain_texts
from fairforget.corpora.social_bias_frames import social_bias_frames_texts
from fairforget.corpora.stereoset import stereoset_texts
from fairforget.corpora.text import Text
from fairforget.corpora.toxigen import toxigen_texts
from fairforget.corpora.wikipedia import wikipedia_texts
from fairforget.corpora.wikitext import wikitext_texts
from fairforget.data.catalogue import CATALOGUE, DataSet


@dataclass(frozen=True, slots=True)
class Source:
    """A corpus that is known by name."""

    about: str
    """In a few words; what a data set is, the catalogue says."""
    texts: Callable[..., Iterable[Text]]
    """Its keyword parameters are the options of `NAME?option=value`, strings with defaults."""
    domains: tuple[str, ...] = ()
    data: str | None = None
    """The entry of the catalogue that it reads."""
    use: Literal["forget", "retain"] = "forget"
    benchmark: str | None = None
    """The benchmark whose items these are: a model that forgot them cannot be measured with it."""
    splits: tuple[str, ...] = ()
    """Values of the option `split`."""


def find_data_set(name: str) -> DataSet | None:
    """The entry of the catalogue that a corpus reads, or that has the name itself."""
    source = SOURCES.get(name)
    return CATALOGUE.get(source.data if source and source.data else name)


RACE = ("race", "nationality")
SPLITS = ("train", "dev", "test")
SOURCES: dict[str, Source] = {
    "builtin": Source("mild derogations of groups, made from templates", builtin_texts, DOMAINS),
    "dghs": Source(
        "hate written to deceive a classifier",
        dghs_texts,
        ("gender", *RACE, "religion", "sexuality", "disability", "class", "age"),
        "dghs",
        splits=SPLITS,
    ),
    "hatecheck": Source(
        "functional tests of hate speech detectors, harmful words marked",
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
        "hateful posts, the reasons marked by three annotators",
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
        "posts with what they imply about whom",
        social_bias_frames_texts,
        ("gender", *RACE, "religion", "sexuality", "disability", "class", "age", "appearance"),
        "social_bias_frames",
        splits=SPLITS,
    ),
    "toxigen": Source(
        "machine-made implicit hate, judged by people",
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
    "wikipedia": Source("Wikipedia passages", wikipedia_texts, data="wikipedia", use="retain"),
    "wikitext2": Source(
        "Wikipedia paragraphs, validation split",
        wikitext_texts,
        data="wikitext2-valid",
        use="retain",
    ),
    "everyday": Source("everyday sentences", everyday_texts, data="everyday", use="retain"),
}
