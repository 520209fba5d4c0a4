"""The leaderboard: debiasing methods side by side on the same models, within the same budget.

This package is an application of the library, as is `fairforget.transfer_study`. From the bottom
up: `plan` lists the runs, `cost` measures what a method costs, `within_budget` interpolates its
weights, `runs` executes one run, `record` and `rows` hold the results, `leaderboard` combines all
of this, and `tables`, `page` and `terminal` show the record.
"""
