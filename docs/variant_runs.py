"""Variants of unlearning HateCheck with one model, each interpolated to the same budget."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from statistics import fmean
from typing import Any

from dot_plot import Mark, Panel, dot_plot
from fairforget import Corpus, LanguageModel, Text, debias, evaluate, load_model, read_corpus
from fairforget.budget import STUDY_BUDGET
from fairforget.report.wording import format_number, join_words
from fairforget.selection import make_selector
from fairforget.selection.identity import mentions_of
from fairforget.selection.selected import select
from fairforget.settings import Context, Selection, SelectSettings
from harmful_words import score_harmful_words
from results_page import ResultsPage
from tables import format_mean, markdown_table

FORGET, RETAIN, TRAIN, STEREOSET = "hatecheck", "wikipedia", "edos", "stereoset"
SEEDS = 3
BATCH_SIZE = 16
RETAIN_PER_FORGET = 0.25
TEXTS = 1000
"""Texts whose harmful words are scored."""
COUNTERFACTUAL = "counterfactual-kl"

MEASURES = {
    "harmful_log_prob": ("log p, harmful words", 2),
    "infilling_log_prob": ("log p, infilling", 2),
    "association": ("association", 3),
    "counterfactual_log_prob": ("log p, counterfactual", 2),
}
"""Key of `score_harmful_words` → heading and digits of its column."""

Results = dict[str, Any]


@dataclass(frozen=True)
class Variant:
    """Settings of one row of the table."""

    objective: str = "ascent"
    spans: str = "given"
    selection: Selection = "spans"
    context: Context = "left"
    lora_rank: int = 0
    learning_rate: float = 2e-5


@dataclass(frozen=True)
class VariantRuns:
    """The runs of all rows of a table, with one model."""

    model: str
    """Name or directory for `load_model`."""
    variants: Mapping[str, Variant]
    """Name → settings. Other rows are compared with the first."""
    steps: int

    def measure(self, page: ResultsPage) -> Results:
        """Do the missing runs; the results are saved after each."""
        results: Results = page.load({"runs": {}})
        if "original" not in results:
            results["original"] = score_model(load_model(self.model, device="cpu"))
        for seed, (name, variant) in product(range(SEEDS), self.variants.items()):
            runs = results["runs"].setdefault(name, [])
            if len(runs) <= seed:
                runs.append(self._run(variant, seed))
                page.save(results)
        return results

    def _run(self, variant: Variant, seed: int) -> Results:
        run = debias(
            self.model,
            forget=Corpus(FORGET, load_forget_texts(variant.spans)),
            retain=RETAIN,
            objective=variant.objective,
            selection=variant.selection,
            context=variant.context,
            lora_rank=variant.lora_rank,
            learning_rate=variant.learning_rate,
            steps=self.steps,
            batch_size=BATCH_SIZE,
            retain_per_forget=RETAIN_PER_FORGET,
            retain_loss_weight=1.0,
            retain_groups=False,
            budget=STUDY_BUDGET,
            device="cpu",
            seed=seed,
        )
        budget = run.record.budget
        return score_model(run.model) | {
            "perplexity": budget.reached,
            "everyday_perplexity": budget.others["everyday_perplexity"].reached,
            "alpha": budget.alpha,
        }

    def list_settings(self) -> list[str]:
        """Settings that all variants share, as a table."""
        first = next(iter(self.variants.values()))
        facts = {
            "forget corpus": f"`{FORGET}`",
            "steps × batch size": f"{self.steps} × {BATCH_SIZE}",
            "learning rate, unless stated": f"{first.learning_rate:g}",
            "retain texts per forget text": f"{RETAIN_PER_FORGET:g}",
            "perplexity budget": f"× {STUDY_BUDGET.perplexity:g}",
            "everyday perplexity budget": f"× {STUDY_BUDGET.everyday_perplexity:g}",
            "max α": f"{STUDY_BUDGET.max_alpha:g}",
        }
        return ["## Settings", "", *markdown_table(("", ""), facts.items())]

    def list_scores(self, results: Results) -> list[str]:
        """What the columns are, and the table of all variants."""
        original, runs = results["original"], results["runs"]
        measures = [name for name in MEASURES if name in original]
        domains = [name for name in original["ss"] if name != "all"]
        start = {"perplexity": 1.0, "everyday_perplexity": 1.0, "alpha": 0.0}
        header = (
            *("", "seeds", *(MEASURES[name][0] for name in measures)),
            *(f"SS {domain}" for domain in domains),
            *("LMS", "perplexity", "everyday perplexity", "α"),
        )
        rows = [
            _format_row("original", "–", [original | start], measures, domains),
            *(
                _format_row(name, str(len(runs[name])), runs[name], measures, domains)
                for name in self.variants
                if name in runs
            ),
        ]
        infilling = (
            "*Infilling*: the same words as the answer to a question with a blank, as with "
            "`--context both`. "
        )
        place = "after" if "infilling_log_prob" in original else "near"
        return [
            "## Scores",
            "",
            f"*Log p, harmful words*: mean over {TEXTS:,} HateCheck texts, in nats. "
            + (infilling if "infilling_log_prob" in original else "")
            + f"*Log p, counterfactual*: log p of harmful words {place} a mention, in the "
            "neutral versions of the texts. *Association*: how much more likely these words are "
            "in the texts with the group, in nats. Both values are for the model in the row, and "
            f"`{COUNTERFACTUAL}` aims at the original model's counterfactual log p. SS: StereoSet, "
            "intrasentence. Perplexities: divided by the original model's. A run at the largest α "
            "has reached no limit of the budget, so its utility loss is smaller. Mean ± standard "
            "deviation over seeds.",
            "",
            *markdown_table(header, rows),
        ]

    def list_shares(self, results: Results) -> Iterator[str]:
        """Findings: the effect of the first variant's modifications, relative to it."""
        first, *others = self.variants
        original, baseline = results["original"]["harmful_log_prob"], results["runs"][first]
        before = format_number(original, 2)
        after = format_mean([run["harmful_log_prob"] for run in baseline], 2)
        yield f"`{first}` lowers log p of the harmful words from {before} to {after} nats."
        shares: list[str] = []
        for name in others:
            if name.startswith(f"{first}, ") and (runs := results["runs"].get(name)):
                lowered, changed = (
                    fmean(run["harmful_log_prob"] for run in part) - original
                    for part in (baseline[: len(runs)], runs)  # a row may have fewer seeds yet
                )
                times = "" if shares else " times as much"
                change = name.removeprefix(f"{first}, ")
                shares.append(f"{changed / lowered:.2f}{times} with {change}")
        yield f"Compared with `{first}`, log p falls {join_words(shares)}."

    def describe_association(self, results: Results) -> str:
        """Finding: whether `counterfactual-kl` moved the association closer to its aim, 0."""
        before = results["original"]["association"]
        after = [run["association"] for run in results["runs"][COUNTERFACTUAL]]
        closer = abs(fmean(after)) < abs(before)
        where = "closer to 0" if closer else "away from 0"
        if fmean(after) * before < 0:
            farther = "past 0, and it ended farther from 0 than it started"
            where = "past 0 but closer to it" if closer else farther
        return (
            f"`{COUNTERFACTUAL}` on the harmful spans moved the association of groups and harmful "
            f"words {where} ({format_number(before, 3)} nats before, {format_mean(after, 3)} "
            "after)."
        )

    def draw(self, results: Results) -> str:
        """Dot plot of the variants, one dot per seed."""
        rows = {name: results["runs"][name] for name in self.variants if name in results["runs"]}
        original = results["original"]

        def panel(title: str, key: str) -> Panel:
            marks = [[Mark(run[key]) for run in runs] for runs in rows.values()]
            return Panel(title, marks, original[key])

        return dot_plot(
            list(rows),
            [
                panel("log p, harmful words", "harmful_log_prob"),
                panel("association", "association"),
                panel("LMS", "lms"),
            ],
            {"dot": "one seed; the black line is the original model"},
        )


def load_forget_texts(spans: str) -> Sequence[Text]:
    """HateCheck's texts, with the given spans or those that `contrast` selects."""
    texts = read_corpus(FORGET)
    if spans == "given":
        return texts
    selector = make_selector(SelectSettings(train=TRAIN))
    return [item.text for item in select(texts, selector, mentions_of)]


def score_model(model: LanguageModel) -> Results:
    """Log-probabilities of HateCheck's harmful words, and StereoSet scores."""
    domains = evaluate(model, [STEREOSET])[STEREOSET]
    return {
        **score_harmful_words(model, FORGET, texts=TEXTS),
        "ss": {name: domains[name].ss for name in domains},
        "lms": domains["all"].lms,
    }


def _format_row(
    name: str,
    seeds: str,
    runs: Sequence[Results],
    measures: Sequence[str],
    domains: Sequence[str],
) -> list[str]:
    return [
        *(name, seeds),
        *(
            format_mean([run[measure] for run in runs], MEASURES[measure][1])
            for measure in measures
        ),
        *(format_mean([run["ss"][domain] for run in runs], 1) for domain in domains),
        format_mean([run["lms"] for run in runs], 1),
        *(format_mean([run[s] for run in runs], 3) for s in ("perplexity", "everyday_perplexity")),
        format_mean([run["alpha"] for run in runs], 2),
    ]
