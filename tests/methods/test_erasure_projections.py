"""The projections of INLP, SentenceDebias and LEACE, on fixed and on random states."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from fairforget.methods import inlp, leace, sentence_debias

SIZE = 24


def make_states(groups: int = 2, sets: int = 150, seed: int = 0) -> torch.Tensor:
    """States [sets, groups, SIZE] of unequal variances, in which the group is easily found."""
    rng = np.random.default_rng(seed)
    scale = np.linspace(0.5, 2, SIZE)
    shared = rng.normal(size=(sets, 1, SIZE)) * scale
    own = rng.normal(size=(sets, groups, SIZE)) * scale
    return torch.from_numpy(shared + own + rng.normal(size=(1, groups, SIZE)) + 1)


def accuracy(states: torch.Tensor) -> float:
    """Held-out accuracy of a least-squares classifier that is fitted on half the sets."""
    flat = [torch.cat([part, torch.ones(*part.shape[:2], 1)], -1) for part in states.chunk(2)]
    groups = states.shape[1]
    train, test = (part.flatten(0, 1).numpy() for part in flat)
    labels = np.tile(np.eye(groups), (len(flat[0]), 1))
    weights = np.linalg.lstsq(train, labels, rcond=1e-9)[0]
    answers = (test @ weights).argmax(1).reshape(-1, groups)
    return float((answers == np.arange(groups)).mean())


def inlp_projection(states: torch.Tensor, seed: int = 0) -> torch.Tensor:
    return inlp.projection(states, SIZE - 1, seed)


@pytest.mark.parametrize("groups", [2, 3, 5])
@pytest.mark.parametrize("project", [inlp_projection, sentence_debias.projection])
@given(seed=st.integers(0, 2**16))
@settings(max_examples=5, deadline=None)
def test_symmetric_and_idempotent(project: object, groups: int, seed: int) -> None:
    assert callable(project)
    matrix = project(make_states(groups, seed=seed))
    assert torch.allclose(matrix, matrix.T, atol=1e-10)
    assert torch.allclose(matrix @ matrix, matrix, atol=1e-10)
    assert 0 < torch.linalg.matrix_rank(matrix, hermitian=True) < SIZE


@pytest.mark.parametrize("groups", [2, 4])
def test_inlp_leaves_a_fresh_classifier_at_chance(groups: int) -> None:
    states = make_states(groups, 600)
    matrix = inlp_projection(states)
    assert accuracy(states) > 0.9
    assert accuracy(states @ matrix.T) < 1 / groups + 0.06


def test_inlp_stops_at_chance_and_at_its_limit() -> None:
    states = make_states(3, 600)
    assert 2 < erased_directions(inlp_projection(states)) < 20
    assert erased_directions(inlp.projection(states, 5)) == 4  # two directions a round
    assert erased_directions(inlp.projection(states, 0)) == 2  # the first round, in any case
    noise = torch.from_numpy(np.random.default_rng(0).normal(size=(400, 3, SIZE)))
    assert torch.equal(inlp_projection(noise), torch.eye(SIZE, dtype=torch.float64))


def erased_directions(matrix: torch.Tensor) -> int:
    return SIZE - round(float(matrix.trace()))


def test_inlp_equals_newtons_method_and_a_product_of_projections() -> None:
    states = make_states()
    ours = inlp.projection(states, 3).numpy()
    train = states.numpy() / np.sqrt((states.numpy() ** 2).mean())
    train = train[np.random.default_rng(0).permutation(150)[30:]].copy()
    train -= train.mean((0, 1))
    inputs, signs = train.reshape(-1, SIZE), np.tile([1.0, -1.0], 120)
    product = np.eye(SIZE)
    for _ in range(3):
        w = binary_logistic(inputs @ product.T, signs)
        product = (np.eye(SIZE) - np.outer(w, w) / (w @ w)) @ product
    assert np.abs(ours - product).max() < 1e-4


def binary_logistic(inputs: np.ndarray, signs: np.ndarray) -> np.ndarray:
    """Minimise Σ log(1 + exp(−s w·x)) + ¼ ‖w‖² by Newton's method.

    The two rows of a softmax's weights are w/2 and −w/2, so ½ (‖w/2‖² + ‖w/2‖²) is ¼ ‖w‖².
    """
    w = np.zeros(inputs.shape[1])
    for _ in range(50):
        wrong = expit(-signs * (inputs @ w))
        gradient = -inputs.T @ (signs * wrong) + w / 2
        curvature = (inputs.T * (wrong * (1 - wrong))) @ inputs + np.eye(len(w)) / 2
        w = w - np.linalg.solve(curvature, gradient)
    return w


@pytest.mark.parametrize(("groups", "components"), [(2, 1), (3, 1), (3, 2)])
def test_sentence_debias_equals_eigenvectors_of_the_scatter_matrix(
    groups: int, components: int
) -> None:
    states = make_states(groups)
    scatter = np.zeros((SIZE, SIZE))
    for one in states.numpy():
        unit = one / np.sqrt((one**2).sum(1, keepdims=True))
        for row in unit - unit.mean(0):
            scatter += np.outer(row, row)
    top = np.linalg.eigh(scatter)[1][:, -components:]
    ours = sentence_debias.projection(states, components).numpy()
    assert np.abs(ours - (np.eye(SIZE) - top @ top.T)).max() < 1e-10


def test_sentence_debias_removes_the_only_difference_of_pairs() -> None:
    torch.manual_seed(0)
    direction = torch.randn(SIZE, dtype=torch.float64)
    middle = torch.randn(300, 1, SIZE, dtype=torch.float64)
    middle -= (middle @ direction)[..., None] * direction / direction.square().sum()
    states = middle + torch.stack([direction, -direction])  # of equal length
    matrix = sentence_debias.projection(states)
    assert accuracy(states) == 1
    assert torch.allclose(matrix @ direction, torch.zeros_like(direction), atol=1e-10)
    assert torch.allclose(states[:, 0] @ matrix, states[:, 1] @ matrix, atol=1e-10)


class TestLeace:
    @pytest.fixture(autouse=True)
    def _package(self) -> None:
        pytest.importorskip("concept_erasure")

    @pytest.mark.parametrize("groups", [2, 3, 5])
    def test_erased_states_and_groups_are_uncorrelated(self, groups: int) -> None:
        states = make_states(groups, 600)
        erased = states @ leace.projection(states).T
        means = erased.mean(0) - erased.mean((0, 1))  # covariance with each label × groups
        assert means.abs().max() < 1e-9
        assert (states.mean(0) - states.mean((0, 1))).abs().max() > 0.5
        assert accuracy(states) > 0.9
        assert accuracy(erased) < 1 / groups + 0.06

    def test_equals_the_formula_of_the_paper(self) -> None:
        states = make_states(3)
        x, z = states.flatten(0, 1).numpy(), np.tile(np.eye(3), (150, 1))
        x, z = x - x.mean(0), z - z.mean(0)
        covariance = shrink(x.T @ x / len(x), len(x))
        values, vectors = np.linalg.eigh(covariance)
        whiten = vectors @ np.diag(values**-0.5) @ vectors.T
        u = np.linalg.svd(whiten @ x.T @ z)[0][:, :2]
        expected = np.eye(SIZE) - np.linalg.inv(whiten) @ u @ u.T @ whiten
        assert np.abs(leace.projection(states).numpy() - expected).max() < 1e-6

    def test_erased_states_are_uncorrelated_after_another_erasure(self) -> None:
        first, second = make_states(2), make_states(3, seed=1)
        matrix = leace.projection(first)
        matrix = leace.projection(second @ matrix.T) @ matrix
        for states in (first, second):
            means = (states @ matrix.T).mean(0)
            assert (means - means.mean(0)).abs().max() < 1e-8


def shrink(covariance: np.ndarray, n: int) -> np.ndarray:
    """Move a covariance towards a multiple of the identity (Bodnar, Gupta and Parolya 2014)."""
    size, trace = len(covariance), np.trace(covariance)
    spread = (covariance**2).sum() - trace**2 / size
    kept = 1 - trace**2 / n / spread
    return kept * covariance + (1 - kept) * trace / size * np.eye(size)
