"""How far apart groups of sampled texts are, beyond the variation within a group.

For texts x of a group and y of another, with a distance d, the energy distance (Székely and Rizzo
2013, Journal of Statistical Planning and Inference) is

    E d(x, y) − ½ E d(x, x′) − ½ E d(y, y′)

It is 0 if both groups have the same distribution, and above 0 otherwise. The estimate below is
unbiased, so it can be below 0 by chance.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

import numpy as np

from fairforget.statistics.jackknife import Floats


def energy_distance(distances: Floats, groups: int) -> float:
    """Return the energy distance between groups, averaged over pairs of groups.

    Args:
        distances: [n, n] between all texts, those of a group adjacent; symmetric, 0 on the
            diagonal.
        groups: number of groups, at least two, of equally many texts, at least two.
    """
    draws = len(distances) // groups
    sums = distances.reshape(groups, draws, groups, draws).sum(axis=(1, 3))
    within = np.trace(sums) / (groups * draws * (draws - 1))
    between = (sums.sum() - np.trace(sums)) / (groups * (groups - 1) * draws**2)
    return float(between - within)


def number_distances(numbers: Sequence[float]) -> Floats:
    """Return the absolute differences [n, n] of numbers [n]."""
    values = np.asarray(numbers, dtype=np.float64)
    return np.abs(values[:, None] - values)


def word_distances(texts: Sequence[str], ignored: Collection[str] = ()) -> Floats:
    """Return the Jaccard distances [n, n] of the sets of words of texts [n].

    Args:
        texts: two texts without words are equal.
        ignored: words in lower case that do not count.
    """
    words = [split_words(text) - set(ignored) for text in texts]
    vocabulary = {word: index for index, word in enumerate(set().union(*words))}
    has = np.zeros((len(texts), len(vocabulary)))
    for row, own in zip(has, words, strict=True):
        row[[vocabulary[word] for word in own]] = 1
    shared = has @ has.T
    sizes = has.sum(axis=1)
    union = sizes[:, None] + sizes - shared
    overlaps: Floats = np.divide(shared, union, out=np.ones_like(shared), where=union > 0)
    return 1 - overlaps


def split_words(text: str) -> set[str]:
    """Return the words of a text in lower case."""
    return set(re.findall(r"\w+", text.lower()))
