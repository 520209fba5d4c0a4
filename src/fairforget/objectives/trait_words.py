"""Words that say what somebody is like, the harmful ones among them, and pronouns, as token ids.

Two published lexicons name them. Their packages are dependencies of this one, and only their data
files are read:

- adjectives and participles of the part-of-speech lexicon that textblob carries (Brill 1992; MIT);
- the words of the sentiment lexicon VADER (Hutto and Gilbert 2014; MIT).

Harmful are the words that VADER rates negative, and the attributes of the built-in corpus.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from fairforget.corpora.builtin.lexicon import read_data
from fairforget.errors import InputError
from fairforget.extras import find_package
from fairforget.files.digest import hash_values

TRAIT_TAGS = frozenset({"JJ", "JJR", "JJS", "VBN", "VBG"})
"""Penn Treebank tags of adjectives and participles."""
PRONOUNS = frozenset({"he", "she", "him", "her", "his", "hers", "himself", "herself"})
WORD = re.compile(r"[a-z]{3,}")
CARRIER = "a"
"""A word before a trait word, so that the trait word is tokenised as within a sentence."""


@dataclass(frozen=True, slots=True)
class TraitWords:
    """Trait words of one vocabulary: those that are a single token after a space."""

    ids: Tensor
    """[k] token ids, ascending."""
    harmful: Tensor
    """[k] whether the word is harmful."""
    pronouns: Tensor
    """[p] token ids of the pronouns with a gender, ascending."""
    harmful_places: Tensor = field(init=False)
    """Where the harmful words are in `ids`. To index by places, unlike by a mask, does not wait for
    the device."""
    harmless_places: Tensor = field(init=False)
    """Where the other words are in `ids`."""
    harmful_ids: Tensor = field(init=False)
    """Token ids of the harmful words, ascending."""

    def __post_init__(self) -> None:
        harmful = self.harmful.nonzero()[:, 0]
        object.__setattr__(self, "harmful_places", harmful)
        object.__setattr__(self, "harmless_places", (~self.harmful).nonzero()[:, 0])
        object.__setattr__(self, "harmful_ids", self.ids[harmful])

    def to(self, device: torch.device) -> TraitWords:
        """Return the words on a device."""
        return TraitWords(self.ids.to(device), self.harmful.to(device), self.pronouns.to(device))


def find_trait_words(
    tokenizer: PreTrainedTokenizerBase | None, objective: str = "trait-kl"
) -> TraitWords:
    """Return the trait words that are a single token of this tokenizer.

    Args:
        tokenizer: of the model.
        objective: the name of the objective that needs them, for messages.

    Raises:
        InputError: none is, so the tokenizer is not one for English; or there is no tokenizer, or a
            lexicon is missing.
    """
    if tokenizer is None:
        raise InputError(f"objective {objective!r} needs processing_class, to find its trait words")
    traits, harmful = list_trait_words()
    spelt = {run for token in tokenizer.get_vocab() for run in WORD.findall(token.lower())}
    tokens = _single_tokens(tokenizer, traits & spelt)  # to encode all words would take much longer
    if not tokens:
        raise InputError(
            f"objective {objective!r} needs English words, and no trait word is a single token of "
            "this tokenizer; use --objective counterfactual-kl --budget.harmful_log_prob null"
        )
    ids = sorted(tokens)
    return TraitWords(
        torch.tensor(ids),
        torch.tensor([tokens[i] in harmful for i in ids]),
        torch.tensor(sorted(_single_tokens(tokenizer, PRONOUNS)), dtype=torch.long),
    )


@cache
def list_trait_words() -> tuple[frozenset[str], frozenset[str]]:
    """Return the trait words, and the harmful words, in lower case.

    Raises:
        InputError: a lexicon is missing.
    """
    valence = dict(_read_valence())
    attributes = {
        word
        for themes in read_data("attributes.toml").values()
        for lines in themes.values()
        for line in lines
        for word in line.split(" | ")
    }
    traits = {word for word, tag in _read_tags() if tag in TRAIT_TAGS}
    traits |= valence.keys() | attributes
    harmful = {word for word, rating in valence.items() if rating < 0} | attributes
    return (
        frozenset(filter(WORD.fullmatch, traits)),
        frozenset(filter(WORD.fullmatch, harmful)),
    )


@cache
def hash_trait_words() -> str:
    """Return a digest of the trait words, the harmful words and the pronouns.

    Raises:
        InputError: a lexicon is missing.
    """
    return hash_values([sorted(words) for words in (*list_trait_words(), PRONOUNS)])


def _single_tokens(tokenizer: PreTrainedTokenizerBase, words: Iterable[str]) -> dict[int, str]:
    """Return id → word, for the words that are one token within a sentence."""
    if not (ordered := sorted(words)):
        return {}
    before = len(tokenizer(CARRIER, add_special_tokens=False)["input_ids"])
    texts = [f"{CARRIER} {word}" for word in ordered]
    encoded = tokenizer(texts, add_special_tokens=False)["input_ids"]
    whole = [
        (ids[-1], word)
        for ids, word in zip(encoded, ordered, strict=True)
        if len(ids) == before + 1
    ]
    if not whole:  # some versions decode no tokens to one empty text
        return {}
    # a tokenizer may drop or replace characters that it does not know
    decoded = tokenizer.batch_decode([[token] for token, _ in whole])
    return {
        token: word
        for (token, word), text in zip(whole, decoded, strict=True)
        if text.strip().lower() == word
    }


def _read_tags() -> Iterator[tuple[str, str]]:
    """Yield word and most frequent tag."""
    for line in _read_lexicon("textblob", "en/en-lexicon.txt"):
        word, _, tags = line.partition(" ")
        if tags and not line.startswith(";"):
            yield word, tags.split()[0]


def _read_valence() -> Iterator[tuple[str, float]]:
    """Yield word and mean rating, from −4 (negative) to 4 (positive)."""
    for line in _read_lexicon("vaderSentiment", "vader_lexicon.txt"):
        word, rating, *_ = line.split("\t")
        yield word, float(rating)


def _read_lexicon(package: str, path: str) -> list[str]:
    """Return the lines of a package's data file, without importing the package."""
    directory = find_package(package)
    if directory is None:
        raise InputError(f"the lexicon of {package} is missing; install it: pip install {package}")
    text = (directory / path).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip()]
