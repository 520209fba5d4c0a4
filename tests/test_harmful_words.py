"""Harmful words: their log-probabilities after a group, what it adds, and verdicts on both."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fairforget.benchmarks import load_benchmark
from fairforget.benchmarks.degenerate import check_finite_scores
from fairforget.benchmarks.harmful_words import evaluate, judge, sample_texts
from fairforget.benchmarks.measurement import Row, compute_scores
from fairforget.benchmarks.unseen import check_unseen
from fairforget.comparison.paired import Cell, adjust_p_values, compare_items
from fairforget.corpora import Mention, Span, Text, read_corpus
from fairforget.errors import InputError
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.harmful_words import score_harmful_words
from fairforget.statistics.significance import adjust_holm
from tests.models import log_softmax, tiny_model
from tests.report.runs import harmful_rows, stereoset_rows

PEOPLE = ("Most people",)
LATE = Text("0", "Women are late.", "gender", "women", (Span(10, 14),), (Mention(0, 5, PEOPLE),))
BEFORE = Text("1", "They lie, women.", "gender", "women", (Span(5, 8),), (Mention(10, 15, PEOPLE),))
PLAIN = Text("2", "They are bad drivers.", "age", None, (Span(9, 20),))
HARMLESS = Text("3", "The river has a mill.", None, None)


def last_words(lm: LanguageModel, text: str, words: str) -> float:
    """Mean log p of the tokens of the words, at the end of the text but for a full stop."""
    ids = [lm.start_id, *lm.tokenizer(text, add_special_tokens=False)["input_ids"]]
    count = len(lm.tokenizer(f" {words}", add_special_tokens=False)["input_ids"])
    table = log_softmax(lm, ids)
    places = range(len(ids) - 1 - count, len(ids) - 1)
    return float(np.mean([table[i - 1, ids[i]].item() for i in places]))


@pytest.mark.parametrize("family", ["gpt2", "llama", "gemma3"])
def test_a_causal_model_scores_harmful_tokens_after_the_group(family: str) -> None:
    lm = tiny_model(family)
    found = score_harmful_words(lm, [LATE, BEFORE, PLAIN, HARMLESS])
    with_group = last_words(lm, "Women are late.", "late")
    without = last_words(lm, "Most people are late.", "late")
    plain = last_words(lm, "They are bad drivers.", "bad drivers")
    assert found.log_prob == pytest.approx(
        [with_group, np.nan, plain, np.nan], abs=1e-4, nan_ok=True
    )
    assert found.log_prob_neutral == pytest.approx(
        [without, np.nan, np.nan, np.nan], abs=1e-4, nan_ok=True
    )
    assert found.added[0] == pytest.approx(with_group - without, abs=1e-4)
    assert (found.tokens > 0).tolist() == [True, False, True, False]


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_a_masked_model_scores_one_harmful_token_at_a_time(family: str) -> None:
    lm = tiny_model(family)
    found = score_harmful_words(lm, [LATE, BEFORE])
    assert np.isfinite(found.added).all()  # it sees both sides
    for text, expected in (
        (BEFORE.text, found.log_prob[1]),
        (BEFORE.counterfactual().text, found.log_prob_neutral[1]),
    ):
        encoding = lm.tokenizer(text, return_offsets_mapping=True)
        ids, values = encoding["input_ids"], []
        for i, (start, end) in enumerate(encoding["offset_mapping"]):
            if text[start:end].strip() and start < 8 and end > 5:
                masked = [*ids[:i], lm.tokenizer.mask_token_id, *ids[i + 1 :]]
                values.append(log_softmax(lm, masked)[i, ids[i]].item())
        assert expected == pytest.approx(np.mean(values), abs=1e-3)


def test_results_are_means_over_texts_by_group() -> None:
    texts = [LATE, BEFORE, PLAIN]
    measured = evaluate(tiny_model("gpt2"), texts=texts, corpus="mine")
    result, (late, plain) = measured.result, measured.items
    assert (result["texts"], result["skipped"], result["corpus"]) == (2, 1, "mine")
    assert (late["domain"], plain["domain"]) == ("women", "unknown")
    assert list(result["domains"]) == ["unknown", "women", "all"]
    women, unknown, whole = (result["domains"][name] for name in ("women", "unknown", "all"))
    assert women["log_prob"] == pytest.approx(late["log_prob"])
    assert women["added"] == pytest.approx(late["added"])
    assert late["added"] == pytest.approx(late["log_prob"] - late["log_prob_neutral"], abs=2e-4)
    assert "added" not in unknown
    assert plain["added"] is None
    assert whole["log_prob"] == pytest.approx((late["log_prob"] + plain["log_prob"]) / 2)
    assert whole["added"] == pytest.approx(late["added"])
    assert whole["items"] == 2


def test_the_sample_is_fixed_and_no_run_trains_on_it() -> None:
    texts = sample_texts("builtin:gender", 2400)
    trained = {text.text for text in read_corpus("builtin:gender")}
    assert 2300 < len(texts) < 2400
    assert not trained & {text.text for text in texts}
    assert {text.domain for text in texts} == {"gender"}
    assert sample_texts("builtin:gender", 20) == sample_texts("builtin:gender", 20)


def write(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def test_texts_with_the_same_id_are_refused(tmp_path: Path) -> None:
    """Their scores before and after could not be told apart."""
    corpus = tmp_path / "posts.jsonl"
    rows = [
        {"id": "p1", "text": f"They are {word}.", "spans": [[9, 12]]} for word in ("bad", "sad")
    ]
    corpus.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    with pytest.raises(InputError, match=r"2 texts of corpus '.*posts.jsonl' have the id 'p1'"):
        sample_texts(str(corpus), 10)


def test_options(tmp_path: Path) -> None:
    load_benchmark("harmful_words:builtin:gender:7").check("x", tiny_model("bert"))
    plain = {"text": "They lie.", "spans": [[5, 8]]}
    about = {"text": "Women lie.", "spans": [[6, 9]], "mentions": [[0, 5, "People"]]}
    file = write(tmp_path / "texts.jsonl", plain, about)
    benchmark = load_benchmark(f"harmful_words:{file}:5")
    assert [row["text"] for row in benchmark.evaluate(tiny_model("gpt2")).items] == ["Women lie."]
    for name, message in (
        ("harmful_words:7:8", "one number of items, at least 1, .*; got 7, 8"),
        ("harmful_words:0", "at least 1"),
        ("harmful_words:nothing", "corpus 'nothing' is unknown"),
        (f"harmful_words:{write(tmp_path / 'no.csv')}", "no.csv"),
    ):
        with pytest.raises(InputError, match=message):
            load_benchmark(name)
    file = write(tmp_path / "none.jsonl", {"text": "They lie."})
    with pytest.raises(InputError, match=r"none.jsonl' has no harmful spans|`fairforget select`"):
        load_benchmark(f"harmful_words:{file}")


def test_no_harmful_word_after_a_group_is_an_error() -> None:
    with pytest.raises(InputError, match="corpus 'mine' has a harmful word after a mention"):
        evaluate(tiny_model("gpt2"), texts=[BEFORE], corpus="mine")


@pytest.mark.parametrize("family", ["gpt2", "bert"])
def test_a_diverged_model_is_refused(family: str) -> None:
    lm = tiny_model(family)
    for parameter in lm.model.parameters():
        parameter.data.fill_(np.nan)
    with pytest.raises(InputError, match="item 0: its log_prob is not a number; the model's wei"):
        check_finite_scores("x", evaluate(lm, texts=[LATE], corpus="mine"))


def test_texts_that_were_trained_on_are_refused() -> None:
    check_unseen(["harmful_words", "harmful_words:hatecheck:9"], corpora=["builtin:gender"])
    check_unseen(["harmful_words:9"], corpora=["hatecheck"])
    with pytest.raises(InputError, match="'harmful_words:hatecheck:women:9': corpus"):
        check_unseen(["harmful_words:hatecheck:women:9"], corpora=["hatecheck?label=all"])


def test_texts_that_were_trained_on_are_recognised_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(Path("spans.jsonl"), {"id": "hatecheck:1", "text": "They lie."})
    for corpus, benchmark in (
        ("spans.jsonl", "harmful_words:hatecheck"),
        ("./spans.jsonl", "harmful_words:spans.jsonl"),
        ("hatecheck:women", "harmful_words:spans.jsonl:9"),
    ):
        with pytest.raises(InputError, match="contains its items"):
            check_unseen([benchmark], corpora=[corpus])
    check_unseen(["harmful_words", "harmful_words:edos"], corpora=["spans.jsonl"])


def test_a_group_with_the_name_of_the_score_over_all_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "spans.jsonl"
    write(path, {"text": "They lie.", "spans": [[5, 8]], "group": "all"})
    with pytest.raises(InputError, match="a group or domain 'all', which is the name of the sco"):
        load_benchmark(f"harmful_words:{path}")


def cells(before: list[Row], after: list[Row]) -> dict[tuple[str, str], Cell]:
    found = adjust_p_values(compare_items("harmful_words", judge, before, after))
    return {(cell.domain, cell.measure): cell for cell in found}


@pytest.mark.parametrize(("shift", "verdict"), [(-0.2, "less"), (0.2, "more"), (0, "undecided")])
def test_lower_is_better(shift: float, verdict: str) -> None:
    found = cells(harmful_rows(), harmful_rows(shift))
    women = found["women", "log_prob"]
    assert (women.verdict, women.main, women.distance) == (verdict, True, None)
    assert women.score.delta == pytest.approx(shift, abs=0.05)
    assert found["all", "log_prob"].score.delta == pytest.approx(shift / 2, abs=0.03)
    assert found["men", "log_prob"].verdict == "undecided"
    assert found["women", "added"].verdict == "undecided"
    assert (women.items, women.clusters) == (40, 20)


def test_what_the_group_adds_has_its_own_verdict() -> None:
    found = cells(harmful_rows(), harmful_rows(added=0.3))
    assert {found[domain, "added"].verdict for domain in ("women", "all")} == {"more"}
    assert found["men", "added"].verdict == "undecided"
    assert found["all", "log_prob"].verdict == "undecided"
    alone = cells(harmful_rows(added=None), harmful_rows(0.2, added=None))
    assert {measure for _, measure in alone} == {"log_prob"}


def test_intervals_are_over_words_not_texts() -> None:
    rows = harmful_rows()
    for row in rows:
        row["log_prob"] = -5.0 - int(row["words"].split()[1]) / 10
    narrow = [{**row, "words": row["id"]} for row in rows]
    (low, high), (below, above) = (
        compute_scores(judge(part))["log_prob"][1] for part in (rows, narrow)
    )
    assert high - low > 1.5 * (above - below)


def test_intervals_of_changes_cover_and_seldom_find_a_rise_that_is_not_there() -> None:
    """Words change by themselves, with a mean of 0 over words, and each text by itself."""
    rng, runs, words, texts = np.random.default_rng(2), 400, 25, 4
    covered = rose = 0
    for _ in range(runs):
        changes = np.repeat(rng.normal(0, 0.3, words), texts) + rng.normal(0, 0.1, words * texts)
        before: list[Row] = [
            {"id": str(n), "domain": "x", "words": str(n // texts), "log_prob": -7.0, "added": None}
            for n in range(words * texts)
        ]
        after = [
            {**row, "log_prob": -7.0 + change} for row, change in zip(before, changes, strict=True)
        ]
        change = cells(before, after)["all", "log_prob"]
        assert change.score.ci is not None
        covered += change.score.ci[0] <= 0 <= change.score.ci[1]
        rose += change.verdict == "more"
    assert covered >= 0.93 * runs
    assert rose <= 0.05 * runs


def test_harm_is_a_family_of_its_own() -> None:
    from fairforget.benchmarks.stereoset import judge as stereoset

    bias = compare_items("stereoset", stereoset, stereoset_rows(), stereoset_rows(shift=0.2))
    harm = compare_items("harmful_words", judge, harmful_rows(), harmful_rows(0.05, added=0.02))
    both = adjust_p_values([*bias, *harm])
    assert [c.p_adjusted for c in both[: len(bias)]] == [
        c.p_adjusted for c in adjust_p_values(bias)
    ]
    expected = adjust_holm({n: ((c.measure, c.domain == "all"), c.p) for n, c in enumerate(harm)})
    assert [c.p_adjusted for c in both[len(bias) :]] == [*expected.values()]


@pytest.mark.real_model
@pytest.mark.shared_data
def test_reference_values(smollm2, shared_file) -> None:
    """Word by word, with the original implementation of transformers."""
    shared_file("hatecheck/test_suite_cases.csv")
    chosen = [t for t in sample_texts("hatecheck", 400) if t.text[t.spans[-1].end :] == "."]
    for text in [t for t in chosen if len(t.spans) == len(t.mentions) == 1][:10]:
        (found,) = score_harmful_words(smollm2, [text]).log_prob
        words = text.text[text.spans[0].start : text.spans[0].end]
        assert found == pytest.approx(last_words(smollm2, text.text, words), abs=2e-3)
