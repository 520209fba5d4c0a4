"""Write a GGUF file, one tensor at a time."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from gguf import GGMLQuantizationType, GGUFValueType, GGUFWriter
from numpy.typing import NDArray

from fairforget.files.atomic import atomic_write
from fairforget.models.gguf_export.types import count_bytes
from fairforget.terminal.progress import progress_bar


@dataclass(frozen=True, slots=True)
class PlannedTensor:
    """A tensor to write."""

    shape: tuple[int, ...]
    """In the order of PyTorch, the slowest dimension first."""
    kind: GGMLQuantizationType
    encode: Callable[[], NDArray[np.generic]]
    """Computes the content when the tensor is written."""


@dataclass(frozen=True, slots=True)
class Plan:
    """A GGUF file to write."""

    architecture: str
    fields: list[tuple[str, Any, list[GGUFValueType]]]
    """Key, value and types of the metadata: for an array, its type and that of its values."""
    tensors: dict[str, PlannedTensor]


def write_gguf(plan: Plan, path: Path) -> None:
    """Write a file, which appears only when it is complete.

    Raises:
        OSError: the file cannot be written.
        InputError: a tensor cannot be encoded.
    """
    with atomic_write(path) as file:
        writer = GGUFWriter(Path(file.name), plan.architecture)
        for key, value, types in plan.fields:
            writer.add_key_value(key, value, types[0], types[-1] if len(types) > 1 else None)
            if key == "general.alignment":
                writer.data_alignment = value
        for name, tensor in plan.tensors.items():
            size = count_bytes(tensor.shape, tensor.kind)
            writer.add_tensor_info(name, tensor.shape, np.dtype(np.float32), size, tensor.kind)
        try:
            writer.write_header_to_file()
            writer.write_kv_data_to_file()
            writer.write_ti_data_to_file()
            with progress_bar("Exporting", len(plan.tensors)) as advance:
                for tensor in plan.tensors.values():
                    writer.write_tensor_data(tensor.encode())
                    advance()
        except OSError as error:
            if error.errno is None:  # how NumPy reports a full disk
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
            raise
        finally:
            writer.close()
