"""Intervals and tests for bias scores, and estimates of their changes."""
