"""The weights that a run trains, in a checkpoint: under the names that they have in the model.

Trainer would write a model as the hub has it, where some families have other names or split what is
one tensor here, and would pass over what it then does not find (transformers 5.23, trainer.py,
`_load_from_checkpoint`, which is not strict).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.errors import InputError

TRAINED = "trained.safetensors"
"""Name of the file."""


def save_trained(
    model: PreTrainedModel, directory: Path, gathered: Mapping[str, Tensor] | None = None
) -> None:
    """Write them: of a run with an adapter, those of the adapter.

    Args:
        model: names them, and has them unless they are `gathered`.
        directory: where.
        gathered: all weights, by name, of a model whose own are shared out.
    """
    directory.mkdir(parents=True, exist_ok=True)
    trained = _trained(model)
    weights = trained if gathered is None else gathered
    found = {name: weights[name].detach().contiguous() for name in trained}
    save_file(found, directory / TRAINED, metadata={"format": "pt"})


def load_trained(model: PreTrainedModel, directory: Path) -> None:
    """Read them back.

    Raises:
        InputError: they are not there, or are those of another model or adapter.
    """
    path = directory / TRAINED
    saved = load_file(path) if path.exists() else {}
    trained = _trained(model)
    if {n: w.shape for n, w in saved.items()} != {n: w.shape for n, w in trained.items()}:
        raise InputError(
            f"{directory} has the weights of another model or adapter, or of another version of "
            "FairForget; remove it, and the same command starts again"
        )
    model.load_state_dict(saved, strict=False)


def _trained(model: PreTrainedModel) -> dict[str, Tensor]:
    return {name: weights for name, weights in model.named_parameters() if weights.requires_grad}
