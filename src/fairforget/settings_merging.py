"""From keyword arguments and a loaded model to settings, and from settings to a record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from typing import Any, TypeVar

from fairforget.errors import InputError, first_error, suggest
from fairforget.names import join_commas
from fairforget.settings import DurabilitySettings, ModelSettings, SelectSettings

S = TypeVar("S", bound=ModelSettings)
T = TypeVar("T", bound=ModelSettings | DurabilitySettings | SelectSettings)
NOT_RECORDED = ("device", "report_to", "server_concurrency", "server_timeout")
"""Settings that do not change the result."""


def merge_settings(settings: T, overrides: Mapping[str, Any], **given: Any) -> T:
    """Return the settings with the overrides applied, each value converted to its field's type.

    A setting that is a text accepts a list, which becomes comma-separated, or a path.

    Args:
        settings: the settings to change.
        overrides: field → its new value.
        **given: more of these, from optional arguments: None leaves the setting as it is.

    Raises:
        InputError: a value has the wrong type; names its setting.
        TypeError: an override is not a field.
    """
    import pydantic  # slow to load, and `--help` needs none of it

    limits = overrides.get("budget")
    if isinstance(limits, Mapping) and hasattr(settings, "budget"):  # the others stay
        known = asdict(settings)["budget"]
        if unknown := [name for name in limits if name not in known]:
            raise InputError(f"setting budget.{unknown[0]} is unknown{suggest(unknown[0], known)}")
        overrides = {**overrides, "budget": known | dict(limits)}
    arguments = {name: value for name, value in given.items() if value is not None}
    merged = replace(settings, **overrides, **arguments)
    values = {f.name: getattr(merged, f.name) for f in fields(merged)}
    texts = [f.name for f in fields(merged) if "str" in str(f.type).split(" | ")]
    values |= {name: join_commas(values[name]) for name in texts}
    try:
        return pydantic.TypeAdapter(type(settings)).validate_python(values)
    except pydantic.ValidationError as error:
        raise InputError(f"setting {first_error(error)}") from error


def settings_of_model(settings: S, language_model: Any) -> S:
    """Return the settings with the dtype and start token of a model that is already loaded.

    Raises:
        InputError: a setting applies only when a model is loaded.
    """
    for name in ("dtype", "start_token"):
        if getattr(settings, name):
            raise InputError(f"{name} has no effect on a loaded model; remove it")
    dtype = str(language_model.model.dtype).removeprefix("torch.")
    return replace(settings, dtype=dtype, start_token=language_model.start_token)


def command_settings(command: str, settings: Any, **arguments: Any) -> dict[str, Any]:
    """Return the command for a record: its name, arguments and settings, as JSON types.

    Args:
        command: its name.
        settings: an instance of one of the dataclasses above.
        **arguments: arguments that are not settings, such as the model.
    """
    values: Mapping[str, Any] = asdict(settings)
    recorded = {name: value for name, value in values.items() if name not in NOT_RECORDED}
    return {"command": command, **arguments, **recorded}
