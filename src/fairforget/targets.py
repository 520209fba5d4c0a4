"""From character spans to target tokens, aligned with those of counterfactual texts."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import compress
from typing import Protocol, get_args

from transformers import PreTrainedTokenizerBase

from fairforget.corpora.builtin.pronouns import is_gender_neutral
from fairforget.corpora.text import Span, Text
from fairforget.errors import InputError
from fairforget.settings import Selection

BY_SPAN, BY_MENTION = ("spans", "random"), ("after-mention", "mention-to-span")
"""Selections that find no target in a text without spans, or without mentions."""

Marked = tuple[Sequence[int], Sequence[bool]]
"""Token ids, and the mask of those that are predicted."""

BLANK = "___"
QUESTION = 'Fill in the blank: "{}" The blank is:'
"""The prompt of context `both`: the sentence with a blank; the target is the answer."""


class _Range(Protocol):
    @property
    def start(self) -> int: ...
    @property
    def end(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Targets:
    """A tokenised text with its target tokens. A causal model's text ends with the last target."""

    ids: tuple[int, ...]
    """[length] the start token, then the text's tokens."""
    mask: tuple[bool, ...]
    """[length] true for target tokens; never for the start token."""
    counterfactuals: tuple[Marked, ...] = ()
    """The counterfactual texts, if any, equally many for every text: ids and mask [other length],
    true at the aligned positions, one for each target."""
    gender_neutral: bool = False
    """Whether the words for the group imply no gender, as "nurse". `trait-kl` then compares the
    pronouns after them with those after the neutral word, and leaves harmful words to the KL
    divergence."""

    @property
    def count(self) -> int:
        """The number of target tokens."""
        return sum(self.mask)


def target_mask(
    text: str, offsets: Sequence[tuple[int, int]], ranges: Iterable[_Range]
) -> list[bool]:
    """Mark the tokens that overlap a range, ignoring white space at the edges of either.

    Tokenizers differ in whether a token's offsets include the space before its word. Without that
    space the result is the same for all of them.

    Args:
        text: the tokenised text.
        offsets: [tokens] the start and end of each token, in characters.
        ranges: spans or mentions.
    """
    stripped = (_strip(text, part.start, part.end) for part in ranges)
    bounds = [(start, end) for start, end in stripped if start < end]
    mask = []
    for offset in offsets:
        start, end = _strip(text, *offset)
        if start == end:  # a token of white space only
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
    """Tokenise a text and mark its target tokens.

    Args:
        tokenizer: a fast tokenizer.
        text: a text with the spans or mentions that the selection needs.
        start_id: the token prepended to the text.
        end_id: the token appended to the text, for a masked model. Without it, the result ends with
            the last target.
        selection: which tokens are targets.

            - `spans`: the tokens of the harmful spans.
            - `after-mention`: all tokens after the first mention, without those of mentions.
            - `mention-to-span`: the same up to the first harmful token, if one follows.
            - `all`: every token.
            - `random`: a control: as many tokens as there are harmful ones, drawn at random from
              the others, or fewer if there are not enough.
        counterfactual: align the targets with the counterfactual text. Targets without an aligned
            position are dropped: those inside a mention, those cut off, and, for a causal model,
            those before the first mention.
        others: copies of the text with other words for its mentions. Their counterfactual texts
            replace that of `text`.
        max_length: maximum number of tokens, including the start and end token.
        seed: seed of the selection `random`. Each text has its own random state.

    Returns:
        The targets, or None if none is left.

    Raises:
        InputError: the selection is unknown.
    """
    if selection not in get_args(Selection):
        raise InputError(
            f"selection {selection!r} is unknown; choose from {', '.join(get_args(Selection))}"
        )
    if not text.mentions and (counterfactual or selection in BY_MENTION):
        return None
    if not text.spans and selection in BY_SPAN:
        return None
    length = max_length - (end_id is not None)
    encoding = tokenizer(text.text, add_special_tokens=False, return_offsets_mapping=True)
    offsets = [(0, 0), *encoding["offset_mapping"]][:length]
    ids = [start_id, *encoding["input_ids"]][:length]
    in_mention = target_mask(text.text, offsets, text.mentions)
    harmful = target_mask(text.text, offsets, text.spans)
    usable = [i > 0 for i in range(len(ids))]
    alignments = []
    if counterfactual:
        alignments = [
            _align(tokenizer, other, start_id, ids, offsets, length, both_sides=end_id is not None)
            for other in others or (text,)
        ]
        usable = [
            not mentioned and all(aligned[i] is not None for _, aligned in alignments)
            for i, mentioned in enumerate(in_mention)
        ]
    if selection in BY_MENTION:
        until_harmful = selection == "mention-to-span"
        selected = _select_after_mention(in_mention, harmful if until_harmful else None)
    elif selection == "random":
        selected = _draw_harmless(harmful, usable, f"{text.id} {seed}")
    else:
        selected = harmful if selection == "spans" else usable
    mask = [wanted and fits for wanted, fits in zip(selected, usable, strict=True)]
    if not any(mask):
        return None
    counterfactuals = []
    for other_ids, aligned in alignments:
        positions = {position for position, target in zip(aligned, mask, strict=True) if target}
        other_mask = [i in positions for i in range(len(other_ids))]
        counterfactuals.append(_truncate(other_ids, other_mask, end_id))
    return Targets(*_truncate(ids, mask, end_id), tuple(counterfactuals), is_gender_neutral(text))


def encode_infilling(
    tokenizer: PreTrainedTokenizerBase,
    text: Text,
    *,
    start_id: int,
    counterfactual: bool = False,
    others: Sequence[Text] = (),
    max_length: int = 256,
) -> list[Targets]:
    """Encode a text for context `both` of a causal model: one infilling prompt per harmful span.

    The prompt shows the whole sentence with a blank instead of the span. Its answer, the tokens of
    the span, are the targets. The counterfactual prompt has other words for the mentions.

    Returns:
        One `Targets` per span. Spans that do not fit into `max_length`, and with `counterfactual`
        those that overlap a mention, are left out.
    """

    def encode(sentence: Text, span: Span) -> tuple[list[int], list[bool]]:
        blanked = sentence.text[: span.start] + BLANK + sentence.text[span.end :]
        question = QUESTION.format(blanked)
        prompt = f"{question} {sentence.text[span.start : span.end]}"
        encoding = tokenizer(prompt, add_special_tokens=False, return_offsets_mapping=True)
        answer = [Span(len(question), len(prompt))]
        mask = target_mask(prompt, encoding["offset_mapping"], answer)
        return [start_id, *encoding["input_ids"]], [False, *mask]

    if counterfactual and not text.mentions:
        return []
    compared = [other.counterfactual() for other in others or (text,)] if counterfactual else []
    spans = [span for span in text.spans if not counterfactual or text.is_kept(span)]
    result = []
    for number, span in enumerate(spans):
        prompts = [encode(text, span), *(encode(t, t.spans[number]) for t in compared)]
        answers = {tuple(compress(*prompt)) for prompt in prompts}
        longest = max(len(ids) for ids, _ in prompts)
        if len(answers) == 1 and any(answers) and longest <= max_length:
            own, *counterfactuals = ((tuple(ids), tuple(mask)) for ids, mask in prompts)
            result.append(Targets(*own, tuple(counterfactuals), is_gender_neutral(text)))
    return result


def _select_after_mention(in_mention: Sequence[bool], harmful: Sequence[bool] | None) -> list[bool]:
    """Select the tokens after the first mention, without those of mentions.

    Args:
        in_mention: [tokens] which belong to a mention.
        harmful: [tokens] which are harmful, to select nothing after the first one.
    """
    length = len(in_mention)
    first = in_mention.index(True) if any(in_mention) else length
    selected = [first < i and not mentioned for i, mentioned in enumerate(in_mention)]
    if harmful is not None:
        last = next((i for i in range(length) if selected[i] and harmful[i]), length)
        selected[last + 1 :] = [False] * len(selected[last + 1 :])
    return selected


def _draw_harmless(harmful: Sequence[bool], usable: Sequence[bool], seed: str) -> list[bool]:
    """Draw as many usable tokens that are not harmful as there are harmful ones, if there are."""
    candidates = [i for i, fits in enumerate(usable) if fits and not harmful[i]]
    harmful_count = sum(bad and fits for bad, fits in zip(harmful, usable, strict=True))
    count = min(len(candidates), harmful_count)
    drawn = set(random.Random(seed).sample(candidates, count))
    return [i in drawn for i in range(len(usable))]


def _strip(text: str, start: int, end: int) -> tuple[int, int]:
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
    length: int,
    both_sides: bool,
) -> tuple[list[int], list[int | None]]:
    """Tokenise the counterfactual text, and find the position aligned with each token of the text.

    Only tokens that a mention can influence have one: those after the first mention, or all tokens
    if the model sees both sides.
    """
    encoding = tokenizer(
        text.counterfactual().text, add_special_tokens=False, return_offsets_mapping=True
    )
    other_ids = [start_id, *encoding["input_ids"]][:length]
    numbered = enumerate(_number_repeats(encoding["offset_mapping"]), 1)
    position_at = {offset: i for i, offset in numbered if i < length}
    aligned: list[int | None] = []
    for token, (start, end, number) in zip(ids, _number_repeats(offsets), strict=True):
        shifts = [m.growth for m in text.mentions if m.end <= start]
        position = None
        influences = text.mentions if both_sides else shifts
        if influences and end > start:
            position = position_at.get((start + sum(shifts), end + sum(shifts), number))
        same = position is not None and other_ids[position] == token
        aligned.append(position if same else None)
    return other_ids, aligned


def _number_repeats(offsets: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """Add to each offset how often it occurred before: a character may be several byte tokens."""
    seen: Counter[tuple[int, int]] = Counter()
    for start, end in offsets:
        yield start, end, seen[start, end]
        seen[start, end] += 1


def _truncate(
    ids: list[int], mask: list[bool], end_id: int | None
) -> tuple[tuple[int, ...], tuple[bool, ...]]:
    """Cut after the last target, or append the end token if there is one."""
    if end_id is not None:
        return (*ids, end_id), (*mask, False)
    length = len(mask) - mask[::-1].index(True)
    return tuple(ids[:length]), tuple(mask[:length])
