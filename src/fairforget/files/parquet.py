"""Parquet files from anywhere: sizes that they claim are checked, and faults told in one line."""

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

LARGEST_ROW_GROUP = 1 << 29
"""Bytes that a row group may claim to be, unpacked: no more than one is in memory at a time."""
_ASKED = re.compile(r"alloc of size (\d+) failed")
"""How Arrow says what it wanted."""


@contextmanager
def open_parquet(path: Path, remedy: str = "") -> Iterator[pq.ParquetFile]:
    """A Parquet file to be read inside the block.

    Args:
        path: the file.
        remedy: what to do about one that cannot be read; ends the message.

    Raises:
        InputError: it cannot be read, or claims a row group of more than 512 MB.
        MemoryError: there is not enough memory for what an honest file may hold.
        OSError: likewise.
    """
    import pyarrow.parquet as pq

    told = f"{path} cannot be read: not a readable Parquet file"
    end = f"; {remedy}" if remedy else ""
    try:
        with pq.ParquetFile(path) as file:
            for number in range(file.metadata.num_row_groups):
                # of the whole group: a damaged column's metadata end the process, in C++
                claimed = file.metadata.row_group(number).total_byte_size
                if claimed > LARGEST_ROW_GROUP:
                    raise InputError(
                        f"{path}: its row group {number} is {claimed >> 20} MB when unpacked; at "
                        f"most {LARGEST_ROW_GROUP >> 20} MB are read at once, so write it with "
                        "smaller row groups"
                    )
            yield file
    except InputError:
        raise
    except MemoryError as error:
        asked = _ASKED.search(str(error))
        if asked and int(asked[1]) > LARGEST_ROW_GROUP:  # a page that is larger than all pages
            raise InputError(f"{told} (a size in it is damaged){end}") from error
        raise
    except Exception as error:  # a damaged file fails in any part of the library
        if isinstance(error, OSError) and error.errno == errno.ENOMEM:
            raise
        raise InputError(f"{told} ({error}){end}") from error
