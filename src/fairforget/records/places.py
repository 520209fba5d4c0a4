"""What the files and directories of a run are called."""

from __future__ import annotations

RECORD = "record.json"
ITEMS = "items.parquet"
MODEL, BEFORE, AFTER, CHECKPOINTS, RUNS = "model", "before", "after", "checkpoints", "runs"
"""Directories of a run, beside its record; and that of the runs of a study."""
