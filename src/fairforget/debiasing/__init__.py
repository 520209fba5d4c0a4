"""A whole run: the function `debias`, the pipeline behind it, and what it returns."""
