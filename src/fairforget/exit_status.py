"""Exit statuses of the command line other than 0, for success."""

CONDITION_MET = 1
"""A condition of `compare --fail_if` holds."""
DIFFERENT = 1
"""A value of `rerun` differs."""
RUN_FAILED = 1
"""A run of `transfer` or `leaderboard` failed; the others have finished."""
UNFORESEEN = 1
"""An unexpected error, printed with its traceback."""
BAD_INPUT = 2
"""Invalid input or usage, named in one line on stderr."""
INTERRUPTED = 130
"""Interrupted by the user; the same command resumes."""
