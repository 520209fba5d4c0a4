"""Ask the original model once, before training, so that no copy of it is needed meanwhile."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.forward.split_forward import hidden_states
from fairforget.training.batches import ROLES, Collator, ExampleDataset, Key, States, example_key


@torch.no_grad()
def compute_ref_hidden_states(
    original: PreTrainedModel,
    samples: ExampleDataset,
    collator: Collator,
    *,
    at_once: int,
    progress: Callable[[int], None],
) -> States:
    """The original's hidden states wherever the losses of a run ask it, in the machine's memory.

    They are as many numbers for each token as the model is wide, where log-probabilities would be
    as many as its vocabulary has entries; its head makes those of them when they are needed.

    Args:
        original: without dropout.
        samples: of the whole run; each text is asked about once, however often it comes.
        collator: of the run.
        at_once: samples of a forward pass.
        progress: told of how many samples are done now.
    """
    known: dict[str, dict[Key, Tensor]] = {role: {} for role in ROLES}
    for first in range(0, len(samples), at_once):
        those = range(first, min(first + at_once, len(samples)))
        _, asked = collator.texts([samples[i] for i in those])
        new = {
            role: [
                key
                for key in dict.fromkeys(map(example_key, asked[role]))
                if key not in known[role]
            ]
            for role in ROLES
        }
        if any(new.values()):
            inputs, places = collator.pack(new)
            inputs = {name: value.to(original.device) for name, value in inputs.items()}
            hidden = hidden_states(original, **inputs).flatten(0, 1)
            for role in ROLES:
                states = (hidden[where].cpu() for where in places[role])
                known[role].update(zip(new[role], states, strict=True))
        progress(len(those))
    return known
