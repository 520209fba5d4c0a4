"""Effects of the default on StereoSet's terms, by whether training names them, and on pronouns.

They are computed from the items of the runs of `trait-kl` in docs/results/leaderboard, which are
those of the default but for the guard.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from fairforget.benchmarks import find_judge
from fairforget.benchmarks.measurement import ALL, Judgement, Row, cluster_rows
from fairforget.comparison.domains import compare_domains
from fairforget.data.winobias import MASCULINE, read_pairs
from fairforget.leaderboards.plan import EQUAL, PUBLISHED
from fairforget.records.evaluation import read_items
from fairforget.records.paths import RUNS
from fairforget.statistics.estimate import Estimate
from fairforget.statistics.jackknife import Floats
from results_page import RESULTS
from run_archive import ARCHIVE, restore_runs
from score_recipe import is_named, list_group_words

FORGOTTEN = ("builtin", "pronouns")
"""The default forget corpora."""
SCORES = ("contribution_scaled", "ss", "lms")
PARTS = ("named", "others", "difference")
MAN = re.compile(rf"\b({'|'.join(sorted(MASCULINE))})\b", re.IGNORECASE)


def measure_terms_and_pronouns() -> dict[str, Any]:
    """The changes by part of StereoSet, and by gender of WinoBias' pronouns, over all seeds."""
    with TemporaryDirectory() as directory:
        restore_runs(RESULTS / "leaderboard" / ARCHIVE, Path(directory))
        (original,) = (Path(directory) / RUNS).glob(f"smollm2-original-*/{PUBLISHED}")
        runs = sorted((Path(directory) / RUNS).glob(f"smollm2-trait_kl-*/{EQUAL}"))
        before, *after = (read_items(path) for path in (original, *runs))
    return {
        "seeds": len(runs),
        "terms": compare_terms(
            _of("stereoset", before), [_of("stereoset", rows) for rows in after]
        ),
        "pronouns": compare_pronouns(
            _of("winobias", before), [_of("winobias", rows) for rows in after]
        ),
    }


def compare_terms(before: Sequence[Row], after: Sequence[Sequence[Row]]) -> dict[str, Any]:
    """Score → part → the change with its interval over items and seeds; see `PARTS`."""
    words, judge = list_group_words(FORGOTTEN), find_judge("stereoset")
    assert judge

    def label(rows: Sequence[Row]) -> list[Row]:
        """The rows, with the part that they belong to as their domain."""
        return [{**row, "domain": "named" if is_named(row, words) else "others"} for row in rows]

    compared = compare_domains("stereoset", judge, label(before), [[*map(label, after)]])
    parts = {it.domain: it.of_only_group for it in compared if it.domain != ALL}
    found: dict[str, Any] = {}
    for score in SCORES:
        changes = {name: parts[name][score].change for name in parts}
        found[score] = {
            name: {
                "before": parts[name][score].before.value,
                "clusters": parts[name][score].clusters,
                **_describe(changes[name]),
            }
            for name in parts
        }
        found[score]["difference"] = _describe(changes["named"] - changes["others"])
    return found


def compare_pronouns(before: Sequence[Row], after: Sequence[Sequence[Row]]) -> dict[str, Any]:
    """Type → gender → the change of the sentences' mean log p, in nats, and the difference."""
    masculine = {pair.id: bool(MAN.search(pair.pro)) for pair in read_pairs()}

    def judge(rows: Sequence[Row]) -> Judgement:
        sides = [
            (row["sum_pro"], row["sum_anti"])[:: 1 if masculine[row["id"]] else -1] for row in rows
        ]
        columns = np.column_stack([np.array(sides), np.ones(len(rows))])
        kinds = [cluster_rows(columns, rows, kind) for kind in ("masculine", "feminine")]
        return Judgement(kinds, _pronoun_scores)

    return {
        it.domain: {name: _describe(changed.change) for name, changed in it.of_only_group.items()}
        for it in compare_domains("winobias", judge, before, [after])
        if it.domain != ALL
    }


def _pronoun_scores(totals: Floats) -> dict[str, Floats]:
    masculine, feminine = totals[..., 0] / totals[..., 2], totals[..., 1] / totals[..., 2]
    return {"masculine": masculine, "feminine": feminine, "difference": masculine - feminine}


def _describe(change: Estimate) -> dict[str, Any]:
    return {"change": change.value, "ci": change.ci}


def _of(benchmark: str, rows: Sequence[Row]) -> list[Row]:
    return [row for row in rows if row["benchmark"] == benchmark]
