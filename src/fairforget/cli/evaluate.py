"""`fairforget evaluate`: run benchmarks on a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fairforget.cli.profile import print_profile
from fairforget.machine.stages import stage
from fairforget.settings import EvaluationSettings


def evaluate_command(
    model: str, *, output: Path, json: bool = False, profile: bool = False, **settings: Any
) -> None:
    """Evaluate a model on benchmarks, and write record.json and items.parquet.

    To use several processes: accelerate launch -m fairforget evaluate ...

    Args:
        model: Hub id, local directory, .gguf file, or smollm2; with --server, the name of the model
            on the server.
        output: Output directory; the same command resumes an interrupted evaluation.
        json: Print the record as JSON and nothing else.
        profile: Also print the time of each stage, on stderr.
        **settings: Fields of `EvaluationSettings`.
    """
    with print_profile(wanted=profile):
        _run(EvaluationSettings(**settings), model, output, json=json)


def _run(settings: EvaluationSettings, model: str, output: Path, *, json: bool) -> None:
    with stage("importing"):
        from fairforget.cli.output import print_result
        from fairforget.evaluation.evaluate import evaluate
        from fairforget.machine.processes import is_first
        from fairforget.records.paths import RECORD
        from fairforget.report.terminal import show_evaluation

    evaluation = evaluate(model, output_dir=output, settings=settings)
    if is_first():
        written = [output / RECORD]
        print_result(evaluation.record, json=json, show=show_evaluation, written=written)
