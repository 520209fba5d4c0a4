"""The vocabulary of bias domains, and of the groups in them, that all corpora share.

A text about several groups names all of them, joined by "+": group "black+women" is of domain
"race+gender". Such a text belongs to both domains.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from fairforget.terminal.messages import show_message

DOMAINS = {
    "gender": "women and men",
    "race": "race and ethnicity, and origin where a source does not tell them apart",
    "religion": "religions, and having none",
    "sexuality": "sexual orientation and gender identity",
    "disability": "disabilities and illnesses of body and mind",
    "nationality": "countries, and migration between them",
    "age": "the young and the old",
    "class": "wealth, work and education",
    "profession": "what people work as",
    "appearance": "how people look",
}
"""Domain -> what it covers."""

LEAST = 0.1
"""Share of a corpus's texts that makes it a corpus about their domain."""

GROUPS = {
    **dict.fromkeys(("women", "men"), "gender"),
    **dict.fromkeys(
        (
            "black",
            "white",
            "african",
            "asian",
            "hispanic",
            "middle_eastern",
            "indigenous",
            "mixed",
            "travellers",
            "minorities",
        ),
        "race",
    ),
    **dict.fromkeys(
        ("muslim", "jewish", "christian", "hindu", "buddhist", "sikh", "nonreligious"), "religion"
    ),
    **dict.fromkeys(
        ("gay", "lesbian", "bisexual", "asexual", "straight", "trans", "nonbinary", "queer"),
        "sexuality",
    ),
    **dict.fromkeys(("disabled", "physical", "mental"), "disability"),
    **dict.fromkeys(
        (
            "migrants",
            "chinese",
            "indian",
            "pakistani",
            "mexican",
            "russian",
            "polish",
            "eastern_european",
        ),
        "race+nationality",
    ),
    **dict.fromkeys(("old", "young"), "age"),
    **dict.fromkeys(("poor", "rich", "working"), "class"),
    "fat": "appearance",
}
"""Group -> its domain; hate of an origin is of two."""


class Labels:
    """A source's labels as domains and groups; counts those that it does not know."""

    def __init__(self, source: str, known: Mapping[str, str]) -> None:
        """Prepare.

        Args:
            source: the name of the corpus, for `report`.
            known: label -> group, several groups joined by "+", or a domain where the source
                names no group; "" for a label that names nobody. Labels are compared in lower
                case, without blanks, dots, hyphens and underscores.
        """
        self.source = source
        self.known = {_plain(label): value for label, value in known.items()}
        self.unmapped: Counter[str] = Counter()

    def __call__(self, labels: Iterable[str]) -> tuple[str | None, str | None]:
        """Domain and group of a text with these labels; None where they say nothing.

        A label that is not known counts as unmapped and stays as the group.
        """
        groups: dict[str, None] = {}
        domains: dict[str, None] = {}
        for label in labels:
            value = self.known.get(_plain(label))
            if value is None:
                self.unmapped[label] += 1
                groups[label] = None
                continue
            for part in value.split("+") if value else ():
                if part in DOMAINS:
                    domains[part] = None
                else:
                    groups[part] = None
                    domains.update(dict.fromkeys(GROUPS[part].split("+")))
        return "+".join(domains) or None, "+".join(groups) or None

    def report(self) -> None:
        """Say on stderr which labels were met that belong to no domain, and how often."""
        if self.unmapped:
            met = ", ".join(f"{label!r} {count}" for label, count in self.unmapped.most_common(12))
            more = f", and {len(self.unmapped) - 12} others" if len(self.unmapped) > 12 else ""
            show_message(
                f"{self.source}: {self.unmapped.total()} labels belong to no domain, "
                f"their texts have none: {met}{more}"
            )


def target_domains(corpus: str, labels: Iterable[str | None]) -> frozenset[str]:
    """The domains that a corpus is about: that of the part it names, and those of its texts.

    A part may be about more than its name says: half of HateCheck's texts about race are about
    immigrants, and labelled with nationality, too.

    Args:
        corpus: `CORPUS[:DOMAIN]`, where DOMAIN may be a group.
        labels: [texts] the domains of each of its texts, several joined by "+", None where it has
            none. A domain counts if at least a tenth of the texts are labelled with it.
    """
    part = corpus.partition("?")[0].rpartition(":")[2].lower()
    named = {part} & {*DOMAINS} or {*GROUPS.get(part, "").split("+")} - {""}
    texts = [{*(label or "").lower().split("+")} for label in labels]
    counts = Counter(domain for found in texts for domain in found if domain in DOMAINS)
    return frozenset(named | {d for d, count in counts.items() if count / len(texts) >= LEAST})


def is_in_domain(label: str | None, wanted: str) -> bool:
    """Whether a domain or group, or one of several joined by "+", is the one that is wanted."""
    return label is not None and wanted.lower() in label.lower().split("+")


def _plain(label: str) -> str:
    return "".join(c for c in label.lower() if c not in " .-_")
