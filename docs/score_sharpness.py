"""Do sharpness-aware steps make the default more durable? docs/pages/results/sharpness.md.

python docs/score_sharpness.py           90 minutes on two cores; continues where it stopped
python docs/score_sharpness.py --table   only regenerate the page from the last results

Run it in the root of the repository. The default is seed 0 of `score_default.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from itertools import starmap
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from fairforget import DurabilityRecord, debias, durability
from fairforget.attacks.plan import DEBIASED
from fairforget.attacks.record import AttackEffect
from fairforget.attacks.tables import condition_name, effects_of, retained_cell
from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import SCALED_CONTRIBUTION, measure_of
from fairforget.records.paths import RECORD
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record
from fairforget.report.tables import Column, Table, interval_cell, interval_column
from fairforget.report.wording import format_number, format_score
from fairforget.settings import DebiasSettings
from results_page import Page, ResultsPage
from score_default import FORGOTTEN
from score_default import RUNS as DEFAULT
from sharpness import RADIUS, sharpness_aware_steps

NAME = "sharpness"
SHARP = "sharpness-aware"
SHOWN = {SCALED_CONTRIBUTION: "scaled contribution, MADs", "ss": "SS, points"}
"""Scores of StereoSet, and their names."""


def measure() -> dict[str, Any]:
    """Unlearn with either kind of steps, at the same cost, and attack the results."""
    replace(DEFAULT, seeds=1).unlearn()
    plain, steps = DEFAULT.directory / "0", DebiasSettings.steps // 2
    results = Path("runs") / NAME / f"radius-{RADIUS:g}"
    with sharpness_aware_steps():
        debias(
            DEFAULT.source,
            forget=list(FORGOTTEN),
            steps=steps,
            device="cpu",
            output_dir=results / SHARP,
        )
    record = durability(
        plain,
        controls=[results / SHARP],
        attacks="fine-tuning,relearning,quantization",
        steps="50",
        types="q4_0",
        device="cpu",
        output_dir=results / "attacked",
    )
    budgets = [
        read_record(run / RECORD, UnlearningRecord).budget for run in (plain, results / SHARP)
    ]
    return {
        "radius": RADIUS,
        "steps": steps,
        "alpha": [budget.alpha for budget in budgets],
        "movement": [budget.movement for budget in budgets],
        "durability": asdict(record),
    }


def build(results: dict[str, Any]) -> Page:
    """Build the page from the record."""
    record = TypeAdapter(DurabilityRecord).validate_python(results["durability"])
    pairs = {score: list(_pairs(record, score)) for score in SHOWN}
    return Page(
        title="Sharpness-aware minimisation",
        opening=_table(pairs[SCALED_CONTRIBUTION], SCALED_CONTRIBUTION).splitlines(),
        findings=[
            *_answer(pairs[SCALED_CONTRIBUTION]),
            *starmap(_describe, pairs[SCALED_CONTRIBUTION]),
        ],
        body=_body(results, pairs),
    )


def _pairs(record: DurabilityRecord, score: str) -> Iterator[tuple[AttackEffect, AttackEffect]]:
    """Yield the effect of the default and that of sharpness-aware steps under each condition."""
    yield from zip(
        *(effects_of(record, ("stereoset", score), ALL, run) for run in (DEBIASED, SHARP)),
        strict=True,
    )


def _answer(pairs: list[tuple[AttackEffect, AttackEffect]]) -> Iterator[str]:
    """Yield the answer to the page's question, if it is the same under all conditions."""
    if all(default.excess[SHARP].direction == "less" for default, _ in pairs):
        yield (
            "No: bias is lower with the default than with sharpness-aware steps, both without an "
            "attack and after each attack."
        )


def _describe(default: AttackEffect, sharp: AttackEffect) -> str:
    difference = default.excess[SHARP]
    verdict = {
        "less": "bias is lower with the default",
        "more": "bias is lower with sharpness-aware steps",
        "undecided": "the difference is undecided",
    }[difference.direction]
    digits = measure_of(default.measure).digits
    ours, theirs = (format_score(it.change, digits, signed=True) for it in (default, sharp))
    condition = condition_name(default)
    return (
        f"{condition[0].upper()}{condition[1:]}: the default changes the scaled contribution's "
        f"distance from 0 by {ours}, sharpness-aware steps by {theirs}; {verdict}."
    )


def _table(pairs: list[tuple[AttackEffect, AttackEffect]], score: str) -> str:
    digits = measure_of(score).digits
    titles = (
        "Default, change in bias",
        "Sharpness-aware, change in bias",
        "Default minus sharpness-aware",
        "Default, effect retained, %",
        "Sharpness-aware, effect retained, %",
    )
    return Table(
        caption=SHOWN[score],
        columns=[
            Column("Attack"),
            *(interval_column(title) for title in titles),
        ],
        rows=[
            [
                condition_name(default),
                interval_cell(default.change, digits, change=True),
                interval_cell(sharp.change, digits, change=True),
                interval_cell(default.excess[SHARP], digits, change=True),
                retained_cell(default),
                retained_cell(sharp),
            ]
            for default, sharp in pairs
        ],
    ).markdown()


def _body(
    results: dict[str, Any], pairs: dict[str, list[tuple[AttackEffect, AttackEffect]]]
) -> Iterator[str]:
    alphas = [format_number(alpha, 2) for alpha in results["alpha"]]
    movements = [format_number(nats, 3) for nats in results["movement"]]
    yield from ("## Measurement", "")
    yield (
        "SmolLM2-135M-Instruct, StereoSet over all domains, one seed. Sharpness-aware minimisation "
        "([Foret et al. 2021](https://arxiv.org/abs/2010.01412)), which makes unlearning more "
        "robust to relearning ([Fan et al. 2025](https://arxiv.org/abs/2502.05374)), computes the "
        f"gradient after a step of L2 norm {results['radius']:g} in the direction that raises the "
        "loss most; here this is the whole loss, in the second paper the forget loss. A step needs "
        f"two gradients, so the run has {results['steps']} steps, half as many as the default; all "
        f"else is the same. Both were interpolated to the default budget: α {alphas[0]} (default) "
        f"and {alphas[1]}; movement {movements[0]} and {movements[1]} nats per token. Only this "
        "radius and one seed were tried, and intervals cover items only. Effect retained: the "
        "change as a share of that without an attack. Differences between these shares were not "
        "tested."
    )
    for score, name in SHOWN.items():
        if score != SCALED_CONTRIBUTION:
            yield from ("", f"## {name}", "", _table(pairs[score], score))


PAGE = ResultsPage(NAME, build)

if __name__ == "__main__":
    PAGE.run(__doc__, measure)
