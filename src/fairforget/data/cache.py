"""Where downloaded and converted files are kept."""

from __future__ import annotations

import os
from pathlib import Path


def cache_directory() -> Path:
    """`$FAIRFORGET_CACHE`, else `$XDG_CACHE_HOME/fairforget`, else `~/.cache/fairforget`."""
    if asked := os.environ.get("FAIRFORGET_CACHE"):
        return Path(asked)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fairforget"
