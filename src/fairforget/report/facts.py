"""How a run was made, as tables, and what is known against its benchmarks."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.options import find_user_file
from fairforget.corpora.sources import find_data_set
from fairforget.records.environment import Environment
from fairforget.records.records import (
    BudgetFacts,
    CorpusFacts,
    EvaluationRecord,
    ModelFacts,
    UnlearningRecord,
)
from fairforget.records.schema import size_of
from fairforget.report.scores import is_known
from fairforget.report.tables import Column, Content, Table
from fairforget.report.wording import NONE, benchmark_name, flatten, format_number, strip_markup

_BUILTIN = ("Apache-2.0", "FairForget")


def unlearning_tables(record: UnlearningRecord) -> list[Table]:
    """Method, corpora, model and versions of an unlearning run."""
    return [
        pairs_table("Settings of the method", flatten(record.method)),
        corpora_table(record.corpora),
        versions_table(record.model, record.environment, record.seconds),
    ]


def evaluation_tables(record: EvaluationRecord) -> list[Table]:
    """Model and versions of an evaluation."""
    return [versions_table(record.model, record.environment, record.seconds)]


def budget_table(budget: BudgetFacts) -> Table:
    """What damage was allowed, and where the run landed."""
    measures = {"held-out retain text": budget, **budget.others}
    note = f"Result at α = {format_number(budget.alpha, 3)} (0: the original, 1: as trained"
    if budget.max_alpha > 1:
        note += f", {format_number(budget.max_alpha, 1)}: the furthest allowed"
    return Table(
        caption="The budget of damage: perplexity, × the original’s",
        columns=[
            Column("Text"),
            Column("Original’s perplexity", numeric=True),
            Column("Allowed", numeric=True),
            Column("As trained, about", numeric=True),
            Column("Reached", numeric=True),
        ],
        rows=[
            [
                name[:1].upper() + name[1:],
                format_number(facts.before, 2),
                *(format_number(value, 3) for value in (facts.asked, facts.trained, facts.reached)),
            ]
            for name, facts in measures.items()
        ],
        note=f"{note}). {('Budget ' + budget.note + '.') if budget.note else ''}".strip(),
    )


def corpora_table(corpora: Sequence[CorpusFacts]) -> Table:
    """The corpora as they were used."""
    return Table(
        caption="Corpora",
        columns=[
            Column("Corpus"),
            Column("Role"),
            Column("Domain"),
            Column("Texts", numeric=True),
            Column("Tokens", numeric=True),
            Column("Licence"),
            Column("Source"),
        ],
        rows=[
            [
                corpus.name,
                corpus.role,
                corpus.domain or NONE,
                str(corpus.texts),
                str(corpus.tokens),
                *_source(corpus.name),
            ]
            for corpus in corpora
        ],
        note="Tokens of a forget corpus: those that unlearning aims at.",
    )


def benchmark_table(record: EvaluationRecord) -> Table:
    """Protocol, licence and size of each benchmark."""
    rows: list[list[Content]] = []
    for name, result in record.results.items():
        whole = result.get("domains", {})
        whole = whole.get(ALL, {}) if isinstance(whole, dict) else {}
        whole = whole if isinstance(whole, dict) else {}
        size = size_of(whole)
        rows.append(
            [
                benchmark_name(name),
                strip_markup(result.get("protocol", NONE)),
                strip_markup(result.get("split", result.get("corpus", NONE))),
                strip_markup(result.get("tokens", NONE) if size is None else size),
                strip_markup(whole.get("terms", NONE)),
                strip_markup(whole.get("ties", NONE)),
                *_source(str(result.get("corpus", find_user_file(name) or name))),
            ]
        )
    return Table(
        caption="Benchmarks as they were scored",
        columns=[
            Column("Benchmark"),
            Column("Protocol"),
            Column("Data"),
            Column("Items or tokens", numeric=True),
            Column("Terms", numeric=True),
            Column("Ties", numeric=True),
            Column("Licence"),
            Column("Source"),
        ],
        rows=rows,
    )


def versions_table(model: ModelFacts, environment: Environment, seconds: dict[str, float]) -> Table:
    """The model and what it ran on."""
    return pairs_table(
        "Model and versions",
        [
            ("Model", model.source),
            ("Parameters", f"{model.parameters:,}".replace(",", "\u202f")),
            ("Number type", model.dtype),
            ("Start token", model.start_token),
            *_known(("Revision", model.revision), ("Weights, in part, sha256", model.weights[:16])),
            ("FairForget", environment.fairforget),
            ("PyTorch", environment.torch),
            ("Transformers", environment.transformers),
            *_known(
                ("Accelerate", environment.accelerate),
                ("Tokenizers", environment.tokenizers),
                ("NumPy", environment.numpy),
                ("PEFT", environment.peft),
            ),
            ("Python", environment.python),
            ("Device", environment.device),
            ("Processes", str(environment.processes)),
            *_known(
                ("Threads", str(environment.threads or "")), ("Processor", environment.processor)
            ),
            *((f"Seconds, {name}", format_number(value)) for name, value in seconds.items()),
        ],
    )


def _known(*rows: tuple[str, str]) -> list[tuple[str, str]]:
    """The rows that have a value: older records lack some."""
    return [row for row in rows if row[1]]


def generic_tables(before: dict[str, Any], after: dict[str, Any]) -> list[Table]:
    """Results, by benchmark, that this report knows on neither side, as they stand."""
    return [
        generic_table(name, before.get(name, {}), after.get(name, {}))
        for name in dict.fromkeys([*before, *after])
        if not any(is_known(name, side) for side in (before, after))
    ]


def generic_table(name: str, before: dict[str, Any] | None, after: dict[str, Any]) -> Table:
    """A result of a benchmark that this report does not know, as it stands."""
    later = dict(flatten(after))
    if before is None:
        return pairs_table(name, list(later.items()))
    earlier = dict(flatten(before))
    return Table(
        caption=f"{name}, before and after",
        columns=[Column("What"), Column("Before"), Column("After")],
        rows=[
            [key, earlier.get(key, NONE), later.get(key, NONE)]
            for key in dict.fromkeys([*earlier, *later])
        ],
    )


def pairs_table(caption: str, rows: Sequence[tuple[str, str]]) -> Table:
    """Names and their values."""
    return Table(
        caption=caption,
        columns=[Column("What"), Column("Value")],
        rows=[list(row) for row in rows],
    )


def _source(name: str) -> tuple[str, str]:
    """Licence and citation of a corpus or benchmark, by the name with options that it was given."""
    base = re.split("[:?]", name, maxsplit=1)[0]
    if base == "builtin":
        return _BUILTIN
    data = find_data_set(base)
    return (data.licence, data.citation) if data else ("not recorded", NONE)
