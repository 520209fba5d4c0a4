"""`fairforget select`: find the harmful spans of a corpus."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from fairforget.selection import METHODS
from fairforget.settings import fill_names
from fairforget.terminal.messages import count_of, show_message


def select_command(
    corpus: str,
    *,
    method: str = "contrast",
    train: str = "edos",
    lexicon: str = "",
    model: str = "smollm2",
    url: str = "",
    dry_run: bool = False,
    input_price: float = 0.0,
    output_price: float = 0.0,
    concurrency: int = 8,
    timeout: float = 60.0,
    processes: int = 1,
    output: Path | None = None,
    review: Path | None = None,
    score: bool = False,
    json: bool = False,
    seed: int = 0,
) -> None:
    """Find the harmful spans in a corpus; write JSONL for unlearn and a page for human review.

    Args:
        corpus: CORPUS[:DOMAIN][?option=value], or a .csv, .jsonl, .parquet or .txt file.
        method: One of {methods}. given: the spans of the corpus; lexicon: a word list; contrast:
            words typical of hateful texts; llm: a model behind an OpenAI-compatible API; random
            and all are controls.
        train: contrast: corpora of hateful and other texts to train on, comma-separated.
        lexicon: lexicon: a file with one word or phrase per line, or PACKAGE:PATH.
        model: llm: the model to query. Answers are cached by model name, regardless of the server.
        url: llm: the server's address, such as http://127.0.0.1:8000/v1. Default: OpenAI's. The key
            is read from OPENAI_API_KEY.
        dry_run: llm: print an estimate of the cost and send nothing.
        input_price: llm: price of a million input tokens in dollars, for the estimate.
        output_price: llm: price of a million output tokens in dollars, for the estimate.
        concurrency: llm: number of concurrent requests.
        timeout: llm: timeout of a request in seconds.
        processes: lexicon, contrast and controls: number of processes, for corpora of many
            thousands of texts.
        output: JSONL file to write: id, text, domain, group, spans, mentions, why.
        review: HTML file to write, for correcting the spans by hand.
        score: Print precision, recall and F1 against the spans of the corpus.
        json: Print the result as JSON and nothing else.
        seed: Seed for the random control.
    """
    import json as json_
    from collections import deque
    from collections.abc import Iterator
    from dataclasses import asdict
    from itertools import tee

    from fairforget.corpora import iter_corpus
    from fairforget.errors import InputError
    from fairforget.report import check_report_extra
    from fairforget.selection.contrast import Contrast
    from fairforget.selection.identity import mentions_of
    from fairforget.selection.llm import Llm, Server
    from fairforget.selection.methods import SelectionOptions, make_selector
    from fairforget.selection.parallel import select_in_parallel
    from fairforget.selection.score import SpanScorer
    from fairforget.selection.selected import SelectedText, Selector, select, write_spans
    from fairforget.terminal.progress import progress_bar

    if not (output or review or score or json or dry_run):
        raise InputError("nothing to do: give --output FILE.jsonl, --review FILE.html or --score")
    if processes < 1:
        raise InputError(f"--processes is {processes}; it must be at least 1")
    if concurrency < 1:
        raise InputError(f"--concurrency is {concurrency}; it must be at least 1")
    if timeout <= 0:
        raise InputError(f"--timeout is {timeout}; it must be more than 0 seconds")
    for flag, value, needed in (
        ("lexicon", lexicon, "lexicon"),
        ("url", url, "llm"),
        ("dry_run", dry_run, "llm"),
    ):
        if value and method != needed:
            raise InputError(f"--{flag} needs method {needed!r}; add --method {needed}")
    if (input_price or output_price) and not dry_run:
        raise InputError("--input_price and --output_price need --dry_run; add it")
    if review:
        check_report_extra()
    if processes > 1 and method == "llm":
        raise InputError(
            "--processes has no effect on method 'llm', which is parallel already; remove it"
        )
    if score and not any(text.spans for text in iter_corpus(corpus)):
        raise InputError(f"--score: corpus {corpus!r} has no spans to compare with; remove --score")
    server = Server(model, url, timeout=timeout, concurrency=concurrency)
    if dry_run:
        estimate = Llm(server).estimate(iter_corpus(corpus), input_price, output_price)
        _show_estimate(asdict(estimate), json)
        return

    facts: dict[str, Any] = {"corpus": corpus, "method": method, "texts": 0, "texts_with_spans": 0}
    reviewed: list[SelectedText] = []
    scorer = SpanScorer()
    characters = {"all": 0, "selected": 0}

    def count(selector: Selector) -> Iterator[SelectedText]:
        """Yield the selected texts one at a time: a corpus need not fit in memory."""
        texts, same = tee(iter_corpus(corpus))
        if processes > 1:
            items = select_in_parallel(texts, selector, mentions_of, processes=processes)
        else:
            items = select(texts, selector, mentions_of)
        for true, item in zip(same, items, strict=True):
            facts["texts"] += 1
            facts["texts_with_spans"] += bool(item.text.spans)
            characters["all"] += len(true.text)
            characters["selected"] += sum(span.end - span.start for span in item.text.spans)
            if review:
                reviewed.append(item)
            if score:
                scorer.add(true, item)
            yield item

    total = sum(1 for _ in iter_corpus(corpus)) if method == "llm" else None
    slow = progress_bar("Selecting", total) if method == "llm" else nullcontext()
    with slow as advance:
        options = SelectionOptions(
            train, lexicon, model, server=server, seed=seed, progress=advance
        )
        selector = make_selector(method, options)
        selected = count(selector)
        if output:
            write_spans(selected, output)
        else:
            deque(selected, maxlen=0)
    if method == "contrast":
        assert isinstance(selector, Contrast)
        share = characters["selected"] / max(1, characters["all"])
        facts |= {"train": train, "threshold": selector.threshold}
        facts |= {"share_selected": share, "share_in_training": selector.usual_share}
        if warning := selector.warn(share):
            show_message(f"Warning: {warning}.")
    if method == "llm":
        facts["model"] = model
    if isinstance(selector, Llm):
        facts["unusable_answers"] = selector.unusable
    if output:
        facts["output"] = str(output)
    if review:
        from fairforget.selection.review import write_review

        write_review(reviewed, review, corpus)
        facts["review"] = str(review)
    if score:
        facts |= asdict(scorer.score)
    if json:
        print(json_.dumps(facts, indent=1))
    else:
        for name, value in facts.items():
            shown = f"{value:.4f}" if isinstance(value, float) else value
            print(f"{name.replace('_', ' ')}: {shown}")
    if isinstance(selector, Llm) and selector.unusable:
        reason = f" (the server refused: {selector.refusal})" if selector.refusal else ""
        print(
            f"{count_of(selector.unusable, 'text')} without a usable answer{reason}; "
            "run the same command to retry.",
            file=sys.stderr,
        )


fill_names(select_command, methods=", ".join(METHODS))


def _show_estimate(estimate: dict[str, Any], json: bool) -> None:
    import json as json_

    if json:
        print(json_.dumps(estimate, indent=1))
        return
    dollars = estimate["dollars"]
    cost = "give --input_price and --output_price for the cost"
    print(
        f"{count_of(estimate['texts'], 'text')}, {estimate['cached']} in the cache; about "
        f"{estimate['input_tokens']:,} input tokens and "
        f"{estimate['output_tokens']:,} output tokens; "
        f"{cost if dollars is None else f'about ${dollars:.2f}'}"
    )
