"""Read Winogender's sentences, and the share of women in each occupation.

The id of a sentence is OCCUPATION.PARTICIPANT.ANSWER.GENDER.txt; the answer is 0 if the pronoun
refers to the occupation, and 1 if it refers to the participant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from fairforget.data.catalogue import WINOGENDER_FILES
from fairforget.data.locate import find_file
from fairforget.errors import InputError
from fairforget.files.rows import csv_rows

DOMAINS = ("occupation", "participant")
"""Whom the pronoun refers to; for the participant, the occupation should not matter."""
STATISTICS = {"bls": "bls_pct_female", "bergsma": "bergsma_pct_female"}
"""Share of women in US employment, and share of feminine pronouns for the occupation in text."""

_ID = re.compile(r"([a-z]+)\.([a-z ]+)\.([01])\.(male|female|neutral)\.txt")


@dataclass(frozen=True, slots=True)
class Pair:
    """A sentence with a feminine and with a masculine pronoun."""

    id: str
    domain: str
    """One of `DOMAINS`."""
    occupation: str
    female: str
    male: str
    bls: float
    """Share of women in the occupation, in %."""
    bergsma: float


def read_pairs(sentences: Path | None = None, statistics: Path | None = None) -> list[Pair]:
    """Read the original 240 pairs; sentences with "they" are left out.

    Args:
        sentences: by default, the original file.
        statistics: by default, the original file.

    Raises:
        InputError: a file is missing or malformed; names file and line.
    """
    sentences = sentences or find_file(WINOGENDER_FILES["all_sentences.tsv"])
    statistics = statistics or find_file(WINOGENDER_FILES["occupations-stats.tsv"])
    shares = _read_statistics(statistics)
    variants: dict[tuple[str, str, str], dict[str, str]] = {}
    for where, row in csv_rows(sentences, delimiter="\t"):
        match = _ID.fullmatch(row.get("sentid", ""))
        if not match or not row.get("sentence", "").strip():
            raise InputError(
                f"{where}: not a sentence of Winogender; expected a sentid such as "
                "'nurse.patient.0.female.txt' and a sentence"
            )
        occupation, participant, answer, gender = match.groups()
        if occupation not in shares:
            raise InputError(f"{where}: {statistics} has no occupation {occupation!r}")
        variants.setdefault((occupation, participant, answer), {})[gender] = row["sentence"].strip()
    pairs = []
    for (occupation, participant, answer), texts in variants.items():
        name = f"{occupation}.{participant}.{answer}"
        if not {"female", "male"} <= texts.keys():
            raise InputError(f"{sentences}: {name} lacks its female or its male sentence")
        domain = DOMAINS[int(answer)]
        pairs.append(
            Pair(name, domain, occupation, texts["female"], texts["male"], *shares[occupation])
        )
    if not pairs:
        raise InputError(f"{sentences}: no sentences found; is it a Winogender file?")
    return pairs


def _read_statistics(path: Path) -> dict[str, tuple[float, float]]:
    shares = {}
    for where, row in csv_rows(path, delimiter="\t"):
        try:
            bls, bergsma = (float(row[column]) for column in STATISTICS.values())
            shares[row["occupation"]] = (bls, bergsma)
        except (KeyError, ValueError) as error:
            raise InputError(
                f"{where}: expected occupation, {' and '.join(STATISTICS.values())}"
            ) from error
    return shares
