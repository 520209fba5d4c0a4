"""The files of a run: records as JSON, complete or absent, in directories locked by one process."""
