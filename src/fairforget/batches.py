"""Forget targets and retain texts, put together into the batches of training.

A batch holds every sequence of a step once: the model's own (forget and retain texts) and the
reference's (the texts at which the original model is asked). Next to them stand, for each target
token, the place that predicts it in either.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset

from fairforget.forward.packing import packed
from fairforget.objectives import Objective
from fairforget.targets import Targets

Batch = dict[str, dict[str, Tensor]]


@dataclass(frozen=True, slots=True)
class Sample:
    """One forget text and the retain texts (token ids) that go with it."""

    forget: Targets
    retain: tuple[Sequence[int], ...]


class Samples(Dataset[Sample]):
    """The samples of a whole run in the order in which they are used.

    Both corpora are shuffled anew for each pass over them. Sample i does not depend on batch size
    or number of processes, so that a run can be split in any way and continued anywhere.
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
        self.forget_order = _rounds(len(forget), count, random.Random(f"forget {seed}"))
        wanted = int(count * self.retain_per_forget) + 1
        self.retain_order = _rounds(len(retain), wanted, random.Random(f"retain {seed}"))

    def __len__(self) -> int:
        return len(self.forget_order)

    def __getitem__(self, index: int) -> Sample:
        first = int(index * self.retain_per_forget)
        last = int((index + 1) * self.retain_per_forget)
        return Sample(
            self.forget[self.forget_order[index]],
            tuple(self.retain[i] for i in self.retain_order[first:last]),
        )


def _rounds(size: int, count: int, generator: random.Random) -> list[int]:
    order: list[int] = []
    while size and len(order) < count:
        order += generator.sample(range(size), size)
    return order[:count]


@dataclass(frozen=True, slots=True)
class Collator:
    """Makes a batch of samples."""

    objective: Objective
    retention: Objective | None
    trees: bool
    """Pack with shared prefixes; else one padded row per sequence."""

    def __call__(self, samples: Sequence[Sample]) -> Batch:
        """Collate.

        Returns:
            `model` and, where a reference is needed, `reference`: the inputs of either's body;
            `forget` and, where texts are retained, `retain`: for n target tokens `places` [n]
            (row × width + column in `model`), `tokens` [n] and `reference_places` [n].
        """
        forget = [sample.forget for sample in samples]
        retain = [ids for sample in samples for ids in sample.retain] if self.retention else []
        sequences = [list(targets.ids) for targets in forget] + [list(ids) for ids in retain]
        masks = [targets.mask for targets in forget] + [(True,) * len(ids) for ids in retain]
        model, places = self._pack(sequences, masks)
        tokens = [
            torch.tensor([t for t, m in zip(ids[1:], mask[1:], strict=True) if m])
            for ids, mask in zip(sequences, masks, strict=True)
        ]

        asked: list[tuple[Sequence[int], Sequence[bool]]] = []
        for targets in forget:
            if self.objective.reference == "neutral text":
                asked.append((targets.neutral_ids, targets.neutral_mask))
            elif self.objective.reference == "same text":
                asked.append((targets.ids, targets.mask))
        n_forget = len(asked)
        if self.retention and self.retention.reference == "same text":
            asked += [(ids, (True,) * len(ids)) for ids in retain]

        batch: Batch = {"model": model}
        reference_places: list[Tensor] = []
        if asked:
            batch["reference"], reference_places = self._pack(*map(list, zip(*asked, strict=True)))
        for role, mine, theirs in (
            ("forget", slice(0, len(forget)), slice(0, n_forget)),
            ("retain", slice(len(forget), None), slice(n_forget, None)),
        ):
            if tokens[mine]:
                batch[role] = {"places": torch.cat(places[mine]), "tokens": torch.cat(tokens[mine])}
                if reference_places[theirs]:
                    batch[role]["reference_places"] = torch.cat(reference_places[theirs])
        return batch

    def _pack(
        self, sequences: Sequence[Sequence[int]], masks: Sequence[Sequence[bool]]
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        (batch,) = packed(sequences, trees=self.trees)
        places: list[Any] = [None] * len(sequences)
        for index, where in batch.members:
            places[index] = torch.from_numpy(where[list(masks[index][1:])])
        return batch.inputs, places
