"""EDOS, Explainable Detection of Online Sexism (Kirk et al. 2023): 20,000 posts."""

from __future__ import annotations

from collections.abc import Iterator

from fairforget.corpora.source_csv import read_source_csv
from fairforget.corpora.text import Text
from fairforget.errors import InputError

CATEGORIES = ("threats", "derogation", "animosity", "prejudiced")
"""1. threats, plans to harm and incitement; 2. derogation; 3. animosity; 4. prejudiced …"""


def edos_texts(*, category: str = "") -> Iterator[Text]:
    """All posts, sexist or not, in file order.

    Args:
        category: keep only the sexist posts of these, joined by commas; see `CATEGORIES`.
    """
    wanted = [name for name in category.split(",") if name]
    if unknown := set(wanted).difference(CATEGORIES):
        raise InputError(
            f"EDOS has no category {unknown.pop()!r}; choose from {', '.join(CATEGORIES)}"
        )
    columns = ("rewire_id", "text", "label_sexist", "label_category", "split")
    for _, row in read_source_csv("edos", columns):
        sexist = row["label_sexist"] == "sexist"
        name = row["label_category"].partition(". ")[2]
        if sexist and wanted and not name.startswith(tuple(wanted)):
            continue
        yield Text(
            f"edos:{row['rewire_id']}",
            row["text"],
            "gender",
            "women",
            split=row["split"],
            hateful=sexist,
        )
