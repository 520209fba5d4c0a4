"""Harmful words on pages: how likely they are after a group, before and after unlearning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from fairforget.benchmarks.measurement import ALL, Row
from fairforget.benchmarks.options import base_name
from fairforget.comparison.paired import Cell
from fairforget.corpora.domains import DOMAINS
from fairforget.records.schema import interval_of
from fairforget.report.cell_words import describe_caveat, describe_p
from fairforget.report.items import MAX_ITEMS, pair_rows
from fairforget.report.section import Section
from fairforget.report.tables import Blurred, Column, Content, IntervalCell, Table, interval_column
from fairforget.report.wording import (
    HARMFUL_WORDS,
    NONE,
    benchmark_name,
    domain_name,
    format_interval,
    format_number,
    format_signed,
    format_with_interval,
    join_words,
    without_folders,
)

LOG_PROB, ADDED = SCORES = "log_prob", "added"
VERDICTS = {
    LOG_PROB: {"less": "less likely", "more": "more likely"},
    ADDED: {"less": "fell", "more": "rose"},
}
"""Score → its verdicts in words."""
DIGITS = 2
_TITLES = {LOG_PROB: "After the group", ADDED: "Association with the group"}
_NOTE = (
    "Mean log-probability of harmful words after a group, and the association: that minus the "
    "log-probability after a neutral word, both in nats per token. Lower is better for both; "
    "neither has an unbiased value."
)


def change_sections(cells: Sequence[Cell]) -> list[Section]:
    """A section with a table for each benchmark of harmful words, before and after."""
    return [Section(benchmark_name(name), [table]) for name, table in change_tables(cells).items()]


def change_tables(cells: Sequence[Cell]) -> dict[str, Table]:
    """Return, for each benchmark, the table of its scores before and after."""
    by_benchmark: dict[str, dict[str, dict[str, Cell]]] = {}
    for cell in cells:
        domains = by_benchmark.setdefault(cell.benchmark, {})
        domains.setdefault(cell.domain, {})[cell.measure] = cell
    return {name: _change_table(name, domains) for name, domains in by_benchmark.items()}


def _change_table(name: str, domains: Mapping[str, Mapping[str, Cell]]) -> Table:
    scores = [score for score in SCORES if any(score in cells for cells in domains.values())]
    columns = [Column("Group or domain")]
    for score in scores:
        columns += [
            Column(f"{_TITLES[score]}: before", numeric=True),
            Column("after", numeric=True),
            interval_column("change"),
            Column("verdict"),
            Column("p, corrected", numeric=True),
        ]
    return Table(
        caption=f"{benchmark_name(name)}, before and after",
        columns=[*columns, Column("Texts", numeric=True)],
        rows=[
            [
                domain_name(domain),
                *(cell for score in scores for cell in _change_cells(cells.get(score))),
                str(next(iter(cells.values())).items),
            ]
            for domain, cells in domains.items()
        ],
        note=f"{_NOTE} p: Student’s t over harmful words; Holm-corrected.",
        strong=frozenset(i for i, domain in enumerate(domains) if domain == ALL),
    )


def _change_cells(cell: Cell | None) -> list[Content]:
    if cell is None:
        return [NONE] * 5
    change = cell.score
    return [
        *(format_number(value, DIGITS) for value in (change.before, change.after)),
        IntervalCell(change.delta, change.ci, change=True, digits=DIGITS),
        describe_caveat(cell) or VERDICTS[cell.measure][cell.verdict],
        describe_p(cell),
    ]


def score_section(name: str, result: Mapping[str, Any]) -> Section:
    """The section of one evaluation."""
    domains = result["domains"]
    scores = [score for score in SCORES if any(score in facts for facts in domains.values())]
    table = Table(
        caption=benchmark_name(name),
        columns=[
            Column("Group or domain"),
            *(interval_column(_TITLES[score]) for score in scores),
            Column("Texts", numeric=True),
        ],
        rows=[
            [
                domain_name(domain),
                *(_score_cell(facts, score) for score in scores),
                str(facts.get("items", NONE)),
            ]
            for domain, facts in domains.items()
        ],
        note=_NOTE,
        strong=frozenset(i for i, domain in enumerate(domains) if domain == ALL),
    )
    return Section(benchmark_name(name), [table])


def _score_cell(facts: Mapping[str, Any], score: str) -> IntervalCell:
    return IntervalCell(facts.get(score), interval_of(facts, score), digits=DIGITS)


def is_scored(name: str, result: Mapping[str, Any]) -> bool:
    """Whether a result is one of harmful words, with domains."""
    return base_name(name) == HARMFUL_WORDS and bool(result.get("domains"))


def change_sentences(cells: Sequence[Cell]) -> tuple[list[str], list[str]]:
    """One text per benchmark of harmful words: those without a decided rise, and those with one."""
    calm: list[str] = []
    cautions: list[str] = []
    for name in dict.fromkeys(cell.benchmark for cell in cells):
        own = [cell for cell in cells if cell.benchmark == name]
        if not any(cell.domain == ALL and cell.measure == LOG_PROB for cell in own):
            continue  # part of a comparison
        rose = any(cell.verdict == "more" for cell in own)
        (cautions if rose else calm).append(_change_sentence(name, own))
    return calm, cautions


def _change_sentence(name: str, cells: Sequence[Cell]) -> str:
    whole = {cell.measure: cell for cell in cells if cell.domain == ALL}
    subject = f"armful words after a group{_options(name)}"
    log_prob = whole[LOG_PROB]
    if log_prob.verdict == "undecided":
        sentence = f"Undecided whether h{subject} became more likely: {_delta(log_prob)}"
    else:
        sentence = f"H{subject} became {VERDICTS[LOG_PROB][log_prob.verdict]}: {_delta(log_prob)}"
    parts = [cell for cell in cells if cell.domain != ALL and cell.measure == LOG_PROB]
    unit = "domain" if all(cell.domain in DOMAINS for cell in parts) else "group"
    if rose := [domain_name(c.domain).lower() for c in parts if c.verdict == "more"]:
        sentence += f"; they became more likely for {join_words(rose)}."
    else:
        sentence += f"; no single {unit} has a significant rise."
    if added := whole.get(ADDED):
        verdict = VERDICTS[ADDED].get(added.verdict, "undecided")
        old, new = (format_number(v, DIGITS) for v in (added.score.before, added.score.after))
        sentence += (
            f" Naming the group added {old} nats to them before, and adds {new} after: "
            f"{_delta(added)}, {verdict}"
        )
        rose_in = [c for c in cells if c.measure == ADDED and c.domain != ALL]
        names = [domain_name(c.domain).lower() for c in rose_in if c.verdict == "more"]
        if names and added.verdict != "more":
            sentence += f"; for {join_words(names)}, it rose"
        sentence += "."
    return sentence


def _options(benchmark: str) -> str:
    """Its options in brackets, if it has any."""
    options = without_folders(benchmark).partition(":")[2]
    return f" ({options})" if options else ""


def _delta(cell: Cell) -> str:
    ci = cell.score.shown_ci
    interval = f" {format_interval(ci, DIGITS)}" if ci else ""
    return f"{format_signed(cell.score.delta, DIGITS)} nats{interval}"


def score_sentences(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What naming the group adds to harmful words, in a sentence for each benchmark of them."""
    sentences = []
    for name, result in results.items():
        facts = result.get("domains", {}).get(ALL, {})
        if base_name(name) == HARMFUL_WORDS and ADDED in facts:
            text = format_with_interval(
                facts[ADDED], interval_of(facts, ADDED), signed=True, digits=DIGITS
            )
            sentences.append(
                "Naming a group, instead of a neutral word, changes the log-probability of harmful "
                f"words after it{_options(name)} by {text} nats per token."
            )
    return sentences


def changed_texts(benchmark: str, before: Sequence[Row], after: Sequence[Row]) -> list[Table]:
    """The texts with the largest rises, blurred until the reader reveals them."""
    both = pair_rows(benchmark, before, after)
    pairs = [
        (old[LOG_PROB], row) for old, row in both if None not in (old[LOG_PROB], row[LOG_PROB])
    ]
    pairs.sort(key=lambda pair: (pair[0] - pair[1][LOG_PROB], pair[1]["id"]))
    rows: list[list[Content]] = [
        [
            domain_name(str(row["domain"])),
            format_signed(row[LOG_PROB] - value, DIGITS),
            format_number(value, DIGITS),
            format_number(row[LOG_PROB], DIGITS),
            Blurred(str(row.get("text", NONE))),
        ]
        for value, row in pairs[:MAX_ITEMS]
        if row[LOG_PROB] > value
    ]
    if not rows:
        return []
    numbers = (Column(title, numeric=True) for title in ("Change", "Before", "After"))
    return [
        Table(
            caption=f"{benchmark_name(benchmark)}: largest rises",
            columns=[Column("Group or domain"), *numbers, Column("Text")],
            rows=rows,
            note="Mean log-probability of the harmful words, in nats per token.",
        )
    ]
