"""Log-probabilities and perplexity of many texts at once."""
