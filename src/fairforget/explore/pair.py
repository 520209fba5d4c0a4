"""The original and the unlearned model asked the same thing: what each writes and expects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fairforget.continuations import generate_continuations
from fairforget.errors import InputError
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model
from fairforget.records.paths import MODEL, RECORD
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record
from fairforget.scoring.causal import token_log_probs

GROUP = "{group}"
LONGEST = 2000
"""Characters of a text: what a person types, not a book."""
MOST_GROUPS = 40


@dataclass(frozen=True, slots=True)
class TokenChange:
    """One token of a text, and its log-probability given what precedes it, in nats."""

    text: str
    before: float
    after: float

    @property
    def delta(self) -> float:
        """Above 0: the unlearned model expects it more."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class GroupChange:
    """A sentence about one group: mean log-probability, in nats, of each token after its name."""

    group: str
    sentence: str
    before: float
    after: float

    @property
    def delta(self) -> float:
        """Above 0: the unlearned model expects these words more of this group."""
        return self.after - self.before


@dataclass(frozen=True, slots=True)
class Pair:
    """Two causal models with one vocabulary."""

    before: LanguageModel
    after: LanguageModel

    def __post_init__(self) -> None:
        for side in (self.before, self.after):
            side.need_causal("exploring")
        if self.before.tokenizer.get_vocab() != self.after.tokenizer.get_vocab():
            raise InputError("the two models have different vocabularies, so tokens do not line up")

    def continuations(self, prompt: str, *, tokens: int = 30) -> tuple[str, str]:
        """What the original and the unlearned model write after a prompt."""
        prompt = _checked("prompt", prompt)
        self._check_length(
            [self.after.tokenizer(prompt, add_special_tokens=False)["input_ids"]], tokens
        )
        before, after = (
            generate_continuations(side, [prompt], tokens=tokens)[0]
            for side in (self.before, self.after)
        )
        return before, after

    def tokens(self, text: str) -> list[TokenChange]:
        """Every token of a text under both models."""
        text = _checked("text", text)
        encoded = self.after.tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        old, new = self._log_probs([encoded["input_ids"]])
        return [
            TokenChange(text[start:end], float(b), float(a))
            for (start, end), b, a in zip(encoded["offset_mapping"], old[0], new[0], strict=True)
        ]

    def groups(self, template: str, groups: Sequence[str]) -> list[GroupChange]:
        """What both models expect of each group, in the order given.

        Args:
            template: a sentence with `{group}` once, and words after it.
            groups: each is put there.

        Raises:
            InputError: the template has no such place, or nothing after it; or no groups.
        """
        sentences = fill_template(template, groups)
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
            GroupChange(group, sentence, float(np.mean(b[tail])), float(np.mean(a[tail])))
            for group, sentence, tail, b, a in zip(groups, sentences, tails, old, new, strict=True)
        ]

    def _check_length(self, ids: Sequence[Sequence[int]], more: int = 0) -> None:
        """Refuse texts that, with a start token and so many more, are longer than a model takes."""
        most = min(side.longest_input for side in (self.before, self.after)) - 1 - more
        if (longest := max(map(len, ids))) > most:
            raise InputError(f"the text has {longest} tokens; {most} are the most here")

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
    """The original and the unlearned model of a run.

    Raises:
        InputError: the directory is no unlearning run, or a model cannot be loaded.
    """
    record = read_record(directory / RECORD, UnlearningRecord)

    def load(source: str | Path) -> LanguageModel:
        return load_model(
            source,
            dtype=record.model.dtype,  # a difference of types would look like one of training
            device=device,
            start_token=record.model.start_token,
            trust_remote_code=trust_remote_code,
        )

    return Pair(load(record.model.source), load(directory / MODEL))


def rank_changes(changes: Sequence[TokenChange], *, count: int = 5, least: float = 0.1) -> set[int]:
    """Places of the tokens whose log-probability changed most, if by `least` nats at all."""
    order = sorted(range(len(changes)), key=lambda i: -abs(changes[i].delta))
    return {i for i in order[:count] if abs(changes[i].delta) >= least}


def fill_template(template: str, groups: Sequence[str]) -> list[str]:
    """The template with each group in its place."""
    template = _checked("sentence", template)
    if template.count(GROUP) != 1:
        raise InputError(f"the sentence must have {GROUP} in it, once")
    if not template.partition(GROUP)[2].strip():
        raise InputError(f"write words after {GROUP}: they are what is compared")
    if not groups:
        raise InputError("give at least one group, one on a line")
    if len(groups) > MOST_GROUPS:
        raise InputError(f"{len(groups)} groups are too many; give {MOST_GROUPS} at most")
    return [template.replace(GROUP, _checked("group", group)) for group in groups]


def group_gap(values: Sequence[float]) -> float:
    """How far the groups lie apart: the largest minus the smallest."""
    return max(values) - min(values)


def _checked(what: str, text: str) -> str:
    if not text.strip():
        raise InputError(f"the {what} is empty")
    if len(text) > LONGEST:
        raise InputError(f"the {what} has {len(text)} characters; {LONGEST} are the most")
    return text
