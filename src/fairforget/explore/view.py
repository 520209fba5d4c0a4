"""The results of the explorer as HTML; all text from the user or a model is escaped."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from fairforget.explore.pair import (
    GroupTexts,
    LikelihoodChange,
    Part,
    group_gap,
    mark_differences,
    rank_changes,
)
from fairforget.report.wording import format_number, format_signed
from fairforget.terminal.messages import count_of

NOTHING = " <em>(nothing more)</em>"
STYLE = """
.ff { font-size: 1rem; line-height: 1.6; }
.ff table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
.ff th, .ff td { text-align: left; padding: 0.4rem 0.9rem 0.4rem 0; vertical-align: top;
  border: 0; border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
.ff .n { text-align: right; white-space: nowrap; }
.ff .sides { display: grid; grid-template-columns: repeat(auto-fit, minmax(16rem, 1fr));
  gap: 2rem; }
.ff .sides h3, .ff .title { font-weight: 600; margin: 0 0 0.4rem; }
.ff .written { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; }
.ff .prompt { opacity: 0.75; }
.ff .tokens { line-height: 2.4; overflow-wrap: anywhere; margin: 0 0 1rem; white-space: pre-wrap; }
.ff .token { padding: 0.15rem 0; border-bottom: 3px solid transparent; }
.ff .most { font-weight: 600; }
.ff .down { border-bottom-color: #0b62a8; } .ff .up { border-bottom-color: #c2612a; }
.ff .bar { display: block; position: relative; height: 1.1rem; min-width: 8rem; }
.ff .bar::before { content: ""; position: absolute; left: 50%; top: 0; bottom: 0;
  border-left: 1px solid currentColor; opacity: 0.5; }
.ff .bar i { position: absolute; top: 0.2rem; height: 0.7rem; }
.ff .bar .less { background: #2f83c5; } .ff .bar .more { background: #c2612a; }
.ff .texts td { width: 45%; }
.ff .scroll { overflow-x: auto; }
.ff table, .ff tr, .ff th, .ff td { border-inline: 0 !important; border-top: 0 !important; }
@media (max-width: 40rem) {
  .ff th, .ff td { padding-right: 0.5rem; font-size: 0.85rem; } .ff .bar { min-width: 4rem; }
}
.gradio-container .info-text, .gradio-container button[role="tab"].selected {
  color: inherit !important; }
.ff .wrong { border-left: 3px solid #c2612a; padding-left: 0.75rem; }
"""


def continuations_html(prompt: str, before: str, after: str) -> str:
    """Both continuations side by side."""
    sides = (("Original", before), ("Debiased", after))
    columns = "".join(
        f'<div><h3>{name}</h3><p class="written"><span class="prompt">{escape(prompt)}</span>'
        f"{escape(text) if text.strip() else NOTHING}</p></div>"
        for name, text in sides
    )
    return f'<div class="ff"><div class="sides">{columns}</div></div>'


def tokens_html(changes: Sequence[LikelihoodChange]) -> str:
    """The text with the most changed tokens marked, and a table of all tokens."""
    marked = rank_changes(changes)
    words = "".join(
        f'<span class="token{_mark(change) if i in marked else ""}">{escape(change.text)}</span>'
        for i, change in enumerate(changes)
    )
    largest = max((abs(c.delta) for c in changes), default=0.0)
    rows = "".join(
        f'<tr{" class=most" if i in marked else ""}><th scope="row">{_name(c)}</th>'
        f"{_numbers(c.before, c.after, c.delta, largest)}</tr>"
        for i, c in enumerate(changes)
    )
    return (
        '<div class="ff"><p class="title">The original model’s text, and the log-probability of '
        f'each token under both models</p><p class="tokens">{words}</p>'
        "<p>In nats. The tokens that changed most are underlined: blue is less likely than before, "
        "orange more likely. … continues the character of the token before it.</p>"
        f"{_table('Token', rows)}</div>"
    )


def groups_html(changes: Sequence[LikelihoodChange]) -> str:
    """A table of the groups under both models, and the gap between the groups."""
    largest = max((abs(c.delta) for c in changes), default=0.0)
    rows = "".join(
        f'<tr><th scope="row">{escape(c.text)}</th>'
        f"{_numbers(c.before, c.after, c.delta, largest)}</tr>"
        for c in changes
    )
    before, after = group_gap([c.before for c in changes]), group_gap([c.after for c in changes])
    gap = (
        f"<p class=title>Gap between the groups: {format_number(before, 2)} nats in the original "
        f"model, {format_number(after, 2)} in the debiased model.</p>"
        if len(changes) > 1
        else ""
    )
    return (
        f'<div class="ff">{gap}<p>Mean log-probability of the tokens after the group’s name, in '
        f"nats: how likely the model finds these words for the group.</p>{_table('Group', rows)}"
        "</div>"
    )


def group_texts_html(texts: Sequence[GroupTexts]) -> str:
    """A table of the continuations about each group, with the words that differ underlined."""
    rows = "".join(_texts_row(text) for text in texts)
    changed = sum(text.before != text.after for text in texts)
    return (
        f'<div class="ff"><p class="title">{changed} of {count_of(len(texts), "continuation")} '
        "differ</p><p>The prompt is not repeated. Words that differ between the two models are "
        'underlined.</p><div class="scroll" role="region" tabindex="0" aria-label="Continuations">'
        '<table class="texts"><thead><tr><th scope="col">Group</th><th scope="col">Original</th>'
        f'<th scope="col">Debiased</th></tr></thead><tbody>{rows}</tbody></table></div></div>'
    )


def problem_html(message: str) -> str:
    """An error message about the input."""
    return f'<div class="ff"><p class="wrong" role="alert">{escape(message)}.</p></div>'


def _name(change: LikelihoodChange) -> str:
    """A token in the table: its characters; an ellipsis if they are shown with one before it."""
    return escape(change.text.strip()) or ("␣" if change.text else "…")


def _texts_row(text: GroupTexts) -> str:
    cells = "".join(
        f'<td><p class="written">{_marked(parts)}</p></td>'
        for parts in mark_differences(text.before, text.after)
    )
    return f'<tr><th scope="row">{escape(text.group)}</th>{cells}</tr>'


def _marked(parts: Sequence[Part]) -> str:
    """A text with the parts that differ underlined."""
    if not any(text.strip() for text, _ in parts):
        return NOTHING
    return "".join(f"<u>{escape(text)}</u>" if differs else escape(text) for text, differs in parts)


def _mark(change: LikelihoodChange) -> str:
    return " most down" if change.delta < 0 else " most up"


def _numbers(before: float, after: float, delta: float, largest: float) -> str:
    width = 50 * abs(delta) / largest if largest else 0.0
    left = 50 - width if delta < 0 else 50.0
    kind = "less" if delta < 0 else "more"
    return (
        f'<td class="n">{format_number(before, 2)}</td><td class="n">{format_number(after, 2)}</td>'
        f'<td class="n">{format_signed(delta, 2)}</td><td><span class="bar" aria-hidden="true">'
        f'<i class="{kind}" style="left: {left:.2f}%; width: {width:.2f}%"></i></span></td>'
    )


def _table(first: str, rows: str) -> str:
    head = "".join(
        f'<th scope="col" class="n">{n}</th>' for n in ("Original", "Debiased", "Change")
    )
    return (
        '<div class="scroll" role="region" tabindex="0" aria-label="Numbers"><table><thead><tr>'
        f'<th scope="col">{first}</th>{head}'
        f'<th scope="col">less · more</th></tr></thead><tbody>{rows}</tbody>'
        "</table></div>"
    )
