"""What a transfer study says, in sentences: how often its claim stands, and why it is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fairforget.benchmarks.measurement import ALL
from fairforget.report.headline import Headline
from fairforget.report.wording import listed
from fairforget.transfer.plan import lacks_cause
from fairforget.transfer.record import MatrixCell, Reason, verdicts


def headline(matrix: Sequence[MatrixCell]) -> Headline:
    """How often the claim stands, in the forgotten domains and in the others."""
    return Headline(
        "What forgetting one bias did to the others", [*counted(matrix), meaning_of_fell(matrix)]
    )


def meaning_of_fell(matrix: Sequence[MatrixCell]) -> str:
    """What it takes to count as fallen, in a sentence."""
    controls = list(
        dict.fromkeys(name for cell in matrix for name in cell.excess if lacks_cause(name))
    )
    if controls:
        return (
            f'"Fell" means: and by more than with every control ({listed(controls)}); p < 0.05 for '
            "all of it, corrected for the number of these measurements."
        )
    return (
        "There was no control, so nothing tells the forgetting from its side effects; p < 0.05, "
        "corrected for the number of these measurements."
    )


def counted(matrix: Sequence[MatrixCell]) -> list[str]:
    """A sentence on the domains that were forgotten, one on the others, and why some are open."""
    judged = [cell for cell in matrix if cell.verdict and cell.domain != ALL]
    reasons = Counter(cell.reason for cell in judged if cell.reason)
    unbiased = reasons.pop("no bias shown before", 0)
    sentences = [
        _verdicts([c for c in judged if c.own], "a domain that was forgotten"),
        _verdicts([c for c in judged if not c.own], "a domain that was not"),
        f"What cannot be decided as it is: {_told(reasons)}." if reasons else "",
        f"In {unbiased} undecided the original shows no bias that could fall." if unbiased else "",
    ]
    return [sentence for sentence in sentences if sentence]


def _told(reasons: Counter[Reason]) -> str:
    return listed([f"{reason} in {count}" for reason, count in reasons.items()])


def _verdicts(cells: Sequence[MatrixCell], where: str) -> str:
    if not cells:
        return ""
    counts = verdicts(cells)
    return (
        f"Of {len(cells)} measurements of {where}, bias fell in {counts['supported']}; "
        f"{counts['contradicted']} say the contrary; {counts['undecided']} are undecided."
    )
