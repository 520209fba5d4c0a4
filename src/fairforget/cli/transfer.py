"""`fairforget transfer`: the transfer study."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fairforget.exit_status import RUN_FAILED
from fairforget.settings import TransferSettings


def transfer_command(model: str, *, output: Path, json: bool = False, **settings: Any) -> None:
    """Run a transfer study, and write study.json and report.html.

    Each combination of forget set, control, objective and seed is one run: unlearn, interpolate
    to the budget, evaluate. The same command resumes an interrupted study; with other forget sets
    or more seeds, it adds the missing runs. If a run fails, the study contains the others, and the
    exit status is 1.

    Args:
        model: Hub id, local directory, .gguf file, or smollm2 (SmolLM2-135M-Instruct).
        output: Output directory; the same command resumes an interrupted study.
        json: Print study.json and nothing else.
        **settings: Fields of `TransferSettings`.
    """
    transfer_settings = TransferSettings(**settings)

    from fairforget.cli.output import print_result
    from fairforget.records.paths import REPORT, STUDY
    from fairforget.transfer_study.report.terminal import show_study
    from fairforget.transfer_study.study import transfer

    study = transfer(model, output_dir=output, settings=transfer_settings)
    print_result(
        study,
        json=json,
        show=show_study,
        written=[output / STUDY, output / REPORT],
    )
    if study.failed:
        sys.exit(RUN_FAILED)
