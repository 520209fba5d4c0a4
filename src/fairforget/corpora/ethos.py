"""ETHOS, multi-label (Mollas et al. 2022): hateful comments with their bias domains."""

from __future__ import annotations

from collections.abc import Iterator

from fairforget.corpora.domains import Labels
from fairforget.corpora.text import Text
from fairforget.data.locate import read_data_csv
from fairforget.errors import InputError

TARGETS = {
    "gender": "gender",
    "race": "race",
    "national_origin": "nationality",
    "disability": "disability",
    "religion": "religion",
    "sexual_orientation": "sexuality",
}
"""Column → domain. The column holds the share of annotators who chose it."""
MAJORITY = 0.5
NO_MAJORITY = "none by half of the annotators"
"""Label reported for a comment without a domain."""


def ethos_texts() -> Iterator[Text]:
    """Yield all comments in file order, with the domains that half of the annotators chose."""
    labels = Labels("ethos", TARGETS)
    rows = read_data_csv("ethos", ("comment", *TARGETS), delimiter=";")
    for number, (where, row) in enumerate(rows, 1):
        try:
            domains = [column for column in TARGETS if float(row[column]) >= MAJORITY]
        except ValueError as error:
            raise InputError(f"{where}: expected a share of annotators ({error})") from error
        domain, group = labels(domains)
        labels.unmapped.update([] if domains else [NO_MAJORITY])
        yield Text(f"ethos:{number}", row["comment"].strip(), domain, group, hateful=True)
    labels.report()
