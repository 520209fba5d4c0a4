"""Linear layers in float32 on AMD's processors, computed by oneDNN.

For float32, torch calls Intel's MKL, which on AMD's processors leaves AVX-512 unused. oneDNN, which
torch carries for its other number types, is nearly twice as fast there at a small model's shapes,
and gives the same numbers but for rounding. On Intel's own processors it is the other way round
(`python -m bench linear` tells), and MKL does the work.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.overrides import TorchFunctionMode

TERMS = 192
"""Terms of a dot product that oneDNN sums in one go. It adds them one by one, and loses digits
where some are large; in pieces of this length it is as exact as MKL."""


@contextmanager
def fast_linear() -> Iterator[None]:
    """Within it, linear layers that oneDNN is faster at go there, and their gradients with them."""
    if not is_faster():
        yield
        return
    with _Mode():
        yield


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """`torch.nn.functional.linear`, by the faster way.

    Args:
        x: [..., inputs].
        weight: [outputs, inputs], in any layout.
        bias: [outputs].

    Returns:
        [..., outputs].
    """
    if is_faster() and _is_for_it(x, weight, bias):
        return by_onednn(x, weight, bias)
    return nn.functional.linear(x, weight, bias)


def by_onednn(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """The same by oneDNN, where `is_available`; all float32 on a CPU, and not empty."""
    if torch.is_grad_enabled():
        found: Tensor = _Linear.apply(x, weight, bias)  # type: ignore[no-untyped-call]
        return found
    return _product(x, weight, bias)


@cache
def is_available() -> bool:
    """Whether this torch and this processor have it."""
    return (
        torch.backends.mkldnn.is_available()
        and torch.backends.cpu.get_cpu_capability() == "AVX512"
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


@cache
def is_faster() -> bool:
    """Whether it is worth it: it is there, and the processor is AMD's, on which MKL is slow."""
    cpuinfo = Path("/proc/cpuinfo")
    maker = cpuinfo.read_text() if cpuinfo.exists() else platform.processor()
    return is_available() and "AuthenticAMD" in maker


def _is_for_it(x: Tensor, weight: Tensor, bias: Tensor | None) -> bool:
    given = [part for part in (x, weight, bias) if part is not None]
    return (
        all(type(part) in (Tensor, nn.Parameter) for part in given)
        and all(part.device.type == "cpu" and part.dtype == torch.float32 for part in given)
        and not torch.is_autocast_enabled("cpu")
        and weight.dim() == 2
        and x.numel() > 0
        and weight.numel() > 0
    )


def _product(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    rows = x.reshape(-1, x.shape[-1])
    found: Tensor | None = None
    for columns in zip(rows.split(TERMS, dim=1), weight.split(TERMS, dim=1), strict=True):
        # the kernel for a matrix with gaps is a slow one
        one, other = (part if _is_dense(part) else part.contiguous() for part in columns)
        part = torch.ops.mkldnn._linear_pointwise(one, other, bias, "none", [], "")
        found, bias = part if found is None else found.add_(part), None
    assert found is not None
    # no view of another tensor: a layer may write into what it gets
    product: Tensor = torch.ops.aten._unsafe_view(found, [*x.shape[:-1], len(weight)])
    return product


def _is_dense(matrix: Tensor) -> bool:
    """Whether its rows or its columns follow each other without a gap."""
    return matrix.is_contiguous() or matrix.T.is_contiguous()


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _product(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight = ctx.saved_tensors
        rows = gradient.reshape(-1, gradient.shape[-1])
        return (
            _product(gradient, weight.T) if ctx.needs_input_grad[0] else None,
            _product(rows.T, x.reshape(-1, x.shape[-1]).T) if ctx.needs_input_grad[1] else None,
            rows.sum(0) if ctx.needs_input_grad[2] else None,
        )


class _Mode(TorchFunctionMode):
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        if func is nn.functional.linear and not kwargs:
            return linear(*args)
        if func is torch.addmm and not kwargs and args[0].dim() == 1:  # GPT-2's Conv1D
            bias, x, weight = args
            return linear(x, weight.T, bias)
        return func(*args, **(kwargs or {}))
