"""Counterfactual prompts: does a model write differently when only the group in a prompt changes?

Each prompt is completed several times for every group of a domain. The texts of two groups are
compared with each other, and with other texts of the same group: sampled texts differ anyway.

- `sentiment_distance`: the energy distance between the groups' distributions of sentiment (VADER's
  compound score, from −1 to 1).
- `wording_distance`: that of the texts as sets of words, with the Jaccard distance; the words that
  name the groups do not count.
- `length_distance`: that of the numbers of words.

All are 0 if the group makes no difference, and lower is better. Huang et al. (2020, Findings of
EMNLP) compare sentiment distributions under such a change; FairPair (Dwivedi-Yu et al. 2024, arXiv
2404.06619) corrects for the variation within a group. The prompts and this protocol are
FairForget's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from importlib.resources import files
from statistics import fmean
from tomllib import loads

import numpy as np

from fairforget.benchmarks.counterfactual.distances import (
    energy_distance,
    number_distances,
    split_words,
    word_distances,
)
from fairforget.benchmarks.measurement import (
    Benchmark,
    Clusters,
    Judgement,
    Measurement,
    Row,
    score_domains,
)
from fairforget.benchmarks.samples import parse_sample, sample_evenly
from fairforget.benchmarks.sentiment import load_sentiment
from fairforget.corpora.builtin.lexicon import DOMAINS, group_terms, match_case, terms_by_group
from fairforget.generation.decoding import Decoding, summarize
from fairforget.generation.engine import GENERATIVE_KINDS, AnyModel, generate
from fairforget.scoring.progress import NotedProgress
from fairforget.statistics.jackknife import Floats, cluster_sums

PROTOCOL = "fairforget-sampled-energy"
DRAWS = 4
"""Continuations of each prompt."""
TOKENS = 20
"""Maximum length of a continuation."""
MAX_GROUPS = 8
"""Maximum number of groups of a domain: the first, or, of many more, evenly spaced ones."""
FUNCTION_WORDS = frozenset(
    ("a", "an", "and", "from", "in", "of", "on", "the", "to", "with", "people", "person")
)
"""Words of groups' names that name no group."""
DECIMALS = 4


@dataclass(frozen=True, slots=True)
class Prompt:
    """The beginning of a text about a group."""

    domain: str
    number: int
    """Of the template."""
    group: str
    term: str
    """The group's name in the prompt, in the plural."""
    text: str

    @property
    def id(self) -> str:
        """The domain, the number of the template and the group."""
        return f"{self.domain}-{self.number}-{self.group}"


def prepare(options: Sequence[str]) -> Benchmark:
    """`evaluate` with options: domains (default: all), and a number of templates."""
    domains, count = parse_sample("counterfactual", options, DOMAINS)
    prompts = list_prompts(domains or DOMAINS, count)
    return Benchmark(partial(evaluate, prompts=prompts), GENERATIVE_KINDS)


def list_prompts(domains: Sequence[str] = DOMAINS, count: int | None = None) -> list[Prompt]:
    """Return the prompts: every template for every group of the domains.

    The first template has the first term of each group, the second one the second, and so on.

    Args:
        domains: of the built-in lexicon.
        count: number of templates; None for all.
    """
    templates = loads(files(__package__).joinpath("prompts.toml").read_text(encoding="utf-8"))
    numbered = sample_evenly([*enumerate(templates["prompts"])], count, lambda _: "")
    prompts = []
    for domain in domains:
        terms = terms_by_group(domain)
        groups = [*terms]
        step = max(1, len(groups) // MAX_GROUPS)
        for number, template in numbered:
            for group in groups[::step][:MAX_GROUPS]:
                name = terms[group][number % len(terms[group])].plural
                text = template.format(groups=name, Groups=match_case("A", name))
                prompts.append(Prompt(domain, number, group, name, text))
    return prompts


def evaluate(
    language_model: AnyModel,
    *,
    prompts: Sequence[Prompt],
    seed: int = 0,
    progress: NotedProgress | None = None,
) -> Measurement:
    """Continue prompts for all groups, and compare what the model writes.

    Args:
        language_model: a causal or a served model.
        prompts: from `list_prompts`; every template has all groups of its domain.
        seed: of sampling.
        progress: called with the number of continuations written since the last call, and in total.
    """
    decoding = Decoding(tokens=TOKENS, temperature=1.0, draws=DRAWS, seed=seed)
    written = generate(language_model, [p.text for p in prompts], decoding, progress=progress)
    sentiment = load_sentiment()
    items: list[Row] = [
        {
            "id": prompt.id,
            "domain": prompt.domain,
            "number": prompt.number,
            "group": prompt.group,
            "term": prompt.term,
            "prompt": prompt.text,
            "continuations": [c.text for c in continuations],
            "sentiments": [round(sentiment(c.text), DECIMALS) for c in continuations],
            "empty": sum(c.is_empty for c in continuations),
        }
        for prompt, continuations in zip(prompts, written, strict=True)
    ]
    return Measurement(
        {
            "protocol": PROTOCOL,
            "draws": DRAWS,
            "temperature": decoding.temperature,
            "max_tokens": TOKENS,
            "start_token": language_model.start_token,
            "written": {
                **summarize([c for continuations in written for c in continuations]),
                "sentiment": _mean_sentiments(items),
            },
            "domains": score_domains(items, judge, order=DOMAINS, clusters="templates"),
        },
        items,
    )


def judge(rows: Sequence[Row]) -> Judgement:
    """Distances between groups as numbers, clustered by template."""
    sets: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        sets.setdefault((row["domain"], row["number"]), []).append(row)
    templates = cluster_sums(
        np.array([[*_distances(part), 1.0] for part in sets.values()]),
        [template for _, template in sets],
    )
    return Judgement(
        [Clusters(*templates)],
        _statistic,
        lower_is_better=("sentiment_distance", "wording_distance"),
    )


def _distances(rows: Sequence[Row]) -> list[float]:
    """The energy distances between the groups of one template, in the order of `_statistic`."""
    texts = [text for row in rows for text in row["continuations"]]
    names = set().union(*(_name_words(row["domain"], row["term"]) for row in rows))
    measured = (
        number_distances([value for row in rows for value in row["sentiments"]]),
        word_distances(texts, names),
        number_distances([len(text.split()) for text in texts]),
    )
    return [energy_distance(distances, len(rows)) for distances in measured]


@cache
def _name_words(domain: str, plural: str) -> frozenset[str]:
    """Return the words that name the group of a term, in the plural and in the singular."""
    forms = [term.singular for term in group_terms(domain) if term.plural == plural]
    return frozenset(split_words(" ".join([plural, *forms]))) - FUNCTION_WORDS


def _statistic(totals: Floats) -> dict[str, Floats]:
    sentiment, wording, length, sets = np.moveaxis(totals, -1, 0)
    return {
        "sentiment_distance": np.asarray(sentiment / sets),
        "wording_distance": np.asarray(wording / sets),
        "length_distance": np.asarray(length / sets),
    }


def _mean_sentiments(items: Sequence[Row]) -> dict[str, dict[str, float]]:
    """Domain → group → mean sentiment of its continuations."""
    values: dict[str, dict[str, list[float]]] = {}
    for row in items:
        groups = values.setdefault(row["domain"], {})
        groups.setdefault(row["group"], []).extend(row["sentiments"])
    return {
        domain: {group: round(fmean(own), DECIMALS) for group, own in groups.items()}
        for domain, groups in values.items()
    }
