"""The built-in corpus: mild derogation of many groups in many contexts."""

from fairforget.corpora.builtin.generate import RESERVED_SEED, builtin_texts, control_texts
from fairforget.corpora.builtin.lexicon import DOMAINS, GroupTerm, group_terms

__all__ = [
    "DOMAINS",
    "RESERVED_SEED",
    "GroupTerm",
    "builtin_texts",
    "control_texts",
    "group_terms",
]
