"""Keep what the runs of a study left, small enough for this repository, and put it back.

python docs/kept_runs.py NAME        put docs/results/NAME/runs.tar.xz back into runs/NAME, where
                                     `fairforget transfer` finds the runs done

python docs/kept_runs.py NAME --keep the other way, for a study that is not at its end yet

`docs/take_study.py` keeps those of a study at its end. Of every scored item the order of its
sentences is kept, which is all that the scores of StereoSet and CrowS-Pairs depend on; the
sentences and the numbers are not.
"""

from __future__ import annotations

import argparse
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fairforget.records.evaluation import ID_COLUMNS, SCORE_PREFIXES
from fairforget.records.paths import AFTER, BEFORE, ITEMS, RECORD, RUNS, SETTINGS
from results_page import RESULTS

ROOT = Path(__file__).resolve().parents[1]
KEPT = "runs.tar.xz"
COLUMNS = {*ID_COLUMNS, "term"}


def keep(study: Path, archive: Path) -> None:
    """Write what a study's runs left, those that are done."""
    with tarfile.open(archive, "w:xz", preset=9) as tar:
        for path in _finished(study):
            content = _ranked(path) if path.name == ITEMS else path.read_bytes()
            member = tarfile.TarInfo(path.relative_to(study).as_posix())
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def put_back(archive: Path, study: Path) -> None:
    """Unpack it where no run is yet."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if not (study / member.name).exists():
                tar.extract(member, study, filter="data")


def _finished(study: Path) -> Iterator[Path]:
    """Records and items of what is done, in an order in which like stands beside like."""
    done = sorted(path.parent for path in (study / RUNS).glob(f"*/{RECORD}"))
    measured = [study / BEFORE, *(run / AFTER for run in done)]
    yield from (directory / ITEMS for directory in measured)
    yield from (directory / RECORD for directory in [*measured, *done])
    yield study / SETTINGS


def _ranked(path: Path) -> bytes:
    rows = [ranked(row) for row in pq.read_table(path).to_pylist()]
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file, compression="none")
    return file.getvalue()


def ranked(row: dict[str, Any]) -> dict[str, Any]:
    """An item with its place among the item's scores of the same kind instead of each score."""
    places = {name: value for name, value in row.items() if name in COLUMNS}
    for kind in SCORE_PREFIXES:
        scores = {name: value for name, value in row.items() if name.startswith(kind)}
        order = sorted({value for value in scores.values() if value is not None})
        places |= {
            name: None if value is None else float(order.index(value))
            for name, value in scores.items()
        }
    return places


def main() -> None:
    """Put a study's runs back, or keep them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("--keep", action="store_true")
    chosen = parser.parse_args()
    archive, study = RESULTS / chosen.name / KEPT, ROOT / "runs" / chosen.name
    if chosen.keep:
        archive.parent.mkdir(parents=True, exist_ok=True)
        keep(study, archive)
    else:
        put_back(archive, study)


if __name__ == "__main__":
    main()
