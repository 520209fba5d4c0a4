"""Run benchmarks on a model: `evaluate`, and evaluation into the directory of a run."""
