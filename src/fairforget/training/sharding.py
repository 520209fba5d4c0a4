"""Training with sharded weights: FSDP, and DeepSpeed's ZeRO-3.

A copy of the model is sharded, with its gradients and the optimizer state. The model itself stays
unsharded on every process. It is the reference model while training; afterwards it receives the
trained weights, so that measuring, interpolating and saving work as in one process.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
import torch.distributed as dist
from accelerate import Accelerator, DistributedType, PartialState
from accelerate.utils import DeepSpeedPlugin, FullyShardedDataParallelPlugin
from torch import Tensor
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from transformers import PreTrainedModel

from fairforget.errors import InputError
from fairforget.machine.processes import is_first, process_count
from fairforget.training.weights import set_weights

if TYPE_CHECKING:
    from fairforget.training.trainer import UnlearningTrainer


def is_sharding_requested() -> bool:
    """Whether `accelerate launch` was configured to shard weights."""
    return _is_set("ACCELERATE_USE_FSDP") or _is_set("ACCELERATE_USE_DEEPSPEED")


def fsdp_on_cpus(accelerator: Accelerator) -> bool:
    """Make accelerate use FSDP on CPUs if FSDP was requested; return whether it does.

    accelerate 1.15 reads the request (state.py, `AcceleratorState.__init__`) only if its
    `distributed_type` is MULTI_GPU or another accelerator's, and leaves MULTI_CPU as it is. CPUs
    have all that FSDP needs: processes, gloo and torch's `fully_shard`.
    """
    on_cpus = accelerator.distributed_type == DistributedType.MULTI_CPU
    if not (on_cpus and _is_set("ACCELERATE_USE_FSDP")):
        return False
    for state in (accelerator.state, PartialState()):  # the first is refreshed from the second
        state.distributed_type = DistributedType.FSDP
    accelerator.state.fsdp_plugin = FullyShardedDataParallelPlugin()
    return True


def check_processes() -> None:
    """Check that weights are not to be sharded over a single process.

    Raises:
        InputError: they are.
    """
    if is_sharding_requested() and process_count() == 1:
        raise InputError(
            "FSDP and DeepSpeed shard weights over several processes, but there is one; raise "
            "--num_processes, or run the command without accelerate launch"
        )


def check_fsdp() -> None:
    """Reject settings of FSDP with which `shard_model` cannot train, if FSDP is requested.

    Raises:
        InputError: version 1 of FSDP, or activation checkpointing, is set.
    """
    if not _is_set("ACCELERATE_USE_FSDP"):
        return
    if os.environ.get("FSDP_VERSION", "1") != "2":
        raise InputError("FSDP needs fsdp_version: 2 in the accelerate configuration")
    if _is_set("FSDP_ACTIVATION_CHECKPOINTING"):
        raise InputError(
            "fsdp_activation_checkpointing is not supported; remove it from the accelerate "
            "configuration"
        )


def check_deepspeed(plugin: DeepSpeedPlugin, mixed_precision: str) -> None:
    """Reject settings of DeepSpeed with which the trained weights could not be gathered exactly.

    Raises:
        InputError: the weights may not be gathered, or would be rounded to 16 bits.
    """
    settings = plugin.hf_ds_config
    for dtype in ("bf16", "fp16"):
        if mixed_precision == dtype or settings.get_value(f"{dtype}.enabled") is True:
            raise InputError(
                f"DeepSpeed returns weights in the precision it computes in, and {dtype} is too "
                "coarse for such small updates; turn mixed precision off, or use fsdp.yaml"
            )
    gathers = "zero_optimization.stage3_gather_16bit_weights_on_model_save"
    if settings.is_zero3() and not settings.get_value(gathers):
        raise InputError(
            "DeepSpeed ZeRO-3 needs zero3_save_16bit_model: true in the accelerate configuration"
        )


def shard_model(model: PreTrainedModel, plugin: FullyShardedDataParallelPlugin) -> None:
    """Apply FSDP to each block without tied weights, and to the rest of the model as one unit.

    accelerate would also give the head its own unit. A unit's weights are gathered from all
    processes whenever it runs, and the head runs as often as a process has chunks of targets, so
    the processes would deadlock.
    """
    settings: dict[str, Any] = {
        "mesh": init_device_mesh(model.device.type, (process_count(),)),
        "mp_policy": _reduce_in_float32(plugin.mixed_precision_policy or MixedPrecisionPolicy()),
        "offload_policy": plugin.cpu_offload,
    }
    blocks = set(model._no_split_modules or ())
    uses = Counter(id(p) for _, p in model.named_parameters(remove_duplicate=False))
    for module in model.modules():
        tied = any(uses[id(parameter)] > 1 for parameter in module.parameters())
        if type(module).__name__ in blocks and not tied:  # two units cannot share a weight
            fully_shard(module, reshard_after_forward=plugin.reshard_after_forward, **settings)
    fully_shard(model, **settings)
    plugin.auto_wrap_policy = None  # accelerate has nothing left to wrap


def _reduce_in_float32(policy: MixedPrecisionPolicy) -> MixedPrecisionPolicy:
    """Return the policy with gradients summed, and outputs such as losses left, in float32.

    accelerate 1.15 asks for bfloat16 in both, which rounds away much of such small updates
    (`FullyShardedDataParallelPlugin.set_mixed_precision`).
    """
    return replace(policy, reduce_dtype=torch.float32, output_dtype=None)


def local_shard(parameter: Tensor) -> Tensor:
    """Return this process's shard of a parameter."""
    return parameter.to_local() if isinstance(parameter, DTensor) else parameter


@torch.no_grad()
def gather(trainer: UnlearningTrainer, model: PreTrainedModel) -> None:
    """Copy the sharded trained weights into the unsharded model, on every process."""
    if trainer.is_deepspeed_enabled and trainer.model_wrapped is trainer.model:
        # a run that was restored and not trained further never sharded its weights
        weights = dict(trainer.model.named_parameters())
    else:
        weights = trainer.accelerator.get_state_dict(trainer.model_wrapped)  # complete on rank 0
    for name, parameter in model.named_parameters():
        if is_first():
            parameter.copy_(weights[name])
        dist.broadcast(parameter, 0)


@contextmanager
def gathered_weights(
    model: PreTrainedModel, trainer: UnlearningTrainer, original: Mapping[str, Tensor]
) -> Iterator[None]:
    """Give the model the trained weights within the context, the original ones afterwards."""
    gather(trainer, model)
    try:
        yield
    finally:
        set_weights(model, original)


def _is_set(variable: str) -> bool:
    return os.environ.get(variable, "false").lower() == "true"
