"""Checkpoints: a damaged one is skipped for the one before, and none can run code."""

from __future__ import annotations

import os
import pickle
import shutil
import time
from pathlib import Path

import pytest
import torch
from transformers import TrainerCallback

from fairforget.errors import InputError
from fairforget.training.checkpoints import (
    CHECKSUMS,
    TRAINED,
    find_last_complete,
    remove_later,
    write_checksums,
)
from tests.models import join_weights, tiny_causal
from tests.test_trainer import trainer

STEPS = 4
OPTIONS = {
    "objective": "counterfactual-kl",
    "max_steps": STEPS,
    "save_strategy": "steps",
    "save_steps": 1,
}
FILES = (
    TRAINED,
    "optimizer.pt",
    "scheduler.pt",
    "rng_state.pth",
    "trainer_state.json",
)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, torch.Tensor]:
    """A finished run: its last two checkpoints, and its weights."""
    directory = tmp_path_factory.mktemp("run")
    done = trainer(directory, tiny_causal("gpt2"), **OPTIONS)
    done.train()
    assert sorted(path.name for path in directory.iterdir()) == ["checkpoint-3", "checkpoint-4"]
    return directory, join_weights(done.model)


@pytest.fixture
def copied(run: tuple[Path, torch.Tensor], tmp_path: Path) -> Path:
    return Path(shutil.copytree(run[0], tmp_path / "run"))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def empty(path: Path) -> None:
    path.write_bytes(b"")


@pytest.mark.parametrize("damage", [cut, flip, empty, Path.unlink])
@pytest.mark.parametrize("name", [*FILES, CHECKSUMS])
def test_a_damaged_checkpoint_is_skipped(copied: Path, capsys, name: str, damage) -> None:
    damage(copied / "checkpoint-4" / name)
    assert find_last_complete(copied) == copied / "checkpoint-3"
    printed = capsys.readouterr().err
    if (name, damage) != (CHECKSUMS, Path.unlink):  # without checksums, writing was interrupted
        assert printed.count("\n") == 1
        assert "checkpoint-4" in printed
        assert "skipping this checkpoint" in printed


def test_the_run_ends_as_if_nothing_was_damaged(run, copied: Path, capsys) -> None:
    cut(copied / "checkpoint-4" / "optimizer.pt")
    again = trainer(copied, tiny_causal("gpt2"), **OPTIONS)
    again.train(resume_from_checkpoint=str(find_last_complete(copied)))
    assert torch.equal(join_weights(again.model), run[1])
    assert find_last_complete(copied) == copied / "checkpoint-4"


def test_all_damaged(copied: Path, capsys) -> None:
    for number in (3, 4):
        flip(copied / f"checkpoint-{number}" / TRAINED)
    assert find_last_complete(copied) is None
    *skipped, last = capsys.readouterr().err.splitlines()
    assert len(skipped) == 2
    assert last == "No usable checkpoint is left; training starts from the beginning"


def test_damaged_checkpoints_do_not_displace_new_ones(copied: Path) -> None:
    flip(copied / "checkpoint-4" / TRAINED)
    remove_later(copied, find_last_complete(copied))
    assert [path.name for path in copied.glob("checkpoint-*")] == ["checkpoint-3"]
    flip(copied / "checkpoint-3" / TRAINED)
    remove_later(copied, find_last_complete(copied))
    again = trainer(copied, tiny_causal("gpt2"), **{**OPTIONS, "max_steps": 1})
    again.train()
    assert find_last_complete(copied) == copied / "checkpoint-1"


class Bomb:
    """Unpickled, it makes a directory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("name", ["optimizer.pt", "scheduler.pt", "rng_state.pth"])
def test_a_pickle_bomb_does_not_run(copied: Path, tmp_path: Path, name: str) -> None:
    crater = tmp_path / "crater"
    for content in (pickle.dumps(Bomb(crater), 2), None):
        checkpoint = copied / "checkpoint-3"
        if content:
            (checkpoint / name).write_bytes(content)
        else:
            torch.save({"state": Bomb(crater)}, checkpoint / name)
        write_checksums(checkpoint)  # whoever plants a bomb can seal it
        again = trainer(copied, tiny_causal("gpt2"), **OPTIONS)
        with pytest.raises(InputError, match="contains more than tensors"):
            again.train(resume_from_checkpoint=str(checkpoint))
        assert not crater.exists()
    pickle.loads(pickle.dumps(Bomb(crater), 2))
    assert crater.exists()  # it would have


def test_what_is_not_needed_is_not_opened(run, copied: Path, tmp_path: Path) -> None:
    checkpoint = copied / "checkpoint-3"
    for name in ("training_args.bin", "pytorch_model.bin"):
        (checkpoint / name).write_bytes(pickle.dumps(Bomb(tmp_path / "crater"), 2))
    write_checksums(checkpoint)
    again = trainer(copied, tiny_causal("gpt2"), **OPTIONS)
    again.train(resume_from_checkpoint=str(checkpoint))
    assert torch.equal(join_weights(again.model), run[1])
    assert not (tmp_path / "crater").exists()


def test_a_clock_that_goes_backwards_costs_no_checkpoint(tmp_path: Path) -> None:
    class Backwards(TrainerCallback):
        """Every checkpoint that is there was written later than the next."""

        def on_step_begin(self, *_: object, **__: object) -> None:
            for number, path in enumerate(sorted(tmp_path.glob("checkpoint-*"))):
                later = time.time() + 3600 - 60 * number
                os.utime(path, (later, later))

    trainer(tmp_path, tiny_causal("gpt2"), callbacks=[Backwards()], **OPTIONS).train()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-3", "checkpoint-4"]
    assert find_last_complete(tmp_path) == tmp_path / "checkpoint-4"


def test_weights_that_are_not_finite_are_not_saved(tmp_path: Path) -> None:
    class Break(TrainerCallback):
        def on_step_end(self, args, state, control, model=None, **_: object) -> None:
            if state.global_step == 3:
                next(model.parameters()).data[0] = float("nan")

    run = trainer(tmp_path, tiny_causal("gpt2"), callbacks=[Break()], **OPTIONS)
    with pytest.raises(InputError, match=r"a weight is not finite after 3 steps.*checkpoint-2"):
        run.train()
    assert find_last_complete(tmp_path) == tmp_path / "checkpoint-2"


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path) -> None:
    class Break(TrainerCallback):
        def on_step_begin(self, args, state, control, model=None, **_: object) -> None:
            if state.global_step == 2:
                next(model.parameters()).data[:] = float("inf")

    run = trainer(tmp_path, tiny_causal("gpt2"), callbacks=[Break()], **OPTIONS)
    with pytest.raises(InputError, match=r"the loss is not finite after 2 steps") as error:
        run.train()
    assert "lower --learning_rate" in str(error.value)
    assert f"The last good state is in {tmp_path / 'checkpoint-2'}" in str(error.value)


def test_a_damaged_model_is_no_matter_of_the_learning_rate(tmp_path: Path) -> None:
    model = tiny_causal("gpt2")
    next(model.parameters()).data[:] = float("nan")
    with pytest.raises(InputError, match="before the first step; the model's weights are damaged"):
        trainer(tmp_path, model, **OPTIONS).train()
