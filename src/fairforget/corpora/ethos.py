"""ETHOS, multi-label (Mollas et al. 2022): hateful comments, each with the domains it is about."""

from __future__ import annotations

from collections.abc import Iterator

from fairforget.corpora.domains import Labels
from fairforget.corpora.source_csv import source_rows
from fairforget.corpora.text import Text
from fairforget.errors import InputError

COLUMNS = {
    "gender": "gender",
    "race": "race",
    "national_origin": "nationality",
    "disability": "disability",
    "religion": "religion",
    "sexual_orientation": "sexuality",
}
"""Column -> domain; it holds the share of annotators who say so."""
MAJORITY = 0.5


def ethos_texts() -> Iterator[Text]:
    """All comments, in file order; of the domains that at least half of the annotators name."""
    labels = Labels("ethos", COLUMNS)
    rows = source_rows("ethos", ("comment", *COLUMNS), delimiter=";")
    for number, (where, row) in enumerate(rows, 1):
        try:
            named = [column for column in COLUMNS if float(row[column]) >= MAJORITY]
        except ValueError as error:
            raise InputError(f"{where}: a share of annotators is expected ({error})") from error
        domain, group = labels(named)
        yield Text(f"ethos:{number}", row["comment"].strip(), domain, group, hateful=True)
