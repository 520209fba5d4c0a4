"""The worked examples of the architecture page: in a copy, what they add is there and works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..models import save_tiny
from .blocks import ROOT, Block, blocks

PAGE = ROOT / "docs/pages/architecture.md"
pytestmark = pytest.mark.processes
SCRIPT = """
import contextlib, io, json, sys
from pathlib import Path
import fairforget
from fairforget.cli import main
from tests.little_data import leave_little_data

leave_little_data()
assert fairforget.__file__.startswith(sys.argv[1]), fairforget.__file__

def output_of(*args):
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.suppress(SystemExit):
        main(list(args))
    return shown.getvalue()

assert "floored" in output_of("unlearn", "--help")
assert "shouting" in output_of("select", "--help")
assert "sayings (forget): sayings about people" in output_of("data", "list")

output_of("unlearn", "model", "--forget", "sayings", "--objective", "floored", "--steps", "2",
     "--batch_size", "2", "--device", "cpu", "--output", "run")
method = json.loads(Path("run/record.json").read_text())["method"]
assert method["objective"] == "floored" and method["selection"] == "spans", method

Path("loud.jsonl").write_text(json.dumps({"text": "They are ALWAYS late."}))
output_of("select", "loud.jsonl", "--method", "shouting", "--output", "spans.jsonl")
assert json.loads(Path("spans.jsonl").read_text())["spans"] == [[9, 15]]

for name, model in (("before", "model"), ("after", "run/model")):
    output_of("evaluate", model, "--benchmarks", "pronouns", "--device", "cpu", "--output", name)
scores = json.loads(Path("before/record.json").read_text())["results"]["pronouns"]["domains"]
assert scores["profession"]["items"] == 4 and scores["all"]["ties"] == 0

from fairforget.benchmarks import load_benchmark
from fairforget.benchmarks.degenerate import check_finite_scores, find_warnings
from fairforget.errors import InputError
from fairforget import load_model
broken = load_model("model", device="cpu")
def measure(value):
    for parameter in broken.model.parameters():
        parameter.data.fill_(value)
    return load_benchmark("pronouns").evaluate(broken)

(warning,) = find_warnings({"pronouns": measure(0.0).result})
assert "4 of 4 items are ties" in warning
try:
    check_finite_scores("pronouns", measure(float("nan")))
except InputError as error:
    assert "its score_stereotype is not a number" in str(error)
else:
    raise AssertionError("NaN scores were accepted")
assert "pronouns" in output_of("compare", "before", "after")

from fairforget.methods import METHODS, MethodOptions
import torch

language_model = load_model("model", device="cpu")
ids = torch.tensor([[1, 2, 3]])
before = language_model.model(ids).logits
flatter = METHODS["flattening"].apply(language_model, MethodOptions())
torch.testing.assert_close(flatter.model(ids).logits, 0.95 * before)

from fairforget.objectives import OBJECTIVES
from fairforget.objectives.floored import FLOOR

log_probs = torch.tensor([[-1.0, -20.0], [-1.0, -20.0]], requires_grad=True)
losses = OBJECTIVES["floored"].loss(log_probs, torch.tensor([0, 1]), None)
losses.sum().backward()
assert losses.tolist()[0] == -1.0 and abs(losses.tolist()[1] - FLOOR) < 1e-6
assert log_probs.grad.tolist() == [[1.0, 0.0], [0.0, 0.0]]
"""


def test_the_examples_work(tmp_path: Path) -> None:
    shutil.copytree(
        ROOT / "src", tmp_path / "src", ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    examples = [block for block in blocks(PAGE) if block.title]
    assert len(examples) == 10  # five things to add: a file and a line each
    for block in examples:
        apply(block, tmp_path / block.title)
    save_tiny("llama", tmp_path / "model")
    ran = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        cwd=tmp_path,
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join([str(tmp_path / "src"), str(ROOT)]),
            "OMP_NUM_THREADS": "1",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert not ran.returncode, ran.stderr


def apply(block: Block, path: Path) -> None:
    """Write the new file, or apply the diff."""
    if block.language == "python":
        assert not path.exists(), f"{block}: {path} exists"
        path.write_text(block.code, encoding="utf-8")
        return
    old, new = sides(block.code)
    assert len(new) == len(old) + 1, f"{block} is to add one line"
    text = path.read_text(encoding="utf-8")
    before, after = ("".join(f"{line}\n" for line in lines) for lines in (old, new))
    if text.count(before) != 1:
        pytest.fail(f"{block}: {before!r} stands {text.count(before)} times in {block.title}")
    path.write_text(text.replace(before, after), encoding="utf-8")


def sides(diff: str) -> tuple[list[str], list[str]]:
    """The lines before (with a blank or -) and after (with a blank or +)."""
    lines = [(line[0], line[1:]) for line in diff.splitlines()]
    assert {sign for sign, _ in lines} <= {" ", "-", "+"}
    return [text for sign, text in lines if sign != "+"], [
        text for sign, text in lines if sign != "-"
    ]
