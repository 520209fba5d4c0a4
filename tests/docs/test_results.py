"""Every page of results is what its script makes of the records in docs/results."""

from __future__ import annotations

import importlib
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from fairforget.corpora import read_corpus
from fairforget.corpora.builtin import builtin_texts
from fairforget.data.stereoset import Item

from .blocks import ROOT

DOCS = ROOT / "docs"
RESULTS, PAGES = DOCS / "results", DOCS / "pages" / "results"
STUDIES = [path.parent.name for path in sorted(RESULTS.glob("*/study.json"))]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch):
    """A script in docs, by its name, as a module."""
    monkeypatch.syspath_prepend(str(DOCS))

    def find(name: str) -> ModuleType:
        return importlib.import_module(name)

    return find


@pytest.mark.parametrize("name", sorted(path.stem for path in DOCS.glob("*.py")))
def test_a_script_can_be_loaded(name: str, script) -> None:
    assert script(name).__doc__


def _page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(path.stem[6:] for path in DOCS.glob("score_*.py")))
def test_a_table_is_that_of_its_results(name: str, script) -> None:
    made = script(f"score_{name}").PAGE
    assert made.results == RESULTS / f"{name}.json"
    assert _page(name) == made.text(made.last())


@pytest.mark.parametrize("name", STUDIES)
def test_the_tables_of_a_study_are_those_of_its_record(name: str, script) -> None:
    assert _page(name) == script("take_study").page(name)
    for picture in re.findall(r"!\[.*\]\((.*)\)", _page(name)):
        assert (PAGES / picture).is_file(), picture


def test_every_result_has_a_page_and_every_page_its_results() -> None:
    suites = {"faults", "fuzz"}  # which docs/fill_security.py shows
    results = {path.stem for path in RESULTS.glob("*.json")} - suites
    pages = {path.stem for path in PAGES.glob("*.md")} - {"index"}
    assert pages == results | set(STUDIES)
    assert all(f"({page}.md)" in _page("index") for page in pages)


@pytest.mark.processes
def test_security_says_what_the_last_runs_did() -> None:
    ran = subprocess.run(
        [sys.executable, "docs/fill_security.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert not ran.returncode, ran.stderr


def test_what_the_suites_did_is_told(tmp_path: Path, script) -> None:
    lines = script("fill_security").lines
    assert lines(tmp_path).count("has not been recorded yet") == 2
    commands = {"unlearn": 150, "select": 50}
    faults = {"kills": 200, "resumed": 127, "finished": 127, "seconds": 198.2, "commands": commands}
    (tmp_path / "faults.json").write_text(json.dumps(faults))
    part = {"inputs": 1500, "wrong": 0, "seconds": 60.0, "readers": {"csv": 1000, "bbq": 500}}
    (tmp_path / "fuzz.json").write_text(json.dumps({"random": part}))
    assert "`make fuzz` has not been recorded yet" in lines(tmp_path)
    (tmp_path / "fuzz.json").write_text(json.dumps({"random": part, "led": part}))
    assert lines(tmp_path).splitlines() == [
        "- `make faults`: 200 kills of 2 commands; 127 of 127 resumed runs finished as if "
        "undisturbed, with nothing lost (3 min 18 s).",
        "- `make fuzz`: 1,500 random inputs, 1,500 coverage-guided inputs; 0 of 2 readers failed "
        "(2 min 0 s).",
    ]


def test_an_item_about_anyone_keeps_all_but_its_term(script) -> None:
    sentences = ("Iraq is far.", "In Iraq, iraq and IRAQIS.", "No Eiraq.")
    item = Item("1", "race", "Iraq", sentences, "BLANK")
    anyone = script("unnamed").unnamed(item, "person")
    assert anyone.sentences == ("Person is far.", "In Person, person and Person.", "No Eiraq.")
    assert (anyone.id, anyone.domain, anyone.term) == (item.id, item.domain, item.term)


@pytest.mark.slow
def test_the_texts_of_the_levers_are_read_back_as_they_were_made(tmp_path: Path, script) -> None:
    made = script("lever_texts")
    plain, mixed = made.plain(), made.mixed()
    assert {text.domain for text in plain} == set(made.PLAIN_DOMAINS)
    assert mixed[::2] == builtin_texts(limit=made.MIXED)
    for text in mixed[1::2]:  # up to the last word, which is no mention
        assert text.mentions[-1].end < text.spans[0].start
        assert not set(text.text[text.spans[0].end :]) - set('.!?" ')
    nearly_all = [text.domain in ("gender", "profession", "age") for text in mixed[1::2]]
    assert sum(nearly_all) > 0.9 * len(nearly_all)
    path = tmp_path / "texts.jsonl"
    made.write([*plain, *mixed], path)
    for given, read in zip([*plain, *mixed], read_corpus(str(path)), strict=True):
        assert (given.text, given.spans, given.mentions) == (read.text, read.spans, read.mentions)
