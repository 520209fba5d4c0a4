"""`make fuzz` counts and reports its inputs, and fails if they were too few."""

from __future__ import annotations

import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.fuzz import __main__ as command


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """The exit status."""
    monkeypatch.setattr(sys, "argv", ["fuzz", *arguments])
    with pytest.raises(SystemExit) as ended:
        command.main()
    return int(ended.value.code or 0)


@pytest.mark.slow
def test_what_was_tried_is_written_beside_what_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    kept = tmp_path / "fuzz.json"
    kept.write_text('{"led": {"inputs": 7}}')
    arguments = ("lexicon", "kept answer", "--inputs", "40", "--seed", "1", "--results", str(kept))
    assert run(monkeypatch, *arguments) == 0
    found = json.loads(kept.read_text())
    assert found["led"] == {"inputs": 7}
    assert found["made by"] == "make fuzz"
    done = found["random"]
    assert done["readers"].keys() == {"lexicon", "kept answer"}
    assert done["inputs"] == sum(done["readers"].values()) >= 40
    assert (done["wrong"], done["seed"]) == (0, 1)
    assert f"{done['inputs']} inputs, 0 readers wrong" in capsys.readouterr().out


def test_too_few_inputs_are_a_failure(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr(command, "fuzz", lambda *_, **__: Counter(read=5))
    assert run(monkeypatch, "lexicon", "--inputs", "5") == 0
    assert run(monkeypatch, "lexicon", "--inputs", "6") == 1
    assert "6 were asked for" in capsys.readouterr().out


def test_a_reader_that_is_wrong_is_a_failure(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    def wrong(*_: object, **__: object) -> None:
        raise ValueError("it fell over")

    monkeypatch.setattr(command, "fuzz", wrong)
    assert run(monkeypatch, "lexicon", "--inputs", "5") == 1
    assert "lexicon: WRONG" in capsys.readouterr().out
