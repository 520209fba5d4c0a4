"""Killed, damaged, starved: the same command then finishes, or fails with a one-line message."""
