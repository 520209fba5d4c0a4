"""Archive the runs of a transfer study, and restore them into runs/.

python docs/study_archive.py NAME          extract docs/results/NAME/runs.tar.xz into runs/NAME,
                                           where `fairforget transfer` finds the runs done, if this
                                           version has the constants and word lists they had
python docs/study_archive.py NAME --save   archive the finished runs of a study that still runs

`docs/publish_study.py` archives a study when it has ended. For each scored item the archive keeps
the ranks of its sentences' scores instead of the sentences and the scores, and the differences
between its scores. All scores of StereoSet and CrowS-Pairs follow from these.
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

from fairforget.benchmarks.crows_pairs_parts import PARTS
from fairforget.benchmarks.stereoset.scores import CONTINUOUS, CONTRIBUTIONS, SMOOTHED
from fairforget.records.evaluation import ID_COLUMNS, SCORE_PREFIXES
from fairforget.records.paths import AFTER, BEFORE, DOSES, ITEMS, RECORD, RUNS, SETTINGS
from results_page import RESULTS

ROOT = Path(__file__).resolve().parents[1]
ARCHIVE = "runs.tar.xz"
COLUMNS = {
    *ID_COLUMNS,
    *("term", "tokens_stereotype", "tokens_anti_stereotype"),
    *CONTINUOUS,
    *CONTRIBUTIONS,
    *SMOOTHED,
    *PARTS,
}
"""Columns of an item that the archive keeps as they are."""


def archive_runs(study: Path, archive: Path) -> None:
    """Archive the records and items of a study's finished runs."""
    with tarfile.open(archive, "w:xz", preset=9) as tar:
        for path in _list_files(study):
            content = _rank_items(path) if path.name == ITEMS else path.read_bytes()
            member = tarfile.TarInfo(path.relative_to(study).as_posix())
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def restore_runs(archive: Path, study: Path) -> None:
    """Extract the files of an archive that do not exist yet."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if not (study / member.name).exists():
                tar.extract(member, study, filter="data")


def _list_files(study: Path) -> Iterator[Path]:
    """Files of finished runs; similar files follow each other, which compresses better."""
    finished = sorted(path.parent for path in (study / RUNS).glob(f"*/{RECORD}"))
    doses = sorted(path.parent for run in finished for path in run.glob(f"{DOSES}/*/{RECORD}"))
    evaluations = [study / BEFORE, *(run / AFTER for run in finished), *doses]
    yield from (directory / ITEMS for directory in evaluations)
    yield from (directory / RECORD for directory in [*evaluations, *finished])
    yield study / SETTINGS


def _rank_items(path: Path) -> bytes:
    rows = [rank_scores(row) for row in pq.read_table(path).to_pylist()]
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file, compression="none")
    return file.getvalue()


def rank_scores(item: dict[str, Any]) -> dict[str, Any]:
    """An item without texts, each score replaced by its rank among the scores of its kind."""
    kept = {name: value for name, value in item.items() if name in COLUMNS}
    for kind in SCORE_PREFIXES:
        scores = {name: value for name, value in item.items() if name.startswith(kind)}
        order = sorted({value for value in scores.values() if value is not None})
        kept |= {
            name: None if value is None else float(order.index(value))
            for name, value in scores.items()
        }
    return kept


def main() -> None:
    """Restore or save the runs of a study."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="name of the study: docs/results/NAME, runs/NAME")
    parser.add_argument("--save", action="store_true", help="archive runs/NAME instead")
    options = parser.parse_args()
    archive, study = RESULTS / options.name / ARCHIVE, ROOT / "runs" / options.name
    if options.save:
        archive.parent.mkdir(parents=True, exist_ok=True)
        archive_runs(study, archive)
    else:
        restore_runs(archive, study)


if __name__ == "__main__":
    main()
