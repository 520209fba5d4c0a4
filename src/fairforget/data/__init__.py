"""Data sets and benchmarks: where they are found, fetched and verified."""
