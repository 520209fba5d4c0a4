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
    output: Path | None = None,
    review: Path | None = None,
    score: bool = False,
    json: bool = False,
    seed: int = 0,
) -> None:
    """Find the harmful spans of a corpus, for review by a person; JSONL that unlearn reads.

    Args:
        corpus: CORPUS[:DOMAIN][?option=value], or a .csv, .jsonl or .parquet file.
        method: given (the corpus's own), lexicon (a word list), contrast (words that hateful
            texts use and others do not), ratio (words that a model tuned on hateful texts finds
            likelier), llm (an OpenAI-compatible server), and as controls random and all.
        train: Of contrast and ratio: corpora of hateful and other texts, joined by commas.
        lexicon: Of lexicon: a file with a word or phrase a line, or PACKAGE:PATH.
        model: Of ratio: the causal model to tune. Of llm: the model to ask.
        url: Of llm: where the server is, such as http://127.0.0.1:8000/v1; by default OpenAI's.
            The key is read from OPENAI_API_KEY.
        dry_run: Of llm: say what it would cost, ask nothing.
        input_price: Of llm: dollars for a million tokens asked, for the estimate.
        output_price: Of llm: dollars for a million tokens answered.
        concurrency: Of llm: questions at one time.
        timeout: Of llm: seconds that an answer may take.
        output: JSONL file to write: id, text, domain, group, spans, mentions, why.
        review: HTML file to write, in which a person corrects the spans.
        score: Compare with the corpus's own spans.
        json: Print one JSON object, and nothing else.
        seed: Of the random control, and of training.
    """
    import json as json_
    from dataclasses import asdict

    from fairforget.corpora import read_corpus
    from fairforget.errors import InputError
    from fairforget.progress import bar
    from fairforget.selection import (
        SelectionOptions,
        make_selector,
        mentions_of,
        score_spans,
        select,
        write_spans,
    )
    from fairforget.selection.llm import Llm, Server

    if not (output or review or score or json or dry_run):
        raise InputError("nothing to do: give --output FILE.jsonl, --review FILE.html or --score")
    texts = read_corpus(corpus)
    if score and not any(text.spans for text in texts):
        raise InputError(f"--score: corpus {corpus!r} has no spans of its own to compare with")
    server = Server(model, url, timeout=timeout, concurrency=concurrency)
    if dry_run:
        if method != "llm":
            raise InputError(f"--dry_run: only method 'llm' costs something, not {method!r}")
        _show_estimate(asdict(Llm(server).estimate(texts, input_price, output_price)), json)
        return
    slow = method in ("llm", "ratio")
    with (
        bar("Selecting", len(texts) if method == "llm" else None)
        if slow
        else nullcontext() as advance
    ):
        options = SelectionOptions(train, lexicon, model, server, seed, advance)
        selector = make_selector(method, options)
        selected = list(select(texts, selector, mentions_of))
    facts: dict[str, object] = {
        "corpus": corpus,
        "method": method,
        "texts": len(selected),
        "texts_with_spans": sum(bool(item.text.spans) for item in selected),
    }
    if method in ("contrast", "ratio"):
        facts |= {"train": train, "threshold": getattr(selector, "threshold", None)}
    if method in ("llm", "ratio"):
        facts["model"] = model
    if isinstance(selector, Llm):
        facts["unusable_answers"] = selector.unusable
    if output:
        write_spans(selected, output)
        facts["output"] = str(output)
    if review:
        from fairforget.selection.review import write_review

        write_review(selected, review, corpus)
        facts["review"] = str(review)
    if score:
        facts |= asdict(score_spans(zip(texts, selected, strict=True)))
    if json:
        print(json_.dumps(facts, indent=1))
        return
    for name, value in facts.items():
        print(f"{name.replace('_', ' ')}: {f'{value:.4f}' if isinstance(value, float) else value}")
    if isinstance(selector, Llm) and selector.unusable:
        print("The same command asks again about texts without a usable answer.", file=sys.stderr)


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
