import json
import math
import re
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fairforget.errors import InputError
from fairforget.records.records import (
    COUNTERFACTUAL_TEXTS,
    FACT_TEXTS,
    CorpusFacts,
    EvaluationRecord,
    ModelFacts,
    UnlearningRecord,
)
from fairforget.records.store import read_record
from fairforget.records.trained_domains import trained_domains
from fairforget.report import write_report
from fairforget.report.curves import curves
from fairforget.report.facts import benchmark_table, corpora_table
from fairforget.report.scale import Scale
from fairforget.report.unlearning_page import history_table
from tests.report.runs import (
    ENVIRONMENT,
    WRITERS,
    write_comparison,
    write_evaluation,
    write_study,
    write_unlearning,
)


@pytest.mark.slow
@pytest.mark.parametrize("kind", WRITERS)
def test_pages_are_deterministic_small_and_self_contained(tmp_path: Path, kind: str) -> None:
    WRITERS[kind](tmp_path)
    path = write_report(tmp_path)
    first = path.read_bytes()
    assert path == tmp_path / "report.html"
    assert write_report(tmp_path).read_bytes() == first
    assert len(first) < 6_000_000
    assert not re.search(rb"https?://|@import|url\(|\bsrc=", first)


def test_the_page_has_all_sections_and_sources(tmp_path: Path) -> None:
    html = write_report(write_unlearning(tmp_path)).read_text()
    for wanted in (
        "Did it work?",
        "What did it cost?",
        "How reliable is it?",
        "How it was made",
        "Content warning",
        "Blodgett et al. 2021",
        "Pikuliak et al. 2023",
        "CC BY-SA 4.0",
        "CC BY-SA 3.0",
        "nested.deep",
        "lora.r",
        "The house is",
    ):
        assert wanted in html


def test_trained_domains_come_from_the_record_or_the_corpus_name(tmp_path: Path) -> None:
    corpora = [
        CorpusFacts("builtin:gender", "forget", 1, 1),
        CorpusFacts("mine.csv", "forget", 1, 1, "race, religion"),
        CorpusFacts("other.csv", "forget", 1, 1),
        CorpusFacts("wikipedia:age", "retain", 1, 1),
    ]
    record = read_record(write_unlearning(tmp_path) / "record.json", UnlearningRecord)
    trained = trained_domains(replace(record, corpora=corpora))
    assert trained == ["gender", "race", "religion"]


def test_evaluations_may_be_missing(tmp_path: Path) -> None:
    html = write_report(write_unlearning(tmp_path, measured=False)).read_text()
    assert "Not fully evaluated" in html
    assert "How training went" in html
    write_evaluation(tmp_path / "before")
    assert "Not fully evaluated" in write_report(tmp_path).read_text()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda d: (d / "record.json").unlink(),
            "has no record.json, study.json, leaderboard.json, durability.json, comparison.json "
            "or runs",
        ),
        (lambda d: (d / "record.json").write_text("{"), "is not a valid record"),
        (
            lambda d: (d / "record.json").write_text('{"kind": "cake"}'),
            "neither 'evaluation' nor 'unlearning'; give ",
        ),
        (
            lambda d: (d / "continuation_pairs.json").write_text("[{}]"),
            "continuation_pairs.json: row 0.prompt",
        ),
        (
            lambda d: (d / "continuation_pairs.json").write_text("["),
            "continuation_pairs.json cannot be read as JSON",
        ),
        (
            lambda d: (d / "continuation_pairs.json").write_text("[" * 9999),
            "continuation_pairs.json cannot be read as",
        ),
        (lambda d: (d / "after" / "items.parquet").write_text("x"), "items.parquet is not"),
        (lambda d: (d / "study.json").write_text('{"cells": [{}]}'), "not a valid record: model"),
    ],
)
def test_malformed_input_is_one_line_with_the_file(
    tmp_path: Path, spoil: Callable[[Path], object], message: str
) -> None:
    spoil(write_unlearning(tmp_path))
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        write_report(tmp_path)
    assert "\n" not in str(caught.value)


def test_an_unfinished_study_is_not_a_set_of_runs(tmp_path: Path) -> None:
    write_evaluation(tmp_path / "before")
    write_unlearning(tmp_path / "runs" / "one")
    with pytest.raises(InputError, match="is an unfinished study"):
        write_report(tmp_path)


def test_an_unfinished_leaderboard_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs" / "one").mkdir(parents=True)
    (tmp_path / "runs" / "one" / "record.json").write_text('{"kind": "leaderboard run"}')
    with pytest.raises(InputError, match="is an unfinished leaderboard; run its leaderboard"):
        write_report(tmp_path)


def test_a_report_of_another_program_is_kept(tmp_path: Path) -> None:
    write_evaluation(tmp_path)
    page = tmp_path / "report.html"
    page.write_text("<title>pytest report</title>")
    with pytest.raises(InputError, match=r"report '.*report.html' exists and is not an earlier"):
        write_report(tmp_path)
    assert page.read_text() == "<title>pytest report</title>"
    page.unlink()
    assert write_report(tmp_path) == write_report(tmp_path) == page


def test_the_sources_of_a_variant_and_of_a_word_list_are_named() -> None:
    names = ("crows_pairs:fr", "crows_pairs:nl", "honest:en:200")
    model = ModelFacts("tiny", 1234567, "float32", "<s>")
    record = EvaluationRecord(model, {name: {} for name in names}, ENVIRONMENT, {})
    assert [row[6:] for row in benchmark_table(record).rows] == [
        ["CC BY-SA 4.0", "Névéol et al. 2022"],
        ["CC BY-SA 4.0", "jerryspan/Dutch-CrowS-Pairs"],
        ["MIT; CC BY-NC-SA 4.0", "Nozza et al. 2021; 2022; Bassignana et al. 2018"],
    ]


def test_a_user_file_does_not_get_the_licence_of_the_benchmark() -> None:
    whole = {"domains": {"all": {"stereotype": 50.0, "pairs": 1}}}
    files = ("mine.csv:bias-bench", "MINE.CSV", "pairs.txt")
    named = {"crows_pairs": whole} | {f"crows_pairs:{file}": whole for file in files}
    model = ModelFacts("tiny", 1234567, "float32", "<s>")
    record = EvaluationRecord(model, named, ENVIRONMENT, {})
    licences = [row[6] for row in benchmark_table(record).rows]
    assert licences == ["CC BY-SA 4.0"] + ["not recorded"] * 3


def test_the_licence_of_own_texts_is_known() -> None:
    own = ("builtin:gender", "pronouns", FACT_TEXTS)
    names = (*own, COUNTERFACTUAL_TEXTS, "dghs?split=dev", "pronouns.csv", "hub:owner/name")
    corpora = corpora_table([CorpusFacts(name, "retain", 1, 1) for name in names])
    derived = ["as the forget corpora", "the forget corpora, with neutral words"]
    unknown = ["not recorded", "–"]
    assert [row[5:] for row in corpora.rows] == [
        *([["Apache-2.0", "FairForget"]] * len(own)),
        derived,
        ["CC BY 4.0", "Vidgen et al. 2021"],
        unknown,
        unknown,
    ]
    own = ("counterfactual:gender:8", "group_facts", "harmful_words")
    benchmarks = {name: {} for name in (*own, "group_facts:mine.csv", "lm-eval:x")}
    benchmarks["harmful_words"] = {"corpus": "builtin"}
    model = ModelFacts("tiny", 1234567, "float32", "<s>")
    rows = benchmark_table(EvaluationRecord(model, benchmarks, ENVIRONMENT, {})).rows
    assert [row[6:] for row in rows] == [["Apache-2.0", "FairForget"]] * 3 + [unknown] * 2


def test_two_protocols_never_share_a_table(tmp_path: Path) -> None:
    write_unlearning(tmp_path)
    path = tmp_path / "after" / "record.json"
    record = json.loads(path.read_text())
    record["results"]["stereoset"]["protocol"] = "bias-bench"
    path.write_text(json.dumps(record))
    with pytest.raises(InputError, match="protocol 'bos' before, 'bias-bench' after"):
        write_report(tmp_path)


@pytest.mark.parametrize(
    "results",
    [
        {"stereoset": {"protocol": "bos", "domains": {}}},
        {"stereoset": {"protocol": "bos", "domains": {"all": {}}}},
        {"stereoset": {"protocol": "bos"}, "crows_pairs": {}},
        {"perplexity": {"value": float("inf")}},
        {"own": {"rates": [1, 2]}, "another": {}},
    ],
)
def test_unusual_results_do_not_crash(
    tmp_path: Path, results: dict[str, dict[str, object]]
) -> None:
    write_evaluation(tmp_path, results=results)
    assert "<h1>" in write_report(tmp_path).read_text()


def test_a_benchmark_with_options_has_its_section(tmp_path: Path) -> None:
    write_unlearning(tmp_path)
    for side in ("before", "after"):
        record = tmp_path / side / "record.json"
        record.write_text(record.read_text().replace('"stereoset": {', '"stereoset:a b": {'))
        items = tmp_path / side / "items.parquet"
        rows = pq.read_table(items).to_pylist()
        for row in rows:
            row["benchmark"] = row["benchmark"].replace("stereoset", "stereoset:a b")
        pq.write_table(pa.Table.from_pylist(rows), items)
    html = write_report(tmp_path).read_text()
    assert "<h3>StereoSet (a b)</h3>" in html
    assert 'id="plot-stereoset-a-b-change"' in html
    assert "StereoSet (a b): largest changes away from the stereotype" in html
    assert "95 % interval of the change" in html


def test_a_score_that_is_not_a_number_is_named(tmp_path: Path) -> None:
    domains = {"all": {"ss": "high"}}
    write_evaluation(tmp_path, results={"stereoset": {"domains": domains}})
    with pytest.raises(InputError, match=r"results\.stereoset\.domains\.all\.ss"):
        write_report(tmp_path)


def test_without_jinja2_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_evaluation(tmp_path)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(InputError, match=r"pip install '\.\[report\]'"):
        write_report(tmp_path)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 1e308])
def test_a_study_with_values_that_cannot_be_plotted(tmp_path: Path, value: float) -> None:
    path = write_study(tmp_path) / "study.json"
    study = json.loads(path.read_text())
    study["failed"][0]["error"] = ""
    study["matrix"][0]["bias"]["value"] = study["rows"][0]["perplexity_ratio"] = value
    path.write_text(json.dumps(study))
    html = write_report(tmp_path).read_text()
    shown = {math.nan: "\N{EN DASH}", math.inf: "+∞", -math.inf: "−∞"}.get(value, "+1.0e+308")
    assert f"distance from no bias {shown}" in html
    assert "race-npo: \N{EN DASH}" in html  # the run that failed without a word


@pytest.mark.parametrize("value", [math.nan, math.inf, 1e308])
def test_a_comparison_with_values_that_cannot_be_plotted(tmp_path: Path, value: float) -> None:
    path = write_comparison(tmp_path) / "comparison.json"
    compared = json.loads(path.read_text())
    compared["cells"][0]["score"]["before"] = value
    path.write_text(json.dumps(compared))
    assert "Stereotype score" in write_report(tmp_path).read_text()


def test_lone_surrogates_are_replaced(tmp_path: Path) -> None:
    write_unlearning(tmp_path)
    samples = r'[{"prompt": "a \ud800 b", "before": "", "after": "\u0000"}]'
    (tmp_path / "continuation_pairs.json").write_text(samples)
    assert "a ? b" in write_report(tmp_path).read_text()


@pytest.mark.parametrize("values", [[50.0], [49.99, 50.01], [0.0, 100.0], [-0.2, 0.3], [1e6, 0.0]])
def test_scales_contain_their_values_between_round_ticks(values: list[float]) -> None:
    scale = Scale(values)
    ticks = scale.ticks()
    assert 2 <= len(ticks) <= 9
    assert ticks[0].x == 0
    assert ticks[-1].x == 100
    assert all(0 < scale.x(value) < 100 for value in values)


def test_a_scale_ignores_values_that_cannot_be_plotted() -> None:
    scale = Scale([50.0, math.nan, math.inf, 1e300])
    assert len(scale.ticks()) <= 9
    assert [scale.x(v) for v in (math.nan, -math.inf, math.inf)] == [0, 0, 100]


def test_curves_skip_what_cannot_be_drawn() -> None:
    history = [
        {"step": 1.0, "loss": 1.0, "once": 1.0, "flat": 2.0},
        {"step": 2.0, "loss": float("nan"), "flat": 2.0},
        {"step": 3.0, "loss": 0.5, "flat": 2.0},
    ]
    loss, flat = curves(history)
    assert (loss.name, loss.points) == ("total loss", "0,0 100,100")
    assert flat.points == "0,50 50,50 100,50"
    assert curves([]) == []


def test_what_was_logged_at_one_step_is_one_row() -> None:
    history = [
        {"step": 1.0, "loss": 2.0},
        {"step": 1.0, "perplexity_ratio": 1.01},
        {"step": 2.0, "loss": -1.5},
    ]
    table = history_table(history)
    assert table
    assert [column.title for column in table.columns][:2] == ["step", "total loss"]
    assert table.rows == [["1", "2", "1.01"], ["2", "−1.5", "\N{EN DASH}"]]
    assert history_table([]) is None
