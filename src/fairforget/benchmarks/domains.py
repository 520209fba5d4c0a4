"""What benchmarks call the domains of bias: which of ours are meant."""

from __future__ import annotations

from collections.abc import Collection

BENCHMARK_DOMAINS = {
    # StereoSet, whose terms of race are for the larger part nationalities
    "race": {"race", "nationality"},
    # CrowS-Pairs
    "race-color": {"race"},
    "socioeconomic": {"class"},
    "sexual-orientation": {"sexuality"},
    "physical-appearance": {"appearance"},
    # BBQ
    "Age": {"age"},
    "Disability_status": {"disability"},
    "Gender_identity": {"gender", "sexuality"},  # some of its people are trans
    "Nationality": {"nationality"},
    "Physical_appearance": {"appearance"},
    "Race_ethnicity": {"race"},
    "Race_x_SES": {"race", "class"},
    "Race_x_gender": {"race", "gender"},
    "Religion": {"religion"},
    "SES": {"class"},
    "Sexual_orientation": {"sexuality"},
}
"""A benchmark's name for a domain -> ours, where it is another or several."""
NAMES = " (names)"
"""Ends a domain of BBQ in which people are called by proper names."""


def covered_domains(domain: str) -> frozenset[str]:
    """Our domains that a benchmark's domain is about; its own name where that is no other."""
    plain = domain.removesuffix(NAMES)
    return frozenset(BENCHMARK_DOMAINS.get(plain, {plain}))


def is_about(measured: str, domains: Collection[str]) -> bool:
    """Whether a benchmark's domain is about one of these of ours."""
    return not covered_domains(measured).isdisjoint(domains)
