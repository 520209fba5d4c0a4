"""Perplexity of a text, a measure of language modelling."""

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
from fairforget.scoring.perplexity import exp_mean_nll
from fairforget.scoring.progress import Progress

WIKITEXT2 = "wikitext2"
PROTOCOLS = ("stride", "bias-bench")
MAX_WINDOW = 1024
"""Window in tokens: GPT-2's context length, for all models with at least this length."""
RESERVED = 32
"""Tokens by which Bias Bench's window is shorter than the context length: 992 for GPT-2."""


def prepare(options: Sequence[str]) -> Benchmark:
    """`evaluate` with options: a protocol, a share such as `10%`, and a corpus `NAME[:DOMAIN]`."""
    words, corpus = split_corpus(options)
    shares = [word for word in words if word.endswith("%")]
    by_kind = parse_options("perplexity", words, {"protocol": PROTOCOLS, "share": shares})
    share = parse_share("perplexity", by_kind.get("share", "100%"))
    if corpus and corpus != WIKITEXT2:
        next(iter(iter_corpus(corpus, label=HARMLESS)), None)  # raises if unknown or missing
    else:
        find_file(*CATALOGUE["wikitext2-test"].files)
    protocol = by_kind.get("protocol", "stride")
    return Benchmark(
        partial(evaluate, corpus=corpus or WIKITEXT2, protocol=protocol, share=share),
        ("causal",),
    )


def split_corpus(options: Sequence[str]) -> tuple[list[str], str]:
    """The protocol and the share among options, and the corpus, which is "" by default."""
    words = [word for word in options if word in PROTOCOLS or word.endswith("%")]
    return words, ":".join(word for word in options if word not in words)


def evaluate(
    language_model: LanguageModel,
    *,
    corpus: str = WIKITEXT2,
    protocol: str = "stride",
    share: float = 1.0,
    progress: Progress | None = None,
) -> Measurement:
    """Perplexity of a corpus, tokenised as one text without special tokens.

    Args:
        language_model: a causal model.
        corpus: `wikitext2` (the raw test split), or any corpus that `read_corpus` accepts.
        protocol: `stride`: windows of 1,024 tokens (or what the model's context leaves after the
            start token) that overlap by half; each follows the start token and predicts the tokens
            that the previous one did not. The result is the exponential of the mean negative
            log-likelihood per predicted token. `bias-bench` (Meade et al. 2022): adjacent windows
            of 992 tokens, without a start token; the mean loss of each is weighted by its length.
        share: the share of the tokens to use, from the start.
        progress: called with the number of windows scored since the last call, and in total.

    Raises:
        InputError: the corpus is missing or has fewer than two tokens.
    """
    ids = language_model.tokenizer(load_text(corpus), add_special_tokens=False)["input_ids"]
    ids = ids[: math.ceil(share * len(ids))]
    if len(ids) < 2:
        raise InputError(
            f"perplexity corpus {corpus!r} has fewer than two tokens; choose a longer one or a "
            "larger share"
        )
    if protocol == "bias-bench":
        window = stride = max(2, min(MAX_WINDOW, language_model.longest_input) - RESERVED)
        before = []
    else:
        window = min(MAX_WINDOW, language_model.longest_input - 1)
        stride, before = window // 2, [language_model.start_id]
    spans = split_windows(len(ids), window, stride)
    losses = [
        -values
        for values in log_probs(
            language_model,
            [before + ids[start:end] for start, _, end in spans],
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
            "value": exp_mean_nll(float(total), count),
            "tokens": count,
            "window": window,
            "stride": stride,
            **({"start_token": language_model.start_token} if before else {}),
        },
        [],
    )


def split_windows(tokens: int, window: int, stride: int) -> list[tuple[int, int, int]]:
    """(start, first, end) of each window: its input is [start, end), and it predicts [first, end).

    Each token is predicted once, except the first of the text and, with `stride` = `window`, the
    first of each window. A last window of one token is left out, because it predicts nothing.
    """
    spans = [(0, 1, min(window, tokens))]
    while (previous := spans[-1][2]) < tokens:
        end = min(previous + stride, tokens)
        start = max(previous + stride - window, 0) if stride < window else previous
        spans.append((start, previous if stride < window else previous + 1, end))
    return [span for span in spans if span[1] < span[2]]


def load_text(corpus: str) -> str:
    """A corpus as one text.

    WikiText-2 is as in the `datasets` library; the texts of other corpora are joined by empty
    lines.

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
    """The published lines of the WikiText-2 raw test split, from a copy without blank lines.

    There is a blank line before and after each heading, a second one before each article title
    except the first and the last, and one at the end of the file. A test compares the result with
    the hash of the published file.
    """
    if any(not line.strip() for line in lines):
        return lines
    headings = {i: level for i, line in enumerate(lines) if (level := _heading_level(line))}
    titles = [i for i, level in headings.items() if level == 1]
    result = []
    for i, line in enumerate(lines):
        if i not in headings:
            result.append(line)
            continue
        if i in titles[1:-1]:
            result.append(" ")
        result += [" ", line, " "]
    return [*result, " "]


def _heading_level(line: str) -> int:
    """1 for ` = Title = `, 2 for ` = = Section = = ` and so on; 0 for text.

    Two lines of formulas (` = 1 rad / s and … = `) look like titles, but are not.
    """
    match = re.fullmatch(r" ((?:= )+)(?!=).*?((?:= )+)", line)
    if not match or match[1] != match[2] or line.startswith(" = 1 "):
        return 0
    return match[1].count("=")
