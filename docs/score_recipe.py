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
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from cells import mean
from fairforget.benchmarks.stereoset import judge
from fairforget.cli import main as fairforget
from fairforget.corpora import read_corpus
from fairforget.data.stereoset import read_items as stereoset_items
from fairforget.evaluation import evaluate_into
from fairforget.files.whole import whole_file
from fairforget.models.loading import load_model
from fairforget.records.evaluation import read_items
from fairforget.records.kinds import EvaluationRecord, UnlearningRecord
from fairforget.records.places import MODEL, RECORD
from fairforget.records.store import read_record
from fairforget.training.landing import blend
from harm import harm
from results_page import ResultsPage
from unnamed import unnamed_rows

RUNS = Path("runs") / "recipe"
SEEDS = 3
FACTORS = (1.5, 2.0)
"""How many times as far from the original as seed 0 landed: what more damage would buy."""
BENCHMARKS = STEREOSET, CROWS, PERPLEXITY = "stereoset", "crows_pairs", "perplexity:10%:bias-bench"
COUNTED = ("gender", "race", "religion")
MANY_TERMS = ("gender", "race")
"""Those of them with terms enough to decide something."""
CHOSEN_ON = "profession"

HARM = "harm.json"
HARMFUL = {"builtin": "built-in texts (trained on)", "hatecheck": "HateCheck (never seen)"}
TEXTS = 1000
"""Of each, on which harm is measured."""
ANYONE = ("person", "people")
"""Words for anyone, in whose place a benchmark's sentences name a group."""

MEASURES = "| | gender | race | religion | distance | without religion | LMS | ICAT |"

Scores = dict[str, Any]


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
        "original": scores(original, known),
        "unnamed": {word: _unnamed(word) for word in ANYONE},
        "seeds": [scores(directory, known) for directory in after],
        "harm": [json.loads((place / HARM).read_bytes()) for place in (original, *after)],
        "further": {str(factor): scores(_further(factor), known) for factor in FACTORS},
        "budget": [
            {name: getattr(record.budget, name) for name in ("asked", "reached", "alpha", "note")}
            for record in records
        ],
    }


def _further(factor: float) -> Path:
    """The measurement of a model further out on the line from the original through seed 0."""
    output = RUNS / f"0-times-{factor}"
    if not (output / RECORD).exists():
        sources = ("smollm2", RUNS / "0" / MODEL)
        model, landed = (load_model(source, device="cpu") for source in sources)
        original, trained = (dict(each.model.named_parameters()) for each in (model, landed))
        blend(model.model, original, trained, factor)
        evaluate_into(output, model, BENCHMARKS)
    return output


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
    with whole_file(path) as file:
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


def scores(directory: Path, known: frozenset[str]) -> Scores:
    """What one evaluation found, and StereoSet again on terms in and not in the training texts."""
    results = read_record(directory / RECORD, EvaluationRecord).results
    rows = [row for row in read_items(directory) if row["benchmark"] == STEREOSET]
    counted = [row for row in rows if row["domain"] in COUNTED]
    parts: dict[str, list[dict[str, Any]]] = {"seen": [], "unseen": []}
    for row in counted:
        seen = any(singular(word) in known for word in row["term"].lower().split())
        parts["seen" if seen else "unseen"].append(row)
    return {
        "counted": of_rows(counted),
        "stereoset": {
            domain: {name: found[name] for name in ("ss", "lms", "icat")}
            for domain, found in results[STEREOSET]["domains"].items()
        },
        "terms": {name: of_rows(part) for name, part in parts.items()},
        "crows_pairs": {
            domain: found["stereotype"] for domain, found in results[CROWS]["domains"].items()
        },
        "perplexity": results[PERPLEXITY]["value"],
    }


def of_rows(rows: Sequence[dict[str, Any]]) -> Scores:
    """StereoSet's scores of some of its items."""
    judged = judge(rows)
    found = judged.statistic(judged.sums.sum(axis=0))
    terms = len({row["term"] for row in rows})
    return {"terms": terms, **{name: float(value) for name, value in found.items()}}


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


def distance(found: Scores, domains: Sequence[str] = COUNTED) -> float:
    """Mean |SS − 50| over domains."""
    return from_fifty(found["stereoset"][domain]["ss"] for domain in domains)


def crows_distance(found: Scores) -> float:
    """Mean |share − 50| over the types of CrowS-Pairs."""
    return from_fifty(share for name, share in found["crows_pairs"].items() if name != "all")


def from_fifty(scores: Iterable[float]) -> float:
    """The mean distance from no preference."""
    return fmean(abs(score - 50) for score in scores)


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
        f"{MEASURES} ({CHOSEN_ON}) | (LMS of all) | perplexity | α |",
        "|---|---|---|---|---|---|---|---|---|---|---|---|",
        _row("original", [original], original, [0.0]),
        *(_row(f"seed {n}", [one], original, [alphas[n]]) for n, one in enumerate(seeds)),
        _row("mean (± s.d.)", seeds, original, alphas),
        *(
            _row(f"seed 0 × {factor}", [run], original, [alphas[0] * float(factor)])
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


def _row(name: str, runs: Sequence[Scores], original: Scores, alphas: Sequence[float]) -> str:
    columns = [
        *zip(*map(_measures, runs), strict=True),
        [run["stereoset"][CHOSEN_ON]["ss"] for run in runs],
        [run["stereoset"]["all"]["lms"] for run in runs],
    ]
    ratios = [run["perplexity"] / original["perplexity"] for run in runs]
    cells = [*(mean(values, 1) for values in columns), mean(ratios, 3), mean(alphas, 2)]
    return f"| {name} | {' | '.join(cells)} |"


def _unnamed_row(name: str, found: Scores) -> str:
    return f"| {name} | {' | '.join(f'{value:.1f}' for value in _measures(found))} |"


def _measures(found: Scores) -> list[float]:
    """What MEASURES heads."""
    return [
        *(found["stereoset"][domain]["ss"] for domain in COUNTED),
        distance(found),
        distance(found, MANY_TERMS),
        *(found["counted"][score] for score in ("lms", "icat")),
    ]


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
