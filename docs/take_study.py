"""Take a transfer study into docs/results: study.json, its tables, its picture and its runs.

python docs/take_study.py study-builtin           after the study of configs/study-builtin.yaml
python docs/take_study.py study-builtin --table   only the tables, from the study that is there

The runs are kept so that the study can go on elsewhere, with more seeds: docs/kept_runs.py.

What the study means is in reading.md beside it, which a person writes.
"""

from __future__ import annotations

import argparse
import shutil

from fairforget.records import read_record
from fairforget.report import write_report
from fairforget.report.study_page import excess_table, heat_map, rows_table
from fairforget.report.tables import Table
from fairforget.transfer.record import STUDY, StudyRecord
from kept_runs import KEPT, RESULTS, ROOT, keep
from picture import take

RUNS = ROOT / "runs"
READING, PICTURE = "reading.md", "map.png"


def page(name: str) -> str:
    """The study as Markdown."""
    directory = RESULTS / name
    study = read_record(directory / STUDY, StudyRecord)
    benchmarks = list(dict.fromkeys(cell.benchmark for cell in study.matrix))
    seeds = study.settings["seeds"]
    tables = [rows_table(study.rows)]
    for benchmark in benchmarks:
        tables += [heat_map(benchmark, study.matrix).table(), excess_table(benchmark, study.matrix)]
    reading = directory / READING
    return "\n".join(
        [
            "<!-- made by docs/take_study.py; do not edit by hand -->",
            f"# Transfer study `{name}`",
            "",
            f"`fairforget transfer --config configs/{name}.yaml --cluster ray --seeds {seeds}`: "
            + _cost(study),
            "",
            "![Change of the score, per forgetting and domain](map.png)",
            "",
            *([reading.read_text(encoding="utf-8")] if reading.exists() else []),
            *(line for table in tables for line in _shown(table)),
        ]
    )


def _cost(study: StudyRecord) -> str:
    runs = len({(c.forget, c.control, c.method, c.seed) for c in study.cells})
    training, landing, scoring = (
        study.seconds[name] for name in ("training", "landing", "evaluation")
    )
    whole = training + landing + scoring
    return (
        f"{runs} runs, {len(study.failed)} more failed. One run took {whole:.0f} s on its core: "
        f"training {training:.0f} s, landing on the budget {landing:.0f} s, measuring "
        f"{scoring:.0f} s. {study.model.source}, torch {study.environment.torch}, transformers "
        f"{study.environment.transformers}."
    )


def _shown(table: Table) -> list[str]:
    return [f"## {table.caption}", "", table.markdown(), *([table.note, ""] if table.note else [])]


def main() -> None:
    """Write docs/results/NAME."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--table", action="store_true")
    chosen = parser.parse_args()
    directory = RESULTS / chosen.name
    if not chosen.table:
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(RUNS / chosen.name / STUDY, directory / STUDY)
        keep(RUNS / chosen.name, directory / KEPT)
        take(write_report(RUNS / chosen.name), directory / PICTURE, element="figure.heat")
    (directory / "tables.md").write_text(page(chosen.name), encoding="utf-8")


if __name__ == "__main__":
    main()
