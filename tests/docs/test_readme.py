"""The README is short, and its numbers are those of the committed records."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import replace

import pytest

from fairforget.comparison.compare import Comparison
from fairforget.comparison.paired import adjust_p_values
from fairforget.records.store import read_record

from .blocks import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_WORDS = 700
SECTION = r"<!-- {name}: .*? -->\n(.*?)<!-- /{name} -->\n"
LINK = re.compile(r"\]\(([^)]+)\)")
NUMBER = re.compile(r"(?<![\w.])\d+\.\d+")
FIXED = (
    "SmolLM2-135M-Instruct (4-bit)",
    "SmolLM2-135M-Instruct",
    "Lu et al. 2024",
    "GPT-2",
    "Gemma 3 270M",
    "Apache-2.0",
    "50: no preference",
    "0: no bias",
    "95 % intervals",
)
"""Names and definitions with numbers, which no record has."""


def _section(name: str) -> str:
    match = re.search(SECTION.format(name=name), README, re.DOTALL)
    assert match
    return match[1]


FINDINGS = re.split(r"^- ", _section("findings"), flags=re.MULTILINE)[1:]


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= MOST_WORDS


@pytest.mark.parametrize("finding", FINDINGS, ids=lambda text: text.split("**")[1])
def test_every_number_of_a_finding_is_on_the_page_that_it_links_to(finding: str) -> None:
    (link,) = LINK.findall(finding)
    page = set(NUMBER.findall((ROOT / link).read_text(encoding="utf-8")))
    numbers = NUMBER.findall(finding)
    assert numbers
    assert not [number for number in numbers if number not in page]


def test_there_are_five_findings_and_three_limits() -> None:
    limits = README.partition("## Limits")[2].partition("\n## ")[0]
    assert len(FINDINGS) == 5
    assert len(re.findall(r"^- ", limits, flags=re.MULTILINE)) == 3


def test_every_number_is_generated_or_a_definition() -> None:
    """`test_the_readme_agrees_with_the_records` checks what is generated, with the words."""
    rest = README
    for name in ("demo", "findings"):
        rest = rest.replace(_section(name), "")
    rest = re.sub(r"```.*?```", "", rest, flags=re.DOTALL)
    rest = LINK.sub("", rest).replace(_python_versions(), "")
    assert not re.findall(r".*\d.*", _remove_fixed(rest))


def _python_versions() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    oldest, newest = re.fullmatch(r">=3\.(\d+),<3\.(\d+)", project["requires-python"]).groups()  # type: ignore[union-attr]
    return f"Python 3.{oldest}–3.{int(newest) - 1}"


def _remove_fixed(text: str) -> str:
    for phrase in FIXED:
        text = re.sub(r"\s+".join(map(re.escape, phrase.split())), "", text)
    return text


def test_the_comparison_of_the_demo_has_the_p_values_of_today(script) -> None:
    cells = read_record(script("fill_readme").COMPARISON, Comparison).cells
    assert adjust_p_values(cells) == [*cells]


@pytest.mark.parametrize("script", ["fill_readme", "findings"])
def test_no_number_is_typed_into_a_generator(script: str) -> None:
    tree = ast.parse((ROOT / "docs" / f"{script}.py").read_text(encoding="utf-8"))
    assert not [text for text in _texts(tree) if re.search(r"\d", _remove_fixed(text))]


def _texts(node: ast.AST) -> Iterator[str]:
    """Text constants, without docstrings and format specifications."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Constant) and isinstance(child.value, str):
            yield child.value
        elif isinstance(child, ast.FormattedValue):
            yield from _texts(child.value)
        elif not (isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant)):
            yield from _texts(child)


def test_a_finding_that_a_record_does_not_support_is_an_error(
    script, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = script("findings")
    study = findings._study("study-recipe")
    matrix = [replace(cell, verdict="undecided") for cell in study.matrix]
    monkeypatch.setattr(findings, "_study", lambda _: replace(study, matrix=matrix))
    with pytest.raises(ValueError, match="no longer show that race fell"):
        findings._control()
