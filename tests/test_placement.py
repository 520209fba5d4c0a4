"""A loaded model is moved to the device that is asked for, and otherwise stays where it is."""

from __future__ import annotations

import pytest
import torch

from fairforget.errors import InputError
from fairforget.evaluation.evaluate import evaluate
from fairforget.models import placement
from fairforget.models.placement import place_model

from .models import tiny_model


def test_a_loaded_model_stays_where_it_is() -> None:
    language_model = tiny_model("gpt2")
    language_model.model.to("meta")
    assert place_model(language_model, None) == torch.device("meta")


def test_a_loaded_model_is_moved_to_the_requested_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placement, "select_device", lambda *_, **__: torch.device("meta"))
    language_model = tiny_model("gpt2")
    assert place_model(language_model, "cuda") == torch.device("meta")
    assert language_model.device == torch.device("meta")


def test_a_model_on_the_current_gpu_is_not_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """A quantised model may not be moved at all, not even to where it is."""
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    moved: list[torch.device] = []

    class Model:
        def to(self, device: torch.device) -> None:
            moved.append(device)

    class Loaded:
        model, device = Model(), torch.device("cuda:0")

    for name in ("cuda", "cuda:0", "cuda:1", "cpu"):
        placement.move_model(Loaded(), torch.device(name))
    assert moved == [torch.device("cuda:1"), torch.device("cpu")]


def test_an_evaluation_of_a_loaded_model_refuses_a_missing_device() -> None:
    with pytest.raises(InputError, match="device 'cuda:7'"):
        evaluate(tiny_model("gpt2"), ["stereoset"], device="cuda:7")
