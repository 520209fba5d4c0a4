"""The README stays short, and its findings are those of the pages that they link to."""

from __future__ import annotations

import re

import pytest

from .blocks import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
MOST_WORDS = 700
FINDINGS = re.split(
    r"^- ", README.partition("## What we found")[2].partition("\n## ")[0], flags=re.M
)
LINK = re.compile(r"\]\(([^)]+)\)")
NUMBER = re.compile(r"(?<![\w.])\d+\.\d+")


def test_the_readme_is_short() -> None:
    assert len(README.split()) <= MOST_WORDS


@pytest.mark.parametrize("finding", FINDINGS[1:], ids=lambda text: text.split("**")[1])
def test_every_number_of_a_finding_is_on_the_page_that_it_links_to(finding: str) -> None:
    (link,) = LINK.findall(finding)
    page = set(NUMBER.findall((ROOT / link).read_text(encoding="utf-8")))
    numbers = NUMBER.findall(finding)
    assert numbers
    assert not [number for number in numbers if number not in page]


def test_there_are_five_findings_and_three_limits() -> None:
    limits = README.partition("## Limits")[2].partition("\n## ")[0]
    assert len(FINDINGS) - 1 == 5
    assert len(re.findall(r"^- ", limits, flags=re.M)) == 3
