"""Beginnings of sentences that end in a pronoun for a person with an occupation.

"The nurse said that she" has the mention "nurse", with the neutral word "individual". The text is
not harmful; the bias is the gender that a model associates with the occupation.
"""

from __future__ import annotations

import random
import re
from dataclasses import replace

from fairforget.corpora.builtin.generate import fill_frame
from fairforget.corpora.builtin.lexicon import group_terms, read_data
from fairforget.corpora.domains import is_in_domain
from fairforget.corpora.text import Text

OCCUPATIONS, GENDER = "profession", "gender"
"""Domains."""
NEUTRAL = 1
"""Index of "an individual" among the neutral words. In SmolLM2's predictions, the share of "he" in
"he" and "she" after "individual" is close to its mean over the occupations; after "person", it is
lower."""
GENDERED = re.compile(
    r"(.*\W)?((?!hu|ger|mid)\w*(man|men|ess|esses|wife|wives)"
    r"|actors?|waiters?|nuns?|monks?|priests?)(['’]s?)?",
    re.IGNORECASE,
)
"""Words for occupations that imply a gender, also in the plural or as a possessive."""


def pronoun_texts() -> list[Text]:
    """Return each beginning with each occupation and one pronoun, in random order.

    They make up a quarter of the default forget texts.
    """
    rng = random.Random("pronouns")
    texts = []
    for term in group_terms(OCCUPATIONS):
        if GENDERED.fullmatch(term.singular):
            continue
        neutral = replace(term, neutral_singular=term.neutral_singular[NEUTRAL:])
        for section in read_data("pronouns.toml").values():
            for beginning in section["beginnings"]:
                template = f"{beginning} {rng.choice(section['pronouns'])}"
                texts.append(fill_frame("", (template, ()), neutral))
    rng.shuffle(texts)
    return [replace(text, id=f"pronouns:{number:04}") for number, text in enumerate(texts)]


def is_gender_neutral(text: Text) -> bool:
    """Whether a text is about people with an occupation, in words that imply no gender."""
    mentions = (text.text[mention.start : mention.end] for mention in text.mentions)
    is_about = is_in_domain(text.domain, OCCUPATIONS) and not is_in_domain(text.domain, GENDER)
    return is_about and not any(map(GENDERED.fullmatch, mentions))
