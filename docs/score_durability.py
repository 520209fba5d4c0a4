"""How durable is the effect of the default? docs/pages/results/durability.md.

python docs/score_durability.py           three hours on two cores; continues where it stopped
python docs/score_durability.py --table   only regenerate the page from the last results

Run it in the root of the repository. The model is seed 0 of `score_default.py`, and the control is
that of its control: the same texts about objects.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
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
from fairforget.benchmarks.measures import measure_of
from results_page import Page, ResultsPage, show_picture
from score_default import CONTROL, write_control_texts
from score_default import RUNS as DEFAULT

NAME = "durability"
OUTPUT = Path("runs") / NAME / "attacked"
OBJECTS = replace(CONTROL, directory=Path("runs") / NAME / "objects", seeds=1)
MARKS: dict[Shape, str] = {
    "dot": "the default, compared with the original; line: no effect",
    "ring": "the control objects",
}
SHOWN = (("stereoset", "contribution_scaled"), ("stereoset", "ss"))


def measure() -> dict[str, Any]:
    """Unlearn, also the control's texts, and attack the results."""
    replace(DEFAULT, seeds=1).unlearn()
    write_control_texts()
    OBJECTS.unlearn()
    record = durability(
        DEFAULT.directory / "0", controls=[OBJECTS.directory], output_dir=OUTPUT, device="cpu"
    )
    return asdict(record)


def build(results: dict[str, Any]) -> Page:
    """Build the page from the record."""
    record = TypeAdapter(DurabilityRecord).validate_python(results)
    return Page(
        title="Durability of the default",
        opening=[
            show_picture(
                NAME,
                "Change in bias relative to the original model under the same attack, with 95 % "
                "intervals; the tables below give the numbers",
            )
        ],
        findings=headline(record).sentences,
        body=_body(record),
        picture=_picture(record),
    )


def _picture(record: DurabilityRecord) -> str:
    panels = []
    for score in SHOWN:
        by_run = (effects_of(record, score, ALL, run) for run in record.runs)
        rows = [
            [
                Mark(effect.change.value, shape, effect.change.ci)
                for effect, shape in zip(effects, MARKS, strict=True)
            ]
            for effects in zip(*by_run, strict=True)
        ]
        panels.append(Panel(f"{measure_of(score[1]).title}, change in bias", rows, line=0.0))
    attacked = effects_of(record, SHOWN[0], ALL, DEBIASED)
    return dot_plot([condition_name(effect) for effect in attacked], panels, MARKS)


def _body(record: DurabilityRecord) -> Iterator[str]:
    yield from ("## Measurement", "")
    yield (
        "SmolLM2-135M-Instruct, one seed, StereoSet. Fine-tuning is on Wikipedia passages, "
        f"relearning on other built-in texts: {record.settings['batch_size']} texts per step, "
        f"learning rate {record.settings['learning_rate']:g}. The control `objects` was trained "
        "with the same settings on the same sentences, with an object, the weather or food in "
        "place of each group. An attack can lower the scores of both models: after 200 steps of "
        "relearning, and with typos, little of the original's contribution is left, so the models "
        "can hardly differ in it. The original weights come from a file in Q4_1. "
        "[How to read it](../how-to/durability.md)."
    )
    main = main_score(record)
    if main and (half_lives := half_lives_table(record, main)):
        yield from ("", "## Half-lives", "", half_lives.markdown(), half_lives.note)
    for score in SHOWN:
        table = effects_table(record, score, ALL)
        yield from ("", f"## {table.caption}", "", table.markdown(), table.note, "")


PAGE = ResultsPage(NAME, build)

if __name__ == "__main__":
    PAGE.run(__doc__, measure)
