"""One run over two processes is the same run."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed.run
from accelerate.commands.launch import launch_command, launch_command_parser
from accelerate.utils import DeepSpeedPlugin, FullyShardedDataParallelPlugin
from safetensors.torch import load_file

from fairforget.cli import main
from fairforget.errors import InputError
from fairforget.records.evaluation import read_items
from fairforget.records.paths import CONTINUATION_PAIRS, PARTS, RECORD
from fairforget.records.records import EvaluationRecord, UnlearningRecord
from fairforget.records.store import read_record
from fairforget.training import sharding
from fairforget.training.sharding import check_deepspeed, check_fsdp, shard_model

from .distributed_run import Case, run_unlearning, write_cases
from .little_data import with_little_data
from .models import save_tiny, tiny
from .test_evaluation import ITEM, lasting

ROOT = Path(__file__).parents[1]
CONFIGS_AT = ROOT / "configs" / "accelerate"
HAS_DEEPSPEED = find_spec("deepspeed") is not None and shutil.which("c++") is not None
NEEDS_DEEPSPEED = pytest.mark.skipif(
    not HAS_DEEPSPEED, reason="DeepSpeed is for Linux, and compiles a part of itself"
)
ZERO3 = pytest.param("zero3.yaml", marks=NEEDS_DEEPSPEED)
CONFIGS = ["ddp.yaml", "fsdp.yaml", ZERO3]
SHARDED = CONFIGS[1:]
FLAGS = {"fsdp": "ACCELERATE_USE_FSDP", "zero3": "ACCELERATE_USE_DEEPSPEED"}
"""What `accelerate launch` sets for a configuration and no other."""
HOW = {"ddp.yaml": "MULTI_CPU", "fsdp.yaml": "FSDP", "zero3.yaml": "DEEPSPEED"}


CUT = [("ddp.yaml", 0), ("ddp.yaml", 4), ("fsdp.yaml", 0), ("zero3.yaml", 0)]
"""Launcher and LoRA rank of runs that are interrupted and resumed."""
TOGETHER = {"max_steps": 10}
STOPPED = {"save_strategy": "steps", "save_steps": 50, "max_steps": 20}
STOPPED |= {"objective": "ascent", "learning_rate": 1.0, "retain_loss_weight": 0.01}
OTHERS = {
    # its embeddings are the head's weights: a block of their own would share them
    "masked": ("bert", "fsdp.yaml", {"objective": "ascent", "max_steps": 6}),
    "precomputed": (
        "llama",
        "ddp.yaml",
        {"precompute_ref_hidden_states": True, "max_steps": 6},
    ),
}
COMMAND = """
from fairforget.cli import main
from tests.little_data import leave_little_data

leave_little_data()
main()
"""


@dataclass
class Places:
    """Where the runs of this module are: `one` process, or one directory a launcher."""

    root: Path

    def model(self, family: str) -> str:
        """A saved model of the family."""
        path = self.root / "given" / family
        return str(path if path.exists() else save_tiny(family, path))

    def output(self, launcher: str, name: str) -> Path:
        """Where a run writes."""
        path = self.root / launcher / name
        path.mkdir(parents=True, exist_ok=True)
        return path

    def case(self, launcher: str, name: str, family: str, options: dict, **more: Any) -> Case:
        """A run of the script."""
        output = str(self.output(launcher, more.pop("into", name)))
        return Case(name, self.model(family), output, options, **more)

    def command(self, output: Path | str) -> list[str]:
        """`unlearn`, as one would type it."""
        retain = self.root / "retain.jsonl"
        if not retain.exists():
            lines = [{"text": f"The river number {n} has a bridge and a mill."} for n in range(200)]
            retain.write_text("\n".join(map(json.dumps, lines)))
        words = [
            *("unlearn", self.model("llama"), "--forget", "builtin:gender", "--retain", retain),
            *("--steps", 4, "--batch_size", 8, "--learning_rate", "1e-3", "--device", "cpu"),
            *(
                "--budget.perplexity",
                1.5,
                "--budget.everyday_perplexity",
                1.5,
                "--budget.max_alpha",
                1,
            ),
            # gradients well above rounding, and no bound that ends the search within it
            *("--objective", "counterfactual-kl", "--budget.harmful_log_prob", "null"),
            *("--selection", "after-mention", "--retain_per_forget", 0.25, "--output", output),
            *("--benchmarks", f"perplexity:{self.text()}"),
        ]
        return list(map(str, words))

    def text(self) -> Path:
        """A file to measure perplexity on."""
        path = self.root / "text.csv"
        if not path.exists():
            sentence = "The river has a bridge and an old mill near the town. "
            path.write_text("text\n" + sentence * 40)
        return path

    def evaluation(self, output: Path) -> list[str]:
        """`evaluate` with two benchmarks."""
        items = self.root / "items.jsonl"
        if not items.exists():
            row = {"bias_type": "race", "target": "town", "context": ITEM.context}
            names = ("stereotype", "anti-stereotype", "unrelated")
            row |= dict(zip(names, ITEM.sentences, strict=True))
            items.write_text(f"{json.dumps(row)}\n" * 3)
        benchmarks = f"stereoset:{items},perplexity:{self.text()}"
        flags = ["--benchmarks", benchmarks, "--device", "cpu", "--output", str(output)]
        return ["evaluate", self.model("gpt2"), *flags]


def launch(config: Path, *command: object) -> None:
    """Run Python with these arguments as two processes of `accelerate launch`."""
    launcher = [sys.executable, "-m", "accelerate.commands.launch"]
    with subprocess.Popen(
        [*launcher, *launch_arguments(config, *command)],
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": python_path()},
        start_new_session=True,
    ) as launched:
        try:
            assert launched.wait(timeout=600) == 0
        except BaseException:
            os.killpg(launched.pid, signal.SIGKILL)
            raise


def launch_arguments(config: Path, *command: object) -> list[str]:
    """Arguments of `accelerate launch` for two processes."""
    options = ("--num_processes", 2, "--main_process_port", 0)
    return list(map(str, ("--config_file", config, *options, *command)))


def launched_environment(config: Path) -> dict[str, str]:
    """The environment in which `accelerate launch` starts processes."""
    environment: dict[str, str] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.distributed.run, "run", lambda _: environment.update(os.environ))
        launch_command(launch_command_parser().parse_args(launch_arguments(config, "script.py")))
    for other, flag in FLAGS.items():
        assert (environment.get(flag) == "true") == (other in config.name)
    return environment


def python_path() -> str:
    """So that a script in tests finds the package `tests`."""
    return os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))


def interrupted(places: Places, config: str, name: str, family: str, options: dict) -> list[Case]:
    """An uninterrupted run, one that is interrupted, and the same resumed."""
    return [
        places.case(config, f"{name}, whole", family, options),
        places.case(config, f"{name}, cut", family, options, cut=True),
        places.case(config, f"{name}, again", family, options, into=f"{name}, cut"),
    ]


def cases_of(places: Places, config: str) -> list[Case]:
    """All that is run with one configuration of the launcher."""
    command = places.command(places.root / config / "command")
    found = [Case("command", command=command)]
    if config == "zero3.yaml":
        nothing = ["unlearn", str(places.root / "none"), "--output", str(places.root / "no")]
        found.append(Case("refused", command=[*nothing, "--device", "cpu"]))
    for rank in (0, 4):
        options = {**TOGETHER, "lora_rank": rank}
        found.append(places.case(config, f"lora {rank}", "llama", options))
    for name, (family, its_config, options) in OTHERS.items():
        if its_config == config:
            found.append(places.case(config, name, family, options))
    for its_config, rank in CUT:
        if its_config == config:
            options = {"save_strategy": "steps", "save_steps": 3, "optim": "adamw_torch"}
            options["lora_rank"] = rank
            found += interrupted(places, config, f"cut off, lora {rank}", "gpt2", options)
    if config != "ddp.yaml":
        found += interrupted(places, config, "stopped", "llama", STOPPED)
    # a finished run is shown again
    found.append(Case("command again", command=command))
    if config == "ddp.yaml":
        found.append(places.case(config, "discarded", "llama", {}, discarded=True))
        output = places.root / config / "evaluation"
        evaluation = Case("evaluation", output=str(output), command=places.evaluation(output))
        found += [
            replace(evaluation, name="evaluation, interrupted", interrupted=True),
            evaluation,
            replace(evaluation, name="evaluation again"),
        ]
    return found


def write_refused(directory: Path) -> Path:
    """A configuration that gathers no weights."""
    path = directory / "zero3, refused.yaml"
    given = (CONFIGS_AT / "zero3.yaml").read_text()
    path.write_text(given.replace("16bit_model: true", "16bit_model: false"))
    assert path.read_text() != given
    return path


class Launched:
    """What became of the cases of all configurations.

    One launch runs them all: each case with the environment that `accelerate launch` makes of its
    configuration.
    """

    def __init__(self, places: Places) -> None:
        self.places = places
        root = places.root
        configs = [name for name in HOW if HAS_DEEPSPEED or name != "zero3.yaml"]
        cases = {(name, case.name): case for name in configs for case in cases_of(places, name)}
        paths = {key: CONFIGS_AT / key[0] for key in cases}
        if HAS_DEEPSPEED:
            paths["zero3.yaml", "refused"] = write_refused(root)
        environments = {path: launched_environment(path) for path in {*paths.values()}}
        names = [name for every in environments.values() for name in every]
        # what is the same for all comes from the launch itself
        differing = {n for n in names if len({e.get(n) for e in environments.values()}) > 1}
        for key, case in cases.items():
            case.environment = {n: environments[paths[key]].get(n) for n in differing}
        self.keys = list(cases)
        write_cases(list(cases.values()), root)
        launch(CONFIGS_AT / configs[0], ROOT / "tests" / "distributed_run.py", root)

    def ended(self, config: str, name: str) -> tuple[list[int], str]:
        """Exit statuses of both processes, and what they printed."""
        directory, number = self.places.root, self.keys.index((config, name))
        codes = [int(path.read_text()) for path in sorted(directory.glob(f"{number}.*.code"))]
        logs = [path.read_text() for path in sorted(directory.glob(f"{number}.*.log"))]
        return codes, "\n".join(logs)

    def output(self, config: str, name: str, into: str | None = None) -> Path:
        """Where a case wrote that ended well."""
        codes, printed = self.ended(config, name)
        assert codes == [0, 0], f"{name}: {printed}"
        return self.places.output(config, into or name)

    def run(self, config: str, name: str, into: str | None = None) -> dict[str, Any]:
        """What a run of the script found."""
        found: dict[str, Any] = json.loads(
            (self.output(config, name, into) / "found.json").read_text()
        )
        return found

    def alone(self, name: str, family: str, options: dict[str, Any]) -> dict[str, Any]:
        """The same run in this process, with a batch of both's texts; it is run once."""
        known = self.places.root / "one" / name / "found.json"
        if not known.exists():
            case = self.places.case("one", name, family, options)
            known.write_text(json.dumps(run_unlearning(case, batch=8)))
        found: dict[str, Any] = json.loads(known.read_text())
        return found


@pytest.fixture(scope="module", autouse=True)
def little_data() -> Iterator[None]:
    """As in the launched processes."""
    with pytest.MonkeyPatch.context() as patch, with_little_data(patch):
        yield


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Places:
    return Places(tmp_path_factory.mktemp("launched"))


@pytest.fixture(scope="module")
def launched(places: Places) -> Launched:
    return Launched(places)


@pytest.fixture(scope="module")
def alone(places: Places) -> subprocess.CompletedProcess[str]:
    """The command in one process, fresh as a user's but for the little data."""
    command = places.command(places.root / "one" / "command")
    return subprocess.run(
        [sys.executable, "-c", COMMAND, *command, "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": python_path()},
    )


def assert_same_weights(first: Path, second: Path, *, but: float = 0.0) -> None:
    """Within 1e-5, but for a share of them all, and less than half of each tensor."""
    one, two = (load_file(path / "model" / "model.safetensors") for path in (first, second))
    assert one.keys() == two.keys()
    apart = [(weight - two[name]).abs().flatten() for name, weight in one.items()]
    assert all(part.median() <= 1e-5 for part in apart)
    assert (torch.cat(apart) > 1e-5).float().mean() <= but


@pytest.mark.processes
@pytest.mark.parametrize("config", CONFIGS)
@pytest.mark.parametrize("lora_rank", [0, 4])
def test_two_processes_do_what_one_does(launched: Launched, config, lora_rank) -> None:
    """The same losses, perplexity ratios, interpolation and weights."""
    name = f"lora {lora_rank}"
    one = launched.alone(name, "llama", {**TOGETHER, "lora_rank": lora_rank})
    two = launched.run(config, name)
    assert (one["processes"], two["processes"]) == (1, 2)
    assert two["how"] == HOW[config]
    assert len(one["rows"]) == 10
    assert len(one["ratios"]) == 1
    for mine, theirs in zip(one["rows"], two["rows"], strict=True):
        assert theirs == pytest.approx(mine, abs=1e-5)
    assert two["ratios"] == pytest.approx(one["ratios"], abs=1e-5)
    assert two["budget"] == pytest.approx(one["budget"], abs=1e-5)
    assert_same_weights(*(launched.places.output(where, name) for where in ("one", config)))


@pytest.mark.processes
@pytest.mark.parametrize("name", OTHERS)
def test_other_runs_in_two_processes(launched: Launched, name: str) -> None:
    family, config, options = OTHERS[name]
    one = launched.alone(name, family, options)
    two = launched.run(config, name)
    assert two["how"] == HOW[config]
    for mine, theirs in zip(one["rows"], two["rows"], strict=True):
        assert theirs == pytest.approx(mine, abs=1e-5)
    assert two["ratios"] == pytest.approx(one["ratios"], abs=1e-5)
    assert_same_weights(*(launched.places.output(where, name) for where in ("one", config)))


def assert_resumes(launched: Launched, config: str, name: str) -> dict[str, Any]:
    """Check that a resumed run ends as an uninterrupted one; return what the latter found."""
    whole = launched.run(config, f"{name}, whole")
    launched.output(config, f"{name}, cut")
    again = launched.run(config, f"{name}, again", into=f"{name}, cut")
    assert whole["how"] == again["how"] == HOW[config]
    assert (whole["resumed"], again["resumed"]) == (False, True)
    assert again["rows"] == whole["rows"]
    assert again["budget"] == whole["budget"]
    assert_same_weights(
        *(launched.places.output(config, f"{name}, {how}") for how in ("whole", "cut"))
    )
    return whole


@pytest.mark.processes
@pytest.mark.parametrize(
    ("config", "lora_rank"),
    [pytest.param(*one, marks=[NEEDS_DEEPSPEED] if "zero3" in one[0] else []) for one in CUT],
)
def test_a_resumed_run_ends_as_an_uninterrupted_one(launched, config, lora_rank) -> None:
    assert_resumes(launched, config, f"cut off, lora {lora_rank}")


@pytest.mark.processes
@pytest.mark.parametrize("config", SHARDED)
def test_an_early_stopped_run_does_not_train_further(launched: Launched, config: str) -> None:
    """Interrupted before interpolation, it is interpolated as it would have been."""
    whole = assert_resumes(launched, config, "stopped")
    assert len(whole["rows"]) < 20


def test_deepspeed_that_does_not_give_the_weights_as_they_are_is_refused() -> None:
    pytest.importorskip("deepspeed")
    for stage, gathers in ((3, True), (2, False)):
        check_deepspeed(DeepSpeedPlugin(zero_stage=stage, zero3_save_16bit_model=gathers), "no")
    with pytest.raises(InputError, match="zero3_save_16bit_model: true"):
        check_deepspeed(DeepSpeedPlugin(zero_stage=3, zero3_save_16bit_model=False), "no")
    for stage in (2, 3):
        with pytest.raises(InputError, match="bf16 is too coarse"):
            check_deepspeed(DeepSpeedPlugin(zero_stage=stage, zero3_save_16bit_model=True), "bf16")
    half = DeepSpeedPlugin(zero_stage=2)
    half.hf_ds_config.config["fp16"] = {"enabled": True}  # as in a DeepSpeed file
    with pytest.raises(InputError, match="fp16 is too coarse"):
        check_deepspeed(half, "no")


def test_fsdp_that_cannot_train_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FSDP_VERSION", "1")
    check_fsdp()  # not requested
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(InputError, match="needs fsdp_version: 2"):
        check_fsdp()
    monkeypatch.setenv("FSDP_VERSION", "2")
    check_fsdp()
    monkeypatch.setenv("FSDP_ACTIVATION_CHECKPOINTING", "true")
    with pytest.raises(InputError, match="fsdp_activation_checkpointing is not supported"):
        check_fsdp()


def test_fsdp_in_bf16_sums_gradients_and_returns_losses_in_float32(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plugin = FullyShardedDataParallelPlugin(fsdp_version=2)
    plugin.set_mixed_precision("bf16")
    policies = []
    monkeypatch.setattr(
        sharding, "fully_shard", lambda _, **settings: policies.append(settings["mp_policy"])
    )
    monkeypatch.setattr(sharding, "init_device_mesh", lambda *_: None)
    shard_model(tiny("llama"), plugin)
    assert len(policies) > 1  # the blocks, and the rest of the model
    for policy in policies:
        assert policy.param_dtype == torch.bfloat16
        assert policy.reduce_dtype == torch.float32
        assert policy.output_dtype is None


@pytest.mark.processes
@NEEDS_DEEPSPEED
def test_an_installed_deepspeed_prints_nothing_among_the_results(alone) -> None:
    assert json.loads(alone.stdout)["record"]["method"]["steps"] == 4


@pytest.mark.processes
@NEEDS_DEEPSPEED
def test_the_command_refuses_such_zero3_before_it_loads_a_model(launched: Launched) -> None:
    codes, printed = launched.ended("zero3.yaml", "refused")
    assert 0 not in codes, printed
    assert "needs zero3_save_16bit_model: true" in printed


@pytest.mark.processes
@pytest.mark.parametrize("config", CONFIGS)
def test_the_command_in_two_processes(launched: Launched, alone, config: str) -> None:
    """It ends, writes one model and its records, and these are those of one process."""
    paths = [
        launched.places.root / "one" / "command",
        launched.output(config, "command"),
    ]
    one, two = (read_record(path / "record.json", UnlearningRecord) for path in paths)
    assert two.environment.processes == 2
    assert two.method == one.method
    assert two.corpora == one.corpora
    assert two.budget.alpha == pytest.approx(one.budget.alpha, abs=1e-3)
    # Adam moves a weight whose gradient is all but zero either way by rounding
    assert_same_weights(*paths, but=0.03)
    written = [sorted(p.name for p in path.iterdir()) for path in paths]
    assert written[0] == written[1]
    assert "checkpoints" not in written[1]
    before = [json.loads((path / CONTINUATION_PAIRS).read_bytes()) for path in paths]
    assert [pair["before"] for pair in before[0]] == [pair["before"] for pair in before[1]]
    launched.output(config, "command again", into="command")  # a finished run is shown again


@pytest.mark.processes
def test_processes_without_an_output_directory_share_and_remove_one(launched: Launched) -> None:
    assert not list(launched.output("ddp.yaml", "discarded").glob("fairforget-*"))


@pytest.mark.processes
def test_an_interrupted_evaluation_resumes_in_two_processes(launched: Launched) -> None:
    config = "ddp.yaml"
    out, whole = (launched.places.root / name / "evaluation" for name in (config, "one"))
    codes, printed = launched.ended(config, "evaluation, interrupted")
    assert codes == [130], printed
    left = json.loads((launched.places.root / "left.json").read_text())
    assert str(out / PARTS / "0" / RECORD) in left
    launched.output(config, "evaluation")
    launched.output(config, "evaluation again")  # a finished one is shown again
    main(launched.places.evaluation(whole))
    mine, theirs = (lasting(path)["results"] for path in (out, whole))
    (text,) = (name for name in theirs if name.startswith("perplexity"))
    perplexities = [results[text].pop("value") for results in (mine, theirs)]
    assert perplexities[0] == pytest.approx(perplexities[1], rel=1e-5)
    assert mine == theirs
    record = read_record(out / RECORD, EvaluationRecord)
    assert record.environment.processes == 2
    assert read_items(out) == read_items(whole)
    assert not (out / PARTS).exists()
