"""Open Parquet files from any source: check declared sizes, and report damage in one line."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from fairforget.errors import InputError

if TYPE_CHECKING:
    import pyarrow.parquet as pq

MAX_ROW_GROUP_BYTES = 1 << 29
"""Largest uncompressed row group: one at a time is in memory."""
_FAILED_ALLOCATION = re.compile(r"alloc of size (\d+) failed")
"""Arrow's message."""


@contextmanager
def open_parquet(path: Path, remedy: str = "write it again") -> Iterator[pq.ParquetFile]:
    """Open a Parquet file for reading within the block.

    Args:
        path: the file.
        remedy: end of the message about an unreadable file.

    Raises:
        InputError: the file cannot be read, or declares a row group of more than 512 MB.
        MemoryError: out of memory, although the declared size is within the limit.
        OSError: likewise.
    """
    import pyarrow.parquet as pq

    message = f"{path} is not a readable Parquet file"
    try:
        with pq.ParquetFile(path) as file:
            for number in range(file.metadata.num_row_groups):
                # of the row group: reading damaged column metadata crashes the process in C++
                size = file.metadata.row_group(number).total_byte_size
                if size > MAX_ROW_GROUP_BYTES:
                    raise InputError(
                        f"{path}: row group {number} has {size >> 20} MB uncompressed, more than "
                        f"{MAX_ROW_GROUP_BYTES >> 20} MB; write the file with smaller row groups"
                    )
            yield file
    except InputError:
        raise
    except MemoryError as error:
        allocation = _FAILED_ALLOCATION.search(str(error))
        if allocation and int(allocation[1]) > MAX_ROW_GROUP_BYTES:  # a page above the total
            raise InputError(f"{message} (it declares a wrong size); {remedy}") from error
        raise
    except Exception as error:  # a damaged file fails in many ways
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            raise
        raise InputError(f"{message} ({error}); {remedy}") from error
