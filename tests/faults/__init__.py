"""Killed, damaged, starved: the same command finishes afterwards, or says in one line why not."""
