"""How well each selector finds what HateCheck marks: docs/results/selectors.json and a table.

python docs/score_selectors.py            all but `ratio`, a minute
python docs/score_selectors.py --ratio    `ratio` too, which tunes SmolLM2 twice: 10 minutes

No selector sees HateCheck before: words come from EDOS or the built-in templates, thresholds and
weights were chosen on the built-in templates, whose spans are exact.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import cast

from fairforget.corpora import read_corpus
from fairforget.selection import SelectionOptions, make_selector, score_spans, select
from fairforget.selection.choice import Selector
from fairforget.selection.contrast import Contrast
from fairforget.selection.methods import calibration_texts

RESULTS = Path(__file__).resolve().parent / "results" / "selectors.json"
CORPUS = "hatecheck"


def selectors(*, with_ratio: bool) -> Iterator[tuple[str, str, Selector]]:
    """Name, what it was trained on, and the selector."""
    yield "all", "", make_selector("all", SelectionOptions())
    yield "random", "", make_selector("random", SelectionOptions())
    for train in ("edos", "builtin", "edos,builtin"):
        selector = make_selector("contrast", SelectionOptions(train=train))
        yield "contrast", train, selector
        if train == "edos":
            contrast = cast(Contrast, selector)
            rarity = replace(contrast, weight=0.0).calibrated(calibration_texts())
            yield "contrast, surprisal alone", train, rarity
    if with_ratio:
        yield "ratio", "edos", make_selector("ratio", SelectionOptions(train="edos"))


def main() -> None:
    """Measure, write, show."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ratio", action="store_true", help="measure `ratio` too")
    with_ratio = parser.parse_args().ratio
    texts = read_corpus(CORPUS)
    kept = [] if with_ratio or not RESULTS.exists() else json.loads(RESULTS.read_text())["rows"]
    rows = []
    start = time.perf_counter()
    for name, train, selector in selectors(with_ratio=with_ratio):
        score = score_spans(zip(texts, select(texts, selector), strict=True))
        seconds = time.perf_counter() - start
        threshold = getattr(selector, "threshold", None)
        row = {"selector": name, "train": train, "threshold": threshold, **asdict(score)}
        rows.append({**row, "seconds": round(seconds, 1)})
        print(
            f"{name:<26} {train:<13} P {score.precision:.3f}  R {score.recall:.3f}  "
            f"F1 {score.f1:.3f}  identity {100 * score.identity_share:.2f} %",
            flush=True,
        )
        start = time.perf_counter()
    rows += [row for row in kept if row["selector"] == "ratio"]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"corpus": CORPUS, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
