"""The same items before and after: what changed, what is allowed to, and whether a run repeats."""
