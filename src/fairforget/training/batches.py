"""Batches for training, built from encoded forget and retain texts.

A batch holds each sequence of a step once: the input of the model (forget and retain texts) and the
input of the reference model (the texts that the losses compare with). For each target token it
holds the position that predicts the token in either input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import compress, repeat

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from fairforget.errors import InputError
from fairforget.forward.packing import pack, supports_tree_attention
from fairforget.forward.padding import check_padding, pad
from fairforget.forward.split_forward import is_masked
from fairforget.objectives import Objective
from fairforget.scoring.masked import masked_positions
from fairforget.targets import Marked, Targets
from fairforget.training.added_texts import Answers
from fairforget.training.examples import Example

Batch = dict[str, dict[str, Tensor]]
ROLES = ("forget", "retain")
Key = tuple[tuple[int, ...], tuple[bool, ...]]
"""Identifies a text: its token ids and its target mask."""
States = Mapping[str, Mapping[Key, Tensor]]
"""Hidden states [target tokens, hidden size], by role and text."""


@dataclass(frozen=True, slots=True)
class Collator:
    """Builds a batch from examples."""

    objective: Objective
    retain_loss: Objective | None
    trees: bool = False
    """Pack sequences with shared prefixes; otherwise one padded row per sequence."""
    mask_id: int | None = None
    """The mask token of a masked model, which predicts a masked target from both sides."""
    answers: Answers = field(default_factory=dict, repr=False)
    """The facts among the retain texts, with their answers."""
    known: States | None = field(default=None, repr=False, compare=False)
    """The reference model's hidden states, if they were precomputed."""

    def __call__(self, examples: Sequence[Example]) -> Batch:
        """Collate.

        Returns:
            `model`, and `ref` if a reference is needed and not precomputed: the inputs of the
            model's and the reference model's body. `forget`, and `retain` if there are retain
            texts: for n target tokens `places` [n] (row × width + column in `model`), `tokens` [n],
            and for c compared texts either `ref_places` [n, c] or, if precomputed, `ref_states`
            [n, c, hidden size]. `forget` of an objective with its own target also has
            `gender_neutral` [n]. `retain` with facts also has `answers` [n], whether the token
            belongs to the answer of a fact.
        """
        texts, ref_texts = self.texts(examples)
        batch: Batch = {}
        batch["model"], places = self.pack(texts)
        ref: dict[str, list[Tensor]] = {role: [] for role in ROLES}
        name = "ref_places" if self.known is None else "ref_states"
        if self.known is not None:
            ref = {r: [self.known[r][example_key(text)] for text in ref_texts[r]] for r in ROLES}
        elif any(ref_texts.values()):
            batch["ref"], ref = self.pack(ref_texts)
        for role in ROLES:
            if texts[role]:
                tokens = [t for ids, mask in texts[role] for t in compress(ids, mask)]
                batch[role] = {"places": torch.cat(places[role]), "tokens": torch.tensor(tokens)}
                if parts := ref[role]:
                    each = len(parts) // len(texts[role])
                    batch[role][name] = torch.cat(
                        [torch.stack(parts[i : i + each], 1) for i in range(0, len(parts), each)]
                    )
        if self.objective.target:
            batch["forget"]["gender_neutral"] = _repeat_for_targets(
                [example.forget.gender_neutral for example in examples], texts["forget"]
            )
        if self.answers and "retain" in batch:
            batch["retain"]["answers"] = torch.tensor(
                [
                    flag
                    for ids, mask in texts["retain"]
                    for flag in compress(self.answers.get(tuple(ids), repeat(False)), mask)
                ]
            )
        return batch

    def texts(
        self, examples: Sequence[Example]
    ) -> tuple[dict[str, list[Marked]], dict[str, list[Marked]]]:
        """Return the texts of the model and those of the reference model, by role.

        The reference model's texts for one forget text are next to each other.
        """
        retain = [ids for example in examples for ids in example.retain] if self.retain_loss else []
        texts: dict[str, list[Marked]] = {
            "forget": [(example.forget.ids, example.forget.mask) for example in examples],
            "retain": [(ids, self._retain_mask(ids)) for ids in retain],
        }
        ref_texts = {
            role: texts[role] if loss and loss.ref_input == "text" else []
            for role, loss in zip(ROLES, (self.objective, self.retain_loss), strict=True)
        }
        if self.objective.needs_counterfactual:
            both = self.objective.ref_input == "both"
            ref_texts["forget"] = [
                text
                for example, own in zip(examples, texts["forget"], strict=True)
                for text in ((own,) if both else ()) + example.forget.counterfactuals
            ]
        return texts, ref_texts

    def pack(
        self, texts: Mapping[str, Sequence[Marked]]
    ) -> tuple[dict[str, Tensor], dict[str, list[Tensor]]]:
        """Return the model input, and for each text the positions that predict its target tokens.

        For a masked model, a forget text is repeated for each of its targets, with that one masked;
        a retain text appears once, with all targets masked.
        """
        all_texts = [(role, *marked) for role in ROLES for marked in texts[role]]
        places: dict[str, list[Tensor]] = {role: [] for role in ROLES}
        if self.mask_id is None:
            (batch,) = pack([list(ids) for _, ids, _ in all_texts], trees=self.trees)
            positions = {i: torch.from_numpy(path) for i, path in batch.members}
            for i, (role, _, mask) in enumerate(all_texts):
                places[role].append(positions[i][torch.tensor(mask[1:])])
            return batch.inputs, places
        rows: list[Sequence[int]] = []
        cells: list[list[tuple[int, int]]] = []
        for role, ids, mask in all_texts:
            targets = [i for i, is_target in enumerate(mask) if is_target]
            cells.append([])
            for masked in [[i] for i in targets] if role == "forget" else [targets]:
                cells[-1] += [(len(rows), i) for i in masked]
                rows.append([self.mask_id if i in masked else t for i, t in enumerate(ids)])
        inputs = pad(rows)
        width = inputs["input_ids"].shape[1]
        for (role, _, _), text_cells in zip(all_texts, cells, strict=True):
            places[role].append(torch.tensor([r * width + i for r, i in text_cells]))
        return inputs, places

    def _retain_mask(self, ids: Sequence[int]) -> tuple[bool, ...]:
        """Mark the predicted tokens of a retain text: all, or 15 % for a masked model."""
        if self.mask_id is None:
            return (False, *[True] * (len(ids) - 1))
        positions = masked_positions(ids)
        return tuple(i in positions for i in range(len(ids)))


def _repeat_for_targets(flags: Sequence[bool], texts: Sequence[Marked]) -> Tensor:
    """Return the flag of each text, repeated for each of its target tokens [n]."""
    counts = torch.tensor([sum(mask) for _, mask in texts])
    return torch.tensor(flags).repeat_interleave(counts)


def build_collator(
    model: PreTrainedModel,
    forget_loss: Objective,
    retain_loss: Objective | None,
    forget: Sequence[Targets],
    retain: Sequence[Sequence[int]],
    tokenizer: PreTrainedTokenizerBase | None,
    answers: Answers,
) -> Collator:
    """Check the model and the texts of a run, and return a collator for them.

    Raises:
        InputError: the model is wrapped or padding changes its predictions, there is nothing to
            forget or to retain, a text has nothing to predict, or a counterfactual text or the mask
            token is missing.
    """
    if not isinstance(model, PreTrainedModel):
        raise InputError(
            f"model is a {type(model).__name__}; pass the model itself, and set lora_rank for an "
            "adapter"
        )
    if not forget:
        raise InputError(
            "the forget corpus has no text with target tokens; add spans, or change the selection"
        )
    if not all(targets.count for targets in forget):
        raise InputError(
            "a forget text has no target token; leave it out, or encode it with another selection"
        )
    if len({len(targets.counterfactuals) for targets in forget}) > 1:
        raise InputError(
            "the forget texts have different numbers of counterfactual texts; encode all of them "
            "with the same settings"
        )
    masked = is_masked(model)
    if any(len(ids) < (3 if masked else 2) for ids in retain):
        where = "between its start and end token" if masked else "after its start token"
        raise InputError(f"a retain text has no token {where}; leave it out")
    if forget_loss.needs_counterfactual and not all(t.counterfactuals for t in forget):
        raise InputError(
            f"objective {forget_loss.name!r} needs counterfactual texts, and a forget text has "
            "none; use encode_targets(…, counterfactual=True)"
        )
    if retain_loss and not retain:
        raise InputError(
            f"retain loss {retain_loss.name!r} needs a retain corpus; add one, or set "
            "retain_loss to 'none'"
        )
    compared = [ids for targets in forget for ids, _ in targets.counterfactuals]
    compares = retain_loss is not None and retain_loss.needs_ref_model
    if masked:
        if tokenizer is None or tokenizer.mask_token_id is None:
            raise InputError("a masked model needs processing_class, with a mask token")
        check_padding(model)
        mask_id, trees = int(tokenizer.mask_token_id), False
    else:
        sequences = [*(t.ids for t in forget), *retain, *compared]
        mask_id, trees = None, supports_tree_attention(model, max(map(len, sequences)))
    return Collator(
        forget_loss,
        retain_loss,
        trees=trees,
        mask_id=mask_id,
        answers=answers if compares else {},
    )


def count_tokens(batches: Sequence[Batch]) -> Tensor:
    """Return the number of forget and retain target tokens [2]."""
    return torch.tensor(
        [sum(len(b[role]["tokens"]) for b in batches if role in b) for role in ROLES]
    )


def example_key(text: Marked) -> Key:
    """Return the key of a text in `States`."""
    ids, mask = text
    return tuple(ids), tuple(mask)
