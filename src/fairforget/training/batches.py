"""Forget targets and retain texts, put together into the batches of training.

A batch holds every sequence of a step once: the model's own (forget and retain texts) and the
reference's (the texts at which the original model is asked). Next to them stand, for each target
token, the place that predicts it in either.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress

import torch
from torch import Tensor
from torch.utils.data import Dataset

from fairforget.forward.packing import pack, pad
from fairforget.objectives import Objective
from fairforget.scoring.masked import masked_positions
from fairforget.training.targets import Marked, Targets

Batch = dict[str, dict[str, Tensor]]
ROLES = ("forget", "retain")
"""What a text is there for."""
Key = tuple[tuple[int, ...], tuple[bool, ...]]
"""A text by its token ids, and which of them are predicted."""
States = Mapping[str, Mapping[Key, Tensor]]
"""Hidden states [predicted tokens, width of the model], by role and text."""


@dataclass(frozen=True, slots=True)
class Example:
    """One forget text and the retain texts (token ids) that go with it."""

    forget: Targets
    retain: tuple[Sequence[int], ...]


class ExampleDataset(Dataset[Example]):
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

    def __getitem__(self, index: int) -> Example:
        if not 0 <= index < self.count:
            raise IndexError(index)
        first = int(index * self.retain_per_forget)
        last = int((index + 1) * self.retain_per_forget)
        return Example(
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
    retain_loss: Objective | None
    trees: bool = False
    """Pack with shared prefixes; else one padded row per sequence."""
    mask_id: int | None = None
    """The mask token, of a masked model: a target is hidden and predicted from both sides."""
    known: States | None = field(default=None, repr=False, compare=False)
    """What the original's body says, where it was asked beforehand."""

    def __call__(self, samples: Sequence[Example]) -> Batch:
        """Collate.

        Returns:
            `model` and, where a reference is needed and not known, `ref`: the inputs of
            either's body; `forget` and, where texts are retained, `retain`: for n target tokens
            `places` [n] (row × width + column in `model`), `tokens` [n], and either
            `reference_places` [n, texts to compare with] or, where they are known,
            `reference_states` [n, texts to compare with, width of the model].
        """
        shown, asked = self.texts(samples)
        batch: Batch = {}
        batch["model"], places = self.pack(shown)
        theirs: dict[str, list[Tensor]] = {role: [] for role in ROLES}
        name = "ref_places" if self.known is None else "ref_states"
        if self.known is not None:
            theirs = {r: [self.known[r][example_key(marked)] for marked in asked[r]] for r in ROLES}
        elif any(asked.values()):
            batch["ref"], theirs = self.pack(asked)
        for role in ROLES:
            if shown[role]:
                tokens = [t for ids, mask in shown[role] for t in compress(ids, mask)]
                batch[role] = {"places": torch.cat(places[role]), "tokens": torch.tensor(tokens)}
                if others := theirs[role]:
                    each = len(others) // len(shown[role])
                    batch[role][name] = torch.cat(
                        [torch.stack(others[i : i + each], 1) for i in range(0, len(others), each)]
                    )
        return batch

    def texts(
        self, samples: Sequence[Example]
    ) -> tuple[dict[str, list[Marked]], dict[str, list[Marked]]]:
        """By role, the texts that the model sees, and those at which the original is asked.

        Those to compare with one text stand side by side.
        """
        retain = [ids for sample in samples for ids in sample.retain] if self.retain_loss else []
        shown: dict[str, list[Marked]] = {
            "forget": [(sample.forget.ids, sample.forget.mask) for sample in samples],
            "retain": [(ids, self._retained(ids)) for ids in retain],
        }
        asked = {
            role: shown[role] if loss and loss.ref_input == "text" else []
            for role, loss in zip(ROLES, (self.objective, self.retain_loss), strict=True)
        }
        if self.objective.needs_counterfactual:
            asked["forget"] = [
                other for sample in samples for other in sample.forget.counterfactuals
            ]
        return shown, asked

    def _retained(self, ids: Sequence[int]) -> tuple[bool, ...]:
        """The tokens of a retain text that are predicted: all, or 15 % where they are hidden."""
        if self.mask_id is None:
            return (False, *[True] * (len(ids) - 1))
        drawn = masked_positions(ids)
        return tuple(i in drawn for i in range(len(ids)))

    def pack(
        self, texts: Mapping[str, Sequence[Marked]]
    ) -> tuple[dict[str, Tensor], dict[str, list[Tensor]]]:
        """Inputs, and for each text the places that predict its marked tokens.

        A masked model sees a copy of a text to forget for each of its marked tokens, and one copy
        with all of them hidden of a text to retain.
        """
        everything = [(role, *marked) for role in ROLES for marked in texts[role]]
        places: dict[str, list[Tensor]] = {role: [] for role in ROLES}
        if self.mask_id is None:
            (batch,) = pack([list(ids) for _, ids, _ in everything], trees=self.trees)
            found = {i: torch.from_numpy(where) for i, where in batch.members}
            for i, (role, _, mask) in enumerate(everything):
                places[role].append(found[i][torch.tensor(mask[1:])])
            return batch.inputs, places
        rows: list[Sequence[int]] = []
        cells: list[list[tuple[int, int]]] = []
        for role, ids, mask in everything:
            marked = [i for i, wanted in enumerate(mask) if wanted]
            cells.append([])
            for group in [[i] for i in marked] if role == "forget" else [marked]:
                cells[-1] += [(len(rows), i) for i in group]
                rows.append([self.mask_id if i in group else t for i, t in enumerate(ids)])
        inputs = pad(rows)
        width = inputs["input_ids"].shape[1]
        for (role, _, _), where in zip(everything, cells, strict=True):
            places[role].append(torch.tensor([r * width + i for r, i in where]))
        return inputs, places


def example_key(marked: Marked) -> Key:
    """What a text is known by."""
    ids, mask = marked
    return tuple(ids), tuple(mask)
