"""Files of any kind: text, lines, rows, Parquet; written whole, and told apart."""
