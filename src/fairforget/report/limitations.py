"""What is to be kept in mind beside scores: faults of the benchmarks, and of many small samples."""

from __future__ import annotations

from collections.abc import Iterable

from fairforget.benchmarks.limitations import known_limitations
from fairforget.statistics import FEWEST_CLUSTERS

CULTURE = (
    "English sentences of one culture.",
    "Mostly stereotypes of the United States. They do not measure what a model does to people in "
    "use.",
)
TERMS = (
    "Items about one term are not independent.",
    "Intervals come from {} whole terms (StereoSet) or pairs (CrowS-Pairs). Where there are few "
    "terms, intervals are wide and unreliable.",
)
RESAMPLED, LEFT_OUT = "resampling", "leaving out, one by one, the seeds, and"
"""How intervals come about: of an evaluation or a comparison, and of a study."""
VERDICTS = (
    "Several domains are looked at.",
    "Each interval covers 95 % for its own domain; one in twenty misses by chance. A verdict needs "
    f"more than its interval: at least {FEWEST_CLUSTERS} terms, and an exact test of the pairs "
    "that flipped, corrected for the number of comparisons (Holm, p < 0.05). That test takes pairs "
    "as independent; the interval does not.",
)
"""Of a comparison of two models on the same items."""


def list_limitations(
    benchmarks: Iterable[str], *, verdicts: bool, intervals: str = RESAMPLED
) -> list[tuple[str, str]]:
    """Titles and texts: of the benchmarks named, then of all; and how a verdict comes about."""
    known = [(f"{name} has known faults.", text) for name, text in known_limitations(benchmarks)]
    title, text = TERMS
    return [*known, CULTURE, (title, text.format(intervals)), *([VERDICTS] if verdicts else [])]
