"""The built-in corpus: mild derogation of many groups in many contexts."""

from fairforget.corpora.builtin.generate import builtin_texts
from fairforget.corpora.builtin.lexicon import DOMAINS, GroupTerm, group_terms

__all__ = [
    "DOMAINS",
    "GroupTerm",
    "builtin_texts",
    "group_terms",
]
