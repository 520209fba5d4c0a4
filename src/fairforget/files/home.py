"""The home directory in paths."""

from __future__ import annotations

import os
from pathlib import Path


def expand_home(path: str | Path) -> Path:
    """Return a path with `~` and `~user` expanded; it stays as it is if there is no such user.

    `Path.expanduser` raises an error in that case.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111
