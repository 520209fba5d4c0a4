"""Runs of one objective that differ in their seed, and the changes of scores."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from fairforget.benchmarks import find_judge
from fairforget.benchmarks.measurement import ALL, Judge, Row
from fairforget.benchmarks.measures import measure_of
from fairforget.cli import main as fairforget
from fairforget.comparison.domains import compare_domain
from fairforget.records.evaluation import read_items
from fairforget.records.paths import MODEL, RECORD
from fairforget.records.records import EvaluationRecord, UnlearningRecord
from fairforget.records.store import read_record
from general_ability import OPENBOOKQA, PIQA, write_tasks

STEREOSET, CROWS, FACTS = "stereoset", "crows_pairs", "group_facts"
WINOBIAS, WINOGENDER = "winobias", "winogender"
HATECHECK, PERPLEXITY = "harmful_words:hatecheck:1000", "perplexity:10%:bias-bench"
SEEGULL, HONEST, BOLD = "seegull", "honest:en:200", "bold:500"
SWAPPED = "counterfactual:gender:race:religion"
SCORED = (STEREOSET, CROWS, WINOBIAS, WINOGENDER, FACTS, HATECHECK, PERPLEXITY, SEEGULL)
"""Benchmarks that score given texts."""
ABILITY = (PIQA, OPENBOOKQA)
"""Benchmarks of general ability. They need the extra `harness`."""
TYPES = ("gender", "profession", "race", "religion")
"""Bias types of StereoSet. Three terms of religion are too few for a verdict."""
WRITTEN = {HONEST: "HONEST", BOLD: "BOLD", SWAPPED: "counterfactual"}
"""Benchmarks of what the model writes → their names."""


@dataclass(frozen=True)
class Measure:
    """A score that the page shows by domain."""

    benchmark: str
    score: str
    title: str
    domains: tuple[str, ...] = ()
    """Empty: all that the benchmark has."""

    @property
    def digits(self) -> int:
        """Decimals: two for nats per pair, which have wide intervals."""
        shown = measure_of(self.score)
        return 2 if shown.unit == "nats per pair" else shown.digits

    @property
    def heading(self) -> str:
        """The title at the start of a line."""
        return f"{self.title[0].upper()}{self.title[1:]}"


MEASURES = {
    "contribution_scaled": Measure(
        STEREOSET, "contribution_scaled", "scaled contribution of the group, MADs", (*TYPES, ALL)
    ),
    "contribution": Measure(
        STEREOSET, "contribution", "contribution of the group, nats per token", (*TYPES, ALL)
    ),
    "ss": Measure(STEREOSET, "ss", "SS", (*TYPES, ALL)),
    "lms": Measure(STEREOSET, "lms", "LMS", (*TYPES, ALL)),
    "lms_stereotype": Measure(STEREOSET, "lms_stereotype", "LMS of the stereotypes", (*TYPES, ALL)),
    "lms_anti_stereotype": Measure(
        STEREOSET, "lms_anti_stereotype", "LMS of the anti-stereotypes", (*TYPES, ALL)
    ),
    "log_prob": Measure(HATECHECK, "log_prob", "log p of harmful words, nats"),
    "added": Measure(HATECHECK, "added", "association of the group with harmful words, nats"),
    "association": Measure(
        SEEGULL, "association", "association of stereotypes with their nationality (SeeGULL), nats"
    ),
    "offensive": Measure(
        SEEGULL, "offensive_log_prob", "log p of offensive attributes (SeeGULL), nats"
    ),
    "facts": Measure(FACTS, "fact_log_prob", "log p of facts, nats", (ALL,)),
    "winobias": Measure(WINOBIAS, "gap", "WinoBias gap, nats", ("type1", "type2")),
    "winogender": Measure(WINOGENDER, "gap", "Winogender gap, nats", (ALL,)),
    "correlation": Measure(
        WINOGENDER, "correlation", "Winogender, correlation with employment", (ALL,)
    ),
    "stereotype": Measure(CROWS, "stereotype", "CrowS-Pairs, stereotype score", (ALL,)),
    "conditional_scaled": Measure(
        CROWS, "conditional_scaled", "CrowS-Pairs, scaled conditional, MADs", (ALL,)
    ),
    "conditional": Measure(CROWS, "conditional", "CrowS-Pairs, conditional, nats", (ALL,)),
    "prior": Measure(CROWS, "prior", "CrowS-Pairs, prior, nats", (ALL,)),
    "hurtful": Measure(HONEST, "hurtful", "hurtful completions (HONEST), %"),
    "negative": Measure(BOLD, "negative", "negative continuations (BOLD), %", (ALL,)),
    "sentiment_distance": Measure(
        SWAPPED, "sentiment_distance", "difference in sentiment (counterfactual prompts)"
    ),
    "wording_distance": Measure(
        SWAPPED, "wording_distance", "difference in wording (counterfactual prompts)"
    ),
    "piqa": Measure(PIQA, "accuracy", "accuracy on PIQA, %", (ALL,)),
    "openbookqa": Measure(OPENBOOKQA, "accuracy", "accuracy on OpenBookQA, %", (ALL,)),
}


@dataclass(frozen=True)
class SeedRuns:
    """Runs of `fairforget unlearn` that differ in their seed, and evaluations of their models."""

    source: str
    """The model."""
    directory: Path
    """Where the runs are, or are missing."""
    seeds: int
    benchmarks: tuple[str, ...]
    options: tuple[str, ...] = ()
    """Flags of `unlearn`. Default: all settings have their defaults."""
    original: Path | None = None
    """Evaluation of the model before unlearning. Default: in the same directory as the runs."""
    evaluation: str = "evaluation"
    """Suffix of the directories of the evaluations."""

    @property
    def measures(self) -> dict[str, Measure]:
        """The scores that the benchmarks have."""
        return {k: each for k, each in MEASURES.items() if each.benchmark in self.benchmarks}

    @property
    def before(self) -> Path:
        """Directory of the evaluation of the model before unlearning."""
        return self.original or self.directory / f"original-{self.evaluation}"

    @property
    def evaluations(self) -> list[Path]:
        """Directories of the evaluations, by seed."""
        return [self.directory / f"{seed}-{self.evaluation}" for seed in range(self.seeds)]

    def measure(self) -> dict[str, Any]:
        """Do the missing runs and read the results of all."""
        original = self.before
        if {*ABILITY} & {*self.benchmarks}:
            write_tasks()
        if not self.original:
            self._evaluate(self.source, original)
        self.unlearn()
        after = self.evaluations
        for seed, evaluation in enumerate(after):
            self._evaluate(str(self.directory / str(seed) / MODEL), evaluation)
        runs = [
            read_record(self.directory / str(seed) / RECORD, UnlearningRecord)
            for seed in range(self.seeds)
        ]
        return {
            "method": {name: value for name, value in runs[0].method.items() if name != "seed"},
            "steps": [run.method.get("steps_done", run.method["steps"]) for run in runs],
            "corpora": [asdict(corpus) for corpus in runs[0].corpora],
            "budget": [asdict(run.budget) for run in runs],
            "seconds": [run.seconds for run in runs],
            "machine": {
                name: getattr(runs[0].environment, name) for name in ("processor", "threads")
            },
            "perplexity": [
                _result(each, PERPLEXITY)["value"]
                for each in (original, *after)
                if PERPLEXITY in self.benchmarks
            ],
            "written": {
                benchmark: [_result(each, benchmark)["written"] for each in (original, *after)]
                for benchmark in WRITTEN
                if benchmark in self.benchmarks
            },
            "changes": {
                name: self._measure_changes(measure, original, after)
                for name, measure in self.measures.items()
            },
        }

    def unlearn(self) -> None:
        """Do the missing runs."""
        for seed in range(self.seeds):
            settings = ("--output", str(self.directory / str(seed)), "--seed", str(seed))
            fairforget(["unlearn", self.source, *settings, *self.options])

    def _evaluate(self, model: str, output: Path) -> None:
        names = ",".join(self.benchmarks)
        fairforget(["evaluate", model, "--output", str(output), "--benchmarks", names])

    def _measure_changes(
        self, measure: Measure, original: Path, after: Sequence[Path]
    ) -> dict[str, dict[str, Any]]:
        """Return, by domain, the score before, and its change: the mean's and each seed's.

        The 95 % interval of a seed covers items, that of the mean items and seeds.
        """
        judge, found = _find_judge(measure), {}
        domains = dict.fromkeys(row["domain"] for row in _items(original, measure.benchmark))
        for domain in measure.domains or (*domains, ALL):
            part, *parts = (_items(each, measure.benchmark, domain) for each in (original, *after))
            groups = [parts, *([rows] for rows in parts)]
            changes = compare_domain(judge, part, groups, domain=domain).by_group
            if measure.score in changes:
                mean, *by_seed = changes[measure.score]
                found[domain] = {
                    "before": mean.before.value,
                    "after": mean.after.value,
                    "change": mean.change.value,
                    "ci": mean.change.ci,
                    "clusters": mean.clusters,
                    "seeds": [
                        {
                            "after": seed.after.value,
                            "change": seed.change.value,
                            "ci": seed.change.ci,
                        }
                        for seed in by_seed
                    ],
                }
        return found


def subtract_control(
    runs: SeedRuns, control: SeedRuns, measure: Measure, domain: str = ALL
) -> dict[str, Any]:
    """Return the mean change of a score with some runs minus that with a control, in a domain.

    Both compare with the same original. The 95 % interval covers items and the seeds of either.
    """
    before, *after = (
        _items(each, measure.benchmark, domain)
        for each in (runs.before, *runs.evaluations, *control.evaluations)
    )
    groups = [after[: runs.seeds], after[runs.seeds :]]
    compared = compare_domain(_find_judge(measure), before, groups, domain=domain)
    ours, theirs = (change.change for change in compared.by_group[measure.score])
    difference = ours - theirs
    return {"change": difference.value, "ci": difference.ci}


def _find_judge(measure: Measure) -> Judge:
    judge = find_judge(measure.benchmark)
    assert judge
    return judge


def _result(evaluation: Path, benchmark: str) -> dict[str, Any]:
    return read_record(evaluation / RECORD, EvaluationRecord).results[benchmark]


def _items(evaluation: Path, benchmark: str, domain: str = ALL) -> list[Row]:
    return [
        row
        for row in _read_items(evaluation)
        if row["benchmark"] == benchmark and domain in (ALL, row["domain"])
    ]


_read_items = lru_cache(maxsize=8)(read_items)
