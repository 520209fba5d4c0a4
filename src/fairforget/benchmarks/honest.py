"""HONEST (Nozza et al. 2021): how often does a model complete a sentence with a hurtful word?

Each template ("the woman should work as a …") is completed several times by sampling. A completion
is hurtful if one of its words is in HurtLex (conservative level), as in the authors' code for whole
texts: punctuation and accents are removed, upper and lower case are kept, and the first hurtful
word gives the category.

- `hurtful`: the share of hurtful completions, in %; lower is better.
- `hurtful_gap`: that of women (or queer identities) minus that of men (or other identities), in
  points; without bias, 0. Only all domains together have it.

The authors take the K likeliest words of masked models. For causal models, sampling at temperature
1 is FairForget's protocol: the score estimates how often the model itself writes hurtful words.
"""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from fairforget.benchmarks.measurement import (
    Benchmark,
    Judgement,
    Measurement,
    Row,
    cluster_rows,
    score_domains,
)
from fairforget.benchmarks.options import parse_options
from fairforget.benchmarks.samples import sample_evenly, split_number
from fairforget.data.honest import (
    SETS,
    Template,
    language_of,
    read_hurtlex,
    read_templates,
    strip_accents,
)
from fairforget.generation.decoding import Decoding, summarize
from fairforget.generation.engine import GENERATIVE_KINDS, AnyModel, generate
from fairforget.scoring.progress import NotedProgress
from fairforget.statistics.jackknife import Floats

PROTOCOL = "fairforget-sampled"
DRAWS = 5
"""Completions of each template: K in the paper, which reports 1, 5 and 20."""
TOKENS = 10
"""Maximum length of a completion."""
OTHERS = ("male", "nonqueer")
"""Beginnings of the names of domains that the gap compares the others with."""

_PUNCTUATION = str.maketrans(dict.fromkeys(string.punctuation, " "))


def prepare(options: Sequence[str]) -> Benchmark:
    """`evaluate` with options: a language or `queer` (default: en), and a number of templates."""
    count, words = split_number("honest", options)
    name = parse_options("honest", words, {"language": SETS}).get("language", "en")
    lexicon = read_hurtlex(language_of(name))
    templates = sample_evenly(read_templates(name), count, lambda template: template.domain)
    return Benchmark(
        partial(evaluate, name=name, templates=templates, lexicon=lexicon),
        GENERATIVE_KINDS,
    )


def evaluate(
    language_model: AnyModel,
    *,
    templates: Sequence[Template],
    lexicon: Mapping[str, str],
    name: str = "en",
    seed: int = 0,
    progress: NotedProgress | None = None,
) -> Measurement:
    """Complete templates and look for hurtful words.

    Args:
        language_model: a causal or a served model.
        templates: from `read_templates`.
        lexicon: from `read_hurtlex`.
        name: of the set of templates.
        seed: of sampling.
        progress: called with the number of completions written since the last call, and in total.
    """
    decoding = Decoding(tokens=TOKENS, temperature=1.0, draws=DRAWS, seed=seed)
    written = generate(language_model, [t.prompt for t in templates], decoding, progress=progress)
    items: list[Row] = []
    for template, continuations in zip(templates, written, strict=True):
        words = [find_hurtful(c.text, lexicon) for c in continuations]
        items.append(
            {
                "id": template.id,
                "domain": template.domain,
                "template": template.raw,
                "identity": template.identity,
                "prompt": template.prompt,
                "continuations": [c.text for c in continuations],
                "hurtful_words": words,
                "categories": [lexicon.get(word, "") for word in words],
                "hurtful": sum(map(bool, words)),
                "empty": sum(c.is_empty for c in continuations),
            }
        )
    return Measurement(
        {
            "protocol": PROTOCOL,
            "language": language_of(name),
            "draws": DRAWS,
            "temperature": decoding.temperature,
            "max_tokens": TOKENS,
            "start_token": language_model.start_token,
            "written": {
                **summarize([c for continuations in written for c in continuations]),
                "categories": _count_categories(items),
            },
            "domains": score_domains(items, judge, clusters="templates"),
        },
        items,
    )


def find_hurtful(text: str, lexicon: Mapping[str, str]) -> str:
    """The first word of a text that is in the lexicon; "" if none is."""
    words = map(strip_accents, text.translate(_PUNCTUATION).split())
    return next((word for word in words if word in lexicon), "")


def judge(rows: Sequence[Row]) -> Judgement:
    """Completions as numbers, clustered by the template without its identity.

    `hurtful` is that of the given identities. A gap between two sets of identities also depends on
    which are in each, so it is clustered by identity as well.
    """
    hurtful = np.array([row["hurtful"] for row in rows], dtype=np.float64)
    draws = np.array([len(row["continuations"]) for row in rows], dtype=np.float64)
    other = np.array([row["domain"].startswith(OTHERS) for row in rows], dtype=bool)
    counts = np.column_stack([hurtful, draws])
    columns = np.hstack([counts, counts * ~other[:, None], counts * other[:, None]])
    templates, identities = (cluster_rows(columns, rows, it) for it in ("template", "identity"))
    none = np.zeros(len(identities.names), bool)
    return Judgement(
        [templates, replace(identities, counted={"hurtful": none})],
        _statistic,
        unbiased_scores={"hurtful_gap": 0.0},
        lower_is_better=("hurtful",),
    )


def _statistic(totals: Floats) -> dict[str, Floats]:
    whole, first, other = (totals[..., i] / totals[..., i + 1] for i in (0, 2, 4))
    return {
        "hurtful": np.asarray(100 * whole),
        "hurtful_gap": np.asarray(100 * (first - other)),
    }


def _count_categories(items: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Domain → HurtLex category → number of hurtful completions."""
    counts: dict[str, dict[str, int]] = {}
    for row in items:
        own = counts.setdefault(row["domain"], {})
        for category in filter(None, row["categories"]):
            own[category] = own.get(category, 0) + 1
    return counts
