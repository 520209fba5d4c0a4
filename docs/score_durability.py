"""How durable is the effect of the default? The page "Durability of the default".

python docs/score_durability.py           unlearn, attack and evaluate (about three hours)
python docs/score_durability.py --table   only regenerate the page

Run it in the root of the repository. The runs of the default are those of `score_default.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from dot_plot import Mark, Panel, Shape, dot_plot
from fairforget import DurabilityRecord, durability
from fairforget.attacks.page import headline, main_score
from fairforget.attacks.plan import DEBIASED
from fairforget.attacks.tables import (
    condition_name,
    effects_of,
    effects_table,
    half_lives_table,
)
from fairforget.benchmarks.measurement import ALL
from fairforget.report.measures import measure_of
from results_page import Page, ResultsPage, show_picture
from score_default import RUNS as DEFAULT
from score_writing import RANDOM_WORDS
from seed_runs import SeedRuns

NAME = "durability"
OUTPUT = Path("runs") / NAME / "attacked"
CONTROL = SeedRuns(
    DEFAULT.source, OUTPUT.parent / "random words", seeds=1, benchmarks=(), options=RANDOM_WORDS
)
"""A run that moves as far, without the default's aim."""
SHOWN = (("stereoset", "contribution_scaled"), ("stereoset", "ss"))


def measure() -> dict[str, Any]:
    """Unlearn, and attack the results."""
    DEFAULT.unlearn()
    CONTROL.unlearn()
    return asdict(
        durability(
            DEFAULT.directory, output_dir=OUTPUT, controls=str(CONTROL.directory), device="cpu"
        )
    )


def build(results: dict[str, Any]) -> Page:
    """Build the page from the record."""
    record = TypeAdapter(DurabilityRecord).validate_python(results)
    return Page(
        title="Durability of the default",
        opening=[
            show_picture(
                NAME,
                "Change in bias against the original model under the same attack, with 95 % "
                "intervals; the tables below give the numbers",
            )
        ],
        findings=headline(record).sentences,
        body=_body(record),
        picture=_picture(record),
    )


def _picture(record: DurabilityRecord) -> str:
    control = CONTROL.directory.name
    marks: dict[str, Shape] = {DEBIASED: "dot", control: "ring"}
    legend: dict[Shape, str] = {
        "dot": "the default, compared with the original",
        "ring": f"{control}, a control; line: no effect",
    }
    panels = []
    for score in SHOWN:
        of_runs = zip(*(effects_of(record, score, ALL, run) for run in marks), strict=True)
        panels.append(
            Panel(
                f"{measure_of(score[1]).title}, change in bias",
                [
                    [Mark(it.change.value, marks[it.run], it.change.ci) for it in effects]
                    for effects in of_runs
                ],
                line=0.0,
            )
        )
    conditions = map(condition_name, effects_of(record, SHOWN[0], ALL, DEBIASED))
    return dot_plot([*conditions], panels, legend)


def _body(record: DurabilityRecord) -> Iterator[str]:
    yield from ("## Measurement", "")
    yield (
        "SmolLM2-135M-Instruct, the default objective with the seeds of [its page](default.md) "
        "(`debiased`: the mean, with intervals over items and seeds), and one run of "
        f"`{' '.join(RANDOM_WORDS)}` within the same budget (`random words`, a control: what an "
        "attack does to a model that has changed, but was not debiased). StereoSet. Fine-tuning is "
        "on Wikipedia passages, relearning on other built-in texts: "
        f"{record.settings['batch_size']} texts per step, learning rate "
        f"{record.settings['learning_rate']:g}. The original weights come from a file in Q4_1. "
        "[How to read it](../how-to/durability.md)."
    )
    if half_lives := half_lives_table(record, main_score(record)):
        yield from ("", "## Half-lives", "", half_lives.markdown(), half_lives.note)
    for score in SHOWN:
        table = effects_table(record, score, ALL)
        yield from ("", f"## {table.caption}", "", table.markdown(), table.note, "")


PAGE = ResultsPage(NAME, build)

if __name__ == "__main__":
    PAGE.run(__doc__, measure)
