"""How well each selector finds what HateCheck marks: docs/pages/results/selectors.md.

python docs/score_selectors.py            all but `ratio`, a minute
python docs/score_selectors.py --ratio    `ratio` too, which tunes SmolLM2 twice: 10 minutes
python docs/score_selectors.py --table    only the table, from the results that are there

No selector sees HateCheck before: words come from EDOS or the built-in templates, thresholds and
weights were chosen on the built-in templates, whose spans are exact. The row `lexicon` needs a
word list: `pip install --no-deps better-profanity==0.7.0`; without it, its last result stays.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from importlib.util import find_spec
from typing import Any, cast

from fairforget.corpora import read_corpus
from fairforget.selection import SelectionOptions, make_selector, score_spans, select
from fairforget.selection.contrast import Contrast
from fairforget.selection.methods import calibration_texts
from fairforget.selection.selected import Selector
from results_page import ResultsPage

CORPUS = "hatecheck"
PACKAGE = "better_profanity"
LEXICON = f"{PACKAGE}:profanity_wordlist.txt"
"""916 English swear words and slurs, MIT licence; in the package better-profanity."""


def selectors(*, with_ratio: bool) -> Iterator[tuple[str, str, Selector]]:
    """Name, what it was trained on or reads, and the selector."""
    yield "all", "", make_selector("all", SelectionOptions())
    yield "random", "", make_selector("random", SelectionOptions())
    if find_spec(PACKAGE):
        yield "lexicon", PACKAGE, make_selector("lexicon", SelectionOptions(lexicon=LEXICON))
    for train in ("edos", "builtin", "edos,builtin"):
        selector = make_selector("contrast", SelectionOptions(train=train))
        yield "contrast", train, selector
        if train == "edos":
            contrast = cast(Contrast, selector)
            rarity = replace(contrast, weight=0.0).calibrated(calibration_texts())
            yield "contrast, surprisal alone", train, rarity
    if with_ratio:
        yield "ratio", "edos", make_selector("ratio", SelectionOptions(train="edos"))


def measured(*, with_ratio: bool) -> dict[str, Any]:
    """One row per selector; of those that are not measured now, the last one."""
    rows = []
    texts = read_corpus(CORPUS)
    start = time.perf_counter()
    for name, train, selector in selectors(with_ratio=with_ratio):
        score = score_spans(zip(texts, select(texts, selector), strict=True))
        seconds = round(time.perf_counter() - start, 1)
        threshold = getattr(selector, "threshold", None)
        row = {"selector": name, "train": train, "threshold": threshold, **asdict(score)}
        rows.append({**row, "seconds": seconds})
        print(f"{name} {train}: F1 {score.f1:.3f}, {seconds} s", flush=True)
        start = time.perf_counter()
    now = {row["selector"] for row in rows}
    kept = [row for row in PAGE.last({"rows": []})["rows"] if row["selector"] not in now]
    return {"corpus": CORPUS, "rows": rows + kept}


def lines(found: dict[str, Any]) -> Iterator[str]:
    """Of the page, the best F1 last."""
    rows = found["rows"]
    random = next(row for row in rows if row["selector"] == "random")
    yield from (
        "# How well selectors find what people marked",
        "",
        f"Characters of the {random['scored']:,} hateful texts of HateCheck with marked words, "
        "in %. *In group names*: share of the selected characters that lie in words for groups, "
        f"over these and the {random['unmarked']} unmarked texts.",
        "",
        "| selector | trained on, or list | precision | recall | F1 | in group names |",
        "|---|---|---|---|---|---|",
    )
    for row in sorted(rows, key=lambda row: row["f1"]):
        percent = " | ".join(f"{100 * row[name]:.1f}" for name in ("precision", "recall", "f1"))
        yield (
            f"| {row['selector']} | {row['train']} | {percent} | "
            f"{100 * row['identity_share']:.2f} |"
        )
    yield from (
        "",
        "`random` draws as many words as are marked, from those not known to name a group; "
        "`all` takes every word. `lexicon` reads the swear words and slurs of the package "
        "better-profanity 0.7.0: what hurts in HateCheck is mostly ordinary words, which no "
        "such list has. `contrast` and `ratio` were trained on other corpora, their "
        "thresholds found on the built-in templates.",
    )


PAGE = ResultsPage("selectors", lines)


def main() -> None:
    """Measure, write, tabulate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ratio", action="store_true", help="measure `ratio` too")
    PAGE.make(parser, lambda chosen: measured(with_ratio=chosen.ratio))


if __name__ == "__main__":
    main()
