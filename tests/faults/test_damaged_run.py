"""A checkpoint of `unlearn` is damaged between two calls: a warning, and the same result."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fairforget.cli import main
from fairforget.records.paths import CHECKPOINTS, MODEL, RECORD
from fairforget.training.checkpoints import TRAINED
from fairforget.training.config import UnlearningConfig
from tests.models import save_tiny

from .test_checkpoints import cut, flip


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The arguments of `unlearn`, without `--output`."""
    directory = tmp_path_factory.mktemp("input")
    forget, retain = directory / "forget.jsonl", directory / "retain.jsonl"
    texts = [
        {"text": f"{who} are {word}.", "mentions": [[0, len(who), "People"]]}
        for who in ("Women", "Men")
        for word in ("late", "loud", "slow")
    ]
    forget.write_text("\n".join(map(json.dumps, texts)))
    rivers = [{"text": f"The river has {n} bridges near the town."} for n in range(200)]
    retain.write_text("\n".join(map(json.dumps, rivers)))
    model = save_tiny("llama", directory / "model")
    return [
        *("unlearn", str(model), "--forget", str(forget), "--retain", str(retain)),
        *("--steps", "6", "--batch_size", "2", "--device", "cpu"),
    ]


@pytest.fixture(scope="module", autouse=True)
def save_often() -> Iterator[None]:
    """A checkpoint every two steps."""
    as_asked = UnlearningConfig.__post_init__

    def often(config: UnlearningConfig) -> None:
        config.save_steps = config.logging_steps = 2
        as_asked(config)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(UnlearningConfig, "__post_init__", often)
        yield


@pytest.fixture(scope="module")
def undisturbed(
    command: list[str], tmp_path_factory: pytest.TempPathFactory
) -> tuple[bytes, dict[str, Any]]:
    """What the command leaves where nothing is damaged."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    main([*command, "--output", str(out)])
    return result(out)


@pytest.fixture(scope="module")
def interrupted(command: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the command leaves where it is stopped when all is trained."""
    out = tmp_path_factory.mktemp("interrupted") / "out"

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("fairforget.training.limits.interpolate_to_budget", stop)
        with pytest.raises(SystemExit) as ended:
            main([*command, "--output", str(out)])
    assert ended.value.code == 130
    return out


@pytest.mark.slow
@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
@pytest.mark.parametrize("broken", [("checkpoint-6",), ("checkpoint-4", "checkpoint-6")])
def test_the_same_command_ends_as_if_nothing_was_damaged(
    command: list[str],
    interrupted: Path,
    undisturbed: tuple[bytes, dict[str, Any]],
    tmp_path: Path,
    capsys,
    damage: Callable[[Path], None],
    broken: tuple[str, ...],
) -> None:
    out = Path(shutil.copytree(interrupted, tmp_path / "out"))
    for name in broken:
        damage(out / CHECKPOINTS / name / TRAINED)
    capsys.readouterr()

    main([*command, "--output", str(out)])
    printed = capsys.readouterr().err
    warnings = [line for line in printed.splitlines() if "skipping this checkpoint" in line]
    assert len(warnings) == len(broken)
    assert all(name in "".join(warnings) for name in broken)
    assert result(out) == undisturbed
    assert not (out / CHECKPOINTS).exists()


def result(directory: Path) -> tuple[bytes, dict[str, Any]]:
    """The weights, and the record without its durations."""
    record = json.loads((directory / RECORD).read_text())
    del record["seconds"]
    return (directory / MODEL / "model.safetensors").read_bytes(), record
