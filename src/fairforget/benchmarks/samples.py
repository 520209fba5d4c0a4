"""A sample of a benchmark's items, the same one for every model."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Hashable, Sequence
from typing import TypeVar

from fairforget.benchmarks.options import parse_options
from fairforget.errors import InputError

T = TypeVar("T")


def split_number(name: str, words: Sequence[str]) -> tuple[int | None, list[str]]:
    """The number of items among a benchmark's options, if there is one, and the other options.

    Raises:
        InputError: there are several numbers, or it is 0.
    """
    numbers = [word for word in words if word.isdecimal()]
    if len(numbers) > 1 or any(int(word) == 0 for word in numbers):
        raise InputError(
            f"benchmark {name} takes one number of items, at least 1, as in {name}:100; "
            f"got {', '.join(numbers)}"
        )
    rest = [word for word in words if word not in numbers]
    return (int(numbers[0]) if numbers else None), rest


def parse_sample(
    name: str, words: Sequence[str], values: Collection[str]
) -> tuple[tuple[str, ...], int | None]:
    """The values among a benchmark's options, each once, and the number of items, if there is one.

    Raises:
        InputError: an option is neither a number nor among the values, or as for `split_number`.
    """
    count, chosen = split_number(name, words)
    for word in chosen:
        parse_options(name, [word], {"value": [*values]})
    return tuple(dict.fromkeys(chosen)), count


def sample_evenly(items: Sequence[T], count: int | None, group: Callable[[T], Hashable]) -> list[T]:
    """Draw items from all groups in turn, so that small groups are not missed.

    Args:
        items: in a fixed order.
        count: items to draw; None, or more than there are, for all.
        group: an item's group.

    Returns:
        The items drawn, in their original order. A larger sample contains the smaller ones.
    """
    if count is None or count >= len(items):
        return list(items)
    generator = random.Random(0)
    queues: dict[Hashable, list[int]] = {}
    for number, item in enumerate(items):
        queues.setdefault(group(item), []).append(number)
    for queue in queues.values():
        generator.shuffle(queue)
    drawn: list[int] = []
    while len(drawn) < count:
        for queue in queues.values():
            if queue and len(drawn) < count:
                drawn.append(queue.pop())
    return [items[number] for number in sorted(drawn)]
