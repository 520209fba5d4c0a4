"""`fairforget unlearn`: debias a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fairforget.cli.profile import print_profile
from fairforget.machine.stages import stage
from fairforget.settings import DebiasSettings


def unlearn_command(
    model: str,
    *,
    output: Path,
    push_to_hub: str | None = None,
    json: bool = False,
    profile: bool = False,
    **settings: Any,
) -> None:
    """Debias a model, and write model/ (for from_pretrained) and record.json.

    With --benchmarks, also write before/, after/ and report.html.

    Args:
        model: Hub id, local directory, .gguf file, or smollm2 (SmolLM2-135M-Instruct).
        output: Output directory; the same command resumes an interrupted run.
        push_to_hub: Hub repository to which to upload the model, its card and the records.
        json: Print the record, and the comparison if there is one, as JSON and nothing else.
        profile: Also print the time of each stage, on stderr.
        **settings: Fields of `DebiasSettings`.
    """
    with print_profile(wanted=profile):
        run(DebiasSettings(**settings), model, output, push_to_hub=push_to_hub, json=json)


def run(
    settings: DebiasSettings, model: str, output: Path, *, push_to_hub: str | None, json: bool
) -> None:
    """Debias, print the result, and upload it."""
    with stage("importing"):
        from fairforget.cli.result import show_result
        from fairforget.debiasing.debias import debias
        from fairforget.machine.processes import is_first
        from fairforget.models.push import check_push
        from fairforget.models.push import push_to_hub as upload

    if push_to_hub is not None:
        check_push(push_to_hub)
    result = debias(model, output_dir=output, settings=settings)
    if not is_first():
        return
    show_result(result, output, json=json)
    if push_to_hub is not None:
        url = upload(output, push_to_hub)
        if not json:
            print(f"Pushed: {url}")
