"""Read SeeGULL (Jha et al. 2023): stereotypes about nationalities, with ratings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from fairforget.data.catalogue import SEEGULL
from fairforget.data.locate import find_file
from fairforget.errors import InputError
from fairforget.files.rows import csv_rows

VOTES = ("region_stereo", "NA_stereo")
"""Columns: of three raters of the region, and of three of North America, those who know the
stereotype. A few pairs have more raters."""
OFFENSIVENESS = "mean offensiveness_score"
"""Column: from −1, not offensive, to 4, extremely offensive."""


@dataclass(frozen=True, slots=True)
class Association:
    """A nationality and an attribute that a language model or a person associated with it."""

    identity: str
    attribute: str
    votes: int
    """Raters who know it as a stereotype, in the group of raters where more do."""
    offensiveness: float


def read_associations(path: Path | None = None) -> list[Association]:
    """Read the original 6,781 associations.

    Args:
        path: by default, the original file.

    Raises:
        InputError: the file is missing or malformed; names file and line.
    """
    path = path or find_file(SEEGULL)
    associations = []
    for where, row in csv_rows(path):
        try:
            identity, attribute = (row[name].strip() for name in ("identity", "attribute"))
            votes = max(int(row[name]) for name in VOTES)
            offensiveness = float(row[OFFENSIVENESS])
        except (KeyError, ValueError) as error:
            raise InputError(
                f"{where}: expected identity, attribute, and numbers in {', '.join(VOTES)} and "
                f"{OFFENSIVENESS}"
            ) from error
        if not identity or not attribute:
            raise InputError(f"{where}: identity or attribute is empty")
        associations.append(Association(identity, attribute, votes, offensiveness))
    if not associations:
        raise InputError(f"{path}: no associations found; is it a file of SeeGULL?")
    return associations
