"""One run over two processes is the same run."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from accelerate.utils import DeepSpeedPlugin
from safetensors.torch import load_file

from fairforget.errors import InputError
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record
from fairforget.training.zero3 import check_zero3

from .models import save_tiny

ROOT = Path(__file__).parents[1]
NEEDS_DEEPSPEED = pytest.mark.skipif(
    not find_spec("deepspeed") or not shutil.which("c++"),
    reason="DeepSpeed is for Linux, and compiles a part of itself",
)
ZERO3 = pytest.param("zero3.yaml", marks=NEEDS_DEEPSPEED)
CONFIGS = ["ddp.yaml", "fsdp.yaml", ZERO3]
SHARDED = CONFIGS[1:]
HOW = {"ddp.yaml": "MULTI_CPU", "fsdp.yaml": "FSDP", "zero3.yaml": "DEEPSPEED"}


def launch(config: str | None, *command: object) -> None:
    """Run Python with these arguments: alone, or as two processes of `accelerate launch`."""
    launcher = []
    if config:
        launcher = [
            *("-m", "accelerate.commands.launch"),
            *("--config_file", ROOT / "configs" / "accelerate" / config),
            *("--num_processes", "2", "--main_process_port", "0"),
        ]
    subprocess.run(
        [str(part) for part in (sys.executable, *launcher, *command)],
        check=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def run(model: Path, output: Path, config: str | None, options: dict, *cut: str) -> dict:
    output.mkdir(exist_ok=True)
    batch = 4 if config else 8
    script = ROOT / "tests" / "distributed_run.py"
    launch(config, script, model, output, batch, json.dumps(options), *cut)
    return {} if cut else json.loads((output / "found.json").read_text())


def assert_same_weights(first: Path, second: Path, *, but: float = 0.0) -> None:
    """Within 1e-5, but for a share of them."""
    one, two = (load_file(path / "model" / "model.safetensors") for path in (first, second))
    assert one.keys() == two.keys()
    apart = torch.cat([(weight - two[name]).abs().flatten() for name, weight in one.items()])
    assert (apart > 1e-5).float().mean() <= but


@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("lora_rank", [0, 4])
def test_two_processes_do_what_one_does(tmp_path, config, lora_rank) -> None:
    """The same losses, the same looks at the damage, the same landing, the same weights."""
    model = save_tiny("llama", tmp_path / "given")
    options = {"lora_rank": lora_rank, "max_steps": 20}
    one = run(model, tmp_path / "one", None, options)
    two = run(model, tmp_path / "two", config, options)
    assert (one["processes"], two["processes"]) == (1, 2)
    assert two["how"] == HOW[config]
    assert len(one["rows"]) == 20
    assert len(one["looks"]) == 4
    for mine, theirs in zip(one["rows"], two["rows"], strict=True):
        assert theirs == pytest.approx(mine, abs=1e-5)
    assert two["looks"] == pytest.approx(one["looks"], abs=1e-5)
    assert two["budget"] == pytest.approx(one["budget"], abs=1e-5)
    assert_same_weights(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize(
    ("family", "config", "options"),
    [
        # its embeddings are the head's weights: a block of their own would share them
        pytest.param("bert", "fsdp.yaml", {"objective": "ascent"}, id="masked"),
        pytest.param(
            "llama", "ddp.yaml", {"precompute_ref_hidden_states": True}, id="asked beforehand"
        ),
    ],
)
def test_other_runs_in_two_processes(tmp_path: Path, family, config, options) -> None:
    model = save_tiny(family, tmp_path / "given")
    one = run(model, tmp_path / "one", None, {"max_steps": 6, **options})
    two = run(model, tmp_path / "two", config, {"max_steps": 6, **options})
    assert two["how"] == HOW[config]
    for mine, theirs in zip(one["rows"], two["rows"], strict=True):
        assert theirs == pytest.approx(mine, abs=1e-5)
    assert two["looks"] == pytest.approx(one["looks"], abs=1e-5)
    assert_same_weights(tmp_path / "one", tmp_path / "two")


@pytest.mark.parametrize(
    ("config", "lora_rank"),
    [
        ("ddp.yaml", 0),
        ("ddp.yaml", 4),
        ("fsdp.yaml", 0),
        pytest.param("zero3.yaml", 0, marks=NEEDS_DEEPSPEED),
    ],
)
def test_a_run_that_was_cut_off_ends_as_it_would_have(tmp_path, config, lora_rank) -> None:
    model = save_tiny("gpt2", tmp_path / "given")
    options = {"save_strategy": "steps", "save_steps": 3, "optim": "adamw_torch"}
    options["lora_rank"] = lora_rank
    whole = run(model, tmp_path / "whole", config, options)
    run(model, tmp_path / "cut", config, options, "cut")
    assert (tmp_path / "cut" / "checkpoints" / "checkpoint-3").is_dir()
    again = run(model, tmp_path / "cut", config, options)
    assert again["rows"] == whole["rows"]
    assert again["budget"] == whole["budget"]
    assert_same_weights(tmp_path / "whole", tmp_path / "cut")


@pytest.mark.parametrize("config", SHARDED)
def test_a_run_that_the_damage_stopped_goes_no_further(tmp_path: Path, config: str) -> None:
    """Cut off before it landed, it lands as it would have."""
    model = save_tiny("llama", tmp_path / "given")
    options = {"save_strategy": "steps", "save_steps": 50, "max_steps": 20}
    options |= {"objective": "ascent", "learning_rate": 1.0, "retain_loss_weight": 0.01}
    whole = run(model, tmp_path / "whole", config, options)
    assert len(whole["rows"]) < 20
    run(model, tmp_path / "cut", config, options, "cut")
    again = run(model, tmp_path / "cut", config, options)
    assert again["rows"] == whole["rows"]
    assert again["budget"] == whole["budget"]
    assert_same_weights(tmp_path / "whole", tmp_path / "cut")


def test_zero3_that_does_not_give_the_weights_as_they_are_is_refused() -> None:
    pytest.importorskip("deepspeed")
    for stage, gathers, precision in ((3, True, "no"), (2, False, "bf16")):
        check_zero3(DeepSpeedPlugin(zero_stage=stage, zero3_save_16bit_model=gathers), precision)
    with pytest.raises(InputError, match="zero3_save_16bit_model: true"):
        check_zero3(DeepSpeedPlugin(zero_stage=3, zero3_save_16bit_model=False), "no")
    with pytest.raises(InputError, match="bf16 is too coarse"):
        check_zero3(DeepSpeedPlugin(zero_stage=3, zero3_save_16bit_model=True), "bf16")


@NEEDS_DEEPSPEED
def test_a_deepspeed_that_is_installed_says_nothing_among_the_results(tmp_path: Path) -> None:
    model = save_tiny("llama", tmp_path / "given")
    command = [sys.executable, "-m", "fairforget", "unlearn", model, "--output", tmp_path / "out"]
    command += ["--forget", "builtin:gender", "--device", "cpu", "--steps", "2", "--json"]
    ran = subprocess.run(list(map(str, command)), capture_output=True, check=True)
    assert json.loads(ran.stdout)["record"]["method"]["steps"] == 2


@NEEDS_DEEPSPEED
def test_the_command_refuses_such_zero3_before_it_loads_a_model(tmp_path: Path, capfd) -> None:
    given = (ROOT / "configs" / "accelerate" / "zero3.yaml").read_text()
    config = tmp_path / "zero3.yaml"
    config.write_text(
        given.replace("zero3_save_16bit_model: true", "zero3_save_16bit_model: false")
    )
    command = ("-m", "fairforget", "unlearn", tmp_path / "none", "--output", tmp_path / "out")
    with pytest.raises(subprocess.CalledProcessError):
        launch(str(config), *command, "--device", "cpu")
    assert "needs zero3_save_16bit_model: true" in capfd.readouterr().err


@pytest.mark.parametrize("config", CONFIGS)
def test_the_command_in_two_processes(tmp_path: Path, config: str) -> None:
    """It ends, writes one model and one record, and these are those of one process."""
    model = save_tiny("llama", tmp_path / "given")
    retain = tmp_path / "retain.jsonl"
    lines = [{"text": f"The river number {n} has a bridge and a mill."} for n in range(200)]
    retain.write_text("\n".join(map(json.dumps, lines)))
    arguments = [
        *("-m", "fairforget", "unlearn", model, "--forget", "builtin:gender", "--retain", retain),
        *("--steps", 4, "--batch_size", 8, "--learning_rate", "1e-3", "--device", "cpu"),
        *("--budget.perplexity", 1.5, "--budget.everyday_perplexity", 1.5, "--budget.max_alpha", 1),
        *("--selection", "after-mention", "--retain_per_forget", 0.25),
    ]
    launch(None, *arguments, "--output", tmp_path / "one")
    launch(config, *arguments, "--output", tmp_path / "two")
    one, two = (
        read_record(tmp_path / name / "record.json", UnlearningRecord) for name in ("one", "two")
    )
    assert two.environment.processes == 2
    assert two.method == one.method
    assert two.corpora == one.corpora
    assert two.budget.alpha == pytest.approx(one.budget.alpha, abs=1e-3)
    # Adam moves a weight whose gradient is all but zero either way by rounding
    assert_same_weights(tmp_path / "one", tmp_path / "two", but=0.01)
    written = [sorted(p.name for p in (tmp_path / name).iterdir()) for name in ("one", "two")]
    assert written[0] == written[1]
    assert "checkpoints" not in written[1]
    launch(config, *arguments, "--output", tmp_path / "two")  # a finished run is shown again
