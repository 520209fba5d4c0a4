"""INLP (Ravfogel et al. 2020): iterative nullspace projection.

Each round fits a linear classifier of the group and projects the states onto its nullspace, until a
classifier is at chance.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from scipy.linalg import orth
from scipy.optimize import minimize
from scipy.special import log_softmax
from torch import Tensor

from fairforget.methods.erasure import erase, output_head, selected_domains
from fairforget.methods.group_sentences import SENTENCE_FILES
from fairforget.methods.method import Method, MethodOptions
from fairforget.models.language_model import LanguageModel

MAX_SHARE = 0.1
"""Maximum share of the hidden size that is erased, over all domains. The first classifier of a
domain may exceed it. Bias Bench erases 80 classifiers, of one to three directions each, from
768 dimensions."""
HELD_OUT = 0.2
"""Share of the sets that are held out to test classifiers."""
STANDARD_ERRORS = 2.0
"""A classifier is at chance if its accuracy is at most this many standard errors above chance."""
PENALTY = 1.0
"""Weight of the penalty ½ ‖w‖² relative to the sum of the losses, the default of scikit-learn."""

Floats = npt.NDArray[np.float64]
Vector = np.ndarray[tuple[int], np.dtype[np.float64]]


def projection(states: Tensor, max_directions: int, seed: int = 0) -> Tensor:
    """Return the projection onto the nullspace of all classifiers (Ravfogel et al. 2020, Alg. 1).

    A classifier is a logistic regression with one row of weights per group, on states that are
    centred and scaled to a mean square of 1 per dimension. The rounds end when a classifier is at
    chance on held-out sets, or when another one would exceed the number of directions.

    Bias Bench instead fits one linear support vector machine per group, does not centre the states,
    and runs all rounds. With the same classifier, the authors' code gives the same projection
    (tests/methods/test_published.py).

    Args:
        states: [sets, groups, d] of sentences that differ only in the group.
        max_directions: maximum number of directions to erase. Those of the first classifier, one
            fewer than groups, may be more. A classifier at chance is not erased.
        seed: seed of the choice of held-out sets.

    Returns:
        [d, d], symmetric and idempotent.
    """
    sets, groups, size = states.shape
    scaled = (states / states.square().mean().sqrt()).numpy()
    order = np.random.default_rng(seed).permutation(sets)
    held_out = max(1, round(HELD_OUT * sets))
    test, train = scaled[order[:held_out]], scaled[order[held_out:]]
    mean = train.mean((0, 1))
    test, train = test - mean, train - mean
    matrix = np.eye(size)
    erased: list[Floats] = []
    while not erased or sum(map(len, erased)) + groups - 1 <= max_directions:
        weights = fit_classifier(train @ matrix)
        if is_at_chance(test @ matrix, weights):
            break
        erased.append(orth(weights[:-1].T).T)
        basis = orth(np.concatenate(erased).T)  # the directions are orthogonal up to rounding
        matrix = np.eye(size) - basis @ basis.T
    return torch.from_numpy(matrix)


def fit_classifier(states: Floats) -> Floats:
    """Return the weights of a logistic regression of the group, which sum to zero over groups.

    Minimises the sum of −log softmax(W x) of the correct group, plus ½ `PENALTY` ‖W‖². There is no
    intercept, because the states are centred and the groups have equal size.

    Args:
        states: [sets, groups, d], centred.

    Returns:
        [groups, d].
    """
    sets, groups, size = states.shape
    inputs = states.reshape(-1, size)
    labels = np.tile(np.eye(groups), (sets, 1))

    def loss(flat: Vector) -> tuple[float, Vector]:
        weights = flat.reshape(groups, size)
        log_probs = log_softmax(inputs @ weights.T, axis=1)
        gradient = (np.exp(log_probs) - labels).T @ inputs + PENALTY * weights
        value = -(labels * log_probs).sum() + PENALTY * (weights**2).sum() / 2
        return float(value), gradient.ravel()

    solution = minimize(
        loss,
        np.zeros(groups * size),
        jac=True,
        method="L-BFGS-B",
        options={"maxiter": 10_000, "maxfun": 10_000, "gtol": 1e-6, "ftol": 0.0},
    )
    weights = np.asarray(solution.x, np.float64).reshape(groups, size)
    centred: Floats = weights - weights.mean(0)
    return centred


def is_at_chance(states: Floats, weights: Floats) -> bool:
    """Return whether a classifier is at chance on states [sets, groups, d]."""
    sets, groups, _ = states.shape
    accuracy = ((states @ weights.T).argmax(-1) == np.arange(groups)).mean()
    chance = 1 / groups
    error = math.sqrt(chance * (1 - chance) / (sets * groups))
    return bool(accuracy <= chance + STANDARD_ERRORS * error)


def _apply(language_model: LanguageModel, options: MethodOptions) -> LanguageModel:
    size = output_head(language_model).in_features
    limit = math.floor(MAX_SHARE * size / len(selected_domains(options)))
    return erase(
        language_model, options, partial(projection, max_directions=limit, seed=options.seed)
    )


inlp = Method(
    name="inlp",
    apply=_apply,
    paper="Ravfogel et al. 2020, ACL",
    summary="removes from the last hidden state the directions of linear classifiers of the group, "
    "one after another, until they are at chance",
    files=SENTENCE_FILES,
)
