"""Comparison of two evaluations of the same items, and of two runs of the same command."""
