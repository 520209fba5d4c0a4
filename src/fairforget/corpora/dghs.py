"""Dynamically Generated Hate Speech 0.2.3 (Vidgen et al. 2021): the paper's forget corpus.

Annotators wrote the texts in four rounds to mislead a classifier.
"""

from __future__ import annotations

from collections.abc import Iterator

from fairforget.corpora.domains import Labels
from fairforget.corpora.text import Text
from fairforget.data.locate import read_data_csv
from fairforget.names import check_names, split_commas

ROUNDS = ("1", "2", "3", "4")
LEVELS = ("original", "perturbation")
TARGETS = {
    "wom": "women",
    "bla": "black",
    "bla.wom": "black+women",
    "bla.man": "black",
    "african": "african",
    "asi": "asian",
    "asi.wom": "asian+women",
    "asi.man": "asian",
    "asi.east": "asian",
    "asi.south": "asian",
    "asi.chin": "chinese",
    "asi.pak": "pakistani",
    "east": "asian",
    "south": "asian",
    "chinese": "chinese",
    "pak": "pakistani",
    "arab": "middle_eastern",
    "indig": "indigenous",
    "indig.wom": "indigenous+women",
    "mixed.race": "mixed",
    "ethnic.minority": "minorities",
    "non.white": "minorities",
    "non.white.wom": "minorities+women",
    "min.wom": "minorities+women",
    "trav": "travellers",
    "hispanic": "hispanic",
    "eastern.europe": "eastern_european",
    "russian": "russian",
    "pol": "polish",
    "immig": "migrants",
    "asylum": "migrants",
    "ref": "migrants",
    "for": "migrants",
    "mus": "muslim",
    "mus.wom": "muslim+women",
    "jew": "jewish",
    "gay": "gay",
    "gay.man": "gay",
    "gay.wom": "gay+women",
    "bis": "bisexual",
    "trans": "trans",
    "gendermin": "nonbinary",
    "lgbtq": "queer",
    "dis": "disabled",
    "working": "working",
    "old": "old",
    "old.people": "old",
    "notgiven": "",
    "none": "",
}
"""Code → groups. Hate against the women of a group belongs to both domains; hate against its men
belongs to the domain of the group only."""


def dghs_texts(*, round: str = "", level: str = "") -> Iterator[Text]:
    """Yield all texts, hateful or not, in file order.

    Args:
        round: the `ROUNDS` to keep, such as "2,3"; by default all.
        level: the `LEVELS` to keep; by default both.

    Raises:
        InputError: a round or level is unknown or listed twice.
    """
    labels = Labels("dghs", TARGETS)
    rounds, levels = split_commas(round), split_commas(level)
    check_names("DGHS, round", rounds, ROUNDS, empty=True)
    check_names("DGHS, level", levels, LEVELS, empty=True)
    columns = ("acl.id", "text", "label", "target", "level", "split", "round.base", "round")
    for _, row in read_data_csv("dghs", columns):
        if rounds and row["round.base"] not in rounds:
            continue
        if levels and row["level"] not in levels:
            continue
        hateful = row["label"] == "hate"
        domain, group = labels(split_commas(row["target"]) if hateful else [])
        yield Text(
            f"dghs:{row['acl.id']}", row["text"], domain, group, split=row["split"], hateful=hateful
        )
    labels.report()
