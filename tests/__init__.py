"""Tests; here so that torch finds its number of threads when it is first imported.

Processes of pytest-xdist that each took every core would wait for one another.
"""

import os

CORES = os.cpu_count() or 1
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
ASKED = int(os.environ.get("OMP_NUM_THREADS", CORES))
os.environ["OMP_NUM_THREADS"] = str(max(1, min(ASKED, CORES // WORKERS)))
