"""How well each selector finds the spans that HateCheck marks: docs/pages/results/selectors.md.

python docs/score_selectors.py            one minute
python docs/score_selectors.py --table    only regenerate the page from the last results

No selector has seen HateCheck. Word counts come from EDOS or the built-in templates; thresholds and
weights were chosen on the built-in templates, whose spans are exact. The row `lexicon` needs a word
list (`pip install --no-deps better-profanity==0.7.0`); without it, the last result is kept.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from importlib.util import find_spec
from typing import Any, cast

from dot_plot import Mark, Panel, dot_plot
from fairforget.corpora import read_corpus
from fairforget.selection import make_selector
from fairforget.selection.contrast import Contrast, calibration_texts
from fairforget.selection.score import score_spans
from fairforget.selection.selected import Selector, select
from fairforget.settings import SelectSettings
from results_page import Page, ResultsPage, show_picture
from tables import markdown_table

CORPUS = "hatecheck"
PACKAGE = "better_profanity"
LEXICON = f"{PACKAGE}:profanity_wordlist.txt"
"""916 English swear words and slurs, MIT licence, in the package better-profanity."""
WITHOUT_LOG_ODDS = "contrast, surprisal alone"

Row = dict[str, Any]


def make_selectors() -> Iterator[tuple[str, str, Selector]]:
    """Name, training corpus or word list, and selector."""
    yield "all", "", make_selector(SelectSettings(method="all"))
    yield "random", "", make_selector(SelectSettings(method="random"))
    if find_spec(PACKAGE):
        yield "lexicon", PACKAGE, make_selector(SelectSettings(method="lexicon", lexicon=LEXICON))
    for train in ("edos", "builtin", "edos,builtin"):
        selector = make_selector(SelectSettings(train=train))
        yield "contrast", train, selector
        if train == "edos":
            contrast = cast(Contrast, selector)
            rarity = replace(contrast, weight=0.0, least_z=-math.inf).calibrate(calibration_texts())
            yield WITHOUT_LOG_ODDS, train, rarity


def measure() -> dict[str, Any]:
    """One row per selector, the last one for those that cannot be measured now."""
    rows = []
    texts = read_corpus(CORPUS)
    start = time.perf_counter()
    for name, train, selector in make_selectors():
        score = score_spans(zip(texts, select(texts, selector), strict=True))
        seconds = round(time.perf_counter() - start, 1)
        threshold = getattr(selector, "threshold", None)
        row = {"selector": name, "train": train, "threshold": threshold, **asdict(score)}
        rows.append({**row, "seconds": seconds})
        print(f"{name} {train}: F1 {score.f1:.3f}, {seconds} s", flush=True)
        start = time.perf_counter()
    measured = {row["selector"] for row in rows}
    last = PAGE.load({"rows": []})["rows"]
    kept = [row for row in last if row["selector"] not in measured]
    return {"corpus": CORPUS, "rows": rows + kept}


def build_page(results: dict[str, Any]) -> Page:
    """The page; the selector with the highest F1 comes last."""
    rows = sorted(results["rows"], key=lambda row: row["f1"])
    return Page(
        title="How well selectors find the marked words",
        opening=[show_picture("selectors", "Precision, recall and F1 of each selector")],
        findings=list_findings(rows),
        body=_list_scores(rows),
        picture=_draw(rows),
    )


def list_findings(rows: list[Row]) -> list[str]:
    """One sentence each."""
    by_name = {row["selector"]: row for row in rows}
    contrast = [row for row in rows if row["selector"] == "contrast"]
    f1 = [100 * row["f1"] for row in contrast]
    group_names = [100 * row["identity_share"] for row in contrast]
    lexicon, alone = by_name["lexicon"], by_name[WITHOUT_LOG_ODDS]
    with_odds = next(row for row in contrast if row["train"] == alone["train"])
    return [
        f"`contrast` reaches an F1 of {min(f1):.1f} to {max(f1):.1f}, depending on its training "
        f"corpus; selecting random words reaches {100 * by_name['random']['f1']:.1f}, and "
        f"selecting every word {100 * by_name['all']['f1']:.1f}.",
        f"Trained on `{alone['train']}`, it reaches {100 * with_odds['f1']:.1f}, and "
        f"{100 * alone['f1']:.1f} with word surprisal alone, without the log-odds ratio of hateful "
        "to other texts.",
        f"A list of swear words and slurs has a precision of {100 * lexicon['precision']:.1f} % "
        f"but a recall of {100 * lexicon['recall']:.1f} %.",
        f"Names of groups make up {min(group_names):.2f} to {max(group_names):.2f} % of the "
        "characters that `contrast` selects.",
    ]


def _list_scores(rows: list[Row]) -> list[str]:
    marked = next(row for row in rows if row["selector"] == "random")
    cells = [
        [
            *(row["selector"], row["train"] or "–"),
            *(f"{100 * row[name]:.1f}" for name in ("precision", "recall", "f1")),
            f"{100 * row['identity_share']:.2f}",
        ]
        for row in rows
    ]
    return [
        "## Scores",
        "",
        f"Shares of characters in the {marked['scored']:,} hateful HateCheck texts with marked "
        "words, in %. *In group names*: share of the selected characters that are part of a group "
        f"name, over these and the {marked['unmarked']} unmarked texts.",
        "",
        *markdown_table(
            ("selector", "training corpus or list", "precision", "recall", "F1", "in group names"),
            cells,
        ),
        "`random` draws as many words as are marked, excluding known group names; `all` selects "
        "every word. `lexicon` uses the swear words and slurs of the package better-profanity "
        "0.7.0. `contrast` was trained on other corpora, and its threshold was chosen on the "
        "built-in templates. These scores have no intervals.",
        "",
    ]


def _draw(rows: list[Row]) -> str:
    labels = [row["selector"] + (f" ({row['train']})" if row["train"] else "") for row in rows]
    panels = [
        Panel(title, [[Mark(100 * row[key])] for row in rows])
        for title, key in (("precision, %", "precision"), ("recall, %", "recall"), ("F1, %", "f1"))
    ]
    meaning = "share of characters, in the hateful texts of HateCheck"
    return dot_plot(labels, panels, {"dot": meaning}, same_axis=True)


PAGE = ResultsPage("selectors", build_page)


if __name__ == "__main__":
    PAGE.run(__doc__, measure)
