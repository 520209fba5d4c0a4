"""The card's text: what the model is, what changed, how it was made, and its limitations."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from fairforget.card.metadata import hub_name
from fairforget.objectives import OBJECTIVES
from fairforget.records.records import UnlearningRecord
from fairforget.records.trained_domains import trained_domains
from fairforget.report.before_after import before_after
from fairforget.report.contents import UnlearningRun
from fairforget.report.evidence import list_choices, list_limitations, list_units
from fairforget.report.facts import (
    bounds_tables,
    budget_table,
    corpora_table,
    pairs_table,
)
from fairforget.report.harmful_words import change_tables as harm_tables
from fairforget.report.other_benchmarks import other_tables
from fairforget.report.results import change_tables, cost_table, perplexity_note
from fairforget.report.run_headline import describe_weights, run_headline
from fairforget.report.tables import Table, markdown_text
from fairforget.report.wording import (
    flatten,
    format_value,
    join_words,
    model_name,
    steps_done,
    without_folders,
)

_LIMITS = (
    "This model is for research on social bias. Before you deploy it, evaluate it for your use "
    "case.",
    "Unlearning lowers likelihoods; it does not reliably remove knowledge. Other words, other "
    "languages, an adversarial prompt or further training can bring the bias back.",
    "Lower scores on these benchmarks do not prove that the model treats people fairly. They do "
    "not cover other groups and languages.",
    "Do not use it for decisions about people.",
    "All other limitations of the original model remain.",
)


@dataclass(frozen=True, slots=True)
class Licence:
    """The licence of the original model."""

    name: str | None
    """None if it could not be found."""
    link: str | None = None
    """Where its text is: a web address, or a file in the original model's repository."""


def render_body(run: UnlearningRun, licence: Licence) -> str:
    """The card below its metadata, as Markdown; text from outside is escaped.

    Folders of this machine are left out: the card is published.
    """
    record = run.record
    parts = [
        f"# {_name(record)} after unlearning",
        f"This is {_link(record)} after unlearning of social bias with FairForget.",
        *_results(run),
        "## How it was made",
        *_training(record),
        "## Intended use and limitations",
        _bullets(_LIMITS),
        "## Licence",
        _licence_text(licence),
    ]
    return "\n\n".join(parts) + "\n"


def _results(run: UnlearningRun) -> list[str]:
    record = run.record
    if run.before is None or run.after is None:
        return [
            "**It was not evaluated.** Whether it has less bias than the original is unknown. "
            f"Perplexity on held-out retain text is {record.budget.reached:.3f} × the original’s."
        ]
    changes = before_after(run.before, run.after)
    headline = run_headline(record, changes, trained_domains(record))
    note = perplexity_note(changes, record.budget.reached_ratios)
    results = run.before.record.results, run.after.record.results
    tables = [t for n, c in changes.benchmarks.items() for t in change_tables(n, c, note)]
    harm = harm_tables(changes.harm)
    tables += [*harm.values(), *other_tables(*results, changes.others, shown=harm)]
    cost = cost_table(changes)
    units = list_units(results[1], titled=True)
    return [
        "## What changed",
        f"**{markdown_text(headline.title)}.** {markdown_text(' '.join(headline.sentences))}",
        *(f"**Caution.** {markdown_text(text)}" for text in headline.cautions),
        *map(_table_text, [*tables, *([cost] if cost else [])]),
        *(
            [
                f"Brackets contain 95 % intervals over {units} (Student's t); those of changes are "
                "paired, because both models are scored on the same items."
            ]
            if units
            else []
        ),
        *_describe_start(record.model.start_token, results[1]),
        "### Known limitations of these measurements",
        _bullets(
            [
                f"{title} {markdown_text(text)}"
                for title, text in (
                    *list_choices(record.method.get("objective"), results[1]),
                    *list_limitations(results[1], "changes"),
                    *(("Note.", without_folders(note)) for note in changes.notes),
                )
            ]
        ),
    ]


def _describe_start(token: str, results: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """A sentence on the start token, if a benchmark puts it before its texts."""
    using = [name for name, result in results.items() if "start_token" in result]
    if using:
        of = (
            ""
            if len(using) == len(results)
            else f" of {markdown_text(without_folders(join_words(using)))}"
        )
        yield f"Every text{of} was scored after the token {markdown_text(token)}."


def _training(record: UnlearningRecord) -> list[str]:
    method = record.method
    corpora = [replace(corpus, name=without_folders(corpus.name)) for corpus in record.corpora]
    forget, retain = (
        [markdown_text(corpus.name) for corpus in corpora if corpus.role == role]
        for role in ("forget", "retain")
    )
    sentences = [
        _objective_sentence(method),
        f"Forget corpus: {join_words(forget) or 'not recorded'}; target tokens: "
        f"{markdown_text(format_value(method.get('selection')))}.",
        f"Retain corpus: {join_words(list(dict.fromkeys(retain))) or 'none'}; retain loss: "
        f"{markdown_text(format_value(method.get('retain_loss')))}.",
        f"Training: {markdown_text(steps_done(method))}. After training, "
        f"{describe_weights(record.budget)}.",
    ]
    settings = [(name, without_folders(value)) for name, value in flatten(method)]
    versions = record.environment
    tables = [
        pairs_table("Settings", settings),
        corpora_table(corpora),
        budget_table(record.budget),
        *bounds_tables(record.budget),
    ]
    return [
        " ".join(sentences),
        *map(_table_text, tables),
        markdown_text(
            f"Made with FairForget {versions.fairforget}, PyTorch {versions.torch}, "
            f"Transformers {versions.transformers}."
        )
        + " `record.json` has all details.",
    ]


def _objective_sentence(method: Mapping[str, Any]) -> str:
    name = str(method.get("objective", ""))
    if name in OBJECTIVES:
        known = OBJECTIVES[name]
        title, summary = f"Objective `{name}` ({markdown_text(known.paper)})", known.summary
    else:
        title = f"Objective {markdown_text(name) or 'not recorded'}"
        summary = str(method.get("objective_summary", ""))
    return f"{title}: {markdown_text(summary)}." if summary else f"{title}."


def _table_text(table: Table) -> str:
    note = f"\n\n{markdown_text(table.note)}" if table.note else ""
    return f"**{markdown_text(table.caption)}**\n\n{table.markdown().rstrip()}{note}"


def _name(record: UnlearningRecord) -> str:
    return markdown_text(model_name(record.model.source)) or "A model"


def _link(record: UnlearningRecord) -> str:
    name = hub_name(record.model.source)
    if name is None:  # a local directory or file
        return _name(record)
    return f"[{markdown_text(name)}](https://huggingface.co/{name})"


def _bullets(lines: tuple[str, ...] | list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _licence_text(licence: Licence) -> str:
    if licence.name is None:
        return (
            "The licence of the original model applies. It could not be found when this card was "
            "written; look it up before you use or share the weights."
        )
    name, link = markdown_text(licence.name), licence.link or ""
    is_address = re.fullmatch(r"https?://[^\s<>()]+", link)
    return f"As for the original model: {f'[{name}](<{link}>)' if is_address else name}."
