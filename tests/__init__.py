"""Tests; here so that torch finds its number of threads when it is first imported.

Processes of pytest-xdist that each took every core would wait for one another.
"""

import os

WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 1) // WORKERS)))
