"""What tells objectives apart, so that a run is resumed only with the one it was started with."""

from __future__ import annotations

import copyreg
import dis
import hashlib
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import fields
from itertools import chain
from pathlib import Path
from types import CellType, CodeType, EllipsisType, FunctionType, ModuleType, NoneType
from typing import Any, cast

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.errors import InputError
from fairforget.objectives.objective import Objective

DESCRIPTION = ("paper", "summary")
"""Fields of an objective that change no result."""
PLAIN = (NoneType, EllipsisType, bool, int, float, complex, str)
"""Types whose `repr` says everything."""
CONSTANTS = (bytes, tuple, frozenset)
"""Further types of constants in code; whether two equal ones are the same object is chance."""
PACKAGES = ("site-packages", "dist-packages")
"""Directories of installed packages."""
PROTOCOL = 4
"""Version of the pickle protocol; of 2 and later, the highest that stores arrays as bytes."""

COMPILED = "_torchdynamo_orig_callable"
"""Attribute of the result of `torch.compile`: the function that was compiled."""

Known = dict[int, tuple[int, object]]
"""Address → number and object, of the objects that were visited."""


def identify_objective(objective: Objective) -> str:
    """Return a digest that differs between objectives that may give other results.

    It covers all fields but the description, and everything that the code of the functions among
    them uses: constants, default arguments, captured variables, attributes, and the global
    variables, functions and classes that it names, which are followed in the same way. An object
    counts by what `pickle` would store of it, so its address does not matter, and a tensor by its
    dtype, shape and numbers. Not covered is what a function takes from a module, as in
    `module.weight`, and what those of installed packages take from global variables.

    Raises:
        InputError: the code uses an object that `pickle` cannot store, such as an open file.
    """
    values = {f.name: getattr(objective, f.name) for f in fields(objective)}
    decisive = {name: value for name, value in values.items() if name not in DESCRIPTION}
    return hashlib.sha256(_identify(decisive, {}).encode()).hexdigest()


def _identify(value: object, known: Known) -> str:
    """Return a text that tells a value from others; an object met again is only numbered."""
    if type(value) in PLAIN:
        return repr(value)
    if id(value) in known:
        return f"#{known[id(value)][0]}"
    if type(value) not in CONSTANTS:
        known[id(value)] = len(known), value  # kept, or another object could get its address
    if isinstance(value, set | frozenset):  # their order differs between processes
        parts = sorted(_identify(part, {**known}) for part in value)
    else:
        parts = [_identify(part, known) for part in _parts_of(value)]
    return f"{type(value).__qualname__}({', '.join(parts)})"


def _parts_of(value: Any) -> Iterable[object]:
    """Return what a value consists of."""
    kind = type(value)
    if kind in (tuple, list):
        return cast("Iterable[object]", value)
    if kind is dict:
        return chain.from_iterable(value.items())
    if kind in (bytes, bytearray):
        return [hashlib.sha256(value).hexdigest()]
    if isinstance(value, Tensor):
        return [str(value.dtype), tuple(value.shape), _read_bytes(value)]
    if isinstance(value, PreTrainedModel):  # pickle stores a hash that differs between processes
        return [kind, value.config.to_json_string(), value.state_dict()]
    if kind is CodeType:
        return [value.co_code, value.co_consts, value.co_names]
    if kind is FunctionType:
        return _parts_of_function(value)
    if isinstance(value, type):
        return _parts_of_class(value)
    if kind is ModuleType:
        return [value.__name__]
    if kind is property:
        return [value.fget, value.fset, value.fdel]
    if kind in (staticmethod, classmethod):
        return [value.__func__]
    return _parts_of_object(value)


def _read_bytes(tensor: Tensor) -> bytes:
    return (
        tensor.detach()
        .cpu()
        .to_dense()
        .reshape(-1)
        .contiguous()
        .view(torch.uint8)
        .numpy()
        .tobytes()
    )


def _parts_of_function(function: FunctionType) -> list[object]:
    if COMPILED in vars(function):
        return [vars(function)[COMPILED]]  # the state of the compiler changes when it is called
    code = function.__code__
    cells = [cell for cell in function.__closure__ or () if cell != CellType()]  # not empty
    captured = [cell.cell_contents for cell in cells]
    parts: list[object] = [code, function.__defaults__, function.__kwdefaults__, captured]
    if _is_installed(code.co_filename):
        return parts
    variables = function.__globals__
    used = {name: variables[name] for name in sorted({*_global_names(code)}) if name in variables}
    return [*parts, used, vars(function)]


def _global_names(code: CodeType) -> Iterator[str]:
    """Yield the global names in code, and in the functions and comprehensions inside it.

    `inspect.getclosurevars` leaves out the latter.
    """
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
        elif isinstance(instruction.argval, CodeType):
            yield from _global_names(instruction.argval)


def _parts_of_class(cls: type) -> list[object]:
    module = sys.modules.get(cls.__module__)
    file = getattr(module, "__file__", None)
    if cls.__module__ != "__main__" and (file is None or _is_installed(file)):
        return [cls.__module__, cls.__qualname__]
    members = {
        name: member
        for name, member in vars(cls).items()
        # other names with underscores are Python's own, such as the line number
        if isinstance(member, FunctionType) or not name.startswith(("__", "_abc_"))
    }
    return [cls.__qualname__, cls.__bases__, members]


def _is_installed(file: str) -> bool:
    """Return whether a file of code belongs to Python or an installed package."""
    path = Path(file)
    return (
        file.startswith("<frozen ")
        or not {*PACKAGES}.isdisjoint(path.parts)
        or path.is_relative_to(sysconfig.get_path("stdlib"))
    )


def _parts_of_object(value: object) -> list[object]:
    """Return what `pickle` stores: a name, or a function with its arguments, state and items.

    Raises:
        InputError: it cannot store the object.
    """
    reduce = copyreg.dispatch_table.get(type(value))
    try:
        stored = reduce(value) if reduce else value.__reduce_ex__(PROTOCOL)
    except Exception as error:  # classes may raise anything
        raise InputError(
            f"the objective uses a value of type {type(value).__name__!r}, which pickle cannot "
            "store, so a run could not be resumed; remove output_dir, or use plain numbers instead"
        ) from error
    if isinstance(stored, str):
        return [stored, getattr(value, "__wrapped__", None)]  # functools.cache has one
    make, arguments, state, items, pairs = (*stored, None, None, None)[:5]
    return [make, arguments, state, [*(items or ())], [*(pairs or ())]]
