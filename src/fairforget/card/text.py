"""The card's text: what the model is, how it was made, what changed, what not to use it for."""

from __future__ import annotations

from fairforget.card.metadata import hub_name
from fairforget.objectives import OBJECTIVES
from fairforget.records.records import UnlearningRecord
from fairforget.report.before_after import before_after
from fairforget.report.contents import Unlearning
from fairforget.report.facts import budget_table, corpora_table, generic_tables
from fairforget.report.headline import change_headline
from fairforget.report.limitations import list_limitations
from fairforget.report.results import change_table, cost_table, perplexity_note
from fairforget.report.tables import Column, Table, markdown_text
from fairforget.report.unlearning_page import trained_domains
from fairforget.report.wording import flatten, join_words, steps_done, strip_markup

_OBJECTIVES = {
    "ascent": "the tokens that carry the bias became less likely",
    "neutral": "after a mention of a group, the model was made to expect what the original expects "
    "after a neutral word in its place",
}
_LIMITS = (
    "It is meant for research on social bias, and as a starting point whose suitability you "
    "measure yourself, for your own use, before people depend on it.",
    "Unlearning lowers likelihoods. It removes no knowledge for certain: other words, other "
    "languages, a clever prompt or further training can bring the bias back.",
    "Lower scores on these benchmarks are no proof that the model treats people fairly, and say "
    "nothing about groups and languages that they do not cover.",
    "Do not use it to decide about people.",
    "All other limits of the original model remain.",
)


def render_body(run: Unlearning, licence: str | None) -> str:
    """The card below its metadata, as Markdown; every name from outside is escaped."""
    record = run.record
    parts = [
        f"# {_name(record)}, with less social bias",
        f"This is {_link(record)} after unlearning with [FairForget]({_HOME}).",
        *_measured(run),
        "## How it was made",
        *_made(record),
        "## Intended use and limits",
        _bullets(_LIMITS),
        "## Licence",
        _licence(licence),
    ]
    return "\n\n".join(parts) + "\n"


_HOME = "https://pypi.org/project/fairforget"


def _measured(run: Unlearning) -> list[str]:
    record = run.record
    if run.before is None or run.after is None:
        return [
            "**It was not measured.** Whether it has less bias than the original is unknown; "
            f"perplexity on held-out text is {record.budget.reached:.3f} × the original’s."
        ]
    comparison = before_after(run.before, run.after)
    reached = record.budget.reached
    headline = change_headline(comparison, trained_domains(record.corpora), reached)
    note = perplexity_note(comparison, reached)
    results = run.before.record.results, run.after.record.results
    tables = [change_table(n, comparison.benchmarks[n], note) for n in comparison.benchmarks]
    tables += generic_tables(*results)
    cost = cost_table(comparison)
    return [
        "## What changed",
        f"**{markdown_text(headline.title)}.** {markdown_text(' '.join(headline.sentences))}",
        *(f"**Caution.** {markdown_text(text)}" for text in headline.cautions),
        *map(_table, [*tables, *([cost] if cost else [])]),
        "Numbers in brackets are 95 % intervals: bootstrap over target terms (StereoSet) or pairs, "
        "of changes paired on the same items. 50 is no preference, and also what a broken model "
        "scores.",
        "### Known faults of these measurements",
        _bullets(
            [
                f"{title} {markdown_text(text)}"
                for title, text in list_limitations(results[1], verdicts=True)
            ]
        ),
    ]


def _made(record: UnlearningRecord) -> list[str]:
    method = record.method
    forgotten = [markdown_text(c.name) for c in record.corpora if c.role == "forget"]
    retained = [markdown_text(c.name) for c in record.corpora if c.role == "retain"]
    sentences = [
        _objective(str(method.get("objective", ""))),
        f"The texts to forget are from {join_words(forgotten) or 'no corpus on record'}; "
        f"selected tokens: {markdown_text(strip_markup(method.get('selection')))}.",
        f"Retention ({markdown_text(strip_markup(method.get('retain_loss')))}) on "
        f"{join_words(list(dict.fromkeys(retained))) or 'nothing'} held the rest in place.",
        f"{markdown_text(steps_done(method))}; then the point on the line from the "
        "original to the trained weights was taken that stays inside the budget of damage.",
    ]
    settings = Table(
        caption="Settings",
        columns=[Column("What"), Column("Value")],
        rows=[[name, value] for name, value in flatten(method)],
    )
    e = record.environment
    made = f"Made with FairForget {e.fairforget}, PyTorch {e.torch}, Transformers {e.transformers}"
    return [
        " ".join(sentences),
        *map(_table, (settings, corpora_table(record.corpora), budget_table(record.budget))),
        f"{markdown_text(made)}. All of it is in `record.json`.",
    ]


def _objective(name: str) -> str:
    if name not in OBJECTIVES:
        return f"Objective: {markdown_text(name) or 'not recorded'}."
    words = f": {_OBJECTIVES[name]}" if name in _OBJECTIVES else ""
    return f"Objective `{name}` ({markdown_text(OBJECTIVES[name].paper)}){words}."


def _table(table: Table) -> str:
    note = f"\n\n{markdown_text(table.note)}" if table.note else ""
    return f"**{markdown_text(table.caption)}**\n\n{table.markdown().rstrip()}{note}"


def _name(record: UnlearningRecord) -> str:
    return markdown_text(record.model.source.rstrip("/").rpartition("/")[2]) or "A model"


def _link(record: UnlearningRecord) -> str:
    name = hub_name(record.model.source)
    if name is None:
        return markdown_text(record.model.source) or "a model"
    return f"[{markdown_text(name)}](https://huggingface.co/{name})"


def _bullets(lines: tuple[str, ...] | list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _licence(licence: str | None) -> str:
    if licence is None:
        return (
            "The licence of the original model applies. This card does not name it because it "
            "could not be found; look it up before you use or pass on the weights."
        )
    return f"That of the original model: {markdown_text(licence)}."
