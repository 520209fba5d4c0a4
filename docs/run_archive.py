"""Archive the runs of a transfer study or a leaderboard, and restore them into runs/.

python docs/run_archive.py NAME          extract docs/results/NAME/runs.tar.xz into runs/NAME, where
                                         the command finds the runs done, if this version has the
                                         constants, word lists and methods that they had
python docs/run_archive.py NAME --strip  strip the items of runs that were added to restored ones,
                                         as the archive does: only then can they be compared
python docs/run_archive.py NAME --save   archive the finished runs, also if others are missing

`docs/publish_study.py` and `docs/publish_leaderboard.py` archive all runs. For each item of
StereoSet and CrowS-Pairs, the archive keeps the ranks of its sentences' scores instead of the
sentences and the scores, and the differences between its scores; all scores of the two benchmarks
follow from these. Of other benchmarks it keeps all numbers and no texts.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import re
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fairforget.benchmarks.crows_pairs_parts import PARTS
from fairforget.benchmarks.options import base_name
from fairforget.benchmarks.stereoset.scores import CONTINUOUS, CONTRIBUTIONS, SMOOTHED
from fairforget.leaderboards.plan import EQUAL, PUBLISHED
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
"""Columns of an item of StereoSet or CrowS-Pairs that the archive keeps as they are."""
RANKED = ("stereoset", "crows_pairs")
CLUSTERS = ("masculine", "feminine", "group")
"""Columns by which items of other benchmarks are clustered."""
WORDS = "words"
"""The same for harmful words, of which the archive keeps a hash."""
HASH = re.compile(r"[0-9a-f]{16}")


def copy_results(name: str, record: str) -> None:
    """Copy the record of runs/NAME into docs/results/NAME, and archive the runs there.

    Args:
        name: of the study or the leaderboard.
        record: the file name of its record.
    """
    source, target = ROOT / "runs" / name, RESULTS / name
    target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source / record, target / record)
    archive_runs(source, target / ARCHIVE)


def archive_runs(results: Path, archive: Path) -> None:
    """Archive the records and items of finished runs."""
    with tarfile.open(archive, "w:xz", preset=9) as tar:
        for path in _list_files(results):
            content = _strip_items(path) if path.name == ITEMS else path.read_bytes()
            member = tarfile.TarInfo(path.relative_to(results).as_posix())
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def restore_runs(archive: Path, results: Path) -> None:
    """Extract the files of an archive that do not exist yet."""
    with tarfile.open(archive) as tar:
        for member in tar:
            if not (results / member.name).exists():
                tar.extract(member, results, filter="data")


def strip_runs(results: Path) -> None:
    """Strip the items of finished runs in place; stripped ones stay as they are."""
    for path in _list_files(results):
        if path.name == ITEMS:
            path.write_bytes(_strip_items(path))


def _list_files(results: Path) -> Iterator[Path]:
    """Files of finished runs; similar files follow each other, which compresses better."""
    finished = sorted(path.parent for path in (results / RUNS).glob(f"*/{RECORD}"))
    doses = sorted(path.parent for run in finished for path in run.glob(f"{DOSES}/*/{RECORD}"))
    parts = [run / part for part in (AFTER, PUBLISHED, EQUAL) for run in finished]
    evaluations = [part for part in (results / BEFORE, *parts, *doses) if (part / ITEMS).exists()]
    yield from (directory / ITEMS for directory in evaluations)
    yield from (directory / RECORD for directory in [*evaluations, *finished])
    yield results / SETTINGS


def _strip_items(path: Path) -> bytes:
    rows = [strip_item(row) for row in pq.read_table(path).to_pylist()]
    names = dict.fromkeys(name for row in rows for name in row)
    file = io.BytesIO()
    table = pa.Table.from_pylist([{name: row.get(name) for name in names} for row in rows])
    pq.write_table(table, file, compression="none")
    return file.getvalue()


def strip_item(item: dict[str, Any]) -> dict[str, Any]:
    """An item without texts, from which all scores still follow."""
    item = {name: value for name, value in item.items() if value is not None}
    if base_name(item["benchmark"]) not in RANKED:
        kept = {
            name: value
            for name, value in item.items()
            if not isinstance(value, str) or name in (*ID_COLUMNS, *CLUSTERS)
        }
        if WORDS in item:
            stripped = HASH.fullmatch(item[WORDS])
            kept[WORDS] = (
                item[WORDS] if stripped else hashlib.sha256(item[WORDS].encode()).hexdigest()[:16]
            )
        return kept
    kept = {name: value for name, value in item.items() if name in COLUMNS}
    for kind in SCORE_PREFIXES:
        scores = {name: value for name, value in item.items() if name.startswith(kind)}
        order = sorted(set(scores.values()))
        kept |= {name: float(order.index(value)) for name, value in scores.items()}
    return kept


def main() -> None:
    """Restore or save runs."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="name in docs/results and runs")
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument("--save", action="store_true", help="archive runs/NAME instead")
    instead.add_argument(
        "--strip", action="store_true", help="strip the items of runs/NAME instead"
    )
    options = parser.parse_args()
    archive, results = RESULTS / options.name / ARCHIVE, ROOT / "runs" / options.name
    if options.save:
        archive.parent.mkdir(parents=True, exist_ok=True)
        archive_runs(results, archive)
    elif options.strip:
        strip_runs(results)
    else:
        restore_runs(archive, results)


if __name__ == "__main__":
    main()
