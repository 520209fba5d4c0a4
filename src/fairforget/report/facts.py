"""Tables of how a run was made: settings, corpora, budget, benchmarks and versions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.options import find_user_file
from fairforget.budget import HARM_TOLERANCE
from fairforget.corpora.inventory import comes_with_package
from fairforget.corpora.sources import find_data_set
from fairforget.data.catalogue import CATALOGUE
from fairforget.records.environment import Environment
from fairforget.records.records import (
    COUNTERFACTUAL_TEXTS,
    FACT_TEXTS,
    BudgetFacts,
    CorpusFacts,
    EvaluationRecord,
    HarmfulWordFacts,
    ModelFacts,
    MovementFacts,
    UnlearningRecord,
)
from fairforget.records.schema import size_of
from fairforget.report.tables import Column, Content, Table
from fairforget.report.wording import (
    NONE,
    benchmark_name,
    budget_note,
    capitalize_first,
    flatten,
    format_count,
    format_number,
    format_signed,
    format_value,
    measured_text,
    without_folders,
)

_BUILTIN = ("Apache-2.0", "FairForget")
_DERIVED = ("as the forget corpora", "the forget corpora, with neutral words")
_WORD_LISTS = {"honest": ("hurtlex",)}
"""Benchmark → data sets that it scores with."""
_OWN = (FACT_TEXTS, "counterfactual", "group_facts")
"""FairForget's own texts that are no corpus; the last two are benchmarks."""


def unlearning_tables(record: UnlearningRecord) -> list[Table]:
    """Method, corpora, model and versions of an unlearning run."""
    return [
        pairs_table("Method settings", flatten(record.method)),
        corpora_table(record.corpora),
        versions_table(record.model, record.environment, record.seconds),
    ]


def budget_table(budget: BudgetFacts) -> Table:
    """The allowed utility loss, and the utility loss of the interpolated weights."""
    measures = {measured_text(name): facts for name, facts in budget.perplexities.items()}
    verb = "Extrapolated" if budget.alpha > 1 else "Interpolated"
    note = f"{verb} to α = {format_number(budget.alpha, 3)} (0: original, 1: trained"
    if budget.max_alpha > 1:
        note += f", {format_number(budget.max_alpha, 1)}: the maximum"
    return Table(
        caption="Budget: perplexity as a multiple of the original’s",
        columns=[
            Column("Text"),
            Column("Original’s perplexity", numeric=True),
            Column("Budget", numeric=True),
            Column("Trained weights (estimate)", numeric=True),
            Column("Result", numeric=True),
        ],
        rows=[
            [
                capitalize_first(name),
                format_number(facts.before, 2),
                *(format_number(value, 3) for value in (facts.asked, facts.trained, facts.reached)),
            ]
            for name, facts in measures.items()
        ],
        note=f"{note}). {budget_note(budget.note)}".strip(),
    )


def bounds_tables(budget: BudgetFacts) -> list[Table]:
    """How far the model moved, and how likely harmful words became; older records have neither."""
    tables = []
    if budget.movements:
        tables.append(_movement_table(budget.movements))
    if budget.harmful_words:
        tables.append(_harmful_words_table(budget.harmful_words))
    return tables


def _movement_table(movements: Mapping[str, MovementFacts]) -> Table:
    return Table(
        caption="Movement, in nats per token",
        columns=[Column("Text"), Column("Limit", numeric=True), Column("Result", numeric=True)],
        rows=[
            [
                capitalize_first(measured_text(kind)),
                format_number(facts.asked, 4),
                format_number(facts.reached, 4),
            ]
            for kind, facts in movements.items()
        ],
        note="Mean KL divergence from the original model, on some of the held-out texts. A change "
        "that lowers perplexity counts too.",
    )


def _harmful_words_table(words: HarmfulWordFacts) -> Table:
    added = words.added_after - words.added_before
    return Table(
        caption="Log p of harmful words, in nats per token",
        columns=[
            Column("Measure (lower is better)"),
            *(Column(name, numeric=True) for name in ("Before", "Maximum rise", "After", "Change")),
        ],
        rows=[
            [
                "After a group",
                format_number(words.before, 3),
                format_number(words.asked, 3),
                format_number(words.after, 3),
                format_signed(words.change, 3),
            ],
            [
                "After a group, minus that after a neutral word",
                format_number(words.added_before, 3),
                NONE,
                format_number(words.added_after, 3),
                format_signed(added, 3),
            ],
        ],
        note=f"Harmful words of {words.texts} built-in texts that no run trains on. A rise of "
        f"up to {HARM_TOLERANCE:g} nats above the maximum is accepted.",
    )


def corpora_table(corpora: Sequence[CorpusFacts]) -> Table:
    """The corpora, with the number of texts and tokens used."""
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
        note="For a forget corpus, tokens are the target tokens only.",
    )


def benchmark_table(record: EvaluationRecord) -> Table:
    """Protocol, licence and size of each benchmark."""
    rows: list[list[Content]] = []
    for name, result in record.results.items():
        total = result.get("domains", {}).get(ALL, {})
        size = size_of(total)
        rows.append(
            [
                benchmark_name(name),
                format_value(result.get("protocol", NONE)),
                format_value(result.get("split", result.get("corpus", NONE))),
                format_value(result.get("tokens", NONE) if size is None else size),
                format_value(total.get("terms", NONE)),
                format_value(total.get("ties", NONE)),
                *_source(str(result.get("corpus", find_user_file(name) or name))),
            ]
        )
    return Table(
        caption="Benchmarks",
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
    """The model, the library versions, the hardware and the run times."""
    return pairs_table(
        "Model and versions",
        [
            ("Model", model.source),
            *_get_known(
                ("Server", model.server),
                ("Parameters", format_count(model.parameters) if model.parameters else ""),
                ("Data type", model.dtype),
                ("Start token", model.start_token),
                ("Revision", model.revision),
                ("Weights (sha256 prefix)", model.weights[:16]),
            ),
            ("FairForget", environment.fairforget),
            ("PyTorch", environment.torch),
            ("Transformers", environment.transformers),
            *_get_known(
                ("Accelerate", environment.accelerate),
                ("Tokenizers", environment.tokenizers),
                ("NumPy", environment.numpy),
                ("PEFT", environment.peft),
            ),
            ("Python", environment.python),
            ("Device", environment.device),
            ("Processes", str(environment.processes)),
            *_get_known(
                ("Threads", str(environment.threads or "")), ("Processor", environment.processor)
            ),
            *((f"Seconds, {name}", format_number(value)) for name, value in seconds.items()),
        ],
    )


def _get_known(*rows: tuple[str, str]) -> list[tuple[str, str]]:
    """The rows with a value; older records lack some."""
    return [row for row in rows if row[1]]


def generic_table(name: str, before: dict[str, Any] | None, after: dict[str, Any]) -> Table:
    """The raw results of a benchmark; of one evaluation if `before` is None."""
    name = without_folders(name)
    new = {key: without_folders(value) for key, value in flatten(after)}
    if before is None:
        return pairs_table(name, list(new.items()))
    old = {key: without_folders(value) for key, value in flatten(before)}
    return Table(
        caption=f"{name}, before and after",
        columns=[Column("Result"), Column("Before"), Column("After")],
        rows=[[key, old.get(key, NONE), new.get(key, NONE)] for key in dict.fromkeys([*old, *new])],
    )


def pairs_table(caption: str, rows: Sequence[tuple[str, str]]) -> Table:
    """A table of names and values."""
    return Table(
        caption=caption,
        columns=[Column("Name"), Column("Value")],
        rows=[list(row) for row in rows],
    )


def _source(name: str) -> tuple[str, str]:
    """Licence and citation of a corpus, benchmark or file, given its name with options."""
    base, *options = re.split("[:?]", name)
    if base == COUNTERFACTUAL_TEXTS:
        return _DERIVED
    if comes_with_package(base) or base in _OWN:
        return _BUILTIN
    variants = (CATALOGUE.get(f"{base}-{option}") for option in options)  # another language
    data = next(filter(None, variants), None) or find_data_set(base)
    if data is None:
        return ("not recorded", NONE)
    parts = [data, *(CATALOGUE[name] for name in _WORD_LISTS.get(base, ()))]
    return ("; ".join(each.licence for each in parts), "; ".join(each.citation for each in parts))
