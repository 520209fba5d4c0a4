"""What the pages state is true: papers, files, figures, links."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fairforget
from fairforget.benchmarks import BENCHMARKS
from fairforget.cli.commands import COMMANDS
from fairforget.corpora import SOURCES
from fairforget.objectives import OBJECTIVES, RETAIN_LOSSES
from fairforget.objectives.retain import FACT_SLACK, FACT_WEIGHT
from fairforget.objectives.trait_kl import HARM_WEIGHT

from .blocks import ROOT

PAGES = ROOT / "docs/pages"
GENERATED = ("reference/commands.md", "reference/domains.md", "tutorial.md")
"""Pages that docs/generate.py writes; they are committed, so that links work in a clone."""


def run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command], cwd=ROOT, capture_output=True, text=True, timeout=300
    )


@pytest.mark.processes
def test_the_readme_agrees_with_the_records() -> None:
    ran = run("docs/fill_readme.py", "--check")
    assert not ran.returncode, ran.stderr


def test_every_method_has_its_paper_its_command_and_its_file() -> None:
    page = (PAGES / "reference/papers.md").read_text(encoding="utf-8")
    for name, objective in {**OBJECTIVES, **RETAIN_LOSSES}.items():
        if "no paper" not in objective.paper:
            assert f"{name}`" in page, name
        for arxiv in re.findall(r"arXiv (\d+\.\d+)", objective.paper):
            assert arxiv in page, name
    for name in BENCHMARKS:
        assert f"--benchmarks {name}" in page, name
    for path in re.findall(r"\| `(\S+\.py)` \|", page):
        assert (ROOT / "src/fairforget" / path).is_file(), path


def test_the_method_page_has_the_constants_of_the_code() -> None:
    page = (PAGES / "concepts/method.md").read_text(encoding="utf-8")
    losses = re.findall(r"([\d.]+) \\max\(0.* - ([\d.]+)\) \$\$", page)
    assert [tuple(map(float, loss)) for loss in losses] == [(FACT_WEIGHT, FACT_SLACK)]
    assert re.findall(r"frac\{([\d.]+)\}\{\|H\|\}", page) == [str(HARM_WEIGHT)] * 2


def test_the_architecture_names_every_package() -> None:
    page = (PAGES / "architecture.md").read_text(encoding="utf-8")
    for path in re.findall(r"`([\w/]+(?:\.py|/))`", page.partition("## Add an objective")[0]):
        assert (ROOT / "src/fairforget" / path).exists(), path
    for module in (ROOT / "src/fairforget").glob("[!_]*.py"):
        assert f"`{module.name}`" in page, module.name
    for package in (ROOT / "src/fairforget").iterdir():
        if package.is_dir() and (package / "__init__.py").exists():
            assert f"`{package.name}/`" in page, package.name


def test_the_reference_describes_all_that_is_public() -> None:
    page = (PAGES / "reference/python.md").read_text(encoding="utf-8")
    described = re.findall(r"^::: fairforget\.(\w+)$", page, re.MULTILINE)
    assert sorted(described) == sorted(fairforget.__all__)


def test_the_notebook_is_stored_without_outputs() -> None:
    cells = json.loads((ROOT / "examples/tutorial.ipynb").read_text(encoding="utf-8"))["cells"]
    assert all(not cell["outputs"] for cell in cells if cell["cell_type"] == "code")


def test_what_the_notebook_points_to_is_there() -> None:
    """It is read in examples/ and as a page of the site, so it names files from the root."""
    cells = json.loads((ROOT / "examples/tutorial.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")
    assert "](" not in text, "a relative link breaks in one of the two places"
    named = re.findall(r"`([\w/-]+\.(?:md|ipynb))`", text)
    assert len(named) == 4
    for path in named:
        assert (ROOT / path).is_file(), path


@pytest.mark.processes
@pytest.mark.skipif(importlib.util.find_spec("zensical") is None, reason="needs the docs extra")
def test_the_site_builds_without_a_broken_link() -> None:
    committed = [(PAGES / name).read_text(encoding="utf-8") for name in GENERATED]
    made = run("docs/generate.py")
    assert not made.returncode, made.stderr
    if sys.version_info[:2] == (3, 11):  # argparse formats help differently in each version
        now = [(PAGES / name).read_text(encoding="utf-8") for name in GENERATED]
        assert now == committed, "run docs/generate.py and commit what it writes"
    commands = (PAGES / "reference/commands.md").read_text(encoding="utf-8")
    for name in COMMANDS:
        assert f"\n## {name}" in commands
    domains = (PAGES / "reference/domains.md").read_text(encoding="utf-8")
    for row in (
        "| `age` |",
        "| bla.wom | `black` + `women` | race, gender |",
        "| None | none |  |",
    ):
        assert row in domains
    assert all(f"\n### {name}" in domains for name, s in SOURCES.items() if s.use == "forget")
    ran = run("-m", "zensical", "build", "--strict")
    assert not ran.returncode, ran.stdout + ran.stderr
    for page in Path(PAGES).rglob("*.md"):
        place = page.relative_to(PAGES).with_suffix("")
        folder = place.parent if place.name == "index" else place
        assert (ROOT / "site" / folder / "index.html").is_file(), page
