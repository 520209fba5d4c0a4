"""Dynamically Generated Hate Speech 0.2.3 (Vidgen et al. 2021): the paper's forget corpus.

People wrote the texts to deceive a classifier, in four rounds.
"""

from __future__ import annotations

from collections.abc import Iterator

from fairforget.corpora.domains import Labels
from fairforget.corpora.source_csv import read_source_csv
from fairforget.corpora.text import Text

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
"""Code -> groups. Hate of the women in a group is of both domains; hate of the men in one is hate
of the group, and not of a gender."""


def dghs_texts(*, round: str = "", level: str = "") -> Iterator[Text]:
    """All texts, hateful or not, in file order.

    Args:
        round: keep these rounds, such as "2,3".
        level: keep these levels: original, perturbation.
    """
    labels = Labels("dghs", TARGETS)
    rounds, levels = _wanted(round), _wanted(level)
    columns = ("acl.id", "text", "label", "target", "level", "split", "round.base", "round")
    for _, row in read_source_csv("dghs", columns):
        if rounds and row["round.base"] not in rounds:
            continue
        if levels and row["level"] not in levels:
            continue
        hateful = row["label"] == "hate"
        targets = [code.strip() for code in row["target"].split(",") if code.strip()]
        domain, group = labels(targets if hateful else [])
        yield Text(
            f"dghs:{row['acl.id']}", row["text"], domain, group, split=row["split"], hateful=hateful
        )
    labels.report()


def _wanted(option: str) -> set[str]:
    return {part.strip() for part in option.split(",") if part.strip()}
