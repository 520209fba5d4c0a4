"""Perplexity of a text: how well the model still models language."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from functools import partial

import numpy as np

from fairforget.benchmarks.measurement import Benchmark, Measurement
from fairforget.benchmarks.options import parse_options, parse_share
from fairforget.benchmarks.sentences import log_probs
from fairforget.corpora import HARMLESS, iter_corpus, read_corpus
from fairforget.data.catalogue import CATALOGUE
from fairforget.data.locate import find_file
from fairforget.errors import InputError
from fairforget.files.text import read_text
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.causal import Progress

WIKITEXT2 = "wikitext2"
PROTOCOLS = ("stride", "bias-bench")
LONGEST_WINDOW = 1024
"""GPT-2's, so that windows are alike across models; a shorter model has its own."""
RESERVED = 32
"""Tokens by which Bias Bench's windows are shorter than the model's: 992 for GPT-2."""


def prepare(options: Sequence[str]) -> Benchmark:
    """`evaluate` with options: a protocol, a share such as `10%`, a corpus `NAME[:DOMAIN]`."""
    words = [word for word in options if word in PROTOCOLS or word.endswith("%")]
    corpus = ":".join(word for word in options if word not in words)
    shares = [word for word in words if word.endswith("%")]
    found = parse_options("perplexity", words, {"protocol": PROTOCOLS, "share": shares})
    share = parse_share("perplexity", found.get("share", "100%"))
    if corpus and corpus != WIKITEXT2:
        next(iter(iter_corpus(corpus, label=HARMLESS)), None)  # says what is unknown or missing
    else:
        find_file(*CATALOGUE["wikitext2-test"].files)
    protocol = found.get("protocol", "stride")
    return Benchmark(
        partial(evaluate, corpus=corpus or WIKITEXT2, protocol=protocol, share=share),
        ("causal",),
    )


def evaluate(
    language_model: LanguageModel,
    *,
    corpus: str = WIKITEXT2,
    protocol: str = "stride",
    share: float = 1.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Measurement:
    """Perplexity of a corpus tokenised as one text, without special tokens.

    Args:
        language_model: a causal one.
        corpus: `wikitext2` (the raw test split), or any corpus that `read_corpus` knows.
        protocol: `stride`: windows of 1,024 tokens (or what the model takes), each half a window
            after the last and predicting what the last did not; summed negative log-likelihood
            over predicted tokens. `bias-bench` (Meade et al. 2022): windows of 992 tokens side by
            side; mean loss of each × its length, over all tokens.
        share: the part of the tokens that is used, from the start.
        seed: unused; nothing is drawn.
        progress: called with the number of windows finished since the last call, and of all.

    Raises:
        InputError: a corpus that is missing or too short.
    """
    ids = language_model.tokenizer(load_text(corpus), add_special_tokens=False)["input_ids"]
    ids = ids[: math.ceil(share * len(ids))]
    if len(ids) < 2:
        raise InputError(f"perplexity corpus {corpus!r} has fewer than two tokens")
    window = min(LONGEST_WINDOW, language_model.longest_input)
    if protocol == "bias-bench":
        window = stride = max(2, window - RESERVED)
    else:
        stride = window // 2
    spans = split_windows(len(ids), window, stride)
    losses = [
        -values
        for values in log_probs(
            language_model,
            [ids[start:end] for start, _, end in spans],
            names=[f"perplexity window at token {start}" for start, _, _ in spans],
            progress=progress,
        )
    ]
    if protocol == "bias-bench":
        lengths = [end - start for start, _, end in spans]
        total = sum(v.mean(dtype=np.float64) * n for v, n in zip(losses, lengths, strict=True))
        count = sum(lengths)
    else:
        parts = [v[-(end - first) :] for v, (_, first, end) in zip(losses, spans, strict=True)]
        total = sum(part.sum(dtype=np.float64) for part in parts)
        count = sum(map(len, parts))
    return Measurement(
        {
            "protocol": protocol,
            "corpus": corpus,
            "share": share,
            "value": math.exp(min(float(total) / count, 700.0)),
            "tokens": count,
            "window": window,
            "stride": stride,
        },
        [],
    )


def split_windows(tokens: int, window: int, stride: int) -> list[tuple[int, int, int]]:
    """(start, first, end) of each window: it shows start to end and predicts first to end.

    Every token but the first of the text, and with `stride` = `window` the first of each window,
    is predicted once. A last window of one token predicts nothing and is left out.
    """
    spans = [(0, 1, min(window, tokens))]
    while (done := spans[-1][2]) < tokens:
        end = min(done + stride, tokens)
        start = max(done + stride - window, 0) if stride < window else done
        spans.append((start, done if stride < window else done + 1, end))
    return [span for span in spans if span[1] < span[2]]


def load_text(corpus: str) -> str:
    """One text: WikiText-2 as the `datasets` library has it, others' texts, joined by empty lines.

    Raises:
        InputError: there is no such corpus.
    """
    if corpus == WIKITEXT2:
        path = find_file(*CATALOGUE["wikitext2-test"].files)
        lines = read_text(path).replace("\r\n", "\n").removesuffix("\n").split("\n")
        return "\n\n".join(_as_rows(_with_blank_lines(lines)))
    return "\n\n".join(text.text for text in read_corpus(corpus, label=HARMLESS))


def _as_rows(lines: Sequence[str]) -> list[str]:
    return [f"{line}\n" if line.strip() else "" for line in lines]


def _with_blank_lines(lines: list[str]) -> list[str]:
    """WikiText-2 raw test as published, from a copy that lacks the blank lines.

    They stand before and after headings and, but for the first and the last, once more before the
    title of an article; one ends the file. A test holds the result to the published file's hash.
    """
    if any(not line.strip() for line in lines):
        return lines
    headings = {i: level for i, line in enumerate(lines) if (level := _level(line))}
    titles = [i for i, level in headings.items() if level == 1]
    full = []
    for i, line in enumerate(lines):
        if i not in headings:
            full.append(line)
            continue
        if i in titles[1:-1]:
            full.append(" ")
        full += [" ", line, " "]
    return [*full, " "]


def _level(line: str) -> int:
    """1 for ` = Title = `, 2 for ` = = Section = = `, …; 0 for text.

    Two lines of formulas in an article (` = 1 rad / s and … = `) look like titles and are none.
    """
    match = re.fullmatch(r" ((?:= )+)(?!=).*?((?:= )+)", line)
    if not match or match[1] != match[2] or line.startswith(" = 1 "):
        return 0
    return match[1].count("=")
