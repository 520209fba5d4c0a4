"""From character spans to target tokens, and to the neutral text that lines up with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from transformers import PreTrainedTokenizerBase

from fairforget.corpora.text import Text

Selection = Literal["harmful", "after-mention", "all"]


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
    neutral_ids: tuple[int, ...] = ()
    """[other length] the neutral text, likewise, or empty."""
    neutral_mask: tuple[bool, ...] = ()
    """[other length] true at the tokens that line up with the targets, one for one."""

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
    selection: Selection = "harmful",
    neutral: bool = False,
    max_length: int = 256,
) -> Targets | None:
    """Tokenise a text and mark what is to be unlearned.

    Args:
        tokenizer: a fast one.
        text: with the spans or mentions that the selection uses.
        start_id: the token put before the text.
        selection: the tokens of the harmful spans; every token after the first mention that is
            not itself part of a mention; or every token.
        neutral: line the targets up with the neutral text. Targets that do not line up (before
            the first mention, inside one, or cut off) are dropped.
        max_length: tokens kept, the start token included.

    Returns:
        None where no target is left.
    """
    encoded = tokenizer(text.text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = encoded["input_ids"], encoded["offset_mapping"]
    mentioned = target_mask(text.text, offsets, text.mentions)
    if selection == "harmful":
        mask = target_mask(text.text, offsets, text.spans)
    elif selection == "all":
        mask = [True] * len(ids)
    else:
        first = mentioned.index(True) if any(mentioned) else len(ids)
        mask = [i > first and not named for i, named in enumerate(mentioned)]
    ids, mask = [start_id, *ids][:max_length], [False, *mask][:max_length]
    if not neutral:
        return _cut(ids, mask)

    if not text.mentions:
        return None
    other = tokenizer(text.neutralised(), add_special_tokens=False, return_offsets_mapping=True)
    other_ids = [start_id, *other["input_ids"]][:max_length]
    place = {
        (start, end): i for i, (start, end) in enumerate(other["offset_mapping"], 1) if end > start
    }
    other_mask = [False] * len(other_ids)
    for i, chosen in enumerate(mask):
        if not chosen:
            continue
        moved = _moved(text, *offsets[i - 1])
        twin = place.get(moved, len(other_ids)) if moved else len(other_ids)
        lines_up = twin < len(other_ids) and other_ids[twin] == ids[i] and not mentioned[i - 1]
        mask[i] = lines_up
        if lines_up:
            other_mask[twin] = True
    targets, twins = _cut(ids, mask), _cut(other_ids, other_mask)
    if targets is None or twins is None or targets.count != twins.count:
        return None
    return Targets(targets.ids, targets.mask, twins.ids, twins.mask)


def _trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def _moved(text: Text, start: int, end: int) -> tuple[int, int] | None:
    """Where characters after the first mention stand in the neutral text."""
    by = [len(m.neutral[0]) - (m.end - m.start) for m in text.mentions if m.end <= start]
    return (start + sum(by), end + sum(by)) if by else None


def _cut(ids: list[int], mask: list[bool]) -> Targets | None:
    if not any(mask):
        return None
    length = len(mask) - mask[::-1].index(True)
    return Targets(tuple(ids[:length]), tuple(mask[:length]))
