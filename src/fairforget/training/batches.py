"""Forget targets and retain texts, put together into the batches of training.

A batch holds every sequence of a step once: the model's own (forget and retain texts) and the
reference's (the texts at which the original model is asked). Next to them stand, for each target
token, the place that predicts it in either.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import compress

import torch
from torch import Tensor
from torch.utils.data import Dataset

from fairforget.forward.packing import packed, padded
from fairforget.objectives import Objective
from fairforget.scoring.masked import hidden_places
from fairforget.training.targets import Marked, Targets

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
        self.count = count
        self.forget_order = _Rounds(len(forget), random.Random(f"forget {seed}"))
        self.retain_order = _Rounds(len(retain), random.Random(f"retain {seed}"))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Sample:
        if not 0 <= index < self.count:
            raise IndexError(index)
        first = int(index * self.retain_per_forget)
        last = int((index + 1) * self.retain_per_forget)
        return Sample(
            self.forget[self.forget_order[index]],
            tuple(self.retain[self.retain_order[place]] for place in range(first, last)),
        )


class _Rounds:
    """Which of `size` things stands at each place: all of them in a new order, then again."""

    def __init__(self, size: int, generator: random.Random) -> None:
        self.size, self.generator = size, generator
        self.order: list[int] = []
        """As far as it was asked for."""

    def __getitem__(self, place: int) -> int:
        while len(self.order) <= place:
            self.order += self.generator.sample(range(self.size), self.size)
        return self.order[place]


@dataclass(frozen=True, slots=True)
class Collator:
    """Makes a batch of samples."""

    objective: Objective
    retention: Objective | None
    trees: bool = False
    """Pack with shared prefixes; else one padded row per sequence."""
    mask_id: int | None = None
    """The mask token, of a masked model: a target is hidden and predicted from both sides."""

    def __call__(self, samples: Sequence[Sample]) -> Batch:
        """Collate.

        Returns:
            `model` and, where a reference is needed, `reference`: the inputs of either's body;
            `forget` and, where texts are retained, `retain`: for n target tokens `places` [n]
            (row × width + column in `model`), `tokens` [n] and `reference_places` [n, texts to
            compare with].
        """
        forget = [sample.forget for sample in samples]
        retain = [ids for sample in samples for ids in sample.retain] if self.retention else []
        retained: list[Marked] = [(ids, self._retained(ids)) for ids in retain]
        shown: list[Marked] = [(t.ids, t.mask) for t in forget] + retained
        asked: list[Marked] = []
        if self.objective.needs_neutral:
            asked += [marked for t in forget for marked in t.compared]
        elif self.objective.asked_at == "same text":
            asked += [(t.ids, t.mask) for t in forget]
        n_asked = len(asked)
        if self.retention and self.retention.asked_at == "same text":
            asked += retained

        batch: Batch = {}
        batch["model"], places = self._pack(shown, len(forget))
        reference_places: list[Tensor] = []
        if asked:
            batch["reference"], reference_places = self._pack(asked, n_asked)
        for role, mine, theirs in (
            ("forget", slice(0, len(forget)), slice(0, n_asked)),
            ("retain", slice(len(forget), None), slice(n_asked, None)),
        ):
            if shown[mine]:
                tokens = [t for ids, mask in shown[mine] for t in compress(ids, mask)]
                batch[role] = {"places": torch.cat(places[mine]), "tokens": torch.tensor(tokens)}
                if others := reference_places[theirs]:
                    each = len(others) // len(shown[mine])
                    batch[role]["reference_places"] = torch.cat(
                        [torch.stack(others[i : i + each], 1) for i in range(0, len(others), each)]
                    )
        return batch

    def _retained(self, ids: Sequence[int]) -> tuple[bool, ...]:
        """The tokens of a retain text that are predicted: all, or 15 % where they are hidden."""
        if self.mask_id is None:
            return (False, *[True] * (len(ids) - 1))
        drawn = hidden_places(ids)
        return tuple(i in drawn for i in range(len(ids)))

    def _pack(
        self, texts: Sequence[Marked], one_by_one: int
    ) -> tuple[dict[str, Tensor], list[Tensor]]:
        """Inputs, and for each text the places that predict its marked tokens.

        A masked model sees a copy of the text for each of its marked tokens in the first
        `one_by_one` texts, and one copy with all of them hidden of the others.
        """
        if self.mask_id is None:
            sequences = [list(ids) for ids, _ in texts]
            (batch,) = packed(sequences, trees=self.trees)
            places = {i: torch.from_numpy(where) for i, where in batch.members}
            return batch.inputs, [
                places[i][torch.tensor(mask[1:])] for i, (_, mask) in enumerate(texts)
            ]
        rows: list[Sequence[int]] = []
        found: list[list[tuple[int, int]]] = []
        for number, (ids, mask) in enumerate(texts):
            marked = [i for i, wanted in enumerate(mask) if wanted]
            groups = [[i] for i in marked] if number < one_by_one else [marked]
            found.append([])
            for group in groups:
                found[-1] += [(len(rows), i) for i in group]
                rows.append([self.mask_id if i in group else t for i, t in enumerate(ids)])
        inputs = padded(rows)
        width = inputs["input_ids"].shape[1]
        return inputs, [torch.tensor([r * width + i for r, i in where]) for where in found]
