"""EDOS, Explainable Detection of Online Sexism (Kirk et al. 2023): 20,000 posts."""

from __future__ import annotations

from collections.abc import Iterator

from fairforget.corpora.text import Text
from fairforget.data.locate import read_data_csv
from fairforget.names import check_names, split_commas

CATEGORIES = ("threats", "derogation", "animosity", "prejudiced")
"""First words of the categories: threats, plans to harm and incitement; derogation; animosity;
prejudiced discussions."""


def edos_texts(*, category: str = "") -> Iterator[Text]:
    """Yield all posts, sexist or not, in file order.

    Args:
        category: keep only the sexist posts of these `CATEGORIES`, separated by commas.

    Raises:
        InputError: a category is unknown or listed twice.
    """
    categories = split_commas(category)
    check_names("EDOS, category", categories, CATEGORIES, empty=True)
    columns = ("rewire_id", "text", "label_sexist", "label_category", "split")
    for _, row in read_data_csv("edos", columns):
        sexist = row["label_sexist"] == "sexist"
        name = row["label_category"].partition(". ")[2]
        if sexist and categories and not name.startswith(tuple(categories)):
            continue
        yield Text(
            f"edos:{row['rewire_id']}",
            row["text"],
            "gender",
            "women",
            split=row["split"],
            hateful=sexist,
        )
