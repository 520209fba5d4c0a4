"""`fairforget score-target`: what objectives could reach, before any training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fairforget.settings import TargetSettings


def score_target_command(
    model: str, *, output: Path | None = None, json: bool = False, **settings: Any
) -> None:
    """Score what objectives train towards (target distributions) on StereoSet, without training.

    Args:
        model: Hub id, local directory, .gguf file, or smollm2 (SmolLM2-135M-Instruct).
        output: JSON file to write the scores to.
        json: Print the scores as JSON and nothing else.
        **settings: Fields of `TargetSettings`.
    """
    target_settings = TargetSettings(**settings)

    from fairforget.cli.output import print_result
    from fairforget.files.overwriting import check_not_overwritten, check_replaceable
    from fairforget.names import SMOLLM2
    from fairforget.records.outputs import check_no_model_hidden
    from fairforget.records.store import is_record, write_record
    from fairforget.target_scores import TargetScores, score_targets

    if output:
        check_no_model_hidden(output, [model])
    read = [target_settings.file or "", *([] if model == SMOLLM2 else [model])]
    check_not_overwritten({"--output": output}, read)
    check_replaceable("--output", output, lambda path: is_record(path, TargetScores))
    scores = score_targets(model, settings=target_settings)
    if output:
        write_record(scores, output)
    print_result(scores, json=json, show=print, written=[output])
