"""ETHOS, multi-label (Mollas et al. 2022): hateful comments, each with the domains it is about."""

from __future__ import annotations

from collections.abc import Iterator

from fairforget.corpora.domains import Labels
from fairforget.corpora.source_csv import read_source_csv
from fairforget.corpora.text import Text
from fairforget.errors import InputError

TARGETS = {
    "gender": "gender",
    "race": "race",
    "national_origin": "nationality",
    "disability": "disability",
    "religion": "religion",
    "sexual_orientation": "sexuality",
}
"""Column -> domain; the column holds the share of annotators who say so."""
MAJORITY = 0.5
NOBODY = "none by half of the annotators"
"""What a comment without a domain counts as."""


def ethos_texts() -> Iterator[Text]:
    """All comments, in file order; of the domains that at least half of the annotators name."""
    labels = Labels("ethos", TARGETS)
    rows = read_source_csv("ethos", ("comment", *TARGETS), delimiter=";")
    for number, (where, row) in enumerate(rows, 1):
        try:
            named = [column for column in TARGETS if float(row[column]) >= MAJORITY]
        except ValueError as error:
            raise InputError(f"{where}: a share of annotators is expected ({error})") from error
        domain, group = labels(named)
        labels.unmapped.update([] if named else [NOBODY])
        yield Text(f"ethos:{number}", row["comment"].strip(), domain, group, hateful=True)
    labels.report()
