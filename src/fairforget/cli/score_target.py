"""`fairforget score-target`: what objectives could reach, before any training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fairforget.settings import TargetSettings


def score_target_command(
    model: str, *, output: Path | None = None, json: bool = False, **settings: Any
) -> None:
    """Score the targets of objectives on StereoSet, without training.

    Args:
        model: Hub id, local directory, .gguf file, or smollm2.
        output: JSON file to write the scores to.
        json: Print the scores as JSON and nothing else.
        **settings: Fields of `TargetSettings`.
    """
    target_settings = TargetSettings(**settings)

    from pydantic import TypeAdapter

    from fairforget.files.atomic import atomic_write
    from fairforget.target_scores import TargetScores, score_targets

    scores = score_targets(model, settings=target_settings)
    content = TypeAdapter(TargetScores).dump_json(scores, indent=1)
    if output:
        with atomic_write(output) as file:
            file.write(content + b"\n")
    if json:
        print(content.decode())
    else:
        print(scores)
        if output:
            print(f"Written: {output}")
