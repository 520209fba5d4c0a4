"""Generate pages of the site from code: commands, benchmarks, domains, tutorial.

python docs/generate.py            `make docs` calls it before building the site
"""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout, suppress
from pathlib import Path

from fairforget.benchmarks.registry import BENCHMARKS
from fairforget.cli import main
from fairforget.cli.commands import COMMANDS
from fairforget.corpora import SOURCES
from fairforget.corpora.builtin.lexicon import terms_by_group
from fairforget.corpora.domains import DOMAINS, GROUPS, Labels

DOCS = Path(__file__).resolve().parent
PAGES = DOCS / "pages"
NOTEBOOK = DOCS.parent / "examples" / "tutorial.ipynb"
MADE = "<!-- made by docs/generate.py; do not edit -->\n"
PROTOCOLS = {
    "bos": "a causal model scores the sentence in one pass, after its start token",
    "bias-bench": "the protocol of Meade et al. 2022, for comparison with published scores. "
    "CrowS-Pairs with a masked model: the words that differ are masked one at a time, and the mean "
    "is taken. Perplexity: adjacent windows of 992 tokens, without a start token",
    "nangia": "CrowS-Pairs with a masked model, as in Nangia et al. 2020: the words that both "
    "sentences share are masked one at a time, and the sum is taken",
    "stride": "perplexity: windows of 1,024 tokens that overlap by half; each token is predicted "
    "once",
    "intersentence": "StereoSet items whose candidates are whole sentences that follow a context, "
    "instead of words in a sentence. The default is intrasentence: candidates that differ in one "
    "word of a sentence",
}
"""Option of several benchmarks → its meaning."""
WIDTH = "100"
"""Columns of the help texts."""


def commands() -> str:
    """The page of commands: exit codes and the help of each."""
    parts = [
        "# Commands",
        "",
        "Every command with all its settings, as `fairforget COMMAND --help` prints them. Settings "
        "can also be in a file: `--config FILE.yaml`, with the names of the flags as keys; "
        "command-line arguments override it. `-` and `_` are the same in flags.",
        "",
        "```sh",
        "fairforget data list",
        "```",
        "",
        "| exit status | meaning |",
        "|---|---|",
        "| 0 | success |",
        "| 1 | a condition of `compare --fail_if` holds; `rerun` found a number that differs; "
        "a run of `transfer` or `leaderboard` failed; or an internal error, with a traceback |",
        "| 2 | invalid input or usage: one line on stderr that names the cause |",
        "| 130 | interrupted; the same command resumes |",
        "",
    ]
    for command in _names():
        parts += [f"## {' '.join(command)}", "", "```text", _help(command), "```", ""]
    return "\n".join(parts)


def domains() -> str:
    """The page of domains and groups, and how the labels of each source map to them."""
    parts = [
        "# Domains and groups",
        "",
        "All corpora use the domain names below. Most corpora whose texts are labelled with groups "
        "also use the group names below; [each source](#labels-of-each-source) lists its own. "
        "`builtin:control` has texts about objects, the weather and food. A domain or a group "
        "selects a part of a corpus: `dghs:women`, `mine.csv:gender`. A text about several "
        "groups belongs to all of them and to all their domains.",
        "",
        "| domain | covers | groups |",
        "|---|---|---|",
    ]
    for domain, covers in DOMAINS.items():
        groups = [f"`{group}`" for group, its in GROUPS.items() if domain in its.split("+")]
        parts.append(f"| `{domain}` | {covers} | {', '.join(groups)} |")
    parts += [
        "",
        "## Labels of each source",
        "",
        "Labels are matched without regard to case, spaces, dots, hyphens and underscores. A label "
        "that is not listed belongs to no domain; a message gives the number of such labels. In "
        "your own file, `domain` is a name from the table above, or several joined by `+`; any "
        "other name belongs to no domain and is included in that number.",
        "",
    ]
    for name, source in SOURCES.items():
        known = getattr(sys.modules[source.read.__module__], "TARGETS", None)
        if source.use == "forget":
            parts += [f"### {name}", "", *(_labels(known) if known else _groups(source.domains))]
            parts.append("")
    return "\n".join(parts)


def _labels(known: Mapping[str, str]) -> Iterator[str]:
    yield from ("| label | group | domain |", "|---|---|---|")
    for label, becomes in known.items():
        found = " + ".join(f"`{part}`" for part in becomes.split("+")) if becomes else "none"
        domain = Labels(label, known)([label])[0] or ""
        yield f"| {label} | {found} | {domain.replace('+', ', ')} |"


def _groups(domains: Sequence[str]) -> Iterator[str]:
    yield from ("| domain | groups |", "|---|---|")
    for domain in domains:
        groups = ", ".join(f"`{group}`" for group in terms_by_group(domain))
        yield f"| `{domain}` | {groups} |"


def benchmarks() -> str:
    """The page of benchmarks: the options and limitations of each."""
    parts = [
        "# Benchmarks",
        "",
        "A benchmark is written `NAME[:OPTION]...`, with its options in any order. Separate "
        "several benchmarks with commas:",
        "",
        "<!-- parsed only: minutes -->",
        "```sh",
        "fairforget evaluate smollm2 --benchmarks stereoset:intersentence,winobias:type2 "
        "--output more",
        "```",
        "",
        "[Scores and intervals](../concepts/scores.md) explains the scores, and "
        "[Papers](papers.md) lists the sources. To see which data are on your machine, run "
        "`fairforget data list`.",
        "",
        "| option | meaning |",
        "|---|---|",
        *(f"| `{option}` | {meaning} |" for option, meaning in PROTOCOLS.items()),
        "",
    ]
    for name, entry in BENCHMARKS.items():
        options = entry.options.split("; ")
        if len(options) == 1:
            parts += [
                f"## {entry.title}",
                "",
                f"Name: `{name}`. {_describe_options(options[0])}",
                "",
            ]
        else:
            parts += [f"## {entry.title}", "", f"Name: `{name}`. Options:", ""]
            parts += [*(f"- {option}" for option in options), ""]
        if entry.clusters:
            parts += [f"Intervals use {entry.clusters} as clusters.", ""]
        if entry.limitations:
            parts += [entry.limitations, ""]
    return "\n".join(parts)


def tutorial() -> str:
    """The notebook as a page. A test runs the notebook."""
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
    """Write all pages."""
    os.environ["COLUMNS"] = WIDTH
    for name, content in (
        ("reference/commands.md", commands()),
        ("reference/benchmarks.md", benchmarks()),
        ("reference/domains.md", domains()),
        ("tutorial.md", tutorial()),
    ):
        (PAGES / name).write_text(MADE + content, encoding="utf-8")


def _describe_options(options: str) -> str:
    return "No options." if options == "no options" else f"Options: {options}."


if __name__ == "__main__":
    write()
