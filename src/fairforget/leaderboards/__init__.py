"""The leaderboard: debiasing methods side by side on the same models, at equal cost.

This package is an application of the library, as `fairforget.transfer_study` is. From the bottom
up: `plan` lists the runs, `cost` measures what a method costs, `equal_cost` interpolates its
weights, `runs` does one run, `record` and `rows` hold the results, `leaderboard` puts all of this
together, and `tables`, `page` and `terminal` show the record.
"""
