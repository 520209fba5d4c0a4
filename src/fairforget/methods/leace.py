"""LEACE (Belrose et al. 2023): erase linear information about the group with the least change.

It needs the package `concept-erasure`, which the extra `erasure` installs.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from fairforget.extras import check_extra, require_extra
from fairforget.methods.erasure import erase
from fairforget.methods.group_sentences import SENTENCE_FILES
from fairforget.methods.method import Method, MethodOptions
from fairforget.models.language_model import LanguageModel

_EXTRA = ("concept_erasure", "erasure", "the method leace")
SMALLEST_CORRELATION = 1e-6
"""Singular values of the whitened cross-covariance below this value are not erased."""


def projection(states: Tensor) -> Tensor:
    """Return P, so that the states P x are uncorrelated with the groups (Theorem 4.3).

    P = I − W⁺ U Uᵀ W, where W whitens the states and U is an orthonormal basis of the columns of
    W Σ_xz. The package estimates the covariance with shrinkage. Its constraint on the trace of the
    covariance is switched off: it is not in the paper, and leaves a correlation.

    This form is linear. That of the paper is affine, P x + (I − P) E[x], and preserves the mean of
    the states; an output head without a bias cannot add the second term. The guarantee also holds
    without this term, because a constant does not change covariances.

    Args:
        states: [sets, groups, d].

    Returns:
        [d, d], idempotent, in general not symmetric.

    Raises:
        InputError: the extra `erasure` is not installed.
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
    check_installed=partial(check_extra, *_EXTRA),
    package="concept-erasure",
    paper="Belrose et al. 2023, arXiv 2306.03819",
    summary="makes the last hidden state uncorrelated with the group, with the smallest possible "
    "change",
    files=SENTENCE_FILES,
)
