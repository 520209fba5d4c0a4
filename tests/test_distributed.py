"""One run over two processes is the same run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .models import save_tiny

ROOT = Path(__file__).parents[1]


def launched(tmp_path: Path, model: Path, config: str | None, processes: int) -> dict:
    output = tmp_path / f"{config}-{processes}.json"
    script = [str(ROOT / "tests" / "distributed_run.py"), str(model), str(output)]
    launch = []
    if config:
        launch = [
            *("-m", "accelerate.commands.launch"),
            *("--config_file", str(ROOT / "configs" / "accelerate" / config)),
            *("--num_processes", str(processes), "--main_process_port", "0"),
        ]
    subprocess.run(
        [sys.executable, *launch, *script, str(8 // processes)],
        check=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return json.loads(output.read_text())


@pytest.mark.parametrize(("config", "how"), [("ddp.yaml", "MULTI_CPU")])
def test_two_processes_give_the_losses_of_one(tmp_path: Path, config: str, how: str) -> None:
    model = save_tiny("llama", tmp_path / "model")
    one = launched(tmp_path, model, None, 1)
    two = launched(tmp_path, model, config, 2)
    assert (one["processes"], two["processes"]) == (1, 2)
    assert two["how"] == how
    assert len(one["rows"]) == 5
    for mine, theirs in zip(one["rows"], two["rows"], strict=True):
        assert theirs == pytest.approx(mine, abs=1e-5)
    assert two["reached"] == pytest.approx(one["reached"], abs=1e-5)
