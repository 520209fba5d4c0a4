"""Many sentences → log-probabilities."""
