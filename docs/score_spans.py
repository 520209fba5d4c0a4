"""Unlearning with found spans instead of given ones: docs/results/spans.json and .md.

python docs/score_spans.py            nine runs, forty minutes on one core; goes on where it stopped
python docs/score_spans.py --table    only the table, from the results that are there

To be called in the root of the repository. SmolLM2 unlearns HateCheck's hateful texts by `ascent`:
the words that HateCheck names, those that `contrast` finds after reading EDOS alone, and as many
random ones; each run lands on the same damage.
"""

from __future__ import annotations

import argparse
import json
import shutil
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

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
from harm import harm

ROOT = Path(__file__).resolve().parents[1]
RESULTS, RUNS = ROOT / "docs" / "results" / "spans.json", Path("runs") / "spans"
FORGET, RETAIN, TRAIN, STEREOSET = "hatecheck", "boolq", "edos", "stereoset"
WAYS = ("given", "contrast", "random")
SEEDS = 3
BUDGET = 1.03
STEPS, BATCH = 20, 16

Found = dict[str, Any]


def measured() -> Found:
    """Do the runs that are not done, and read what they left."""
    original = _done("original") or _keep("original", scores(load_model("smollm2", device="cpu")))
    runs: dict[str, list[Found]] = {way: [] for way in WAYS}
    for seed, way in product(range(SEEDS), WAYS):
        name = f"{way}-{seed}"
        runs[way].append(_done(name) or _keep(name, _run(way, seed)))
    return {"original": original, "runs": runs}


def _run(way: str, seed: int) -> Found:
    model = load_model("smollm2", device="cpu")
    checkpoints = RUNS / "checkpoints"
    shutil.rmtree(checkpoints, ignore_errors=True)
    record = unlearn(
        model,
        Corpus(FORGET, forgotten(way)),
        Corpus(RETAIN, read_corpus(RETAIN)),
        UnlearningConfig(
            str(checkpoints),
            objective="ascent",
            selection="random" if way == "random" else "harmful",
            max_steps=STEPS,
            per_device_train_batch_size=BATCH,
            retain_per_forget=0.25,
            learning_rate=2e-5,
            save_strategy="no",
            use_cpu=True,
            seed=seed,
        ),
        budget=Budget(BUDGET, BUDGET),
        everyday=everyday_corpus(),
    )
    budget = record.budget
    return scores(model) | {"perplexity": budget.reached, "alpha": budget.alpha}


def forgotten(way: str) -> Sequence[Text]:
    """HateCheck's texts, their spans as they are given or found anew."""
    texts = read_corpus(FORGET)
    if way != "contrast":
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


def _done(name: str) -> Found | None:
    path = RUNS / f"{name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None


def _keep(name: str, found: Found) -> Found:
    RUNS.mkdir(parents=True, exist_ok=True)
    (RUNS / f"{name}.json").write_text(json.dumps(found), encoding="utf-8")
    return found


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
    share = [
        (one["harm"] - original["harm"]) / (given["harm"] - original["harm"])
        for one, given in zip(runs["contrast"], runs["given"], strict=True)
    ]
    yield from (
        "<!-- made by docs/score_spans.py; do not edit by hand -->",
        "# Found spans instead of given ones",
        "",
        f"SmolLM2-135M-Instruct unlearns `{FORGET}` by `ascent`, {STEPS} steps of {BATCH} texts, "
        f"perplexity at most × {BUDGET:g}. `given`: the words that HateCheck names. `contrast`: "
        f"those that it finds, having read `{TRAIN}` alone. `random`: as many words of the same "
        f"texts, none of them harmful. Means over {SEEDS} seeds ± their standard deviation.",
        "",
        "*Harm*: mean log p of the words that HateCheck names, in nats, whichever were unlearned, "
        "in 1,000 of its texts; a run sees at most "
        f"{STEPS * BATCH} of all. *Association*: by how much more than in the same sentence about "
        "people. SS: StereoSet, intrasentence.",
        "",
        f"| spans | harm | association | {' | '.join(f'SS {name}' for name in domains)} | LMS | "
        "perplexity | α |",
        f"|---|---|---|{'---|' * len(domains)}---|---|---|",
        _row("original", [original | {"perplexity": 1.0, "alpha": 0.0}], domains),
        *(_row(way, runs[way], domains) for way in WAYS),
        "",
        f"With `contrast`, harm falls by {_cell(share, 2)} times as much as with `given`.",
        "",
    )


def _row(name: str, runs: Sequence[Found], domains: Sequence[str]) -> str:
    cells = [
        _cell([run["harm"] for run in runs], 2),
        _cell([run["association"] for run in runs], 3),
        *(_cell([run["ss"][domain] for run in runs], 1) for domain in domains),
        _cell([run["lms"] for run in runs], 1),
        _cell([run["perplexity"] for run in runs], 3),
        _cell([run["alpha"] for run in runs], 2),
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _cell(values: Sequence[float], digits: int) -> str:
    spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{fmean(values):.{digits}f}{spread}"


def main() -> None:
    """Run, write, tabulate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="run nothing")
    found = last() if parser.parse_args().table else measured()
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(table(found), encoding="utf-8")


if __name__ == "__main__":
    main()
