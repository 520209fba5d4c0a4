"""Texts that `retain_groups` adds to the retain texts, so that little changes besides traits.

Without the facts, the model also learns to ignore the subject of a sentence when it predicts a
fact, such as which tool a painter uses. Without the counterfactual texts, its predictions about
people in general change.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from fairforget.corpora.builtin.lexicon import read_data
from fairforget.corpora.text import Span
from fairforget.models.language_model import LanguageModel
from fairforget.targets import Targets, target_mask

Answers: TypeAlias = Mapping[tuple[int, ...], tuple[bool, ...]]
"""Token ids of a fact, with the start token → the mask of its answer."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence whose subject determines some of its words."""

    text: str
    answer: Span
    """The words that the subject determines."""


def list_facts() -> list[Fact]:
    """Return the built-in facts, such as "Bees make honey.", whose answer is "honey"."""
    return [_parse_fact(fact) for facts in read_data("facts.toml").values() for fact in facts]


def _parse_fact(marked: str) -> Fact:
    """Read a sentence that has its answer in brackets."""
    before, answer, after = re.split(r"[\[\]]", marked)
    return Fact(before + answer + after, Span(len(before), len(before + answer)))


def encode_facts(language_model: LanguageModel) -> Answers:
    """Encode the built-in facts, and mark their answers.

    Args:
        language_model: causal or masked. A masked model gets no facts: only one token of each
            would be masked, and rarely one that the subject determines.
    """
    if language_model.kind != "causal":
        return {}
    answers = {}
    for fact in list_facts():
        encoding = language_model.tokenizer(
            fact.text, add_special_tokens=False, return_offsets_mapping=True
        )
        mask = [False, *target_mask(fact.text, encoding["offset_mapping"], [fact.answer])]
        ids = [language_model.start_id, *encoding["input_ids"]]
        longest = language_model.longest_input
        answers[tuple(ids[:longest])] = tuple(mask[:longest])
    return answers


def counterfactual_sequences(targets: Sequence[Targets]) -> list[list[int]]:
    """Return the token ids of the counterfactual texts, in order and without duplicates."""
    sequences = (tuple(ids) for target in targets for ids, _ in target.counterfactuals)
    return [list(ids) for ids in dict.fromkeys(sequences)]
