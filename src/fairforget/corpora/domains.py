"""Bias domains and their groups, as used by all corpora.

A text about several groups lists them joined by "+": group "black+women" has the domain
"race+gender". Such a text belongs to both domains.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from fairforget.terminal.messages import count_of, show_message

DOMAINS = {
    "gender": "women and men",
    "race": "race and ethnicity, and origin where a source does not distinguish them",
    "religion": "religion and irreligion",
    "sexuality": "sexual orientation and gender identity",
    "disability": "physical and mental disability and illness",
    "nationality": "country of origin and migration",
    "age": "young and old age",
    "class": "wealth, work and education",
    "profession": "occupation",
    "appearance": "physical appearance",
}
"""Domain -> what it covers."""

MIN_SHARE = 0.1
"""Minimum share of a corpus's texts for their domain to count as a domain of the corpus."""

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
"""Group → domain; groups of an origin belong to two."""

IGNORED = " \t.-_"
"""Characters of a domain or group that do not matter."""


class Labels:
    """Maps the labels of a source to domains and groups, and counts unknown labels."""

    def __init__(self, source: str, known: Mapping[str, str]) -> None:
        """Set the mapping.

        Args:
            source: name of the corpus, for `report`.
            known: label → group, several groups joined by "+", or a domain where the source
                names no group; "" for a label without a target. Labels are compared in lower
                case, without spaces, dots, hyphens and underscores.
        """
        self.source = source
        self.known = {_normalize(label): value for label, value in known.items()}
        self.unmapped: Counter[str] = Counter()

    def __call__(self, labels: Iterable[str]) -> tuple[str | None, str | None]:
        """Return the domain and the group of a text with these labels, or None.

        An unknown label is counted as unmapped and kept as the group.
        """
        groups: dict[str, None] = {}
        domains: dict[str, None] = {}
        for label in labels:
            value = self.known.get(_normalize(label))
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
        """Print the unmapped labels and their counts on stderr."""
        if self.unmapped:
            examples = ", ".join(
                f"{label!r} {count}" for label, count in self.unmapped.most_common(12)
            )
            more = f", and {len(self.unmapped) - 12} more" if len(self.unmapped) > 12 else ""
            total = self.unmapped.total()
            verb = "maps" if total == 1 else "map"
            show_message(
                f"{self.source}: {count_of(total, 'label')} {verb} to no domain: {examples}{more}"
            )


def target_domains(corpus: str, labels: Iterable[str | None]) -> frozenset[str]:
    """Return the domains of a corpus: that of the part it names, and those of its texts.

    A part can cover more domains than its name says: half of HateCheck's texts about race are about
    immigrants, so they also belong to nationality.

    Args:
        corpus: `CORPUS[:DOMAIN]`, where DOMAIN may be a group.
        labels: [texts] domain of each text, several joined by "+", or None. A domain counts if at
            least a tenth of the texts have it.
    """
    part = canonical_label(corpus.partition("?")[0].rpartition(":")[2])
    of_part = {part} & {*DOMAINS} or {*GROUPS.get(part, "").split("+")} - {""}
    texts = [{*canonical_label(label or "").split("+")} for label in labels]
    counts = Counter(domain for domains in texts for domain in domains if domain in DOMAINS)
    return frozenset(
        of_part | {d for d, count in counts.items() if count / len(texts) >= MIN_SHARE}
    )


def is_in_domain(label: str | None, domain: str) -> bool:
    """Return whether a label (domains or groups joined by "+") contains a domain or group.

    Case, spaces, dots, hyphens and underscores do not matter.
    """
    return label is not None and _normalize(domain) in map(_normalize, label.split("+"))


def canonical_label(label: str) -> str:
    """Return domains or groups joined by "+" without surrounding spaces.

    Known ones are spelt as in `DOMAINS` and `GROUPS`: "Gender + middle eastern" is
    "gender+middle_eastern".
    """
    parts = (part.strip() for part in label.split("+"))
    return "+".join(_SPELLINGS.get(_normalize(part), part) for part in parts if part)


def _normalize(label: str) -> str:
    return "".join(c for c in label.lower() if c not in IGNORED)


_SPELLINGS = {_normalize(name): name for name in (*DOMAINS, *GROUPS)}
