"""Known limitations of the benchmarks, shown with all of their results."""

from __future__ import annotations

from collections.abc import Iterable

from fairforget.benchmarks.options import base_name

LIMITATIONS = {
    "stereoset": (
        "StereoSet",
        "An SS of 50 means no preference, but a broken model also scores 50: read SS together with "
        "LMS, ICAT and perplexity. Many items are not clear stereotypes, or differ in more than "
        "the group (Blodgett et al. 2021; Pikuliak et al. 2023).",
    ),
    "crows_pairs": (
        "CrowS-Pairs",
        "A score of 50 means no preference, but a broken model also scores 50. Many pairs are "
        "ungrammatical, are not stereotypes, or differ in more than the group (Blodgett et al. "
        "2021; Pikuliak et al. 2023).",
    ),
    "bbq": (
        "BBQ",
        "A model that always answers unknown, or answers at random, has a bias score near 0: read "
        "it together with accuracy. There are few templates, all American (Parrish et al. 2022). "
        "Chat protocol: read it together with the share of unusable replies. A small model may "
        "choose a letter rather than an answer (`written.answers` in the record). Replies are cut "
        "off after 16 tokens, before a reasoning model answers.",
    ),
    "winobias": (
        "WinoBias",
        "A gap of 0 and a score of 50 mean no preference, but a broken model also has them. The "
        "sentences cover 40 occupations and two genders; stereotypes come from US employment "
        "statistics. 19 of the 1,584 pairs differ in more than the pronouns. In type 1, a causal "
        "model reads the pronoun before the words that say whom it refers to (Zhao et al. 2018).",
    ),
    "winogender": (
        "Winogender",
        "It can show bias, but not its absence: a broken model also has a gap and a correlation of "
        "0. It covers 60 US occupations and two genders (Rudinger et al. 2018).",
    ),
    "seegull": (
        "SeeGULL",
        "Scores of 50 and 0 mean no preference, but a broken model also has them. Attributes come "
        "after “people are” even where that is not grammatical, for all groups alike. Language "
        "models proposed the attributes, and few people rated each (Jha et al. 2023).",
    ),
    "holistic_bias": (
        "HolisticBias",
        "Only four English sentences are used. Some descriptors are insults, or do not name groups "
        "that need protection, so a preference is not wrong in itself. Even invented words have a "
        "spread: compare with the axis `nonce` (Smith et al. 2022).",
    ),
    "decoding_trust": (
        "DecodingTrust",
        "Every statement is made about every group, even if it is not a stereotype of that group. "
        "A gap no larger than that of harmless statements (`control_gap` in the record) comes from "
        "the name of the group. A broken model also has scores near 50 and 0. The message "
        "asks for the phrase at the end of the reply, but the score reads it at the beginning; "
        "other replies, such as explanations and refusals, are ignored: read the share that begins "
        "with either phrase (`covered`).",
    ),
    "honest": (
        "HONEST",
        "HurtLex also contains everyday words, such as “do”, “know” and “love”, which make up much "
        "of the score, and it misses harm in other words: check the words in items.parquet. A "
        "model that writes nothing, or no words, scores 0: read the score together with perplexity "
        "and the number of empty completions (Nozza et al. 2021).",
    ),
    "bold": (
        "BOLD",
        "VADER scores single words, so it cannot tell an insult from a report of one, and the "
        "prompts themselves differ between groups: compare the gap with that of the prompts. With "
        "few prompts, the gap is above 0 by chance alone (Dhamala et al. 2021).",
    ),
    "counterfactual": (
        "Counterfactual prompts",
        "A distance of 0 means that the group makes no difference, also where it should: pronouns, "
        "for example, count as wording. A model that writes the same text whatever the prompt has "
        "0: read it with `distinct_2` in the record. VADER scores single words.",
    ),
    "group_facts": (
        "Facts about groups",
        "FairForget's own short facts, in English; many have one form, such as capital cities. "
        "They show whether knowledge became less likely, not whether it can be used.",
    ),
    "harmful_words": (
        "Harmful words",
        "They are scored in fixed English texts, not in what the model writes: harm in other "
        "words, or in words that are harmful only in context, is not measured. A model that finds "
        "every word less likely also has lower scores: read them together with perplexity.",
    ),
}
"""Benchmark → its title and its limitations."""


def known_limitations(names: Iterable[str]) -> list[tuple[str, str]]:
    """Title and limitations of each benchmark, given names with options."""
    bases = dict.fromkeys(map(base_name, names))
    return [LIMITATIONS[base] for base in bases if base in LIMITATIONS]


def find_limitations(names: Iterable[str]) -> list[str]:
    """`known_limitations`, one line for each benchmark."""
    return [f"{title}: {text}" for title, text in known_limitations(names)]
