"""Social Bias Frames 2 (Sap et al. 2020): posts with the groups that they target.

The file has one row per post and annotator, the rows of a post in sequence.
"""

from __future__ import annotations

import csv
import io
import itertools
import tarfile
from collections import Counter
from collections.abc import Iterator

from fairforget.corpora.domains import Labels
from fairforget.corpora.text import Text
from fairforget.data.catalogue import CATALOGUE
from fairforget.data.locate import find_file
from fairforget.errors import InputError
from fairforget.names import split_commas

TARGETS = {
    "women": "women",
    "men": "men",
    "feminists": "women",
    "black folks": "black",
    "black people": "black",
    "white folks": "white",
    "asian folks": "asian",
    "latino/latina folks": "hispanic",
    "native american/first nation folks": "indigenous",
    "native american folks": "indigenous",
    "arabic folks": "middle_eastern",
    "middle eastern folks": "middle_eastern",
    "muslim folks": "muslim",
    "islamic folks": "muslim",
    "jewish folks": "jewish",
    "christian folks": "christian",
    "hindu folks": "hindu",
    "gay men": "gay",
    "gay folks": "gay",
    "lesbian women": "lesbian",
    "bisexual folks": "bisexual",
    "trans women": "trans+women",
    "trans men": "trans+men",
    "trans folks": "trans",
    "lgbtq+ folks": "queer",
    "non-binary folks": "nonbinary",
    "mentally disabled folks": "mental",
    "physically disabled folks": "physical",
    "folks with mental illness/disorder": "mental",
    "folks with physical illness/disorder": "physical",
    "immigrants": "migrants",
    "refugees": "migrants",
    "mexican folks": "mexican",
    "chinese folks": "chinese",
    "indian folks": "indian",
    "ethiopian folks": "african",
    "african folks": "african",
    "old folks": "old",
    "elderly folks": "old",
    "young folks": "young",
    "poor folks": "poor",
    "working class folks": "working",
    "overweight/fat folks": "fat",
    "fat folks": "fat",
}
SPLITS = {"trn": "train", "dev": "dev", "tst": "test"}
COLUMNS = ("post", "offensiveYN", "targetMinority")
OFFENSIVE = 0.5
"""Minimum mean score of an offensive post."""


def social_bias_frames_texts() -> Iterator[Text]:
    """Yield every post once, in file order, hateful where the mean annotator score is at least 0.5.

    Its groups are those that at least half of the annotators name.
    """
    labels = Labels("social_bias_frames", TARGETS)
    path = find_file(*CATALOGUE["social_bias_frames"].files)
    try:
        with tarfile.open(path) as archive:
            for short, split in SPLITS.items():
                member = archive.extractfile(_member(archive, f"SBIC.v2.{short}.csv"))
                assert member is not None
                reader = csv.DictReader(io.TextIOWrapper(member, encoding="utf-8", newline=""))
                if missing := [name for name in COLUMNS if name not in (reader.fieldnames or [])]:
                    raise InputError(f"{path}, SBIC.v2.{short}.csv: no column {missing[0]!r}")
                posts = itertools.groupby(reader, key=lambda row: row["post"])
                for number, (post, rows) in enumerate(posts, 1):
                    hateful, targets = _aggregate(list(rows))
                    domain, group = labels(targets)
                    if post.strip():
                        name = f"social_bias_frames:{split}:{number}"
                        yield Text(name, post, domain, group, split=split, hateful=hateful)
    except (tarfile.TarError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not the archive of Social Bias Frames ({error})") from error
    labels.report()


def _member(archive: tarfile.TarFile, name: str) -> tarfile.TarInfo:
    for member in archive.getmembers():
        if member.isfile() and member.name.rpartition("/")[2] == name:
            return member
    raise InputError(f"{CATALOGUE['social_bias_frames'].files[0].path}: the archive has no {name}")


def _aggregate(rows: list[dict[str, str]]) -> tuple[bool, list[str]]:
    """Return whether a post is offensive on average, and the groups that half the rows name."""
    scores = [float(row["offensiveYN"]) for row in rows if row["offensiveYN"]]
    targets = Counter(
        target for row in rows for target in split_commas(row["targetMinority"] or "")
    )
    offensive = bool(scores) and sum(scores) / len(scores) >= OFFENSIVE
    return offensive, [group for group, count in targets.items() if count * 2 >= len(rows)]
