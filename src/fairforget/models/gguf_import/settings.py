"""Apply settings of layers in a GGUF file that transformers reads only for some architectures."""

from __future__ import annotations

import math
from pathlib import Path

from transformers import PretrainedConfig

from fairforget.errors import InputError
from fairforget.models.gguf_import.header import GGUFContents

EPSILONS = ("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_eps", "norm_epsilon")
"""Names of the ε of normalisation layers in configurations; a configuration has one of them."""
SETTINGS = {
    "context_length": ("n_positions",),
    "attention.layer_norm_epsilon": EPSILONS,
    "attention.layer_norm_rms_epsilon": EPSILONS,
    "attn_logit_softcapping": ("attn_logit_softcapping",),
    "final_logit_softcapping": ("final_logit_softcapping",),
}
"""Setting in GGUF, after the architecture → its names in configurations."""
FALCON_MAMBA = "mamba.ssm.dt_b_c_rms"
"""Whether a file of the architecture `mamba` has the additional normalisation of Falcon-Mamba."""


def set_ignored_settings(config: PretrainedConfig, contents: GGUFContents, path: Path) -> None:
    """Set the settings of a GGUF file in its configuration.

    Args:
        config: the configuration that transformers made from the file.
        contents: of the file.
        path: of the file.

    Raises:
        InputError: the file has a Falcon-Mamba model, which transformers would load as Mamba.
    """
    if contents.values.get(FALCON_MAMBA):
        raise InputError(
            f"{path}: Falcon-Mamba cannot be converted ({FALCON_MAMBA} = True); give the "
            "transformers checkpoint instead"
        )
    for setting, names in SETTINGS.items():
        value = contents.setting(setting)
        if value is None or isinstance(value, str):
            continue
        for name in names:
            used = getattr(config, name, None)
            if used is not None and not math.isclose(used, value, rel_tol=1e-6):
                setattr(config, name, value)
