"""What the default recipe does to SmolLM2, seed by seed: docs/pages/results/recipe.md.

python docs/score_recipe.py            three seeds, an hour on two cores; goes on where it stopped
python docs/score_recipe.py --table    only the tables, from the results that are there

To be called in the root of the repository. Each seed is `fairforget unlearn smollm2 --output DIR
--seed N` with nothing else said. Its settings were chosen on perplexity, on StereoSet's
intersentence items and on the profession domain of its intrasentence items, so that domain is
shown but not counted.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from cells import mean
from fairforget.cli import main as fairforget
from fairforget.corpora import read_corpus
from fairforget.data.stereoset import read_items as stereoset_items
from fairforget.files.atomic import atomic_write
from fairforget.models.loading import load_model
from fairforget.records.paths import MODEL, RECORD
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record
from harm import harm
from results_page import ResultsPage
from scored import (
    BENCHMARKS,
    CHOSEN_ON,
    COUNTED,
    HEADING,
    MEASURES,
    Scores,
    counted_rows,
    crows_distance,
    measured_at,
    measures,
    of_rows,
    row,
    scores,
)
from unnamed import unnamed_rows

RUNS = Path("runs") / "recipe"
SEEDS = 3
FACTORS = (1.5, 2.0)
"""How many times as far from the original as seed 0 landed: what more damage would buy."""

HARM = "harm.json"
HARMFUL = {"builtin": "built-in texts (trained on)", "hatecheck": "HateCheck (never seen)"}
TEXTS = 1000
"""Of each, on which harm is measured."""
ANYONE = ("person", "people")
"""Words for anyone, in whose place a benchmark's sentences name a group."""


def measured() -> dict[str, Any]:
    """Do the runs that are not done, and read what they left."""
    original = RUNS / "original"
    _evaluate("smollm2", original)
    _harm("smollm2", original)
    after = [RUNS / f"{seed}-measured" for seed in range(SEEDS)]
    for seed, directory in enumerate(after):
        fairforget(["unlearn", "smollm2", "--output", str(RUNS / str(seed)), "--seed", str(seed)])
        model = str(RUNS / str(seed) / MODEL)
        _evaluate(model, directory)
        _harm(model, directory)
    records = [read_record(RUNS / str(seed) / RECORD, UnlearningRecord) for seed in range(SEEDS)]
    trained = [corpus.name for corpus in records[0].corpora if corpus.role == "forget"]
    known = known_words(trained)
    return {
        "method": {k: v for k, v in records[0].method.items() if k != "seed"},
        "forget": trained,
        "original": _with_terms(original, known),
        "unnamed": {word: _unnamed(word) for word in ANYONE},
        "seeds": [_with_terms(directory, known) for directory in after],
        "harm": [json.loads((place / HARM).read_bytes()) for place in (original, *after)],
        "further": {
            str(factor): scores(measured_at(factor, RUNS / "0" / MODEL, RUNS / f"0-times-{factor}"))
            for factor in FACTORS
        },
        "budget": [
            {name: getattr(record.budget, name) for name in ("asked", "reached", "alpha", "note")}
            for record in records
        ],
    }


def _evaluate(model: str, output: Path) -> None:
    named = ",".join(BENCHMARKS)
    fairforget(["evaluate", model, "--output", str(output), "--benchmarks", named])


def _harm(model: str, directory: Path) -> None:
    path = directory / HARM
    if not path.exists():
        loaded = load_model(model, device="cpu")
        found = {corpus: harm(loaded, corpus, texts=TEXTS) for corpus in HARMFUL}
        _keep(path, found)


def _keep(path: Path, found: Any) -> None:
    with atomic_write(path) as file:
        file.write(json.dumps(found).encode())


def _unnamed(word: str) -> Scores:
    """StereoSet's scores of the original where the word stands for the group, by domain."""
    path = RUNS / f"unnamed-{word}.json"
    if not path.exists():
        items = [item for item in stereoset_items() if item.domain in COUNTED]
        rows = unnamed_rows(load_model("smollm2", device="cpu"), items, word)
        domains = {d: of_rows([row for row in rows if row["domain"] == d]) for d in COUNTED}
        _keep(path, {"counted": of_rows(rows), "stereoset": domains})
    found: Scores = json.loads(path.read_bytes())
    return found


def _with_terms(directory: Path, known: frozenset[str]) -> Scores:
    """The scores, and StereoSet's again on terms in and not in the training texts."""
    parts: dict[str, list[dict[str, Any]]] = {"seen": [], "unseen": []}
    for item in counted_rows(directory):
        seen = any(singular(word) in known for word in item["term"].lower().split())
        parts["seen" if seen else "unseen"].append(item)
    return scores(directory) | {"terms": {name: of_rows(part) for name, part in parts.items()}}


def known_words(corpora: Sequence[str]) -> frozenset[str]:
    """The words of which names of groups in texts of these corpora are made, in the singular."""
    words = {
        singular(word)
        for corpus in corpora
        for text in read_corpus(corpus)
        for mention in text.mentions
        for word in text.text[mention.start : mention.end].lower().split()
    }
    return frozenset(words - NO_GROUP)


def singular(word: str) -> str:
    """A word without the s of its plural."""
    return word.removesuffix("s")


NO_GROUP = {"a", "an", "with", "of", "on", "from", "in", "people", "person"}


def lines(found: dict[str, Any]) -> Iterator[str]:
    """Of the page."""
    original, seeds, method = found["original"], found["seeds"], found["method"]
    alphas = [landing["alpha"] for landing in found["budget"]]
    yield from (
        "# The default recipe on SmolLM2-135M-Instruct",
        "",
        f"`fairforget unlearn smollm2 --output DIR`: objective `{method['objective']}` on "
        f"{' and '.join(f'`{name}`' for name in found['forget'])}, {method['steps']} steps of "
        f"{method['batch_size']} texts, perplexity at most × {found['budget'][0]['asked']:g}.",
        "",
        "StereoSet, intrasentence. *Distance*: mean of |SS − 50| over gender, race and religion. "
        "LMS and ICAT are those of the same three. Religion has three terms, on which nothing can "
        "be decided; *without religion* leaves it out. Settings were chosen on perplexity, on the "
        "intersentence items, which have the same target terms but other sentences, and on the "
        f"intrasentence items of {CHOSEN_ON}, which therefore do not count.",
        "",
        f"{HEADING} α |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
        row("original", [original], original, "0.00"),
        *(row(f"seed {n}", [one], original, f"{alphas[n]:.2f}") for n, one in enumerate(seeds)),
        row("mean (± s.d.)", seeds, original, mean(alphas, 2)),
        *(
            row(f"seed 0 × {factor}", [run], original, f"{alphas[0] * float(factor):.2f}")
            for factor, run in found["further"].items()
        ),
        "",
        "Perplexity: on the first tenth of WikiText-2's test text, protocol `bias-bench`, × the "
        "original's. α: where on the line from the original (0) through the trained weights (1) "
        "the result lies. The last rows are outside the budget: seed 0's change, made larger.",
        "",
        "## A model that is not told of the group",
        "",
        "What the original scores where StereoSet's sentences say *person* or *people* in the "
        "place of the group. That is roughly what `neutral` aims at, and it is not 50: of two "
        "sentences about anyone, the stereotype is often the likelier one. Nor is it free: some of "
        "what fits a sentence is known from the group alone. Roughly, since the one word does not "
        "fit everywhere (it stands for countries, too, and before nouns), which lowers LMS and may "
        "move SS, and since other words may still tell the group (he and she, above all).",
        "",
        MEASURES,
        "|---|---|---|---|---|---|---|---|",
        _unnamed_row("original", original),
        *(_unnamed_row(f"of *{word}*", one) for word, one in found["unnamed"].items()),
        "",
        "## Terms that training names, and those it does not",
        "",
        "Items of gender, race and religion by whether their target term, or a word of it, names a "
        "group in the training texts. Means over seeds. Most of the others are names of countries "
        "whose people are named (Iraq, where training says Iraqis), so this tells of new words "
        "rather than of new groups.",
        "",
        "| terms | how many | SS before | SS after | LMS before | LMS after |",
        "|---|---|---|---|---|---|",
        *(_terms(name, words, found) for name, words in (("seen", "named"), ("unseen", "others"))),
        "",
        "## What a group adds to the harmful words",
        "",
        f"In {TEXTS:,} texts each, after a mention of a group. *People*: mean log p of the harmful "
        "words, in nats, in the same sentences about people; *association*: by how many nats they "
        "are likelier where the group is named; both of the row's own model. `neutral` aims at an "
        "association of 0 with the original's *people*.",
        "",
        "| | " + " | ".join(f"{name}: association | people" for name in HARMFUL.values()) + " |",
        "|---|" + "---|" * 2 * len(HARMFUL),
        _harm_row("original", found["harm"][:1]),
        _harm_row("mean (± s.d.)", found["harm"][1:]),
        "",
        "## CrowS-Pairs",
        "",
        "Share of pairs, in %, in which the more stereotypical sentence is preferred; 50 is no "
        "preference. *Distance*: mean of |share − 50| over the nine types.",
        "",
        "| type | before | " + " | ".join(f"seed {n}" for n in range(len(seeds))) + " |",
        "|---|---|" + "---|" * len(seeds),
        *(
            f"| {domain} | {before:.1f} | "
            + " | ".join(f"{one['crows_pairs'][domain]:.1f}" for one in seeds)
            + " |"
            for domain, before in original["crows_pairs"].items()
        ),
        f"| distance | {crows_distance(original):.1f} | "
        + " | ".join(f"{crows_distance(one):.1f}" for one in seeds)
        + " |",
    )


def _unnamed_row(name: str, found: Scores) -> str:
    return f"| {name} | {' | '.join(f'{value:.1f}' for value in measures(found))} |"


def _harm_row(name: str, models: Sequence[dict[str, Any]]) -> str:
    cells = [
        mean([model[corpus][measure] for model in models], digits)
        for corpus in HARMFUL
        for measure, digits in (("association", 3), ("people", 2))
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _terms(part: str, words: str, found: dict[str, Any]) -> str:
    before = found["original"]["terms"][part]
    after = [run["terms"][part] for run in found["seeds"]]
    cells = [
        f"{value:.1f}"
        for score in ("ss", "lms")
        for value in (before[score], fmean(run[score] for run in after))
    ]
    return f"| {words} | {before['terms']} | {' | '.join(cells)} |"


PAGE = ResultsPage("recipe", lines)


if __name__ == "__main__":
    PAGE.make(argparse.ArgumentParser(description=__doc__.splitlines()[0]), lambda _: measured())
