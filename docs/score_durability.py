"""How durable is the effect of a former default? The page "Durability of a former default".

python docs/score_durability.py           attack and evaluate (about five hours on one core);
                                          continues where it stopped
python docs/score_durability.py --table   only regenerate the page

Run it in the root of the repository. The model is seed 0 of `score_default.py`. The published
results used a former default and cannot be repeated. After new runs, remove FORMER_LOSS and the
word "former".
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
from seed_runs import SeedRuns

NAME = "durability"
RUNS = Path("runs") / NAME
OUTPUT = RUNS / "attacked"
RANDOM = SeedRuns(
    DEFAULT.source,
    RUNS / "random words",
    seeds=1,
    benchmarks=(),
    options=(
        *("--forget", "builtin", "--objective", "ascent", "--selection", "random"),
        *("--steps", "30"),
    ),
)
OBJECTS = replace(CONTROL, directory=RUNS / "objects", seeds=1)
CONTROLS = {
    RANDOM.directory.name: "in which `ascent` unlearned random words of the built-in texts, as "
    "many as there are harmful ones; its budget removed almost all of the update, so it hardly "
    "differs from the original and says little about durability",
    OBJECTS.directory.name: "which is seed 0 of [the control of the default](default.md#control) "
    "and trained on the same sentences about objects",
}
"""Name of a control → what it is."""
FORMER_LOSS = (
    "These runs were made before `trait-kl` had its [losses on all harmful words]"
    "(../concepts/method.md#objectives). In their place, it had a small penalty where the text's "
    "own token was likelier than in the target, and a loss on harmful words in neutral versions "
    "only. They have not been repeated with the current losses."
)
SHOWN = (("stereoset", "contribution_scaled"), ("stereoset", "ss"))


def measure() -> dict[str, Any]:
    """Unlearn, and attack the first result and the controls."""
    write_control_texts()
    for runs in (DEFAULT, RANDOM, OBJECTS):
        runs.unlearn()
    controls = [str(runs.directory) for runs in (RANDOM, OBJECTS)]
    run = DEFAULT.directory / "0"
    return asdict(durability(run, controls=controls, output_dir=OUTPUT, device="cpu"))


def build(results: dict[str, Any]) -> Page:
    """Build the page from the record."""
    record = TypeAdapter(DurabilityRecord).validate_python(results)
    return Page(
        title="Durability of a former default",
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
    rows = [effects_of(record, score, ALL, DEBIASED) for score in SHOWN]
    panels = [
        Panel(
            f"{measure_of(score[1]).title}, change in bias",
            [[Mark(effect.change.value, "dot", effect.change.ci)] for effect in effects],
            line=0.0,
        )
        for score, effects in zip(SHOWN, rows, strict=True)
    ]
    legend: dict[Shape, str] = {
        "dot": "the run's model, compared with the original; line: no effect"
    }
    return dot_plot([condition_name(effect) for effect in rows[0]], panels, legend)


def _body(record: DurabilityRecord) -> Iterator[str]:
    yield from ("## Measurement", "")
    yield (
        f"{FORMER_LOSS} SmolLM2-135M-Instruct, one seed, StereoSet. Fine-tuning is on "
        "Wikipedia passages, relearning on other built-in texts: "
        f"{record.settings['batch_size']} texts per step, learning rate "
        f"{record.settings['learning_rate']:g}. {_describe_controls(record)} An attack can lower "
        "the scores of both models: after 200 "
        "steps of relearning, and with typos, little of the original's contribution is left, so "
        "the models can hardly differ in it. The original weights come from a file in Q4_1. "
        "[How to read it](../how-to/durability.md)."
    )
    main = main_score(record)
    if main and (half_lives := half_lives_table(record, main)):
        yield from ("", "## Half-lives", "", half_lives.markdown(), half_lives.note)
    for score in SHOWN:
        table = effects_table(record, score, ALL)
        yield from ("", f"## {table.caption}", "", table.markdown(), table.note, "")


def _describe_controls(record: DurabilityRecord) -> str:
    """What the other runs are that were attacked."""
    known = [f"*{name}*, {text}" for name, text in CONTROLS.items() if name in record.runs]
    if not known:
        return "There is no control, so the page shows what is left of the effect, not why."
    return f"Controls under the same attacks: {'; '.join(known)}."


PAGE = ResultsPage(NAME, build)

if __name__ == "__main__":
    PAGE.run(__doc__, measure)
