"""`fairforget select`: which characters of a corpus are harmful."""

from __future__ import annotations

import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any, Literal


def select_command(
    corpus: str,
    *,
    method: Literal["given", "lexicon", "contrast", "ratio", "llm", "random", "all"] = "contrast",
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
    """Find the harmful spans of a corpus, for review by a person; JSONL that unlearn reads.

    Args:
        corpus: CORPUS[:DOMAIN][?option=value], or a .csv, .jsonl, .parquet or .txt file.
        method: given (the corpus's own), lexicon (a word list), contrast (words that hateful
            texts use and others do not), ratio (words that a model tuned on hateful texts finds
            likelier), llm (an OpenAI-compatible server), and as controls random and all.
        train: Of contrast and ratio: corpora of hateful and other texts, joined by commas.
        lexicon: Of lexicon: a file with a word or phrase a line, or PACKAGE:PATH.
        model: Of ratio: the causal model to tune. Of llm: the model to ask; its answers are kept
            under this name, whatever server gave them.
        url: Of llm: where the server is, such as http://127.0.0.1:8000/v1; by default OpenAI's.
            The key is read from OPENAI_API_KEY.
        dry_run: Of llm: say what it would cost, ask nothing.
        input_price: Of llm: dollars for a million tokens asked, for the estimate.
        output_price: Of llm: dollars for a million tokens answered.
        concurrency: Of llm: questions at one time.
        timeout: Of llm: seconds that an answer may take.
        processes: Of lexicon, contrast and the controls: several go faster through corpora of
            many thousands of texts.
        output: JSONL file to write: id, text, domain, group, spans, mentions, why.
        review: HTML file to write, in which a person corrects the spans.
        score: Compare with the corpus's own spans.
        json: Print one JSON object, and nothing else.
        seed: Of the random control, and of training.
    """
    import json as json_
    from collections import deque
    from collections.abc import Iterator
    from dataclasses import asdict
    from itertools import tee

    from fairforget.corpora import iter_corpus
    from fairforget.errors import InputError
    from fairforget.report import check_report_extra
    from fairforget.selection import (
        SelectedText,
        SelectionOptions,
        Selector,
        SpanScorer,
        make_selector,
        mentions_of,
        select,
        select_in_parallel,
        write_spans,
    )
    from fairforget.selection.llm import Llm, Server
    from fairforget.terminal.progress import progress_bar

    if not (output or review or score or json or dry_run):
        raise InputError("nothing to do: give --output FILE.jsonl, --review FILE.html or --score")
    if processes < 1:
        raise InputError(f"--processes is {processes}; at least 1 is needed")
    if concurrency < 1:
        raise InputError(f"--concurrency is {concurrency}; at least 1 is needed")
    if timeout <= 0:
        raise InputError(f"--timeout is {timeout}; more than 0 seconds are needed")
    for flag, given, of in (
        ("lexicon", lexicon, "lexicon"),
        ("url", url, "llm"),
        ("dry_run", dry_run, "llm"),
    ):
        if given and method != of:
            raise InputError(f"--{flag} is of method {of!r}, not {method!r}; add --method {of}")
    if (input_price or output_price) and not dry_run:
        raise InputError("--input_price and --output_price are of --dry_run; add it")
    if review:
        check_report_extra()
    if processes > 1 and method in ("llm", "ratio"):
        raise InputError(f"--processes: method {method!r} is parallel without it")
    if score and not any(text.spans for text in iter_corpus(corpus)):
        raise InputError(f"--score: corpus {corpus!r} has no spans of its own to compare with")
    server = Server(model, url, timeout=timeout, concurrency=concurrency)
    if dry_run:
        estimate = Llm(server).estimate(iter_corpus(corpus), input_price, output_price)
        _show_estimate(asdict(estimate), json)
        return

    facts: dict[str, Any] = {"corpus": corpus, "method": method, "texts": 0, "texts_with_spans": 0}
    reviewed: list[SelectedText] = []
    scorer = SpanScorer()

    def counted(selector: Selector) -> Iterator[SelectedText]:
        """The selected texts, one at a time: a corpus need not fit in memory."""
        texts, same = tee(iter_corpus(corpus))
        if processes > 1:
            items = select_in_parallel(texts, selector, mentions_of, processes=processes)
        else:
            items = select(texts, selector, mentions_of)
        for true, item in zip(same, items, strict=True):
            facts["texts"] += 1
            facts["texts_with_spans"] += bool(item.text.spans)
            if review:
                reviewed.append(item)
            if score:
                scorer.add(true, item)
            yield item

    total = sum(1 for _ in iter_corpus(corpus)) if method == "llm" else None
    slow = progress_bar("Selecting", total) if method in ("llm", "ratio") else nullcontext()
    with slow as advance:
        options = SelectionOptions(
            train, lexicon, model, server=server, seed=seed, progress=advance
        )
        selector = make_selector(method, options)
        selected = counted(selector)
        if output:
            write_spans(selected, output)
        else:
            deque(selected, maxlen=0)
    if method in ("contrast", "ratio"):
        facts |= {"train": train, "threshold": getattr(selector, "threshold", None)}
    if method in ("llm", "ratio"):
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
            f"{selector.unusable} texts have no usable answer{reason}; "
            "the same command asks about them again.",
            file=sys.stderr,
        )


def _show_estimate(estimate: dict[str, Any], json: bool) -> None:
    import json as json_

    if json:
        print(json_.dumps(estimate, indent=1))
        return
    dollars = estimate["dollars"]
    cost = "give --input_price and --output_price for the cost"
    print(
        f"{estimate['texts']} texts, {estimate['cached']} in the cache; about "
        f"{estimate['input_tokens']:,} tokens asked and {estimate['output_tokens']:,} answered; "
        f"{cost if dollars is None else f'about ${dollars:.2f}'}"
    )
