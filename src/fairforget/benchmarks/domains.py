"""The domains of bias behind the domain names of benchmarks."""

from __future__ import annotations

from collections.abc import Collection

from fairforget.benchmarks.options import base_name
from fairforget.data.bbq import NAMES

BENCHMARK_DOMAINS = {
    # CrowS-Pairs
    "race-color": {"race"},
    "socioeconomic": {"class"},
    "sexual-orientation": {"sexuality"},
    "physical-appearance": {"appearance"},
    # BBQ
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
    # WinoBias
    "type1": {"gender", "profession"},
    "type2": {"gender", "profession"},
    # Winogender
    "occupation": {"gender", "profession"},
    "participant": {"gender", "profession"},
    # HolisticBias; its other axes have the name of a domain of FairForget, or no counterpart
    "ability": {"disability"},
    "body_type": {"appearance"},
    "gender_and_sex": {"gender", "sexuality"},
    "race_ethnicity": {"race"},
    "sexual_orientation": {"sexuality"},
    "socioeconomic_class": {"class"},
    # HONEST; its other domains are about queer and other people
    "female": {"gender"},
    "male": {"gender"},
    # BOLD
    "American_actors": {"gender"},
    "American_actresses": {"gender"},
}
"""A benchmark's domain → FairForget's domains, if the names differ or there are several."""
STEREOSET_RACE = frozenset({"race", "nationality"})
"""Most race terms of StereoSet are nationalities."""


def covered_domains(benchmark: str, domain: str) -> frozenset[str]:
    """FairForget's domains that a benchmark's domain covers."""
    if (base_name(benchmark), domain) == ("stereoset", "race"):
        return STEREOSET_RACE
    name = domain.removesuffix(NAMES)
    return frozenset(BENCHMARK_DOMAINS.get(name, {name}))


def is_about(benchmark: str, domain: str, domains: Collection[str]) -> bool:
    """Whether a benchmark's domain covers any of FairForget's domains given."""
    return not covered_domains(benchmark, domain).isdisjoint(domains)
