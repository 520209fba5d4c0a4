"""The table of a study's primary tests."""

from __future__ import annotations

from collections.abc import Sequence

from fairforget.benchmarks.measures import measure_of
from fairforget.report.tables import Column, Table, interval_column
from fairforget.report.wording import format_p_number
from fairforget.transfer_study.record import Omnibus
from fairforget.transfer_study.report.row_names import score_name
from fairforget.transfer_study.report.tables import effect_cell
from fairforget.transfer_study.report.verdict_words import MARGIN_NOTE, verdict_text


def omnibus_table(tests: Sequence[Omnibus]) -> Table:
    """The primary tests: by objective, the mean over all domains that were not forgotten."""
    controls = list(dict.fromkeys(name for test in tests for name in test.excess))
    return Table(
        caption="Primary tests: the mean over all domains that were not forgotten",
        columns=[
            *map(Column, ("Objective", "Bias score")),
            Column("Entries", numeric=True),
            interval_column("Change in bias"),
            *(interval_column(f"beyond {name}") for name in controls),
            Column("Verdict"),
            Column("p, corrected", numeric=True),
            Column("Margin test, p", numeric=True),
        ],
        rows=[
            [
                test.method,
                f"{score_name(test.benchmark, test.measure)}, {measure_of(test.measure).unit}",
                str(test.cells),
                effect_cell(test.bias, digits),
                *(effect_cell(test.excess.get(name), digits) for name in controls),
                verdict_text(test),
                format_p_number(test.p_verdict),
                format_p_number(test.p_margin),
            ]
            for test in tests
            for digits in (measure_of(test.measure).digits,)
        ],
        note="Entries: the pairs of a forget set and a domain that was not forgotten, over which "
        f"the mean is taken. {MARGIN_NOTE} Margin test: whether the data rule out a fall of the "
        "margin or more that also exceeds every control’s by the margin or more. Both p-values are "
        "Holm-corrected over the tests of a benchmark.",
    )
