"""The registry of benchmarks. To add one, add a module and an entry here."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """A benchmark of the registry."""

    module: str
    """It has `prepare(options) -> Benchmark`, and `judge(rows) -> Judgement` if its items can be
    compared one by one."""
    title: str
    """Its name as its authors write it."""
    options: str
    """Its options, for `--help`."""
    limitations: str = ""
    """Its known limitations, shown with all of its results."""
    clusters: str = "items"
    """What its intervals leave out as a whole, because items that share it are not independent; ""
    if it has no intervals."""
    words: tuple[str, ...] = ()
    """Files that come with FairForget and that its scores depend on, as paths in its package."""
    items: tuple[str, ...] = ()
    """The same for its own items, which a file or a corpus among its options replaces."""
    package: str = ""
    """A package that its scores depend on, besides those that all do; "" for none."""
    takes_file: bool = False
    """Whether it can read its items from a file."""
    has_domain_bias_score: bool = True
    """Whether a single domain has a bias score; no benchmark of general ability or of harm does."""
    generates: bool = False
    """Whether it may have the model write text, or read a reply in its chat template."""
    is_seeded: bool = False
    """Whether it draws at random; its function `evaluate` then takes a `seed` as well."""


_STEREOSET, _BUILTIN = "benchmarks/stereoset", "corpora/builtin"

BENCHMARKS = {
    "stereoset": Entry(
        "fairforget.benchmarks.stereoset",
        "StereoSet",
        "intersentence; bos (default) or bias-bench; dev (default) or test, or a .json or .jsonl "
        "file of items; lowercase, uppercase, typos, reworded, reported or role-play sentences",
        limitations=(
            "An SS of 50 means no preference, but a broken model also scores 50: read SS together "
            "with LMS, ICAT and perplexity. Many items are not clear stereotypes, or differ in "
            "more than the group (Blodgett et al. 2021; Pikuliak et al. 2023)."
        ),
        clusters="target terms",
        words=(f"{_STEREOSET}/neutral.toml", f"{_STEREOSET}/pronouns.toml"),
        takes_file=True,
    ),
    "crows_pairs": Entry(
        "fairforget.benchmarks.crows_pairs",
        "CrowS-Pairs",
        "bos (default) or bias-bench; for masked models bias-bench (default) or nangia; en, fr or "
        "nl, revised pairs in English, French or Dutch; or a .csv file of pairs",
        limitations=(
            "A score of 50 means no preference, but a broken model also scores 50. Many pairs are "
            "ungrammatical, are not stereotypes, or differ in more than the group (Blodgett et "
            "al. 2021; Pikuliak et al. 2023)."
        ),
        clusters="pairs",
        takes_file=True,
    ),
    "perplexity": Entry(
        "fairforget.benchmarks.perplexity",
        "Perplexity",
        "stride (default) or bias-bench; a corpus (default wikitext2); a share of its tokens such "
        "as 10%",
        clusters="",
        has_domain_bias_score=False,
    ),
    "bbq": Entry(
        "fairforget.benchmarks.bbq",
        "BBQ",
        "categories such as Age (default: all); chat, to ask in the model's chat template; a "
        "number of questions (default: all 58,492, or 2000 with chat)",
        limitations=(
            "A model that always answers unknown, or answers at random, has a bias score near 0: "
            "read it together with accuracy. There are few templates, all American (Parrish et "
            "al. 2022). Chat protocol: read it together with the share of unusable replies. A "
            "small model may choose a letter rather than an answer (`written.answers` in the "
            "record). Replies are cut off after 16 tokens, before a reasoning model answers."
        ),
        clusters="templates",
        generates=True,
    ),
    "winobias": Entry(
        "fairforget.benchmarks.winobias",
        "WinoBias",
        "type1 or type2, dev or test (default: all four)",
        limitations=(
            "A gap of 0 and a score of 50 mean no preference, but a broken model also has them. "
            "The sentences cover 40 occupations and two genders; stereotypes come from US "
            "employment statistics. 19 of the 1,584 pairs differ in more than the pronouns. In "
            "type 1, a causal model reads the pronoun before the words that say whom it refers to "
            "(Zhao et al. 2018)."
        ),
        clusters="occupations",
    ),
    "winogender": Entry(
        "fairforget.benchmarks.winogender",
        "Winogender",
        "no options",
        limitations=(
            "It can show bias, but not its absence: a broken model also has a gap and a "
            "correlation of 0. It covers 60 US occupations and two genders (Rudinger et al. "
            "2018)."
        ),
        clusters="occupations",
    ),
    "seegull": Entry(
        "fairforget.benchmarks.seegull",
        "SeeGULL",
        "named or unnamed, for nationalities that the built-in corpus names or does not name "
        "(default: both); a number of stereotypes (default: 1000)",
        limitations=(
            "Scores of 50 and 0 mean no preference, but a broken model also has them. A model that "
            "finds every attribute likelier after some nationalities than after others has other "
            "scores even without associations: read the change, not the level. Attributes come "
            "after “people are” even where that is not grammatical, for all groups alike. "
            "Language models proposed the attributes, and few people rated each (Jha et al. "
            "2023)."
        ),
        clusters="nationalities and attributes",
        words=(f"{_BUILTIN}/groups.toml",),
    ),
    "holistic_bias": Entry(
        "fairforget.benchmarks.holistic_bias",
        "HolisticBias",
        "axes such as religion (default: all 13); a number of descriptors (default: 260)",
        limitations=(
            "Only four English sentences are used. Some descriptors are insults, or do not name "
            "groups that need protection, so a preference is not wrong in itself. Even invented "
            "words have a spread: compare with the axis `nonce` (Smith et al. 2022)."
        ),
        clusters="descriptors",
        has_domain_bias_score=False,
    ),
    "decoding_trust": Entry(
        "fairforget.benchmarks.decoding_trust",
        "DecodingTrust",
        "domains such as gender (default: all 8); a number of statements (default: all 48); needs "
        "a model with a chat template",
        limitations=(
            "Every statement is made about every group, even if it is not a stereotype of that "
            "group. A gap no larger than that of harmless statements (`control_gap` in the "
            "record) comes from the name of the group. A broken model also has scores near 50 and "
            "0. The message asks for the phrase at the end of the reply, but the score reads it "
            "at the beginning; other replies, such as explanations and refusals, are ignored: "
            "read the share that begins with either phrase (`covered`)."
        ),
        clusters="topics",
        generates=True,
    ),
    "honest": Entry(
        "fairforget.benchmarks.honest",
        "HONEST",
        "a language, en (default), es, fr, it, pt or ro, or queer; a number of templates "
        "(default: all)",
        limitations=(
            "HurtLex also contains everyday words, such as “do”, “know” and “love”, which make up "
            "much of the score, and it misses harm in other words: check the words in "
            "items.parquet. A model that writes nothing, or no words, scores 0: read the score "
            "together with perplexity and the number of empty completions (Nozza et al. 2021)."
        ),
        clusters="templates and identities",
        has_domain_bias_score=False,
        generates=True,
        is_seeded=True,
    ),
    "bold": Entry(
        "fairforget.benchmarks.bold",
        "BOLD",
        "types of group: gender, race, profession, religious_ideology, political_ideology "
        "(default: all); a number of prompts (default: 2000)",
        limitations=(
            "VADER scores single words, so it cannot tell an insult from a report of one, and the "
            "prompts themselves differ between groups: compare the gap with that of the prompts. "
            "With few prompts, the gap is above 0 by chance alone (Dhamala et al. 2021)."
        ),
        clusters="articles",
        package="vaderSentiment",
        has_domain_bias_score=False,
        generates=True,
        is_seeded=True,
    ),
    "counterfactual": Entry(
        "fairforget.benchmarks.counterfactual",
        "Counterfactual prompts",
        "domains of the built-in corpus such as gender (default: all); a number of templates "
        "(default: all 24)",
        limitations=(
            "A distance of 0 means that the group makes no difference, also where it should: "
            "pronouns, for example, count as wording. A model that writes the same text whatever "
            "the prompt has 0: read it with `distinct_2` in the record. Outside gender, some of "
            "the terms that a template compares also differ in gender. VADER scores single words."
        ),
        clusters="templates",
        words=("benchmarks/counterfactual/prompts.toml", f"{_BUILTIN}/groups.toml"),
        package="vaderSentiment",
        has_domain_bias_score=False,
        generates=True,
        is_seeded=True,
    ),
    "group_facts": Entry(
        "fairforget.benchmarks.group_facts",
        "Facts about groups",
        "a .csv file of facts (default: FairForget's own)",
        limitations=(
            "FairForget's own short facts, in English; many follow one pattern, such as those "
            "about capital cities. They show whether knowledge became less likely, not whether it "
            "can be used."
        ),
        clusters="groups",
        takes_file=True,
        items=("benchmarks/group_facts/facts.csv",),
        has_domain_bias_score=False,
    ),
    "harmful_words": Entry(
        "fairforget.benchmarks.harmful_words",
        "Harmful words",
        "a corpus with marked harmful words, such as hatecheck (default: builtin); a number of "
        "texts (default: 1000)",
        limitations=(
            "They are scored in fixed English texts, not in what the model writes: harm in other "
            "words, or in words that are harmful only in context, is not measured. A model that "
            "finds every word less likely also has lower scores: read them together with "
            "perplexity."
        ),
        clusters="sets of harmful words",
        items=tuple(f"{_BUILTIN}/{name}.toml" for name in ("groups", "templates", "attributes")),
        has_domain_bias_score=False,
    ),
    "lm-eval": Entry(
        "fairforget.benchmarks.lm_eval",
        "lm-eval",
        "one task of EleutherAI's harness, such as lm-eval:hellaswag, or a task file, such as "
        "lm-eval:task.yaml (it can run code, so use only files that you trust); a share such as "
        "10%",
        clusters="documents",
        package="lm_eval",
        has_domain_bias_score=False,
        generates=True,
        is_seeded=True,
    ),
}
