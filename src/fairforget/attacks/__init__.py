"""Durability: does the effect of a run survive fine-tuning, quantisation and perturbed sentences?

This package is an application of the library, as is `fairforget.leaderboards`. From the bottom up:
`plan` lists the conditions, `quantization` and `fine_tuning` change the weights, `texts` reads the
training texts, `evaluations` evaluates a model under every condition, `effects` compares the
evaluations, `half_life` summarises them, `record` holds the results, `durability` combines all of
this, and `tables`, `page` and `terminal` show the record.
"""
