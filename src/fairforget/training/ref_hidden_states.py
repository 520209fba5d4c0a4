"""Run the reference model once, before training, so that no copy of it is needed afterwards.

The hidden state of each evaluated token is kept in CPU memory: a vector of the hidden size, while
log-probabilities would have the size of the vocabulary. The reference model's head turns the states
into log-probabilities when a step needs them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.errors import InputError
from fairforget.forward.evaluation_mode import evaluation_mode
from fairforget.forward.split_forward import can_split, extract_head, hidden_states
from fairforget.training.batches import ROLES, Collator, Key, States, example_key
from fairforget.training.examples import ExampleDataset

if TYPE_CHECKING:
    from fairforget.training.config import UnlearningConfig


def check_head(model: PreTrainedModel) -> None:
    """Check that the hidden states are all that the head of a model needs.

    Raises:
        InputError: it needs more.
    """
    if not can_split(model):
        raise InputError(
            f"precompute_ref_hidden_states cannot be used with {type(model).__name__}: its head "
            "needs more than the hidden states; remove it"
        )


def precompute_states(
    ref_model: PreTrainedModel,
    dataset: ExampleDataset,
    collator: Collator,
    args: UnlearningConfig,
    autocast: AbstractContextManager[None],
    progress: Callable[[int], None],
) -> tuple[States, PreTrainedModel]:
    """Compute the hidden states of a run on `args.device`.

    Each text is computed once, however often it occurs in the run.

    Args:
        ref_model: its device and mode are restored at the end.
        dataset: the examples of the whole run.
        collator: the collator of the run.
        args: give the device and the batch size.
        autocast: the mixed precision of training.
        progress: called with the number of examples finished since the last call.

    Returns:
        The hidden states, and a copy of the model that has only its head.

    Raises:
        InputError: the model's head needs more than the hidden states.
    """
    check_head(ref_model)
    device = ref_model.device
    ref_model.to(args.device)  # type: ignore[arg-type]
    try:
        states: dict[str, dict[Key, Tensor]] = {role: {} for role in ROLES}
        batch_size = args.per_device_train_batch_size
        with evaluation_mode(ref_model), autocast, torch.no_grad():
            for first in range(0, len(dataset), batch_size):
                indices = range(first, min(first + batch_size, len(dataset)))
                _, ref_texts = collator.texts([dataset[i] for i in indices])
                new = {
                    role: [
                        key
                        for key in dict.fromkeys(map(example_key, ref_texts[role]))
                        if key not in states[role]
                    ]
                    for role in ROLES
                }
                if any(new.values()):
                    inputs, places = collator.pack(new)
                    inputs = {name: value.to(ref_model.device) for name, value in inputs.items()}
                    hidden = hidden_states(ref_model, **inputs).flatten(0, 1)
                    for role in ROLES:
                        parts = (hidden[positions].cpu() for positions in places[role])
                        states[role].update(zip(new[role], parts, strict=True))
                progress(len(indices))
        return states, extract_head(ref_model).eval().requires_grad_(False)
    finally:
        ref_model.to(device)  # type: ignore[arg-type]
