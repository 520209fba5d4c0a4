"""Every reader, given what no one should give it: it refuses in one line, or reads."""
