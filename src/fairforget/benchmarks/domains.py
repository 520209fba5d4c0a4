"""The domains of bias behind the domain names of benchmarks."""

from __future__ import annotations

from collections.abc import Collection

from fairforget.benchmarks.options import base_name
from fairforget.data.bbq import NAMES

BENCHMARK_DOMAINS: dict[str, dict[str, set[str]]] = {
    "stereoset": {"race": {"race", "nationality"}},  # most of its race terms are nationalities
    "crows_pairs": {
        "race-color": {"race"},
        "socioeconomic": {"class"},
        "sexual-orientation": {"sexuality"},
        "physical-appearance": {"appearance"},
    },
    "bbq": {
        "Age": {"age"},
        "Disability_status": {"disability"},
        "Gender_identity": {"gender", "sexuality"},  # includes questions about trans people
        "Nationality": {"nationality"},
        "Physical_appearance": {"appearance"},
        "Race_ethnicity": {"race"},
        "Race_x_SES": {"race", "class"},
        "Race_x_gender": {"race", "gender"},
        "Religion": {"religion"},
        "SES": {"class"},
        "Sexual_orientation": {"sexuality"},
    },
    "winobias": {"type1": {"gender", "profession"}, "type2": {"gender", "profession"}},
    "winogender": {
        "occupation": {"gender", "profession"},
        "participant": {"gender", "profession"},
    },
    # nationalities that the built-in texts name, and others
    "seegull": {"named": {"nationality"}, "unnamed": {"nationality"}},
}
"""Benchmark with a bias score → its domain → FairForget's domains, if the names differ or there are
several."""


def covered_domains(benchmark: str, domain: str) -> frozenset[str]:
    """FairForget's domains that a benchmark's domain covers."""
    name = domain.removesuffix(NAMES)
    return frozenset(BENCHMARK_DOMAINS.get(base_name(benchmark), {}).get(name, {name}))


def is_about(benchmark: str, domain: str, domains: Collection[str]) -> bool:
    """Whether a benchmark's domain covers any of FairForget's domains given."""
    return not covered_domains(benchmark, domain).isdisjoint(domains)
