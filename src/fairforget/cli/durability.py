"""`fairforget durability`: what is left of a run's effect under attacks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fairforget.settings import DurabilitySettings


def durability_command(
    run: Path, *, output: Path | None = None, json: bool = False, **settings: Any
) -> None:
    """Measure how much of a run's effect survives attacks.

    Each attack is applied to the original model and to the run's model: fine-tuning on ordinary
    text, training on biased text that was not unlearned, quantisation, or perturbed sentences.
    After each attack, both models are evaluated on the same items. Writes durability.json and
    report.html.

    Args:
        run: Output directory of unlearn or demo, or a directory that contains several that differ
            only in their seed. The effect is then the mean over the seeds, with an interval over
            items and seeds.
        output: Output directory; the same command resumes an interrupted measurement. Default:
            durability in the directory of the run.
        json: Print durability.json and nothing else.
        **settings: Fields of `DurabilitySettings`.
    """
    durability_settings = DurabilitySettings(**settings)

    from fairforget.attacks.durability import durability, output_of
    from fairforget.attacks.terminal import show_durability
    from fairforget.cli.output import print_result
    from fairforget.records.paths import DURABILITY, REPORT

    record = durability(run, output_dir=output, settings=durability_settings)
    directory = output_of(run, output)
    print_result(
        record,
        json=json,
        show=show_durability,
        written=[directory / DURABILITY, directory / REPORT],
    )
