"""Paired differences on the same items of a benchmark, with intervals and tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from fairforget.benchmarks.measurement import ALL, Judge, Row
from fairforget.comparison.domains import compare_domains
from fairforget.comparison.score_change import Change, Verdict
from fairforget.statistics.jackknife import too_few
from fairforget.statistics.significance import SIGNIFICANT, adjust_holm, mcnemar

Caveat = Literal["few", "interval", "crossing", "correction", "flips"]
"""Why a change is undecided.

- few: too few clusters.
- interval: the interval of the score's change includes 0.
- crossing: only the interval of the change of distance includes 0, because the score may have moved
  past no bias.
- correction: the corrected p-value is not below 0.05.
- flips: most items flipped in the other direction than the score, which weights them differently,
  such as a mean over terms.
"""


@dataclass(frozen=True, slots=True)
class Cell:
    """The change of one score with a p-value, in one domain of one benchmark."""

    benchmark: str
    domain: str
    measure: str
    """The name of the score: `ss`, `stereotype`, `contribution_scaled`, `log_prob`."""
    main: bool
    """Whether it is the benchmark's main score. For bias, it is the one that counts items."""
    score: Change
    distance: Change | None
    """Change of the score's distance from no bias; None if it is no bias score."""
    beside: dict[str, Change]
    """Changes of the benchmark's scores without a verdict; only with the main score."""
    items: int
    clusters: int
    """Independent units with an item that counts in the score: StereoSet target terms, CrowS-Pairs
    pairs, BBQ templates, occupations of WinoBias, topics of DecodingTrust, groups with facts,
    harmful words, HONEST templates, BOLD articles. Of two kinds, such as SeeGULL's nationalities
    and attributes, the smaller number."""
    gained: int
    """Items where the model switched to the stereotype, or away from the anti-stereotype (general
    ability: to the right answer)."""
    lost: int
    """Items where it switched the other way."""
    ties: tuple[int, int]
    """Items with equal scores, before and after."""
    p: float
    """Two-sided p-value of Student's t over clusters, for `tested`. For the main score of a
    benchmark of bias or of general ability, that of the exact McNemar test of `gained` against
    `lost` if it is larger; this test treats items as independent."""
    p_adjusted: float
    """`p`, Holm-corrected within its family (`adjust_p_values`); 1 if there are too few clusters
    for a verdict."""
    lower_is_better: bool = False
    """Whether it is a score of harm."""

    @property
    def tested(self) -> Change | None:
        """The change in bias or of harm, which the verdict is about."""
        return self.score if self.lower_is_better else self.distance

    @property
    def is_unchanged(self) -> bool:
        """Whether no item changed, so that the interval of the change has no width."""
        return not (self.gained or self.lost) and self.score.ci == (0.0, 0.0)

    @property
    def verdict(self) -> Verdict:
        """Whether bias or harm fell or rose: `undecided` if there is a `caveat`."""
        return "undecided" if self.caveat or self.tested is None else self.tested.direction

    @property
    def caveat(self) -> Caveat | None:
        """Why the change is undecided; None if it is decided."""
        if too_few(self.clusters):
            return "few"
        if self.tested is None:
            return None if self.score.is_decided else "interval"
        if not self.tested.is_decided:
            return "crossing" if self.score.is_decided else "interval"
        if self.p_adjusted >= SIGNIFICANT:
            return "correction"
        return "flips" if self._contradicts_flips else None

    @property
    def _contradicts_flips(self) -> bool:
        """Whether the items that flipped disagree with a score that counts them."""
        flips = self.gained - self.lost
        return self.main and not self.lower_is_better and flips * self.score.delta <= 0


def compare_items(
    name: str,
    judge: Judge,
    before: Sequence[Row],
    after: Sequence[Row],
    *,
    order: Sequence[str] = (),
    origin: str = "before or after",
) -> list[Cell]:
    """Compare the items of one benchmark, by domain and over all; p-values are uncorrected.

    Args:
        name: of the benchmark.
        judge: its judge, from `fairforget.benchmarks.find_judge(name)`.
        before: the items, scored by one model.
        after: the same items, scored by another model.
        order: of the domains; by default that of the items.
        origin: where the items come from, for messages.

    Returns:
        One cell for each score of bias or harm of each domain, the main score first; the main score
        if there is none. A domain in which no item counts in a score has no cell for it.

    Raises:
        InputError: as for `compare_domains`.
    """
    cells = []
    for compared in compare_domains(name, judge, before, [[after]], order=order, origin=origin):
        old, measured = compared.before, compared.of_only_group
        ((new,),) = compared.after
        changes = {score: change.shown for score, change in measured.items()}
        main, bias_scores = next(iter(old.scores(old.totals))), old.unbiased_scores
        judged = [*bias_scores, *old.lower_is_better] or [main]
        beside = {n: c for n, c in changes.items() if n != main and n not in judged}
        gained, lost = old.count_switches(new)
        for measure in judged:
            if measure not in changes:
                continue
            distance, p = None, measured[measure].change.p
            if measure in bias_scores:
                distance, p = measured[measure].shown_distance(bias_scores[measure])
            if measure == main and measure not in old.lower_is_better:
                p = max(p, mcnemar(lost, gained))
            cells.append(
                Cell(
                    benchmark=name,
                    domain=compared.domain,
                    measure=measure,
                    main=measure == main,
                    score=changes[measure],
                    distance=distance,
                    beside=beside if measure == main else {},
                    items=compared.items,
                    clusters=measured[measure].clusters,
                    gained=gained,
                    lost=lost,
                    ties=(old.ties, new.ties),
                    p=p,
                    p_adjusted=p,
                    lower_is_better=measure in old.lower_is_better,
                )
            )
    return cells


def adjust_p_values(cells: Sequence[Cell]) -> list[Cell]:
    """The cells with p-values Holm-corrected within families.

    The main bias scores of all benchmarks, each other bias score, each score of harm, and general
    ability are separate families. So are single domains and all items, which repeat the single
    domains. A cell with too few clusters for a verdict is in no family: it would cost the others
    power.
    """

    def family(cell: Cell) -> tuple[bool, bool, bool | str, bool] | None:
        if too_few(cell.clusters):
            return None
        kinds = cell.distance is not None, cell.lower_is_better
        main = cell.main and not cell.lower_is_better
        return *kinds, main or cell.measure, cell.domain == ALL

    p_values = adjust_holm({n: (family(cell), cell.p) for n, cell in enumerate(cells)})
    return [replace(cell, p_adjusted=p_values[n]) for n, cell in enumerate(cells)]
