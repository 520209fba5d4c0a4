"""Sizes that a Parquet file claims are checked; want of memory is not taken for damage."""

from __future__ import annotations

import errno
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fairforget.errors import InputError
from fairforget.files import parquet
from fairforget.files.rows import parquet_rows
from fairforget.records.evaluation import read_items
from fairforget.records.paths import ITEMS


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [{"text": f"The river has {n} bridges.", "id": str(n)} for n in range(100)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / ITEMS)
    return tmp_path / ITEMS


def test_a_row_group_that_claims_too_much_is_refused(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert len(list(parquet_rows(file))) == 100
    monkeypatch.setattr(parquet, "MAX_ROW_GROUP_BYTES", 1000)
    with pytest.raises(InputError, match=r"row group 0 has .* smaller row groups"):
        list(parquet_rows(file))


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "mine.parquet"
    pq.write_table(pa.Table.from_arrays([pa.array(["a"])] * 2, names=["text", "text"]), path)
    with pytest.raises(InputError, match=r"mine.parquet: two columns are named 'text'; rename one"):
        list(parquet_rows(path))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        pa.ArrowMemoryError("malloc of size 1048576 failed"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
    ],
)
def test_want_of_memory_is_no_damage(
    file: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", fail)
    monkeypatch.setattr(pq.ParquetFile, "read", fail)
    for read in (lambda: list(parquet_rows(file)), lambda: read_items(file.parent)):
        with pytest.raises(type(error)) as raised:
            read()
        assert raised.value is error


def test_a_page_larger_than_the_whole_is_damage(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise pa.ArrowMemoryError("malloc of size 2147483648 failed")

    monkeypatch.setattr(pq.ParquetFile, "iter_batches", fail)
    with pytest.raises(InputError, match="it declares a wrong size"):
        list(parquet_rows(file))
