"""The report: one HTML file that needs nothing else, made from an output directory."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from fairforget.comparison.compare import Comparison
from fairforget.extras import check_extra
from fairforget.files.atomic import atomic_write
from fairforget.page_policy import page_policy, without_overrides
from fairforget.records.paths import REPORT
from fairforget.report.contents import Contents, Runs, Unlearning, read_directory
from fairforget.transfer_study.record import StudyRecord


def write_report(directory: Path) -> Path:
    """Write `report.html` about what a run left in a directory.

    Understands the directories of an evaluation, an unlearning run (or demo), a comparison and a
    study, and one with several unlearning runs in `runs`. The same input gives the same bytes.

    Args:
        directory: holds `record.json`, `comparison.json`, `study.json` or `runs`; the
            report is written beside it.

    Returns:
        The path of the report.

    Raises:
        InputError: nothing to report is there, it is malformed, or jinja2 is not installed.
    """
    directory = Path(directory)
    html = render(read_directory(directory))
    path = directory / REPORT
    with atomic_write(path) as file:
        file.write(html.encode("utf-8", errors="replace"))
    return path


def check_report_extra() -> None:
    """Tell early whether a report can be made.

    Raises:
        InputError: jinja2 is not installed.
    """
    check_extra("jinja2", "report", "a page")


def render(contents: Contents) -> str:
    """The report as HTML.

    Every text is escaped by jinja2, and the page's policy allows only its own script and style,
    named by their hashes: what a corpus or a model says can neither become markup nor run.
    """
    check_report_extra()
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    from fairforget.report import (
        comparison_page,
        evaluation_page,
        runs_page,
        study_page,
        unlearning_page,
    )

    environment = Environment(
        loader=PackageLoader("fairforget.report", "templates"),
        autoescape=True,
        finalize=without_overrides,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    if isinstance(contents, Unlearning):
        name, context = "unlearning.html.j2", unlearning_page.context(contents)
    elif isinstance(contents, Runs):
        name, context = "runs.html.j2", runs_page.context(contents)
    elif isinstance(contents, StudyRecord):
        name, context = "study.html.j2", study_page.context(contents)
    elif isinstance(contents, Comparison):
        name, context = "comparison.html.j2", comparison_page.context(contents)
    else:
        name, context = "evaluation.html.j2", evaluation_page.context(contents)
    style, script = _asset("style.css"), _asset("report.js")
    shared: dict[str, Any] = {
        "style": Markup(style),
        "script": Markup(script),
        "policy": page_policy(script, style),
    }
    return environment.get_template(name).render(**shared, **context)


def _asset(name: str) -> str:
    return (files("fairforget.report") / "templates" / name).read_text(encoding="utf-8")
