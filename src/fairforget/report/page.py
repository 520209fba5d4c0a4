"""The report: one self-contained HTML file, written from an output directory."""

from __future__ import annotations

from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Any

from fairforget.extras import check_report_extra
from fairforget.files.atomic import write_atomically
from fairforget.files.overwriting import check_replaceable
from fairforget.machine.stages import stage
from fairforget.page_policy import page_policy, without_overrides
from fairforget.records.paths import REPORT
from fairforget.report.contents import find_kind

PAGES = {
    "comparison": "fairforget.report.comparison_page",
    "durability": "fairforget.attacks.page",
    "evaluation": "fairforget.report.evaluation_page",
    "leaderboard": "fairforget.leaderboards.page",
    "runs": "fairforget.report.runs_page",
    "study": "fairforget.transfer_study.report.page",
    "unlearning": "fairforget.report.unlearning_page",
}
"""Kind of record → the module of its page, imported when needed.

Each module has `read(directory)`, which returns the contents; `context(contents)`, which returns
the variables of the template; and `TEMPLATE`, a file in `templates` of the module's package.
"""
TITLE = b"FairForget report</title>"
"""In every report, by which one is known."""


@stage("writing the report")
def write_report(directory: Path) -> Path:
    """Write `report.html` into an output directory.

    The directory is that of an evaluation, an unlearning run, a demo, a comparison, a leaderboard,
    a durability measurement or a study, or has several unlearning runs in `runs`. The same input
    gives the same bytes.

    Args:
        directory: has a `record.json`, `comparison.json`, `leaderboard.json`, `durability.json`,
            `study.json` or `runs`.

    Returns:
        The path of the report.

    Raises:
        InputError: there is nothing to report, a file is malformed, jinja2 is not installed, or
            the directory has a `report.html` that another program wrote.
    """
    directory = Path(directory)
    page = import_module(PAGES[find_kind(directory)])
    package = page.__name__.rpartition(".")[0]
    html = render(page.TEMPLATE, page.context(page.read(directory)), package=package)
    path = directory / REPORT
    check_replaceable("report", path, _is_report)
    write_atomically(path, html.encode("utf-8", errors="replace"))
    return path


def _is_report(path: Path) -> bool:
    return TITLE in path.read_bytes()


def render(template: str, context: dict[str, Any], *, package: str) -> str:
    """A template of a package, filled in.

    jinja2 escapes all text, and the page's content security policy allows only its own script and
    style, by their hashes: text from a corpus or a model can neither become markup nor run.

    Args:
        template: its file name in `templates` of the package.
        context: its variables.
        package: of the page; its templates may extend those of `fairforget.report`.
    """
    check_report_extra()
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(name) for name in (package, "fairforget.report")]),
        autoescape=True,
        finalize=without_overrides,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script = _read_asset("style.css"), _read_asset("report.js")
    return environment.get_template(template).render(
        style=Markup(style), script=Markup(script), policy=page_policy(script, style), **context
    )


def _read_asset(name: str) -> str:
    return (files("fairforget.report") / "templates" / name).read_text(encoding="utf-8")
