"""Read text, rows and Parquet with clear errors; write files atomically; hash them."""
