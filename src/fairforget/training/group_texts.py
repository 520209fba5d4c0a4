"""Texts about groups that are retained, so that unlearning changes little besides traits.

Without them, the model also learns to ignore the group when it predicts facts, such as the language
of a country, and its predictions about people in general change.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from itertools import islice

from fairforget.corpora.sentences import short_sentences
from fairforget.selection.identity import mentions_of
from fairforget.training.targets import Targets

MAX_SENTENCES = 1_000
"""Maximum number of sentences: three times what a run with default settings uses."""


def group_sentences(passages: Sequence[str]) -> list[str]:
    """Return sentences of passages that name a group of the built-in lexicon, in random order.

    The order does not depend on the seed of a run.
    """
    shuffled = list(passages)
    random.Random(0).shuffle(shuffled)

    def sentences() -> Iterator[str]:
        for passage in shuffled:
            yield from filter(mentions_of, short_sentences([passage]))

    return list(islice(sentences(), MAX_SENTENCES))


def counterfactual_sequences(targets: Sequence[Targets]) -> list[list[int]]:
    """Return the token ids of the counterfactual texts, each once, in order."""
    sequences = (tuple(ids) for target in targets for ids, _ in target.counterfactuals)
    return [list(ids) for ids in dict.fromkeys(sequences)]
