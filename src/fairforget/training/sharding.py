"""Training with the weights shared out over the processes: FSDP, and DeepSpeed's ZeRO-3.

What is shared out is a copy of the model, with its gradients and the optimiser's state. The model
itself stays whole on every process: the copy is compared with it while training, and at the end it
takes the trained weights, so that measuring, landing and saving are those of one process.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from accelerate import Accelerator, DistributedType, PartialState
from accelerate.utils import FullyShardedDataParallelPlugin
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from fairforget.errors import InputError
from fairforget.machine.processes import is_first, process_count
from fairforget.training.interpolation import lerp_weights

if TYPE_CHECKING:
    from fairforget.training.trainer import UnlearningTrainer


def is_sharding_requested() -> bool:
    """Whether `accelerate launch` was told to share the weights out over several processes."""
    return process_count() > 1 and (
        _is_set("ACCELERATE_USE_FSDP") or _is_set("ACCELERATE_USE_DEEPSPEED")
    )


def fsdp_on_cpus(accelerator: Accelerator) -> bool:
    """Let accelerate use FSDP on CPUs, too, if that is asked for; whether it was.

    accelerate 1.15 reads the wish (state.py, `AcceleratorState.__init__`) only where its
    `distributed_type` is MULTI_GPU or another accelerator's, and leaves MULTI_CPU as it is. What
    FSDP needs is there on CPUs: processes, gloo and torch's `fully_shard`.
    """
    on_cpus = accelerator.distributed_type == DistributedType.MULTI_CPU
    if not (on_cpus and _is_set("ACCELERATE_USE_FSDP")):
        return False
    for state in (accelerator.state, PartialState()):  # the first is refreshed from the second
        state.distributed_type = DistributedType.FSDP
    accelerator.state.fsdp_plugin = FullyShardedDataParallelPlugin()
    return True


def shard_model(model: PreTrainedModel, plugin: FullyShardedDataParallelPlugin) -> None:
    """Apply FSDP to each block without tied weights, and to all that remains as one.

    accelerate would do it, too, and give the head a unit of its own. The weights of a unit are
    fetched from the other processes when it runs; the head runs as often as a process has targets
    for, so the processes would wait for each other for ever.

    Raises:
        InputError: the plugin asks for the first version of FSDP.
    """
    if plugin.fsdp_version != 2:
        raise InputError("FSDP needs fsdp_version: 2 in the configuration of accelerate")
    settings: dict[str, Any] = {
        "mesh": init_device_mesh(model.device.type, (process_count(),)),
        "mp_policy": plugin.mixed_precision_policy or MixedPrecisionPolicy(),
        "offload_policy": plugin.cpu_offload,
    }
    blocks = set(model._no_split_modules or ())
    named = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
    for module in model.modules():
        tied = any(named[id(parameter)] > 1 for parameter in module.parameters())
        if type(module).__name__ in blocks and not tied:  # two units cannot share a weight
            fully_shard(module, reshard_after_forward=plugin.reshard_after_forward, **settings)
    fully_shard(model, **settings)
    plugin.auto_wrap_policy = None  # nothing is left for accelerate to share out


def local_shard(parameter: Tensor) -> Tensor:
    """The part of a weight that this process has."""
    return parameter.to_local() if isinstance(parameter, DTensor) else parameter


@torch.no_grad()
def gather(trainer: UnlearningTrainer, model: PreTrainedModel) -> None:
    """Give the model of every process the weights that the processes train together."""
    if trainer.is_deepspeed_enabled and trainer.model_wrapped is trainer.model:
        # a run that was restored and goes no further never shared its weights out
        weights = dict(trainer.model.named_parameters())
    else:
        weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)  # the first has all
    for name, parameter in model.named_parameters():
        if is_first():
            parameter.copy_(weights[name])
        dist.broadcast(parameter, 0)


@contextmanager
def gathered_weights(
    model: PreTrainedModel, trainer: UnlearningTrainer, original: Mapping[str, Tensor]
) -> Iterator[None]:
    """For a while, the model is the trained one; then the original again."""
    gather(trainer, model)
    try:
        yield
    finally:
        lerp_weights(model, original, original, 0.0)


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "false").lower() == "true"
