"""Take a transfer study into docs/results, and make its page in docs/pages/results.

python docs/take_study.py study-hatecheck           after the study of configs/study-hatecheck.yaml
python docs/take_study.py study-hatecheck --table   only the page, from the study that is there

The runs are kept so that the study can go on elsewhere, with more seeds: docs/kept_runs.py.

What the study means is in reading.md beside its record, which a person writes.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator

import yaml

from fairforget.records.paths import STUDY
from fairforget.records.store import read_record
from fairforget.report import write_report
from fairforget.report.study_page import BenchmarkPart, parts
from fairforget.report.tables import Table, markdown_text
from fairforget.transfer_study.record import StudyRecord
from kept_runs import KEPT, ROOT, keep
from picture import take
from results_page import PAGES, RESULTS

RUNS = ROOT / "runs"
READING = "reading.md"


def page(name: str) -> str:
    """The study as Markdown."""
    directory = RESULTS / name
    study = read_record(directory / STUDY, StudyRecord)
    reading = directory / READING
    return "\n".join(
        [
            "<!-- made by docs/take_study.py; do not edit by hand -->",
            f"# Transfer study `{name}`",
            "",
            f"`{_command(name, study)}`: {_cost(study)}",
            "",
            *([reading.read_text(encoding="utf-8")] if reading.exists() else []),
            *(line for part in parts(study) for line in _of_benchmark(name, part)),
        ]
    )


def picture_of(name: str, part: BenchmarkPart) -> str:
    """The file beside the page with the picture of a benchmark's matrix."""
    return f"{name}-{part.map.id}.png"


def _command(name: str, study: StudyRecord) -> str:
    """What made it; a study may have fewer seeds than its file asks for."""
    config = yaml.safe_load((ROOT / "configs" / f"{name}.yaml").read_text(encoding="utf-8"))
    seeds = study.settings["seeds"]
    fewer = "" if seeds == config["seeds"] else f" --seeds {seeds}"
    return f"fairforget transfer --config configs/{name}.yaml{fewer}"


def _cost(study: StudyRecord) -> str:
    runs = len({(c.forget, c.control, c.method, c.seed) for c in study.cells})
    training, landing, scoring = (
        study.seconds[name] for name in ("training", "interpolation", "evaluation")
    )
    whole = training + landing + scoring
    return (
        f"{runs} runs, {len(study.failed) or 'none'} failed. One run took {whole:.0f} s on its "
        f"core: training {training:.0f} s, landing on the budget {landing:.0f} s, measuring "
        f"{scoring:.0f} s, besides loading and tokenising; all together "
        f"{runs * whole / 3600:.1f} hours of one core. "
        f"{study.model.source}, torch {study.environment.torch}, transformers "
        f"{study.environment.transformers}."
    )


def _of_benchmark(name: str, part: BenchmarkPart) -> Iterator[str]:
    """Its tables, the picture of the matrix behind the first."""
    first, *others = part.tables
    yield from _shown(first, above=part.counts)
    yield from (f"![{part.map.caption}]({picture_of(name, part)})", "")
    for table in others:
        yield from _shown(table)


def _shown(table: Table, above: str = "") -> list[str]:
    before, after = ([text, ""] if text else [] for text in (above, table.note))
    return [f"## {table.caption}", "", *before, table.markdown(), *map(markdown_text, after)]


def main() -> None:
    """Write docs/results/NAME and its page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--table", action="store_true")
    chosen = parser.parse_args()
    directory = RESULTS / chosen.name
    if not chosen.table:
        directory.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(RUNS / chosen.name / STUDY, directory / STUDY)
        keep(RUNS / chosen.name, directory / KEPT)
        report = write_report(RUNS / chosen.name)
        for part in parts(read_record(directory / STUDY, StudyRecord)):
            take(report, PAGES / picture_of(chosen.name, part), element=f"#{part.map.id}")
    (PAGES / f"{chosen.name}.md").write_text(page(chosen.name), encoding="utf-8")


if __name__ == "__main__":
    main()
