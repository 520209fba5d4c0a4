"""Forward passes that compute only what is needed: shared prefixes once, the head where used."""
