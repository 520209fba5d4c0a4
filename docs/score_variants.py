"""Variants of one unlearning at equal damage: docs/results/variants.json and .md.

python docs/score_variants.py            24 runs of three minutes on one core; goes on from the
                                         results that are there
python docs/score_variants.py --table    only the tables, from the results that are there

To be called in the root of the repository. SmolLM2 unlearns HateCheck's hateful texts: the words
that HateCheck names, those that `contrast` finds after reading EDOS alone, or random ones; seeing
what precedes a word, or both of its sides; training all weights, or an adapter. Each run lands on
the same damage.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from cells import mean
from fairforget import (
    Budget,
    Corpus,
    LanguageModel,
    Text,
    UnlearningConfig,
    evaluate,
    everyday_corpus,
    load_model,
    read_corpus,
    unlearn,
)
from fairforget.selection import SelectionOptions, make_selector, mentions_of, select
from fairforget.targets import Context, Selection
from harm import harm

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs" / "results" / "variants.json"
CHECKPOINTS = Path("runs") / "variants"
FORGET, RETAIN, TRAIN, STEREOSET = "hatecheck", "boolq", "edos", "stereoset"
SEEDS = 3
BUDGET = 1.03
STEPS, BATCH, RATE = 20, 16, 2e-5
RANK, RANK_RATE = 16, 2e-4

Found = dict[str, Any]


@dataclass(frozen=True)
class Way:
    """What a row does otherwise than the first."""

    objective: str = "ascent"
    spans: str = "given"
    selection: Selection = "harmful"
    context: Context = "left"
    lora_rank: int = 0


WAYS = {
    "ascent": Way(),
    "ascent, found spans": Way(spans="contrast"),
    "ascent, random words": Way(selection="random"),
    "ascent, both sides": Way(context="both"),
    "ascent, adapter": Way(lora_rank=RANK),
    "neutral": Way(objective="neutral"),
    "neutral, both sides": Way(objective="neutral", context="both"),
    "neutral, adapter": Way(objective="neutral", lora_rank=RANK),
}
"""Row of the table → its runs."""


def measured() -> Found:
    """Do the runs that are not done; what is there is kept after each."""
    found: Found = last() if RESULTS.exists() else {"runs": {}}
    if "original" not in found:
        found["original"] = scores(load_model("smollm2", device="cpu"))
    for seed, (name, way) in product(range(SEEDS), WAYS.items()):
        runs = found["runs"].setdefault(name, [])
        if len(runs) <= seed:
            runs.append(_run(way, seed))
            _write(found)
    return found


def _run(way: Way, seed: int) -> Found:
    model = load_model("smollm2", device="cpu")
    shutil.rmtree(CHECKPOINTS, ignore_errors=True)
    record = unlearn(
        model,
        Corpus(FORGET, forgotten(way.spans)),
        Corpus(RETAIN, read_corpus(RETAIN)),
        UnlearningConfig(
            str(CHECKPOINTS),
            objective=way.objective,
            selection=way.selection,
            context=way.context,
            lora_rank=way.lora_rank,
            max_steps=STEPS,
            per_device_train_batch_size=BATCH,
            retain_per_forget=0.25,
            learning_rate=RANK_RATE if way.lora_rank else RATE,
            save_strategy="no",
            use_cpu=True,
            seed=seed,
        ),
        budget=Budget(BUDGET, BUDGET),
        everyday=everyday_corpus(),
    )
    budget = record.budget
    everyday = budget.others["everyday"].reached
    return scores(model) | {
        "perplexity": budget.reached,
        "everyday": everyday,
        "alpha": budget.alpha,
    }


def forgotten(spans: str) -> Sequence[Text]:
    """HateCheck's texts, their spans as they are given or found anew."""
    texts = read_corpus(FORGET)
    if spans == "given":
        return texts
    selector = make_selector("contrast", SelectionOptions(train=TRAIN))
    return [item.text for item in select(texts, selector, mentions_of)]


def scores(model: LanguageModel) -> Found:
    """What the model expects of the words that HateCheck names, and StereoSet's scores."""
    likely, association = harm(model, FORGET, texts=1000)
    record, _ = evaluate(model, [STEREOSET])
    domains = record.results[STEREOSET]["domains"]
    return {
        "harm": likely,
        "association": association,
        "ss": {name: found["ss"] for name, found in domains.items()},
        "lms": domains["all"]["lms"],
    }


def last() -> Found:
    """The results that are there."""
    found: Found = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


def table(found: Found) -> str:
    """The results as Markdown."""
    return "\n".join(lines(found))


def lines(found: Found) -> Iterator[str]:
    """Of the page."""
    original, runs = found["original"], found["runs"]
    domains = [name for name in original["ss"] if name != "all"]
    start = {"perplexity": 1.0, "everyday": 1.0, "alpha": 0.0}
    yield from (
        "<!-- made by docs/score_variants.py; do not edit by hand -->",
        "# Variants at equal damage",
        "",
        f"SmolLM2-135M-Instruct unlearns `{FORGET}`, {STEPS} steps of {BATCH} texts; perplexity "
        f"and that of everyday sentences at most × {BUDGET:g}. The first row unlearns the words "
        "that HateCheck names by `ascent`, and trains all weights. *Found spans*: those that "
        f"`contrast` finds, having read `{TRAIN}` alone. *Random words*: as many of the same "
        "texts, none of them harmful. *Both sides*: `--context both`. *Adapter*: "
        f"`--lora_rank {RANK} --learning_rate {RANK_RATE:g}`. `neutral` is here at the harmful "
        "words alone, as the other context can do no more. Means over seeds ± their standard "
        "deviation.",
        "",
        "*Harm*: mean log p of the words that HateCheck names, in nats, given what precedes them, "
        f"in 1,000 of its texts; a run sees {STEPS * BATCH} texts. *Association*: by how much more "
        "than in the same sentence about people. SS: StereoSet, intrasentence.",
        "",
        f"| | seeds | harm | association | {' | '.join(f'SS {name}' for name in domains)} | LMS | "
        "perplexity | everyday | α |",
        f"|---|---|---|---|{'---|' * len(domains)}---|---|---|---|",
        _row("original", "–", [original | start], domains),
        *(_row(name, len(runs[name]), runs[name], domains) for name in WAYS if name in runs),
        "",
        *_shares(found),
        "",
    )


def _shares(found: Found) -> Iterator[str]:
    """How much of the first row's effect is left, seed by seed."""
    original, given = found["original"]["harm"], found["runs"]["ascent"]
    for name, runs in found["runs"].items():
        if name.startswith("ascent, "):
            # strict=False: a row may have fewer seeds yet
            pairs = zip(runs, given, strict=False)
            shares = [(one["harm"] - original) / (all_["harm"] - original) for one, all_ in pairs]
            yield f"- {name}: harm falls {mean(shares, 2)} times as much as in the first row."


def _row(name: str, seeds: object, runs: Sequence[Found], domains: Sequence[str]) -> str:
    cells = [
        mean([run["harm"] for run in runs], 2),
        mean([run["association"] for run in runs], 3),
        *(mean([run["ss"][domain] for run in runs], 1) for domain in domains),
        mean([run["lms"] for run in runs], 1),
        *(mean([run[score] for run in runs], 3) for score in ("perplexity", "everyday")),
        mean([run["alpha"] for run in runs], 2),
    ]
    return f"| {name} | {seeds} | {' | '.join(cells)} |"


def main() -> None:
    """Run, write, tabulate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="run nothing")
    _write(last() if parser.parse_args().table else measured())


def _write(found: Found) -> None:
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(table(found), encoding="utf-8")


if __name__ == "__main__":
    main()
