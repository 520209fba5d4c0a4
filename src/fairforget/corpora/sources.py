"""The registry of corpora. To add one, write its file and add an entry to `SOURCES`."""

from __future__ import annotations

import pkgutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from fairforget.corpora.builtin.lexicon import DOMAINS
from fairforget.corpora.text import Text
from fairforget.data.catalogue import CATALOGUE, DataSet


@dataclass(frozen=True, slots=True)
class Source:
    """A named corpus."""

    about: str
    """Short description; the catalogue describes the dataset."""
    texts: str
    """Address `module:name` of a function that returns the texts. Its keyword parameters (strings
    with defaults) are the options of `NAME?option=value`."""
    domains: tuple[str, ...] = ()
    data: str | None = None
    """Its entry in the catalogue; None for the built-in corpus."""
    use: Literal["forget", "retain"] = "forget"
    benchmark: str | None = None
    """Benchmark that these texts are items of: do not report it for a model trained on them."""
    splits: tuple[str, ...] = ()
    """Values of the option `split`."""

    @property
    def read(self) -> Callable[..., Iterable[Text]]:
        """The function that returns the texts."""
        function: Callable[..., Iterable[Text]] = pkgutil.resolve_name(self.texts)
        return function


def find_data_set(name: str) -> DataSet | None:
    """Return the catalogue's entry for a corpus, or of that name; None if there is none."""
    source = SOURCES.get(name)
    return CATALOGUE.get(source.data if source and source.data else name)


RACE = ("race", "nationality")
SPLITS = ("train", "dev", "test")
SOURCES: dict[str, Source] = {
    "builtin": Source(
        "mildly derogatory texts about groups, made from templates",
        "fairforget.corpora.builtin:builtin_texts",
        DOMAINS,
    ),
    "pronouns": Source(
        "beginnings of sentences with an occupation and a pronoun",
        "fairforget.corpora.builtin.pronouns:pronoun_texts",
        ("profession",),
    ),
    "dghs": Source(
        "hate speech written to mislead a classifier",
        "fairforget.corpora.dghs:dghs_texts",
        ("gender", *RACE, "religion", "sexuality", "disability", "class", "age"),
        "dghs",
        splits=SPLITS,
    ),
    "hatecheck": Source(
        "functional tests of hate speech detectors, with marked harmful words",
        "fairforget.corpora.hatecheck:hatecheck_texts",
        ("gender", *RACE, "religion", "sexuality", "disability"),
        "hatecheck",
    ),
    "edos": Source(
        "sexist and other posts",
        "fairforget.corpora.edos:edos_texts",
        ("gender",),
        "edos",
        splits=SPLITS,
    ),
    "hatexplain": Source(
        "hateful posts with the rationales of three annotators",
        "fairforget.corpora.hatexplain:hatexplain_texts",
        ("gender", *RACE, "religion", "sexuality", "disability", "class"),
        "hatexplain",
    ),
    "ethos": Source(
        "hateful comments with their domains",
        "fairforget.corpora.ethos:ethos_texts",
        ("gender", *RACE, "religion", "sexuality", "disability"),
        "ethos",
    ),
    "social_bias_frames": Source(
        "posts with the groups that they target",
        "fairforget.corpora.social_bias_frames:social_bias_frames_texts",
        ("gender", *RACE, "religion", "sexuality", "disability", "class", "age", "appearance"),
        "social_bias_frames",
        splits=SPLITS,
    ),
    "toxigen": Source(
        "generated implicit hate speech with human judgements",
        "fairforget.corpora.toxigen:toxigen_texts",
        ("gender", *RACE, "religion", "sexuality", "disability"),
        "toxigen",
        splits=("train",),
    ),
    "stereoset-intersentence": Source(
        "StereoSet's sentences after a context; benchmark items",
        "fairforget.corpora.stereoset:stereoset_texts",
        ("gender", "profession", "race", "religion"),
        "stereoset",
        benchmark="stereoset",
        splits=("dev",),
    ),
    "wikipedia": Source(
        "Wikipedia passages of the BoolQ dataset",
        "fairforget.corpora.passages:wikipedia_texts",
        data="wikipedia",
        use="retain",
    ),
    "wikitext2": Source(
        "Wikipedia paragraphs, validation split",
        "fairforget.corpora.wikitext:wikitext_texts",
        data="wikitext2-valid",
        use="retain",
    ),
    "everyday": Source(
        "everyday sentences",
        "fairforget.corpora.passages:everyday_texts",
        data="everyday",
        use="retain",
    ),
}
