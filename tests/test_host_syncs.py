"""The losses do not wait for the device: no operation needs numbers from it on the host."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from fairforget.objectives.trait_kl import harmful_change_loss, harmful_excess_loss, trait_target
from fairforget.objectives.trait_words import TraitWords
from fairforget.training.step_loss import StepLoss
from fairforget.training.trainer import UnlearningTrainer

from .models import tiny
from .test_trainer import TRAIT_WORDS, trainer

WAITING = {"aten::nonzero", "aten::_local_scalar_dense", "aten::masked_select"}
"""Operations whose result or its shape the host must know."""


class Waits(TorchDispatchMode):
    """Counts what would wait for the device."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> object:
        name = func.name().partition(".")[0]
        masks: Sequence[Any] = args[1] if name in ("aten::index", "aten::index_put") else ()
        if name in WAITING or any(m is not None and m.dtype == torch.bool for m in masks):
            self.found.append(name)
        return func(*args, **kwargs or {})


def test_waiting_is_noticed() -> None:
    values = torch.arange(4.0)
    with Waits() as waits:
        _ = values[values > 1], bool(values.any()), (values > 1).nonzero()
    assert waits.found == ["aten::index", "aten::_local_scalar_dense", "aten::nonzero"]


@pytest.mark.parametrize("harmful", [[True, False, True], [False] * 3, [True] * 3])
def test_the_trait_objective_does_not_wait(harmful: list[bool]) -> None:
    words = TraitWords(torch.tensor([1, 4, 6]), torch.tensor(harmful), torch.tensor([2, 3]))
    logits = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    log_probs, gender_neutral = logits.log_softmax(-1), torch.arange(5) > 2
    with Waits() as waits:
        trait_target(log_probs, log_probs.flip(0), words, gender_neutral)
        harmful_excess_loss(log_probs, log_probs.flip(0), words, gender_neutral)
        harmful_change_loss(log_probs, log_probs.flip(0), words)
    assert waits.found == []


def test_a_step_waits_only_before_the_model_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairforget.training.step_loss.HEAD_ROWS", 4)
    monkeypatch.setattr("fairforget.training.trainer.find_trait_words", lambda *_: TRAIT_WORDS)
    run: UnlearningTrainer = trainer(tmp_path, tiny("gpt2"))
    batch = run.data_collator([run.train_dataset[i] for i in range(8)])
    assert "answers" in batch["retain"]
    losses, started = run.losses, []
    with Waits() as waits:
        body = run.model.transformer
        body.register_forward_pre_hook(lambda *_: started.append(len(waits.found)))
        total, _ = StepLoss.compute(losses, run.model, batch, (1.0, 1.0))
        total.backward()
    assert len(waits.found) == started[0] == -(-len(batch["retain"]["tokens"]) // 4)
