"""Data sets and benchmarks: locate, download and verify their files."""
