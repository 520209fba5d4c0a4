"""`fairforget select`: find the harmful spans of a corpus."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fairforget.errors import InputError
from fairforget.settings import SelectSettings
from fairforget.terminal.messages import count_of, print_stderr


def select_command(
    corpus: str,
    *,
    output: Path | None = None,
    review: Path | None = None,
    score: bool = False,
    dry_run: bool = False,
    input_price: float = 0.0,
    output_price: float = 0.0,
    json: bool = False,
    **settings: Any,
) -> None:
    """Find the harmful spans in a corpus; write JSONL for unlearn and a page for human review.

    Args:
        corpus: CORPUS[:DOMAIN][?option=value], or a .csv, .jsonl, .parquet or .txt file.
        output: .jsonl file to write: id, text, domain, group, spans, mentions, why.
        review: .html file to write, for correcting the spans by hand.
        score: Print precision, recall and F1 against the spans of the corpus.
        dry_run: llm: print an estimate of the cost and send nothing.
        input_price: llm: price of a million input tokens in dollars, for the estimate.
        output_price: llm: price of a million output tokens in dollars, for the estimate.
        json: Print the result as JSON and nothing else.
        **settings: Fields of `SelectSettings`.
    """
    select_settings = SelectSettings(**settings)
    if not (output or review or score or json or dry_run):
        raise InputError("nothing to do: give --output FILE.jsonl, --review FILE.html or --score")
    if (input_price or output_price) and not dry_run:
        raise InputError("--input_price and --output_price need --dry_run; add it")

    import json as json_
    from dataclasses import asdict

    from fairforget.selection.select_spans import estimate_cost, select_spans

    if dry_run:
        estimate = estimate_cost(
            corpus,
            input_price=input_price,
            output_price=output_price,
            review=review,
            score=score,
            settings=select_settings,
        )
        print(json_.dumps(asdict(estimate), indent=1) if json else estimate)
        return
    result = select_spans(
        corpus, output=output, review=review, score=score, settings=select_settings
    )
    print(json_.dumps(result.facts(), indent=1) if json else result)
    if result.unusable_answers:
        reason = f" (the server refused: {result.refusal})" if result.refusal else ""
        print_stderr(
            f"{count_of(result.unusable_answers, 'text')} without a usable answer{reason}; "
            "run the same command to retry."
        )
