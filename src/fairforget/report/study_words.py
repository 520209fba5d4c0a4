"""What a transfer study says, in sentences: how often its claim stands, and why it is open."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from fairforget.benchmarks.measurement import ALL
from fairforget.report.headline import Headline
from fairforget.report.wording import join_words
from fairforget.transfer_study.plan import lacks_cause
from fairforget.transfer_study.record import MatrixCell, Reason, verdicts


def headline(matrix: Sequence[MatrixCell]) -> Headline:
    """How often the claim stands, in the forgotten domains and in the others."""
    return Headline(
        "What forgetting one bias did to the others", [*count_noun(matrix), meaning_of_fell(matrix)]
    )


def meaning_of_fell(matrix: Sequence[MatrixCell]) -> str:
    """What it takes to count as fallen, in a sentence."""
    if controls := _controls(matrix):
        return (
            f"The controls: {join_words(controls)}. p < 0.05 for all that fell or rose, "
            "corrected for the number of these measurements."
        )
    return (
        "There was no control, so nothing tells the forgetting from its side effects; p < 0.05, "
        "corrected for the number of these measurements."
    )


def _controls(matrix: Sequence[MatrixCell]) -> list[str]:
    """Those that a forgetting must go beyond."""
    return list(dict.fromkeys(n for cell in matrix for n in cell.excess if lacks_cause(n)))


def count_noun(matrix: Sequence[MatrixCell]) -> list[str]:
    """A sentence on the domains that were forgotten, one on the others, and why some are open."""
    judged = [cell for cell in matrix if cell.verdict and cell.domain != ALL]
    reasons = Counter(cell.reason for cell in judged if cell.reason)
    controls = bool(_controls(matrix))
    unbiased = reasons.pop("no bias shown before", 0)
    sentences = [
        _verdicts([c for c in judged if c.own], "a domain that was forgotten", controls),
        _verdicts([c for c in judged if not c.own], "a domain that was not", controls),
        f"What cannot be decided as it is: {_told(reasons)}." if reasons else "",
        f"In {unbiased} undecided the original shows no bias that could fall." if unbiased else "",
    ]
    return [sentence for sentence in sentences if sentence]


def _told(reasons: Counter[Reason]) -> str:
    return join_words([f"{reason} in {count}" for reason, count in reasons.items()])


def _verdicts(cells: Sequence[MatrixCell], where: str, controls: bool) -> str:
    if not cells:
        return ""
    counts = verdicts(cells)
    more, less = ", and by more than with every control,", ", or fell less than with a control,"
    return (
        f"Of {len(cells)} measurements of {where}, bias fell{more if controls else ''} in "
        f"{counts['supported']}; it rose{less if controls else ''} in {counts['contradicted']}; "
        f"{counts['undecided']} are undecided."
    )
