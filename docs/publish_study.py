"""Copy a transfer study into docs/results and generate its page in docs/pages/results.

python docs/publish_study.py study-hatecheck           after `fairforget transfer --config
                                                       configs/study-hatecheck.yaml`
python docs/publish_study.py study-hatecheck --table   only regenerate the page

The runs are archived, so that the study can be continued on another machine or with more seeds
(docs/run_archive.py). A person writes the findings and limits of the study into reading.md.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator

import yaml

from dot_plot import Mark, Panel, Shape, dot_plot
from fairforget.benchmarks.measurement import ALL
from fairforget.records.paths import STUDY
from fairforget.records.store import read_record
from fairforget.report.tables import Table, markdown_text
from fairforget.report.wording import benchmark_name, domain_name
from fairforget.statistics.jackknife import too_few
from fairforget.transfer_study.plan import control_kind
from fairforget.transfer_study.record import ClaimVerdict, MatrixCell, StudyRecord
from fairforget.transfer_study.report.omnibus import omnibus_table
from fairforget.transfer_study.report.page import parts
from fairforget.transfer_study.report.row_names import row_label, shared_corpus
from fairforget.transfer_study.report.summary import describe_gaps
from fairforget.transfer_study.report.verdict_words import CONTRADICTED, SUPPORTED
from results_page import RESULTS, Page, render_page, show_picture, write_files
from run_archive import ROOT, copy_results
from tables import markdown_table

VERDICTS: dict[ClaimVerdict, str] = {
    "supported": SUPPORTED,
    "contradicted": CONTRADICTED,
    "no more than margin": "no fall of the margin or more, alone or beyond a control",
    "undecided": "undecided",
}
"""Verdict → the heading of its count."""
READING = "reading.md"
"""Findings as a list, then any sections; at most 250 words."""
SHAPES: dict[str, Shape] = {
    "random": "cross",
    "matched": "diamond",
    "harmless": "plus",
    "swapped": "bar",
    "all": "square",
    "none": "triangle",
}
"""Control → its shape in the picture, whatever it is matched on."""

TITLES = {
    "study-ascent": "Hate speech about women: `ascent` against five controls",
    "study-builtin": "Built-in texts: three domains",
    "study-hatecheck": "HateCheck's hate speech: three domains",
    "study-recipe": "A control for the tuned settings of `counterfactual-kl`",
    "objectives": "Objectives side by side",
}
"""Study → the title of its page."""


def render_study(name: str) -> dict[str, str]:
    """Markdown and picture of a study's page, by file name."""
    directory = RESULTS / name
    study = read_record(directory / STUDY, StudyRecord)
    reading = directory / READING
    text = reading.read_text(encoding="utf-8") if reading.exists() else ""
    findings, heading, sections = text.partition("## ")
    first = study.matrix[0].benchmark
    page = Page(
        title=TITLES[name],
        opening=[
            show_picture(name, f"{benchmark_name(first)}: change in bias by domain, in points")
        ],
        findings=findings.strip().removeprefix("- ").split("\n- ") if findings.strip() else [],
        body=[
            f"{heading}{sections}",
            "",
            *_list_facts(name, study),
            "[The transfer study](../concepts/transfer.md) explains the controls, the tables and "
            f"the verdicts. `fairforget report docs/results/{name}` writes a report with all "
            "tables.",
            "",
            *_list_table(omnibus_table(study.omnibus)),
            *_list_parts(study),
        ],
        picture=draw_study(study, first),
    )
    return render_page(name, page, script="docs/publish_study.py")


def draw_study(study: StudyRecord, benchmark: str) -> str:
    """Dot plot of the change in bias in the domains that have enough terms.

    A study of several forget corpora or objectives has a row for each and a panel per domain; a
    study of one has a row per domain.
    """
    cells = [
        cell
        for cell in study.matrix
        if (cell.benchmark, cell.measure) == (benchmark, study.matrix[0].measure)
        and cell.control is None
        and not too_few(cell.clusters)
    ]
    corpus = shared_corpus(cells)
    rows = list(dict.fromkeys(row_label(cell, corpus) for cell in cells))
    domains = list(dict.fromkeys(cell.domain for cell in cells))
    by_place = {(row_label(cell, corpus), cell.domain): cell for cell in cells}
    if len(rows) == 1:
        labels = [domain_name(domain) for domain in domains]
        columns = {rows[0]: [by_place.get((rows[0], domain)) for domain in domains]}
    else:
        labels = rows
        columns = {
            domain_name(domain): [by_place.get((row, domain)) for row in rows] for domain in domains
        }
    panels = [
        Panel(title, [_list_marks(cell) if cell else [] for cell in column], line=0.0)
        for title, column in columns.items()
    ]
    return dot_plot(labels, panels, _describe_shapes(panels), same_axis=True)


def _list_marks(cell: MatrixCell) -> list[Mark]:
    """The change in bias and, without intervals, that of each control."""
    shape: Shape = "ring" if cell.verdict == "undecided" else "dot"
    bias = cell.bias
    controls = [
        Mark(bias.value - e.value, SHAPES[control_kind(name)]) for name, e in cell.excess.items()
    ]
    return [Mark(bias.value, shape, bias.ci), *controls]


def _describe_shapes(panels: list[Panel]) -> dict[Shape, str]:
    """Legend of the shapes that occur."""
    change = "change in bias in points, with 95 % interval (left of 0: bias fell)"
    meanings: dict[Shape, str] = {
        "dot": f"{change}; the verdict against the controls is decided",
        "ring": f"{change}; undecided",
        **{shape: f"control {name}, mean" for name, shape in SHAPES.items()},
    }
    used = {mark.shape for panel in panels for row in panel.rows for mark in row}
    return {shape: meaning for shape, meaning in meanings.items() if shape in used}


def _list_facts(name: str, study: StudyRecord) -> list[str]:
    """How the study was run, as a table."""
    runs = len({(c.forget, c.control, c.method, c.seed) for c in study.cells})
    seconds = [study.seconds[part] for part in ("training", "interpolation", "evaluation")]
    training, interpolation, evaluation = seconds
    environment = study.environment
    facts = {
        "Command": f"`{_format_command(name, study)}`",
        "Runs": f"{runs}, {len(study.failed) or 'none'} failed",
        "Training, s per run": f"{training:.0f}",
        "Interpolation, s per run": f"{interpolation:.0f}",
        "Evaluation, s per run": f"{evaluation:.0f}",
        "Core hours, all runs": f"{runs * sum(seconds) / 3600:.1f}",
        "Model": f"`{study.model.source}`",
        "Versions": f"torch {environment.torch}, transformers {environment.transformers}",
    }
    table = markdown_table(("", ""), facts.items())
    return ["## Runs", "", *table, *(f"{gap}\n" for gap in describe_gaps(study))]


def _format_command(name: str, study: StudyRecord) -> str:
    """The command of the study, which may have fewer seeds than its file."""
    config = yaml.safe_load((ROOT / "configs" / f"{name}.yaml").read_text(encoding="utf-8"))
    seeds = study.settings["seeds"]
    fewer = "" if seeds == config["seeds"] else f" --seeds {seeds}"
    return f"fairforget transfer --config configs/{name}.yaml{fewer}"


def _list_parts(study: StudyRecord) -> Iterator[str]:
    """The main tables of each bias score; the notes stand below those of the first.

    The table of single cells is long: a study of several forget sets has it in its report only.
    """
    with_cells = len({cell.forget for cell in study.matrix if cell.control is None}) == 1
    explained: set[str] = set()
    for part in parts(study):
        score = part.benchmark, part.measure
        yield from (f"## {part.title}", "", "Number of verdicts:", "")
        yield from count_verdicts(c for c in study.matrix if (c.benchmark, c.measure) == score)
        tables = {"answer": part.answer, "costs": part.costs, "map": part.map.table()}
        if with_cells and not part.folded:
            tables["excess"] = part.excess
        for kind, table in tables.items():
            if table:
                yield from _list_table(table, heading="###", with_note=kind not in explained)
                explained.add(kind)


def _list_table(table: Table, heading: str = "##", *, with_note: bool = True) -> Iterator[str]:
    note = [markdown_text(table.note)] if table.note and with_note else []
    yield from (f"{heading} {table.caption}", "", table.markdown(), *note, "")


def count_verdicts(cells: Iterable[MatrixCell]) -> list[str]:
    """Table of the verdicts on single domains, by whether the domain was forgotten."""
    judged = [cell for cell in cells if cell.verdict and cell.domain != ALL]
    reasons = sorted({cell.reason for cell in judged if cell.reason})
    rows = []
    for name, own in (("forgotten", True), ("other", False)):
        part = [cell for cell in judged if cell.own == own]
        verdicts = Counter(cell.verdict for cell in part)
        counts = Counter(cell.reason for cell in part)
        rows.append(
            [
                *(name, str(len(part))),
                *(str(verdicts[verdict]) for verdict in VERDICTS),
                *(str(counts[reason]) for reason in reasons),
            ]
        )
    header = ("domains", "entries", *VERDICTS.values())
    return markdown_table((*header, *(f"of these, {reason}" for reason in reasons)), rows)


def main() -> None:
    """Write docs/results/NAME and its page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("name", help="name of the study: configs/NAME.yaml, runs/NAME")
    parser.add_argument(
        "--table", action="store_true", help="only regenerate the page; copy nothing"
    )
    options = parser.parse_args()
    if not options.table:
        copy_results(options.name, STUDY)
    write_files(render_study(options.name))


if __name__ == "__main__":
    main()
