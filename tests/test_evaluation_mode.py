"""A model runs without dropout, and stays in the mode it was in."""

from __future__ import annotations

import pytest
from torch import nn

from fairforget.forward.evaluation_mode import evaluation_mode


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_the_mode_is_restored(training: bool, fails: bool) -> None:
    model = nn.Sequential(nn.Dropout()).train(training)
    try:
        with evaluation_mode(model):
            assert not any(module.training for module in model.modules())
            if fails:
                raise RuntimeError
    except RuntimeError:
        assert fails
    assert all(module.training is training for module in model.modules())
