"""A reader who types every block of a page in order, in an empty directory."""

from __future__ import annotations

import contextlib
import io
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml

from fairforget.cli import main

from .blocks import LONG, PARSED_ONLY, ROOT, Block, commands

EXTRAS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"][
    "optional-dependencies"
]
TARGETS = {
    line.partition(":")[0]
    for line in (ROOT / "Makefile").read_text(encoding="utf-8").splitlines()
    if "## " in line and not line.startswith("#")
}


class Reader:
    """What has been typed so far: files in the working directory, names in Python."""

    def __init__(self, replace: Mapping[str, str], *, patient: bool) -> None:
        """Begin a page.

        Args:
            replace: what stands on the page -> what is typed instead: the address of a server.
            patient: whether blocks that take long are typed too.
        """
        self.replace, self.patient = replace, patient
        self.names: dict[str, object] = {"__name__": "__main__"}

    def type(self, block: Block) -> None:
        """Do what the block says."""
        if block.mark == LONG and not self.patient:
            return
        code = block.code
        for old, new in self.replace.items():
            code = code.replace(old, new)
        if block.title and "/" not in block.title:
            Path(block.title).write_text(code, encoding="utf-8")
        if block.language == "python" and not block.title:
            program = compile("\n" * block.line + code, str(block.page), "exec")
            if not block.mark.startswith(PARSED_ONLY):
                exec(program, self.names)
        elif block.language == "sh":
            for command in commands(code):
                self.run(command, parsed_only=block.mark.startswith(PARSED_ONLY))
        elif block.language in ("json", "jsonl"):
            for line in code.splitlines() if block.language == "jsonl" else [code]:
                json.loads(line)
        elif block.language == "yaml":
            yaml.safe_load(code)
        else:
            assert block.language in ("text", "diff", "python"), f"{block}: {block.language!r}"

    def run(self, command: list[str], *, parsed_only: bool) -> None:
        """Run `fairforget`; look whether what else is typed can be."""
        program, *arguments = command
        if program == "accelerate":
            assert parsed_only
            assert (ROOT / arguments[arguments.index("--config_file") + 1]).is_file()
            program, *arguments = arguments[arguments.index("-m") + 1 :]
        if program == "fairforget":
            if parsed_only:
                parse(arguments)
            else:
                main(arguments)
        elif program == "make":
            assert set(arguments) <= TARGETS, arguments
        elif program == "pip":
            check_install(arguments)
        else:
            pytest.fail(f"{program} is a command that no test types")


def parse(arguments: list[str]) -> None:
    """Look whether a command takes the flags, without running it."""
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), pytest.raises(SystemExit) as exit_:
        main([*arguments, "--print_config"])
    assert not exit_.value.code, shown.getvalue()


def check_install(arguments: list[str]) -> None:
    """Look whether the extras and files of `pip install` exist."""
    assert arguments[0] == "install"
    for word, before in zip(arguments[1:], arguments, strict=False):
        if before == "-r":
            assert (ROOT / word).is_file(), word
        elif "[" in word:
            extras = word.partition("[")[2].rstrip("]").split(",")
            assert set(extras) <= EXTRAS.keys(), word
