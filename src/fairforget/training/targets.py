"""From character spans to target tokens, and to the neutral text that lines up with them."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Protocol

from transformers import PreTrainedTokenizerBase

from fairforget.corpora.text import Span, Text
from fairforget.settings import Selection

BY_SPAN, BY_MENTION = ("spans", "random"), ("after-mention", "mention-to-span")
"""Selections without a target where a text has no spans, or no mentions."""

Marked = tuple[Sequence[int], Sequence[bool]]
"""Token ids, and which of them are predicted."""

BLANK = "___"
QUESTION = 'Fill in the blank: "{}" The blank is:'
"""The prompt of context `both`: the sentence with a blank, the target as the answer."""


class _Range(Protocol):
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Targets:
    """A tokenised text, the tokens to unlearn marked. Nothing follows the last target."""

    ids: tuple[int, ...]
    """[length] the start token, then the text's tokens."""
    mask: tuple[bool, ...]
    """[length] true where the token is a target; never the start token."""
    counterfactuals: tuple[Marked, ...] = ()
    """The neutral texts at which the original model is asked, if any, as many for every text: ids
    and mask [other length], true at the tokens that line up with the targets, one for one."""

    @property
    def count(self) -> int:
        """The number of target tokens."""
        return sum(self.mask)


def target_mask(
    text: str, offsets: Sequence[tuple[int, int]], ranges: Iterable[_Range]
) -> list[bool]:
    """Mark the tokens whose characters overlap a range, blanks at either's edges aside.

    Tokenizers differ in whether a token's offsets include the space before its word; without
    blanks the answer is the same for all of them.

    Args:
        text: the text that the tokenizer saw.
        offsets: [tokens] first and last-plus-one character of each token.
        ranges: spans or mentions.
    """
    bounds = [_trimmed(text, part.start, part.end) for part in ranges]
    mask = []
    for offset in offsets:
        start, end = _trimmed(text, *offset)
        if start == end:  # a token that is all blank
            start, end = offset
        mask.append(any(start < stop and end > begin for begin, stop in bounds))
    return mask


def encode_targets(
    tokenizer: PreTrainedTokenizerBase,
    text: Text,
    *,
    start_id: int,
    end_id: int | None = None,
    selection: Selection = "spans",
    counterfactual: bool = False,
    others: Sequence[Text] = (),
    max_length: int = 256,
    seed: int = 0,
) -> Targets | None:
    """Tokenise a text and mark what is to be unlearned.

    Args:
        tokenizer: a fast one.
        text: with the spans or mentions that the selection uses.
        start_id: the token put before the text.
        end_id: the token put behind the text, for a masked model, which sees both sides; without
            it nothing is kept behind the last target.
        selection: the tokens of the harmful spans; every token after the first mention that is
            not itself part of a mention, and of those the ones up to the first harmful one, if
            there is any (`mention-to-span`); every token; or, as a control, as many random tokens as there
            are harmful ones, as far as there are so many others, drawn from these.
        counterfactual: line the targets up with the neutral text. Targets that do not line up (inside a
            mention, cut off, or, where a target is predicted from what precedes it alone, before
            the first mention) are dropped.
        others: copies of the text with other words for its mentions; their neutral texts take the
            place of its own.
        max_length: tokens kept, start and end token included.
        seed: of the random selection; each text draws for itself.

    Returns:
        None where no target is left.
    """
    if not text.mentions and (counterfactual or selection in BY_MENTION):
        return None
    if not text.spans and selection in BY_SPAN:
        return None
    kept = max_length - (end_id is not None)
    encoded = tokenizer(text.text, add_special_tokens=False, return_offsets_mapping=True)
    offsets = [(0, 0), *encoded["offset_mapping"]][:kept]
    ids = [start_id, *encoded["input_ids"]][:kept]
    mentioned = target_mask(text.text, offsets, text.mentions)
    harmful = target_mask(text.text, offsets, text.spans)
    usable = [i > 0 for i in range(len(ids))]
    neutrals = []
    if counterfactual:
        neutrals = [
            _align(tokenizer, other, start_id, ids, offsets, kept, both_sides=end_id is not None)
            for other in others or (text,)
        ]
        usable = [
            not named and all(twins[i] is not None for _, twins in neutrals)
            for i, named in enumerate(mentioned)
        ]
    if selection == "spans":
        chosen = harmful
    elif selection == "all":
        chosen = usable
    elif selection in BY_MENTION:
        first = mentioned.index(True) if any(mentioned) else len(ids)
        last = len(ids)
        if selection == "mention-to-span":
            behind = (i for i in range(first + 1, len(ids)) if harmful[i] and not mentioned[i])
            last = next(behind, last)
        chosen = [first < i <= last and not named for i, named in enumerate(mentioned)]
    else:
        rest = [i for i, fits in enumerate(usable) if fits and not harmful[i]]
        harms = sum(bad and fits for bad, fits in zip(harmful, usable, strict=True))
        count = min(len(rest), harms)
        drawn = set(random.Random(f"{text.id} {seed}").sample(rest, count))
        chosen = [i in drawn for i in range(len(ids))]
    mask = [wanted and fits for wanted, fits in zip(chosen, usable, strict=True)]
    if not any(mask):
        return None
    compared = []
    for other_ids, twins in neutrals:
        chosen_twins = {twin for twin, wanted in zip(twins, mask, strict=True) if wanted}
        other_mask = [i in chosen_twins for i in range(len(other_ids))]
        compared.append(_truncate(other_ids, other_mask, end_id))
    return Targets(*_truncate(ids, mask, end_id), tuple(compared))


def encode_infilling(
    tokenizer: PreTrainedTokenizerBase,
    text: Text,
    *,
    start_id: int,
    counterfactual: bool = False,
    others: Sequence[Text] = (),
    max_length: int = 256,
) -> list[Targets]:
    """Context `both` for a causal model: one `Targets` per harmful span, which is the answer.

    The prompt shows the whole sentence with a blank for the span (and, for the neutral text, with
    neutral words for the mentions); the targets are the tokens of the span. Spans that do not fit
    into `max_length`, and for `neutral` those that overlap a mention, are left out.
    """

    def asked(sentence: Text, span: Span) -> tuple[list[int], list[bool]]:
        blanked = sentence.text[: span.start] + BLANK + sentence.text[span.end :]
        question = QUESTION.format(blanked)
        whole = f"{question} {sentence.text[span.start : span.end]}"
        found = tokenizer(whole, add_special_tokens=False, return_offsets_mapping=True)
        mask = target_mask(whole, found["offset_mapping"], [Span(len(question), len(whole))])
        return [start_id, *found["input_ids"]], [False, *mask]

    if counterfactual and not text.mentions:
        return []
    compared = [other.counterfactual() for other in others or (text,)] if counterfactual else []
    spans = [span for span in text.spans if not counterfactual or text.is_kept(span)]
    encoded = []
    for number, span in enumerate(spans):
        shown = [asked(text, span), *(asked(t, t.spans[number]) for t in compared)]
        answers = {tuple(compress(*marked)) for marked in shown}
        if len(answers) == 1 and any(answers) and max(len(ids) for ids, _ in shown) <= max_length:
            own, *anyone = ((tuple(ids), tuple(mask)) for ids, mask in shown)
            encoded.append(Targets(*own, tuple(anyone)))
    return encoded


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _align(
    tokenizer: PreTrainedTokenizerBase,
    text: Text,
    start_id: int,
    ids: list[int],
    offsets: list[tuple[int, int]],
    kept: int,
    both_sides: bool,
) -> tuple[list[int], list[int | None]]:
    """The neutral text's ids, and which of them stands for each token that a mention tells of.

    That is each behind the first mention; in a text that is seen from both sides, each.
    """
    encoded = tokenizer(
        text.counterfactual().text, add_special_tokens=False, return_offsets_mapping=True
    )
    other_ids = [start_id, *encoded["input_ids"]][:kept]
    numbered = enumerate(_number_repeats(encoded["offset_mapping"]), 1)
    place = {where: i for i, where in numbered if i < kept}
    twins: list[int | None] = []
    for token, (start, end, number) in zip(ids, _number_repeats(offsets), strict=True):
        moved_by = [m.growth for m in text.mentions if m.end <= start]
        twin = None
        told = text.mentions if both_sides else moved_by
        if told and end > start:
            twin = place.get((start + sum(moved_by), end + sum(moved_by), number))
        twins.append(twin if twin is not None and other_ids[twin] == token else None)
    return other_ids, twins


def _number_repeats(offsets: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """Offsets with how many tokens before have the same: those of a character of several bytes."""
    seen: Counter[tuple[int, int]] = Counter()
    for start, end in offsets:
        yield start, end, seen[start, end]
        seen[start, end] += 1


def _truncate(
    ids: list[int], mask: list[bool], end_id: int | None
) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Cut behind the last target, or closed by the end token."""
    if end_id is not None:
        return (*ids, end_id), (*mask, False)
    length = len(mask) - mask[::-1].index(True)
    return tuple(ids[:length]), tuple(mask[:length])
