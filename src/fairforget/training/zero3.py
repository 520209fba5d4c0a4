"""What DeepSpeed's ZeRO-3 must be told so that the trained weights can be had whole."""

from __future__ import annotations

from accelerate.utils import DeepSpeedPlugin

from fairforget.errors import InputError


def check_zero3(plugin: DeepSpeedPlugin, mixed_precision: str) -> None:
    """Refuse settings with which a run would train, and then not give its weights as they are.

    Raises:
        InputError: of ZeRO-3, weights that may not be gathered, or would come rounded to bfloat16.
    """
    settings = plugin.hf_ds_config
    if not settings.is_zero3():
        return
    if not settings.get_value("zero_optimization.stage3_gather_16bit_weights_on_model_save"):
        raise InputError(
            "DeepSpeed ZeRO-3 needs zero3_save_16bit_model: true in the configuration of accelerate"
        )
    if mixed_precision == "bf16" or settings.get_value("bf16.enabled") is True:
        raise InputError(
            "DeepSpeed ZeRO-3 gives weights back in the precision it computes in, and bf16 is too "
            "coarse for such small updates; leave mixed precision out, or use fsdp.yaml"
        )
