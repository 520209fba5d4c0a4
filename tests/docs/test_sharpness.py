"""Sharpness-aware steps, as docs/score_sharpness.py takes them."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType, SimpleNamespace

import pytest
import torch

from fairforget.training import unlearn as unlearning
from fairforget.training.trainer import UnlearningTrainer


@pytest.fixture
def sharpness(script: Callable[[str], ModuleType]) -> ModuleType:
    return script("sharpness")


def test_the_gradient_is_that_of_worse_weights(sharpness, monkeypatch: pytest.MonkeyPatch) -> None:
    model = torch.nn.Linear(2, 1, bias=False)
    start = torch.tensor([[3.0, 4.0]])
    model.weight.data.copy_(start)

    def take_step(trainer, model, inputs) -> torch.Tensor:
        loss = (inputs * model.weight**2).sum()
        loss.backward()
        trainer._logged += loss.detach()
        return loss.detach()

    monkeypatch.setattr(UnlearningTrainer, "training_step", take_step)
    trainer = object.__new__(sharpness.SharpnessAwareTrainer)
    trainer.args = SimpleNamespace(gradient_accumulation_steps=1)
    trainer._logged = torch.zeros(5)
    loss = trainer.training_step(model, torch.tensor(0.5))
    assert float(loss) == 12.5
    assert trainer._logged.tolist() == [12.5] * 5
    assert torch.equal(model.weight.data, start)
    # the gradient of w² / 2 at w is w, and that direction makes it larger
    expected = start * (1 + sharpness.RADIUS / 5)
    torch.testing.assert_close(model.weight.grad, expected)


def test_only_the_context_takes_sharpness_aware_steps(sharpness) -> None:
    with sharpness.sharpness_aware_steps():
        assert unlearning.UnlearningTrainer is sharpness.SharpnessAwareTrainer
    assert unlearning.UnlearningTrainer is UnlearningTrainer
