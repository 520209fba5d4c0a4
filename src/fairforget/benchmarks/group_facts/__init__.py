"""Facts about groups, which unlearning should not change: languages, holy books, biology, tasks.

A fact is a prompt that names a group, with a right and a wrong continuation. `fact_log_prob` is the
mean log p(right continuation | prompt), in nats per fact; `accuracy` is the share of facts, in %,
whose right continuation is more likely than the wrong one. A tie does not count as right. The
benchmark measures ability, so it has no bias score.

FairForget's own facts are in `facts.csv`. They were written for it, and none is from a benchmark.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from importlib.resources import as_file, files
from pathlib import Path

import numpy as np

from fairforget.benchmarks.measurement import (
    ALL,
    Benchmark,
    Judgement,
    Measurement,
    Row,
    cluster_rows,
    score_domains,
)
from fairforget.benchmarks.options import FILE, parse_options
from fairforget.benchmarks.sentences import continuation_scores
from fairforget.errors import InputError
from fairforget.files.rows import csv_rows
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.progress import Progress
from fairforget.statistics.jackknife import Floats

PROTOCOL = "bos"
COLUMNS = ("domain", "group", "prompt", "right", "wrong")
"""Columns of a file of facts."""


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact about a group."""

    id: str
    domain: str
    group: str
    """Facts about one group are not independent."""
    prompt: str
    right: str
    wrong: str


def prepare(options: Sequence[str]) -> Benchmark:
    """`evaluate` with options: a file of facts."""
    by_kind = parse_options("group_facts", options, {}, rest=FILE)
    return Benchmark(partial(evaluate, facts=read_facts(by_kind.get(FILE))), ("causal",))


def read_facts(path: str | Path | None = None) -> list[Fact]:
    """Read facts from a CSV file with the columns `COLUMNS`.

    Args:
        path: by default, FairForget's own facts.

    Raises:
        InputError: the file is missing or malformed; names file, line and column.
    """
    if path is None:
        with as_file(files(__package__).joinpath("facts.csv")) as own:
            return read_facts(own)
    facts: dict[str, Fact] = {}
    for where, row in csv_rows(Path(path)):
        if missing := [column for column in COLUMNS if not (row.get(column) or "").strip()]:
            raise InputError(
                f"{where}: column {missing[0]!r} is missing or empty; every line needs "
                f"{', '.join(COLUMNS)}"
            )
        domain, group, prompt, right, wrong = (row[column].strip() for column in COLUMNS)
        if domain == ALL:
            raise InputError(
                f"{where}: domain {ALL!r} is the name of the score over all domains; choose another"
            )
        if right == wrong:
            raise InputError(f"{where}: right and wrong are both {right!r}; correct one of them")
        if prompt in facts:
            raise InputError(f"{where}: the prompt {prompt!r} occurs twice; remove one")
        facts[prompt] = Fact(f"{domain}-{len(facts) + 1}", domain, group, prompt, right, wrong)
    if not facts:
        raise InputError(f"{path}: no facts found; expected a header and one line per fact")
    return list(facts.values())


def evaluate(
    language_model: LanguageModel,
    *,
    facts: Sequence[Fact],
    progress: Progress | None = None,
) -> Measurement:
    """Score both continuations of each fact.

    Args:
        language_model: a causal model.
        facts: from `read_facts`.
        progress: called with the number of continuations scored since the last call, and in total.

    Raises:
        InputError: a continuation has no tokens, or a fact exceeds the model's context length.
    """
    scores = continuation_scores(
        language_model,
        [(fact.prompt, text) for fact in facts for text in (fact.right, fact.wrong)],
        names=[f"group_facts {fact.id}, {side}" for fact in facts for side in ("right", "wrong")],
        progress=progress,
    )
    items: list[Row] = [
        {
            "id": fact.id,
            "domain": fact.domain,
            "group": fact.group,
            "prompt": fact.prompt,
            "right": fact.right,
            "wrong": fact.wrong,
            "sum_right": float(right),
            "sum_wrong": float(wrong),
        }
        for fact, (right, wrong) in zip(facts, scores.total.reshape(-1, 2), strict=True)
    ]
    return Measurement(
        {
            "protocol": PROTOCOL,
            "start_token": language_model.start_token,
            "domains": score_domains(items, judge, size="facts", clusters="groups", ties=True),
        },
        items,
    )


def judge(rows: Sequence[Row]) -> Judgement:
    """Facts as numbers, clustered by group."""
    right, wrong = (np.array([row[name] for row in rows]) for name in ("sum_right", "sum_wrong"))
    columns = np.column_stack([right > wrong, right, np.ones(len(rows))])
    return Judgement(
        [cluster_rows(columns, rows, "group")],
        _statistic,
        verdicts=right > wrong,
        ties=int((right == wrong).sum()),
    )


def _statistic(totals: Floats) -> dict[str, Floats]:
    return {
        "accuracy": 100 * totals[..., 0] / totals[..., 2],
        "fact_log_prob": totals[..., 1] / totals[..., 2],
    }
