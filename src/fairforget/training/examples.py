"""The examples of a run: forget texts with the retain texts that go with them, in order."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from torch.utils.data import Dataset

from fairforget.targets import Targets


@dataclass(frozen=True, slots=True)
class Example:
    """One forget text, and the retain texts (token ids) that go with it."""

    forget: Targets
    retain: tuple[Sequence[int], ...]


class ExampleDataset(Dataset[Example]):
    """The examples of a whole run, in the order in which they are used.

    Both corpora are shuffled anew in each epoch. Example i does not depend on the batch size or the
    number of processes, so a run can be split over processes and resumed at any step.
    """

    def __init__(
        self,
        forget: Sequence[Targets],
        retain: Sequence[Sequence[int]],
        *,
        count: int,
        retain_per_forget: float,
        seed: int,
    ) -> None:
        self.forget, self.retain = forget, retain
        self.retain_per_forget = retain_per_forget if retain else 0.0
        self.count = count
        self.forget_order = _EpochOrder(len(forget), random.Random(f"forget {seed}"))
        self.retain_order = _EpochOrder(len(retain), random.Random(f"retain {seed}"))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Example:
        if not 0 <= index < self.count:
            raise IndexError(index)
        first = int(index * self.retain_per_forget)
        last = int((index + 1) * self.retain_per_forget)
        return Example(
            self.forget[self.forget_order[index]],
            tuple(self.retain[self.retain_order[i]] for i in range(first, last)),
        )


class _EpochOrder:
    """An endless sequence of shuffled epochs over `size` indices, computed as far as needed."""

    def __init__(self, size: int, generator: random.Random) -> None:
        self.size, self.generator = size, generator
        self.order: list[int] = []

    def __getitem__(self, index: int) -> int:
        while len(self.order) <= index:
            self.order += self.generator.sample(range(self.size), self.size)
        return self.order[index]
