"""The original and the debiased model on the same text: continuations and log-probabilities."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial
from pathlib import Path

import numpy as np

from fairforget.errors import InputError
from fairforget.generation.continuations import generate_continuations
from fairforget.models.fingerprint import check_original
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_recorded
from fairforget.models.saving import check_saved
from fairforget.records.paths import MODEL, RECORD
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record
from fairforget.scoring.causal import token_log_probs

Part = tuple[str, bool]
"""Words of a text, and whether they differ from the other text."""
GROUP = "{group}"
MAX_CHARACTERS = 2000
"""Maximum length of a text."""
MAX_GROUPS = 80
"""Maximum number of groups: those of every bias domain fit."""
NEW_TOKENS = 30
"""Maximum length of a continuation."""
MARKED = 5
"""Maximum number of tokens that are marked."""
CLEAR_CHANGE = 0.1
"""Smallest change of a token that is marked, in nats."""


@dataclass(frozen=True, slots=True)
class LikelihoodChange:
    """A token of a text, or a group, and its log-probability under both models, in nats.

    That of a group is the mean over the tokens after its name.
    """

    text: str
    """The token's characters, or the group's name. Characters of several tokens are the first
    one's, so a later one may have none."""
    before: float
    after: float

    @property
    def delta(self) -> float:
        """Above 0, it is more likely under the debiased model."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class GroupTexts:
    """A prompt about one group, and how each model continues it."""

    group: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two causal models with one vocabulary."""

    before: LanguageModel
    after: LanguageModel

    def __post_init__(self) -> None:
        for side in (self.before, self.after):
            side.need_causal("exploring")
        if self.before.tokenizer.get_vocab() != self.after.tokenizer.get_vocab():
            raise InputError(
                "the two models have different vocabularies; compare models that share one"
            )

    def continuations(self, prompt: str) -> tuple[str, str]:
        """The continuations of a prompt by the original and the debiased model."""
        _check_text("prompt", prompt)
        ((before, after),) = self._continue([prompt])
        return before, after

    def group_texts(self, template: str, groups: Sequence[str]) -> list[GroupTexts]:
        """The continuations of a prompt about each group by both models, in the order given.

        Args:
            template: a prompt with `{group}` once.
            groups: the groups to insert.

        Raises:
            InputError: the template is invalid, a text is too long for the models, or there are
                too few or too many groups.
        """
        written = self._continue(fill_template("prompt", template, groups))
        return [
            GroupTexts(group, before, after)
            for group, (before, after) in zip(groups, written, strict=True)
        ]

    def tokens(self, text: str) -> list[LikelihoodChange]:
        """The tokens of a text under both models; every character belongs to one token."""
        _check_text("text", text)
        encoded = self.after.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        old, new = self._log_probs([encoded["input_ids"]])
        ends = [end for _, end in encoded["offset_mapping"]]
        ends[-1:] = [len(text)] if ends else []
        parts, shown = [], 0
        for end in ends:
            # start at the end of the previous token: some tokenizers' offsets leave spaces out
            parts.append(text[shown:end])
            shown = max(shown, end)
        return [
            LikelihoodChange(part, float(b), float(a))
            for part, b, a in zip(parts, old[0], new[0], strict=True)
        ]

    def groups(self, template: str, groups: Sequence[str]) -> list[LikelihoodChange]:
        """A sentence about each group under both models, in the order given.

        Args:
            template: a sentence with `{group}` once and words after it.
            groups: the groups to insert.

        Raises:
            InputError: the template is invalid, a text is too long for the models, or there are
                too few or too many groups.
        """
        sentences = fill_template("sentence", template, groups)
        if not template.partition(GROUP)[2].strip():
            raise InputError(f"write words after {GROUP}: their probabilities are compared")
        end = len(template) - template.index(GROUP) - len(GROUP)
        ids, tails = [], []
        for sentence in sentences:
            encoded = self.after.tokenizer(
                sentence, add_special_tokens=False, return_offsets_mapping=True
            )
            ids.append(encoded["input_ids"])
            tails.append([stop > len(sentence) - end for _, stop in encoded["offset_mapping"]])
        old, new = self._log_probs(ids)
        return [
            LikelihoodChange(group, float(np.mean(b[tail])), float(np.mean(a[tail])))
            for group, tail, b, a in zip(groups, tails, old, new, strict=True)
        ]

    def _continue(self, prompts: Sequence[str]) -> list[tuple[str, str]]:
        """The continuations of each prompt by the original and the debiased model."""
        encoded = [self.after.tokenizer(p, add_special_tokens=False)["input_ids"] for p in prompts]
        self._check_length(encoded, NEW_TOKENS)
        before, after = (
            generate_continuations(side, prompts, tokens=NEW_TOKENS)
            for side in (self.before, self.after)
        )
        return list(zip(before, after, strict=True))

    def _check_length(self, ids: Sequence[Sequence[int]], new_tokens: int = 0) -> None:
        """Check that texts fit both models, with a start token and `new_tokens` more."""
        limit = min(side.longest_input for side in (self.before, self.after)) - 1 - new_tokens
        if (longest := max(map(len, ids))) > limit:
            raise InputError(f"the text has {longest} tokens; the limit is {limit}, so shorten it")

    def _log_probs(self, ids: Sequence[Sequence[int]]) -> tuple[list[np.ndarray], list[np.ndarray]]:
        self._check_length(ids)
        before, after = (
            token_log_probs(side.model, [[side.start_id, *row] for row in ids])
            for side in (self.before, self.after)
        )
        return before, after


def load_pair(
    directory: Path, *, device: str | None = None, trust_remote_code: bool = False
) -> Pair:
    """The original and the debiased model of a run.

    Raises:
        InputError: the directory is not an unlearning run, a model cannot be loaded, or the
            original is not the one that the run started from.
    """
    record = read_record(directory / RECORD, UnlearningRecord)
    check_saved(directory / MODEL)

    load = partial(
        load_recorded, facts=record.model, device=device, trust_remote_code=trust_remote_code
    )
    original = load(record.model.source)
    check_original(original, record.model)
    return Pair(original, load(directory / MODEL))


def rank_changes(changes: Sequence[LikelihoodChange]) -> set[int]:
    """Indices of the tokens to mark: those that changed most, of those with a clear change."""
    order = sorted(range(len(changes)), key=lambda i: -abs(changes[i].delta))
    return {i for i in order[:MARKED] if abs(changes[i].delta) >= CLEAR_CHANGE}


def mark_differences(one: str, other: str) -> tuple[list[Part], list[Part]]:
    """Split two texts into parts, each flagged if it differs from the other text.

    Words are compared; joining the parts restores the texts.
    """
    words, others = (re.findall(r"\s*\S+|\s+", text) for text in (one, other))
    pairs = SequenceMatcher(None, words, others, autojunk=False).get_opcodes()
    return (
        [("".join(words[i:j]), kind != "equal") for kind, i, j, _, _ in pairs if j > i],
        [("".join(others[i:j]), kind != "equal") for kind, _, _, i, j in pairs if j > i],
    )


def fill_template(name: str, template: str, groups: Sequence[str]) -> list[str]:
    """Fill a template with each group.

    Args:
        name: how error messages refer to the template: "sentence" or "prompt".
        template: a text with `{group}` once.
        groups: the groups to insert.

    Raises:
        InputError: the template does not have `{group}` once, or there are too few or too many
            groups.
    """
    _check_text(name, template)
    if template.count(GROUP) != 1:
        raise InputError(f"the {name} must contain {GROUP} exactly once")
    if not groups:
        raise InputError("give at least one group, one per line")
    if len(groups) > MAX_GROUPS:
        raise InputError(f"{len(groups)} groups are too many; give at most {MAX_GROUPS}")
    for group in groups:
        _check_text("group", group)
    return [template.replace(GROUP, group) for group in groups]


def group_gap(values: Sequence[float]) -> float:
    """The difference between the largest and the smallest value of all groups."""
    return max(values) - min(values)


def _check_text(name: str, text: str) -> None:
    if not text.strip():
        raise InputError(f"the {name} is empty")
    if len(text) > MAX_CHARACTERS:
        raise InputError(
            f"the {name} has {len(text)} characters; the limit is {MAX_CHARACTERS}, so shorten it"
        )
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InputError(
            f"the {name} contains an unpaired surrogate (half of a character) at position "
            f"{error.start + 1}; remove it"
        ) from error
