"""Registries of named objects that are loaded on first use."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator, Mapping
from typing import TypeVar

T = TypeVar("T")


class Registry(Mapping[str, T]):
    """Name → object. Each object is imported when it is first looked up.

    Listing the names imports nothing, so `--help` stays fast.
    """

    def __init__(self, addresses: Mapping[str, str]) -> None:
        """Store the addresses, each `package.module:attribute`."""
        self.addresses = dict(addresses)

    def __getitem__(self, name: str) -> T:
        """Import the module and return its attribute."""
        entry: T = pkgutil.resolve_name(self.addresses[name])
        return entry

    def __iter__(self) -> Iterator[str]:
        return iter(self.addresses)

    def __len__(self) -> int:
        return len(self.addresses)

    def __contains__(self, name: object) -> bool:
        return name in self.addresses  # without importing it
