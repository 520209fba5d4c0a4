"""`select_spans`: what it writes and returns, what it refuses, and the estimate of its cost."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from fairforget import SelectSettings, select_spans
from fairforget.corpora import Span, Text, read_corpus
from fairforget.errors import InputError
from fairforget.selection import selected
from fairforget.selection.contrast import Contrast
from fairforget.selection.counts import WordCounts
from fairforget.selection.select_spans import estimate_cost
from fairforget.selection.selected import SelectedText, to_row

MODULE = "fairforget.selection.select_spans"
ROWS = [
    {"text": "Women are vile drivers.", "spans": [[10, 14]]},
    {"text": "The river has a bridge."},
]


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Two texts, one with a span."""
    path = tmp_path / "mine.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


@pytest.fixture
def words(tmp_path: Path) -> str:
    path = tmp_path / "words.txt"
    path.write_text("vile\ndrivers\n")
    return str(path)


def test_a_corpus_is_selected_written_and_scored(corpus: Path, words: str, tmp_path: Path) -> None:
    output = tmp_path / "spans.jsonl"
    settings = SelectSettings(method="lexicon", lexicon="another.txt")
    result = select_spans(corpus, output=output, score=True, settings=settings, lexicon=words)
    assert [text.spans for text in read_corpus(str(output))] == [(Span(10, 22),), ()]
    assert (result.corpus, result.method) == (str(corpus), "lexicon")
    assert (result.texts, result.texts_with_spans, result.output) == (2, 1, output)
    assert result.score is not None
    assert (result.score.precision, result.score.recall) == (4 / 11, 1.0)
    assert result.threshold is result.model is result.review is None
    assert [*result.facts()][:6] == [
        *("corpus", "method", "texts", "texts_with_spans", "output"),
        "precision",
    ]
    assert result.facts()["output"] == str(output)
    assert str(result).splitlines()[3:6] == [
        *("texts with spans: 1", f"output: {output}", "precision: 0.3636")
    ]


def test_nothing_has_to_be_written(corpus: Path) -> None:
    result = select_spans(str(corpus), method="given")
    assert result.facts() == {
        "corpus": str(corpus),
        "method": "given",
        "texts": 2,
        "texts_with_spans": 1,
    }


def test_the_page_has_every_text(corpus: Path, tmp_path: Path) -> None:
    pytest.importorskip("jinja2")
    review = tmp_path / "review.html"
    result = select_spans(corpus, method="all", review=str(review))
    assert result.facts()["review"] == str(review)
    assert all(str(row["text"]) in review.read_text() for row in ROWS)


def test_contrast_adds_its_threshold_and_shares(corpus: Path, monkeypatch, capsys) -> None:
    counts = WordCounts()
    counts.hateful["vile"] = 10
    counts.totals = (10, 10, 10)

    def make(settings: object) -> Contrast:
        return Contrast(
            counts, threshold=1e3, usual_share=0.2, background=("wikipedia", "everyday")
        )

    monkeypatch.setattr(f"{MODULE}.make_selector", make)
    result = select_spans(corpus, train=["edos", "builtin"])
    assert (result.train, result.threshold) == ("edos,builtin", 1e3)
    assert result.background == "wikipedia,everyday"
    assert (result.share_selected, result.share_in_training) == (0.0, 0.2)
    assert "Warning: contrast selects 0 % of the characters" in capsys.readouterr().err


def test_a_corpus_of_any_size_streams(tmp_path: Path, monkeypatch) -> None:
    drawn, lags = 0, []

    def texts(name: str) -> Iterator[Text]:
        nonlocal drawn
        for drawn in range(1, 2001):
            yield Text(f"t{drawn}", "Women are vile.", spans=(Span(10, 14),))

    def row(item: SelectedText) -> dict[str, object]:
        lags.append(drawn - len(lags))
        return to_row(item)

    monkeypatch.setattr(f"{MODULE}.iter_corpus", texts)
    monkeypatch.setattr(selected, "to_row", row)
    output = tmp_path / "spans.jsonl"
    result = select_spans("any", method="given", score=True, output=output)
    assert result.texts == len(output.read_text().splitlines()) == len(lags) == 2000
    assert max(lags) <= 256


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"method": "magic"}, "method 'magic' is unknown; choose from given, "),
        ({"processes": 0}, "--processes is 0; it must be between 1 and 1024"),
        ({"processes": 10**20}, "--processes is 1"),
        ({"concurrency": 0}, "--concurrency is 0; it must be at least 1"),
        ({"timeout": 0}, "--timeout is 0.0; it must be more than 0 seconds"),
        ({"method": "llm", "timeout": math.nan}, "--timeout is nan; it must be more than 0"),
        ({"method": "llm", "timeout": math.inf}, "--timeout is inf; it must be more than 0"),
        ({"method": "random", "train": "builtin"}, "--train needs method 'contrast'; add"),
        ({"method": "lexicon", "model": "gpt"}, "--model needs method 'llm'; add --method llm"),
        ({"concurrency": 3}, "--concurrency needs method 'llm'; add --method llm"),
        ({"timeout": 5}, "--timeout needs method 'llm'; add --method llm"),
        ({"lexicon": "words.txt"}, "--lexicon needs method 'lexicon'; add --method lexicon"),
        ({"url": "http://127.0.0.1:1/v1"}, "--url needs method 'llm'; add --method llm"),
        ({"method": "llm", "processes": 2}, "'llm', which is parallel already; remove it"),
        ({"seed": "first"}, "setting seed: Input should be a valid integer"),
    ],
)
def test_settings_that_cannot_be_are_refused(
    corpus: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        select_spans(corpus, **settings)


@pytest.mark.parametrize(
    "content", ['{"text": "Posts of mine."}\n', "[1]\n", "notes\n", "\N{SNOWMAN}".encode("utf-16")]
)
def test_only_an_earlier_result_is_replaced(
    corpus: Path, tmp_path: Path, content: str | bytes
) -> None:
    output = tmp_path / "spans.jsonl"
    for _ in range(2):
        select_spans(corpus, method="given", output=output)
    result = output.read_bytes()
    data = content if isinstance(content, bytes) else content.encode()
    output.write_bytes(data)
    with pytest.raises(InputError, match=r"--output '.*' exists and is not an earlier result"):
        select_spans(corpus, method="given", output=output)
    assert output.read_bytes() == data
    output.write_bytes(b"")
    select_spans(corpus, method="given", output=output)
    assert output.read_bytes() == result


def test_only_an_earlier_review_page_is_replaced(corpus: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    for _ in range(2):
        select_spans(corpus, method="given", review=page)
    page.write_text("<title>My page</title>")
    with pytest.raises(InputError, match=r"--review '.*' exists and is not an earlier result"):
        select_spans(corpus, method="given", review=page)
    assert page.read_text() == "<title>My page</title>"


@pytest.mark.parametrize(
    ("flag", "name", "suffix"),
    [
        ("output", "spans.csv", ".jsonl"),
        ("output", "spans", ".jsonl"),
        ("output", "spans.JSONL", ".jsonl"),
        ("review", "spans.jsonl", ".html"),
    ],
)
def test_files_that_could_not_be_used_are_refused(
    corpus: Path, tmp_path: Path, flag: str, name: str, suffix: str
) -> None:
    message = rf"--{flag} '.*{name}' does not end in \{suffix}; choose a name that does"
    with pytest.raises(InputError, match=message):
        select_spans(corpus, method="given", **{flag: tmp_path / name})
    assert not (tmp_path / name).exists()
    if flag == "review":
        with pytest.raises(InputError, match=message):
            estimate_cost(corpus, method="llm", review=tmp_path / name)


@pytest.mark.parametrize(("flag", "suffix"), [("output", ".jsonl"), ("review", ".html")])
def test_a_file_that_cannot_be_written_is_refused_before_the_work(
    corpus: Path, tmp_path: Path, monkeypatch, flag: str, suffix: str
) -> None:
    monkeypatch.setattr(f"{MODULE}.make_selector", lambda _: pytest.fail("the work began"))
    file = tmp_path / "notes"
    file.write_text("mine")
    with pytest.raises(
        InputError,
        match=rf"--{flag} '.*' cannot be written: {file} is a file, not a directory; choose",
    ):
        select_spans(corpus, **{flag: file / "new" / f"page{suffix}"})
    assert file.read_text() == "mine"
    monkeypatch.setattr(
        "fairforget.files.overwriting.TemporaryFile", Mock(side_effect=PermissionError(13, "no"))
    )
    page = tmp_path / f"page{suffix}"
    with pytest.raises(PermissionError) as error:
        select_spans(corpus, **{flag: page})
    assert error.value.filename == str(page)


@pytest.mark.parametrize("flag", ["output", "review"])
def test_no_input_is_overwritten(corpus: Path, words: str, flag: str) -> None:
    before = corpus.read_text()
    settings = {"method": "lexicon", "lexicon": Path(words)}
    for taken in (corpus, Path(words), corpus.parent / "." / corpus.name):
        with pytest.raises(InputError, match=rf"--{flag} '.*' could overwrite what this command"):
            select_spans(f"{corpus}?label=all", **settings, **{flag: taken})
    with pytest.raises(InputError, match=r"--review 'new\.html' could overwrite"):
        select_spans(corpus, **settings, output="new.html", review="new.html")
    assert corpus.read_text() == before


def test_training_texts_are_not_overwritten(corpus: Path) -> None:
    with pytest.raises(InputError, match=r"--output '.*' could overwrite"):
        select_spans("builtin", train=f"edos,{corpus}", output=corpus)


def test_an_unknown_setting_is_a_type_error(corpus: Path) -> None:
    with pytest.raises(TypeError, match="methud"):
        select_spans(corpus, methud="given")


def test_a_corpus_without_spans_has_no_score(tmp_path: Path) -> None:
    plain = tmp_path / "plain.csv"
    plain.write_text("text\nhello there\n")
    with pytest.raises(InputError, match=r"plain.csv' has no spans to compare with"):
        select_spans(plain, method="given", score=True)
    with pytest.raises(InputError, match=r"plain.csv' has no spans to compare with"):
        estimate_cost(plain, method="llm", score=True)


def test_the_cost_is_estimated_for_a_language_model_only(
    corpus: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setenv("FAIRFORGET_CACHE", str(tmp_path / "cache"))
    estimate = estimate_cost(corpus, input_price=1.0, method="llm")
    assert (estimate.texts, estimate.cached) == (2, 0)
    assert estimate.dollars == pytest.approx(estimate.input_tokens / 1e6)
    with pytest.raises(InputError, match="--dry_run needs method 'llm'; add --method llm"):
        estimate_cost(corpus)


@pytest.mark.parametrize("price", [-1.0, math.nan, math.inf])
@pytest.mark.parametrize("flag", ["input_price", "output_price"])
def test_a_price_is_a_number_of_dollars(corpus: Path, flag: str, price: float) -> None:
    with pytest.raises(InputError, match=f"--{flag} is {price:g}; it must be a number of dollars"):
        estimate_cost(corpus, method="llm", **{flag: price})
