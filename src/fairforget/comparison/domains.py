"""The changes of all scores of a benchmark, by domain, between a model and groups of others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from fairforget.benchmarks.measurement import Judge, Judgement, Row, group_by_domain
from fairforget.comparison.score_change import ScoreChange, measure_changes
from fairforget.errors import InputError

Groups = Sequence[Sequence[Sequence[Row]]]
"""[groups][seeds] the items as scored by each run; those of a group differ only in their seed."""


@dataclass(frozen=True, slots=True)
class DomainChanges:
    """The items of one domain, judged for one model and for groups of others."""

    domain: str
    items: int
    before: Judgement
    after: Sequence[Sequence[Judgement]]
    """[groups][seeds]"""
    by_group: Mapping[str, Sequence[ScoreChange]]
    """Score → [groups] its change, as `measure_changes` returns it."""

    @property
    def of_only_group(self) -> dict[str, ScoreChange]:
        """Score → its change in the only group, without the scores that one of its runs lacks."""
        changes = {name: change for name, (change,) in self.by_group.items()}
        return {name: change for name, change in changes.items() if change.is_complete}


def compare_domains(
    name: str,
    judge: Judge,
    before: Sequence[Row],
    after: Groups,
    *,
    order: Sequence[str] = (),
    origin: str = "before or after",
) -> Iterator[DomainChanges]:
    """Yield the changes in each domain, and in all together.

    Args:
        name: of the benchmark.
        judge: its judge, from `fairforget.benchmarks.find_judge(name)`.
        before: the items, scored by one model.
        after: the same items, in any order.
        order: of the domains; by default that of the items.
        origin: where the items come from, for messages.

    Raises:
        InputError: the items differ, or a column is missing or invalid; names the difference.
    """
    matched = [[_match_items(name, before, rows) for rows in group] for group in after]
    for domain, rows in group_by_domain(before, order).items():
        others = [[[items[row["id"]] for row in rows] for items in group] for group in matched]
        try:
            changes = compare_domain(judge, rows, others, domain=domain)
        except (LookupError, TypeError, ValueError) as error:
            raise InputError(
                f"{name}: the items {origin} are damaged ({error}); evaluate again"
            ) from error
        yield changes


def compare_domain(
    judge: Judge, before: Sequence[Row], after: Groups, *, domain: str
) -> DomainChanges:
    """Return the changes in one domain.

    Args:
        judge: of the benchmark.
        before: the domain's items, scored by one model.
        after: the same items in the same order.
        domain: its name.
    """
    old, new = judge(before), [[judge(rows) for rows in group] for group in after]
    return DomainChanges(domain, len(before), old, new, measure_changes(old, new, domain))


def _match_items(name: str, before: Sequence[Row], after: Sequence[Row]) -> dict[str, Row]:
    """The items of `after` by id, after a check that their ids and texts are those of `before`."""
    old, new = ({row["id"]: row for row in rows} for rows in (before, after))
    for found, rows in ((old, before), (new, after)):
        if len(found) < len(rows):
            ((identity, count),) = Counter(row["id"] for row in rows).most_common(1)
            raise InputError(
                f"{name} cannot be compared: {count} items have the id {identity!r}; give each its "
                "own id, and evaluate both again"
            )
    if old.keys() != new.keys():
        unmatched = [i for i in {**old, **new} if (i in old) != (i in new)]
        side = "before" if unmatched[0] in old else "after"
        raise InputError(
            f"{name} cannot be compared: the items differ, {len(unmatched)} on one side only, such "
            f"as {unmatched[0]!r} ({side}); evaluate both on the same items"
        )
    for identity, row in old.items():
        for key, value in row.items():
            if isinstance(value, str) and new[identity].get(key) != value:
                raise InputError(
                    f"{name} cannot be compared: item {identity!r} has {key} {value[:60]!r} before "
                    f"and {str(new[identity].get(key))[:60]!r} after; evaluate both on the same "
                    "items"
                )
    return new
