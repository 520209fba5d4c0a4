"""The forgotten domains of a run, according to its record."""

from __future__ import annotations

from fairforget.corpora.domains import target_domains
from fairforget.corpora.reading import parse_name
from fairforget.records.records import UnlearningRecord


def trained_domains(record: UnlearningRecord) -> list[str]:
    """The domains of the forget corpora.

    A corpus of a domain (`builtin:gender`) or of a group (`dghs:women`) has that domain; a file
    has the domains that its record names.
    """
    domains: dict[str, None] = {}
    for corpus in record.forget:
        names = corpus.domain or parse_name(corpus.name).part or ""
        for name in filter(None, map(str.strip, names.split(","))):
            domains.update(dict.fromkeys(sorted(target_domains(name, ())) or [name]))
    return list(domains)
