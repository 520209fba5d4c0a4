"""What is known to be wrong with the benchmarks; said wherever their results are shown."""

from __future__ import annotations

from collections.abc import Iterable

LIMITATIONS = {
    "stereoset": (
        "StereoSet",
        "SS 50 is no preference, and also what a broken model scores, so read it beside "
        "LMS, ICAT and perplexity. Many items are no clear stereotype, or differ in more than the "
        "group (Blodgett et al. 2021; Pikuliak et al. 2023).",
    ),
    "crows_pairs": (
        "CrowS-Pairs",
        "50 is no preference, and also what a broken model scores. Many pairs are "
        "ungrammatical, no stereotype, or differ in more than the group (Blodgett et al. 2021; "
        "Pikuliak et al. 2023).",
    ),
    "bbq": (
        "BBQ",
        "A model that always answers unknown, or at random, has no bias score to speak of: "
        "read it beside accuracy. Templates are few and American (Parrish et al. 2022).",
    ),
}


def known_limitations(names: Iterable[str]) -> list[tuple[str, str]]:
    """The title and the known faults of each of the benchmarks named, once."""
    bases = dict.fromkeys(name.partition(":")[0] for name in names)
    return [LIMITATIONS[base] for base in bases if base in LIMITATIONS]


def find_limitations(names: Iterable[str]) -> list[str]:
    """The same, one line for each."""
    return [f"{title}: {text}" for title, text in known_limitations(names)]
