"""LEACE (Belrose et al. 2023): the smallest change that hides the group from linear classifiers.

It needs the package `concept-erasure`: `pip install 'fairforget[erasure]'`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fairforget.extras import check_extra, require_extra
from fairforget.methods.erasure import erase
from fairforget.methods.method import Method, MethodOptions
from fairforget.models.language_model import LanguageModel

_EXTRA = ("concept_erasure", "erasure", "the method leace")
SMALLEST_CORRELATION = 1e-6
"""Smallest singular value of the whitened cross-covariance that is erased."""


def projection(states: Tensor) -> Tensor:
    """Return P, with which the states P x and the groups are uncorrelated (Theorem 4.3).

    P = I − W⁺ U Uᵀ W, with the whitening W of the covariance of the states, and an orthonormal
    basis U of the columns of W Σ_xz. The package estimates the covariance with shrinkage. Its limit
    on the trace of the covariance is off: it is not in the paper, and leaves a correlation.

    This is the linear form through the origin. The paper's is affine, P x + (I − P) E[x], so that
    the mean of the states stays where it is; an output head without a bias cannot add the second
    term. It does not change the covariances, so the guarantee holds without it.

    Args:
        states: [sets, groups, d].

    Returns:
        [d, d], idempotent, in general not symmetric.

    Raises:
        InputError: the package is missing.
    """
    package = require_extra(*_EXTRA)
    sets, groups, _ = states.shape
    labels = torch.eye(groups, dtype=states.dtype).repeat(sets, 1)
    matrix: Tensor = package.LeaceEraser.fit(
        states.flatten(0, 1),
        labels,
        affine=False,
        constrain_cov_trace=False,
        svd_tol=SMALLEST_CORRELATION,
    ).P
    return matrix


def _apply(language_model: LanguageModel, options: MethodOptions) -> LanguageModel:
    check_extra(*_EXTRA)
    return erase(language_model, options, projection)


leace = Method(
    name="leace",
    apply=_apply,
    paper="Belrose et al. 2023, LEACE: Perfect linear concept erasure in closed form, NeurIPS",
    summary="Erases the group from the last hidden state with the smallest change after which the "
    "two are uncorrelated.",
)
