"""Where files are found, fetched and verified."""
