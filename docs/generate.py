"""Write the pages of the site that are made and not typed: commands, domains, tutorial.

python docs/generate.py            `make docs` does it before it builds
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path

from fairforget.cli import COMMANDS, main
from fairforget.corpora import SOURCES
from fairforget.corpora.domains import DOMAINS, GROUPS, Labels

DOCS = Path(__file__).resolve().parent
PAGES = DOCS / "pages"
NOTEBOOK = DOCS.parent / "examples" / "tutorial.ipynb"
MADE = "<!-- made by docs/generate.py; do not edit -->\n"
WIDTH = "100"
"""Columns of the help."""


def commands() -> str:
    """The help of every command."""
    parts = [
        "# Commands",
        "",
        "`fairforget COMMAND --help` prints the same. `--config FILE.yaml` has the names of the "
        "flags, and a flag may be spelt with `-` for `_`.",
        "",
        "| status | |",
        "|---|---|",
        "| 0 | done |",
        "| 1 | a condition of `compare --fail-if` holds; `rerun` found a figure that differs; "
        "a run of `transfer` failed; or an unforeseen fault, with traceback |",
        "| 2 | bad input or usage: one line on stderr that says what and where |",
        "| 130 | interrupted; the same command goes on |",
        "",
    ]
    for command in _names():
        parts += [f"## {' '.join(command)}", "", "```text", _help(command), "```", ""]
    return "\n".join(parts)


def domains() -> str:
    """The vocabulary of domains and groups, and what each source's labels become in it."""
    parts = [
        "# Domains and groups",
        "",
        "All corpora share these. Either name chooses a part of a corpus: `dghs:women`, "
        "`mine.csv:gender`. A text about several groups belongs to all of them and to all their "
        "domains.",
        "",
        "| domain | covers | groups |",
        "|---|---|---|",
    ]
    for domain, covers in DOMAINS.items():
        groups = [f"`{group}`" for group, its in GROUPS.items() if domain in its.split("+")]
        parts.append(f"| `{domain}` | {covers} | {', '.join(groups)} |")
    parts += [
        "",
        "## What the labels of a source become",
        "",
        "Labels are compared in lower case, without blanks, dots, hyphens and underscores. One "
        "that is not listed belongs to no domain; how many there were is said on stderr. In your "
        "own file, `domain` is a name of the table above, or several joined by `+`; others are "
        "counted likewise.",
        "",
    ]
    for name, source in SOURCES.items():
        known = getattr(sys.modules[source.texts.__module__], "TARGETS", None)
        if source.use == "forget":
            parts += [f"### {name}", "", *(_labels(known) if known else [_named(source.domains)])]
            parts.append("")
    return "\n".join(parts)


def _labels(known: Mapping[str, str]) -> Iterator[str]:
    yield from ("| label | becomes | domain |", "|---|---|---|")
    for label, becomes in known.items():
        found = " + ".join(f"`{part}`" for part in becomes.split("+")) if becomes else "nobody"
        domain = Labels(label, known)([label])[0] or ""
        yield f"| {label} | {found} | {domain.replace('+', ', ')} |"


def _named(domains: Sequence[str]) -> str:
    return f"It has no such labels; its domains: {', '.join(domains)}."


def tutorial() -> str:
    """The notebook as a page; a test executes the notebook."""
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    parts = []
    for cell in cells:
        source = "".join(cell["source"])
        parts += [source if cell["cell_type"] == "markdown" else f"```python\n{source}\n```", ""]
    return "\n".join(parts)


def _names() -> Iterator[tuple[str, ...]]:
    for name, command in COMMANDS.items():
        if isinstance(command, dict):
            yield from ((name, part) for part in command if not part.startswith("_"))
        else:
            yield (name,)


def _help(command: tuple[str, ...]) -> str:
    shown = io.StringIO()
    with redirect_stdout(shown), suppress(SystemExit):
        main([*command, "--help"])
    return shown.getvalue().strip()


def write() -> None:
    """Write all of them."""
    os.environ["COLUMNS"] = WIDTH
    for name, content in (
        ("reference/commands.md", commands()),
        ("reference/domains.md", domains()),
        ("tutorial.md", tutorial()),
    ):
        (PAGES / name).write_text(MADE + content, encoding="utf-8")


if __name__ == "__main__":
    write()
