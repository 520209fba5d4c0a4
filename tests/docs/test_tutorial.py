"""The tutorial runs from top to bottom, on the real model."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairforget.models.language_model import LanguageModel

from .blocks import ROOT


@pytest.mark.real_model
def test_the_notebook_runs(
    smollm2: LanguageModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nbformat = pytest.importorskip("nbformat")
    nbclient = pytest.importorskip("nbclient")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook = nbformat.read(ROOT / "examples/tutorial.ipynb", as_version=4)
    client = nbclient.NotebookClient(
        notebook, timeout=900, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
    )
    client.execute()
    assert (tmp_path / "my-model/model.safetensors").is_file()
