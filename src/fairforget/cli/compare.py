"""`fairforget compare`: before against after."""

from __future__ import annotations

from pathlib import Path


def compare_command(
    before: Path, after: Path, *, output: Path | None = None, json: bool = False, seed: int = 0
) -> None:
    """Compare two evaluations: paired differences with intervals and exact tests.

    Args:
        before: Directory of an evaluation.
        after: Directory of another, of the same benchmarks, protocols and items.
        output: JSON file to write.
        json: Print JSON, and nothing else.
        seed: Of the bootstrap intervals.
    """
    from pydantic import TypeAdapter

    from fairforget.compare import Comparison
    from fairforget.compare import compare as run
    from fairforget.records import whole_file

    comparison = run(before, after, seed=seed)
    content = TypeAdapter(Comparison).dump_json(comparison, indent=1)
    if output:
        with whole_file(output) as file:
            file.write(content + b"\n")
    if json:
        print(content.decode())
        return
    from fairforget.console import show_comparison

    show_comparison(comparison)
    if output:
        print(f"Written: {output}")
