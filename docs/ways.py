"""One model that unlearns HateCheck in several ways, each landed on the same damage."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

from cells import mean
from fairforget import (
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
from fairforget.training.budget import STUDY_BUDGET
from fairforget.training.targets import Context, Selection
from harm import harm
from results_page import ResultsPage

FORGET, RETAIN, TRAIN, STEREOSET = "hatecheck", "wikipedia", "edos", "stereoset"
SEEDS = 3
BATCH = 16
RETAINED = 0.25
"""Texts to retain for each to forget."""
TEXTS = 1000
"""On which harm is measured."""
LIMITS = (
    f"perplexity at most × {STUDY_BUDGET.perplexity:g}, that of everyday sentences at most × "
    f"{STUDY_BUDGET.everyday_perplexity:g}"
)

MEASURES = {"harm": 2, "infilled": 2, "association": 3, "people": 2}
"""Of `harm`, and the digits that are shown."""

Found = dict[str, Any]


@dataclass(frozen=True)
class Way:
    """How a row of the table unlearns."""

    objective: str = "ascent"
    spans: str = "given"
    selection: Selection = "spans"
    context: Context = "left"
    lora_rank: int = 0
    learning_rate: float = 2e-5


@dataclass(frozen=True)
class Ways:
    """Rows of a table, all of one model."""

    model: str
    """What `load_model` takes."""
    rows: Mapping[str, Way]
    """Name → its runs. The first is what the others are held against."""
    steps: int

    def measured(self, page: ResultsPage) -> Found:
        """Do the runs that are not done; what is there is kept after each."""
        found: Found = page.last({"runs": {}})
        if "original" not in found:
            found["original"] = scores(load_model(self.model, device="cpu"))
        for seed, (name, way) in product(range(SEEDS), self.rows.items()):
            runs = found["runs"].setdefault(name, [])
            if len(runs) <= seed:
                runs.append(self._run(way, seed, Path("runs") / page.name))
                page.write(found)
        return found

    def _run(self, way: Way, seed: int, checkpoints: Path) -> Found:
        model = load_model(self.model, device="cpu")
        shutil.rmtree(checkpoints, ignore_errors=True)
        record = unlearn(
            model,
            Corpus(FORGET, forgotten(way.spans)),
            Corpus(RETAIN, read_corpus(RETAIN)),
            UnlearningConfig(
                str(checkpoints),
                objective=way.objective,
                selection=way.selection,
                context=way.context,
                lora_rank=way.lora_rank,
                max_steps=self.steps,
                per_device_train_batch_size=BATCH,
                retain_per_forget=RETAINED,
                learning_rate=way.learning_rate,
                save_strategy="no",
                use_cpu=True,
                seed=seed,
            ),
            budget=STUDY_BUDGET,
            everyday=everyday_corpus(),
        )
        budget = record.budget
        everyday = budget.others["everyday"].reached
        return scores(model) | {
            "perplexity": budget.reached,
            "everyday": everyday,
            "alpha": budget.alpha,
        }

    def lines(self, found: Found) -> Iterator[str]:
        """What the columns are, the table, and what is left of the first row's effect."""
        original, runs = found["original"], found["runs"]
        domains = [name for name in original["ss"] if name != "all"]
        measures = [name for name in MEASURES if name in original]
        causal = "infilled" in original
        start = {"perplexity": 1.0, "everyday": 1.0, "alpha": 0.0}
        yield from (
            "*Harm*: mean log p of the harmful words that HateCheck names, in nats, in "
            f"{TEXTS:,} of its texts, given "
            + (
                "what precedes them; *infilled*: the same, asked for a blank in the whole sentence "
                "as `--context both` does. "
                if causal
                else "all else in the text. "
            )
            + f"A run sees {self.steps * BATCH} texts. *People*: the mean log p of such words "
            + ("after" if causal else "beside")
            + " a mention of a group, in the same sentences about people; *association*: by how "
            "many nats they are likelier where the group is named; both of the row's own model. "
            "`neutral` aims at the original's *people*. SS: StereoSet, intrasentence. α: 2 is as "
            "far as a run may go; "
            "one that came so far met no limit, did less damage than the others, and compares with "
            f"them by its direction only. {RETAINED:g} texts to retain go with each to forget. "
            "Means over seeds ± their standard deviation.",
            "",
            f"| | seeds | {' | '.join(measures)} | {' | '.join(f'SS {d}' for d in domains)} | "
            "LMS | perplexity | everyday | α |",
            f"|---|---|{'---|' * (len(measures) + len(domains))}---|---|---|---|",
            _row("original", "–", [original | start], measures, domains),
            *(
                _row(name, len(runs[name]), runs[name], measures, domains)
                for name in self.rows
                if name in runs
            ),
            "",
            *self._shares(found),
            *self._overshot(found),
        )

    def _shares(self, found: Found) -> Iterator[str]:
        """How much of the first row's effect is left, seed by seed."""
        first, *others = self.rows
        original, given = found["original"]["harm"], found["runs"][first]
        for name in others:
            if name.startswith(f"{first}, ") and (runs := found["runs"].get(name)):
                # strict=False: a row may have fewer seeds yet
                pairs = zip(runs, given, strict=False)
                shares = [(one["harm"] - original) / (it["harm"] - original) for one, it in pairs]
                yield f"- {name}: harm falls {mean(shares, 2)} times as much as with `{first}`."

    def _overshot(self, found: Found) -> Iterator[str]:
        """Of `neutral`, whether what it is to take away is less in the new model."""
        before = found["original"]["association"]
        if runs := found["runs"].get("counterfactual-kl"):
            after = [run["association"] for run in runs]
            fell = "fell" if fmean(after) < before else "did not fall"
            yield (
                f"- neutral: the association {fell}, from {before:.3f} to {mean(after, 3)} within "
                "the new model: words about people changed along."
            )


def forgotten(spans: str) -> Sequence[Text]:
    """HateCheck's texts, their spans as they are given or found anew."""
    texts = read_corpus(FORGET)
    if spans == "given":
        return texts
    selector = make_selector("contrast", SelectionOptions(train=TRAIN))
    return [item.text for item in select(texts, selector, mentions_of)]


def scores(model: LanguageModel) -> Found:
    """What the model expects of the words that HateCheck names, and StereoSet's scores."""
    record, _ = evaluate(model, [STEREOSET])
    domains = record.results[STEREOSET]["domains"]
    return {
        **harm(model, FORGET, texts=TEXTS),
        "ss": {name: found["ss"] for name, found in domains.items()},
        "lms": domains["all"]["lms"],
    }


def _row(
    name: str,
    seeds: object,
    runs: Sequence[Found],
    measures: Sequence[str],
    domains: Sequence[str],
) -> str:
    cells = [
        *(mean([run[measure] for run in runs], MEASURES[measure]) for measure in measures),
        *(mean([run["ss"][domain] for run in runs], 1) for domain in domains),
        mean([run["lms"] for run in runs], 1),
        *(mean([run[score] for run in runs], 3) for score in ("perplexity", "everyday")),
        mean([run["alpha"] for run in runs], 2),
    ]
    return f"| {name} | {seeds} | {' | '.join(cells)} |"
