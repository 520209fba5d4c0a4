"""The same items before and after: what changed, and what is allowed to."""
