"""Comparison of two evaluations: intervals, tests and errors."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from io import StringIO
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairforget.benchmarks import crows_pairs, stereoset
from fairforget.benchmarks.limitations import find_limitations
from fairforget.cli import main
from fairforget.comparison.compare import compare, compare_evaluations, compare_items
from fairforget.comparison.domains import compare_domains
from fairforget.comparison.gate import find_violations
from fairforget.comparison.paired import adjust_p_values
from fairforget.comparison.score_change import Change
from fairforget.data.crows_pairs import Pair
from fairforget.data.stereoset import Item
from fairforget.errors import InputError
from fairforget.evaluation.directory import evaluate_into
from fairforget.records.environment import Environment
from fairforget.records.evaluation import Evaluation, read_items
from fairforget.records.paths import ITEMS, RECORD
from fairforget.records.records import EvaluationRecord, ModelFacts
from fairforget.records.store import read_record, write_record
from fairforget.statistics.jackknife import FEWEST_CLUSTERS
from fairforget.statistics.significance import holm
from fairforget.terminal.tables import print_content

from .models import tiny_model


def rows_of(verdicts: list[bool], terms: list[str] | None = None) -> list[dict[str, object]]:
    return [
        {
            "benchmark": "stereoset",
            "id": str(i),
            "domain": "gender" if i % 2 else "race",
            "term": terms[i] if terms else str(i),
            "stereotype": f"A {i}.",
            "score_stereotype": float(verdict),
            "score_anti_stereotype": 0.5,
            "score_unrelated": -1.0,
        }
        for i, verdict in enumerate(verdicts)
    ]


def test_counts_flips_and_tests_them() -> None:
    before = [True] * 19 + [False]
    after = [False] * 9 + [True] * 10 + [True]
    *_, whole = compare_items("stereoset", stereoset.judge, rows_of(before), rows_of(after))
    assert (whole.domain, whole.items, whole.clusters) == ("all", 20, 20)
    assert (whole.gained, whole.lost) == (1, 9)
    assert whole.p == pytest.approx(2 * (1 + 10) * 0.5**10)
    assert whole.score.before == 95
    assert whole.score.after == pytest.approx(55)
    assert whole.score.delta == pytest.approx(-40)
    low, high = whole.score.ci
    assert low < -40 < high < 0
    assert whole.distance.before == 45
    assert whole.distance.after == pytest.approx(5)
    assert whole.beside["lms"].delta == 0
    assert list(whole.beside) == ["lms", "lms_stereotype", "lms_anti_stereotype", "icat"]


@settings(max_examples=20)
@given(st.lists(st.booleans(), min_size=2, max_size=30), st.data())
def test_comparison_is_antisymmetric(before: list[bool], data) -> None:
    after = data.draw(st.lists(st.booleans(), min_size=len(before), max_size=len(before)))
    one, two = rows_of(before), rows_of(after)
    for cell in compare_items("stereoset", stereoset.judge, one, one):
        assert cell.score.delta == 0
        assert cell.score.ci == ((0, 0) if cell.clusters > 1 else None)
        assert (cell.gained, cell.lost, cell.p) == (0, 0, 1)
    there = compare_items("stereoset", stereoset.judge, one, two)
    back = compare_items("stereoset", stereoset.judge, two, one)
    for cell, other in zip(there, back, strict=True):
        assert cell.score.delta == -other.score.delta
        assert (cell.gained, cell.lost) == (other.lost, other.gained)
        assert cell.p == pytest.approx(other.p)
        if cell.clusters > 1:
            assert cell.score.ci == pytest.approx([-b for b in reversed(other.score.ci)])
            assert cell.score.ci[0] - 1e-9 <= cell.score.delta <= cell.score.ci[1] + 1e-9


def test_pairing_narrows_the_interval() -> None:
    generator = np.random.default_rng(0)
    before = generator.random(200) < 0.6
    after = before ^ (generator.random(200) < 0.03)
    whole = compare_items(
        "stereoset", stereoset.judge, rows_of(before.tolist()), rows_of(after.tolist())
    )[-1]
    low, high = whole.score.ci
    apart = np.hypot(*[100 * np.sqrt(v.mean() * (1 - v.mean()) / 200) for v in (before, after)])
    assert high - low < 2 * 1.96 * apart / 2


ITEMS_ = [
    Item(str(i), domain, f"{domain}{i % 3}", (f"{a} lie.", f"{a} think.", f"{a} mill."))
    for i, (domain, a) in enumerate(
        [("race", "Women"), ("race", "They"), ("race", "I"), ("gender", "Drivers")] * 3
    )
]
PAIRS = [
    Pair(str(i), "age", f"{a} are bad.", f"{a} are kind.") for i, a in enumerate(["They", "I"] * 4)
]


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Evaluations of two tiny models on a small StereoSet and CrowS-Pairs."""
    root = tmp_path_factory.mktemp("evaluated")
    own = root / "own.jsonl"
    own.write_text(
        "\n".join(
            json.dumps(
                {
                    "bias_type": item.domain,
                    "target": item.term,
                    "stereotype": item.sentences[0],
                    "anti-stereotype": item.sentences[1],
                    "unrelated": item.sentences[2],
                }
            )
            for item in ITEMS_
        )
    )
    pairs = root / "pairs.csv"
    pairs.write_text(
        "id,sent_more,sent_less,bias_type\n"
        + "\n".join(f"{p.id},{p.sent_more},{p.sent_less},{p.domain}" for p in PAIRS)
    )
    text = root / "text.csv"
    text.write_text("text\n" + "The river has a bridge and an old mill. " * 20 + "\n")
    names = [f"stereoset:{own}", f"crows_pairs:{pairs}", f"perplexity:{text}"]
    for seed in (0, 1):
        evaluate_into(root / str(seed), tiny_model("gpt2", seed), names)
    return root / "0", root / "1"


def test_all_benchmarks_of_two_evaluations(evaluated: tuple[Path, Path]) -> None:
    comparison = compare(*evaluated)
    stereo, crows, text = read_record(evaluated[0] / RECORD, EvaluationRecord).results
    domains = [(cell.benchmark, cell.domain) for cell in comparison.cells if cell.main]
    assert domains == [
        *[(stereo, domain) for domain in ("gender", "race", "all")],
        *[(crows, domain) for domain in ("age", "all")],
    ]
    after = read_record(evaluated[1] / RECORD, EvaluationRecord).results
    for cell in comparison.cells:
        scores = after[cell.benchmark]["domains"][cell.domain]
        assert cell.score.after == pytest.approx(scores[cell.measure])
        assert cell.ties[1] == scores["ties"]
    for whole in (True, False):  # the scores over all items repeat those of single domains
        family = [c for c in comparison.cells if c.main and (c.domain == "all") == whole]
        tested = [cell for cell in family if cell.clusters >= FEWEST_CLUSTERS]
        assert [cell.p_adjusted for cell in tested] == holm([cell.p for cell in tested])
        assert {cell.p_adjusted for cell in family if cell not in tested} <= {1.0}
    change = comparison.perplexity[text]
    assert change.after == after[text]["value"]
    assert change.delta == change.after - change.before
    assert any("Blodgett" in text for text in comparison.limitations)


def test_the_command_prints_tables_and_limitations(evaluated, capsys) -> None:
    main(["compare", *map(str, evaluated)])
    out = capsys.readouterr().out
    assert "Holm" in out
    assert "rest of the sentence given the group" in " ".join(out.split())
    assert "smoothed" not in out
    assert "LMS" in out
    assert "ties" in out
    assert "Blodgett" in out
    assert "perplexity:" in out


def test_json_on_stdout_and_in_a_file(evaluated, capsys, tmp_path: Path) -> None:
    main(["compare", *map(str, evaluated), "--json", "true", "--output", str(tmp_path / "c.json")])
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "c.json").read_text())
    assert printed["kind"] == "comparison"
    assert printed["cells"][0]["score"]["delta"] == pytest.approx(
        printed["cells"][0]["score"]["after"] - printed["cells"][0]["score"]["before"]
    )


def test_an_evaluation_is_not_overwritten(evaluated, capsys) -> None:
    before, after = evaluated
    record = (after / RECORD).read_bytes()
    for place in (after / RECORD, before / "new.json"):
        with pytest.raises(SystemExit) as ended:
            main(["compare", str(before), str(after), "--output", str(place)])
        assert ended.value.code == 2
        assert "could overwrite what this command reads" in capsys.readouterr().err
    assert (after / RECORD).read_bytes() == record
    assert not (before / "new.json").exists()


def test_only_an_earlier_comparison_is_replaced(evaluated, capsys, tmp_path: Path) -> None:
    command = ["compare", *map(str, evaluated), "--output"]
    other = tmp_path / "posts.jsonl"
    other.write_text('{"text": "Mine."}\n')
    with pytest.raises(SystemExit) as ended:
        main([*command, str(other)])
    assert ended.value.code == 2
    assert "exists and is not an earlier result of this command" in capsys.readouterr().err
    assert other.read_text() == '{"text": "Mine."}\n'
    for _ in range(2):
        main([*command, str(tmp_path / "compared.json")])


def changed(directory: Path, to: Path, **settings: object) -> Path:
    """A copy of an evaluation whose first benchmark has other settings."""
    record = read_record(directory / RECORD, EvaluationRecord)
    first, *others = record.results
    results = {first: {**record.results[first], **settings}}
    write_record(
        replace(record, results=results | {o: record.results[o] for o in others}), to / RECORD
    )
    pq.write_table(pq.read_table(directory / ITEMS), to / ITEMS)
    return to


@pytest.mark.parametrize(
    ("setting", "value"),
    [("protocol", "bias-bench"), ("split", "test"), ("start_token", "<s>"), ("task", "other")],
)
def test_different_settings_are_an_error(evaluated, tmp_path, capsys, setting, value) -> None:
    other = changed(evaluated[1], tmp_path, **{setting: value})
    with pytest.raises(SystemExit) as exit_:
        main(["compare", str(evaluated[0]), str(other)])
    assert exit_.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.strip().splitlines()
    assert f"{setting} " in line
    assert f"{value!r} after" in line


def test_different_items_are_an_error(evaluated: tuple[Path, Path]) -> None:
    rows = [row for row in read_items(evaluated[0]) if "own.jsonl" in row["benchmark"]]
    judge = stereoset.judge
    with pytest.raises(InputError, match="1 on one side only, such as 'intrasentence-0012'"):
        compare_items("stereoset", judge, rows, rows[:-1])
    other = [*rows[:-1], {**rows[-1], "stereotype": "Another."}]
    with pytest.raises(InputError, match=r"'intrasentence-0012' has stereotype .* and 'Another"):
        compare_items("stereoset", judge, rows, other)
    moved = [*rows[:-1], {**rows[-1], "term": "else"}]
    with pytest.raises(InputError, match="has term"):
        compare_items("stereoset", judge, rows, moved)


@pytest.mark.parametrize("side", [0, 1])
@pytest.mark.parametrize("damage", [{}, {"score_stereotype": None}, {"score_stereotype": [1.0]}])
def test_damaged_items_are_an_error(side: int, damage: dict[str, object]) -> None:
    """In `compare`, `transfer`, `leaderboard` and `durability` alike."""
    sides = [rows_of([True] * 9) for _ in range(2)]
    for row in sides[side]:
        del row["score_stereotype"]
        row.update(damage)
    with pytest.raises(InputError, match="stereoset: the items before or after are damaged"):
        list(compare_domains("stereoset", stereoset.judge, sides[0], [[sides[1]]]))


def test_crows_pairs_verdicts_are_compared(evaluated: tuple[Path, Path]) -> None:
    rows = [[row for row in read_items(d) if "pairs.csv" in row["benchmark"]] for d in evaluated]
    *_, whole = (c for c in compare_items("crows_pairs", crows_pairs.judge, *rows) if c.main)
    flips = [(b["prefers_more"], a["prefers_more"]) for b, a in zip(*rows, strict=True)]
    assert whole.gained == flips.count((False, True))
    assert whole.lost == flips.count((True, False))
    assert "stereotype_summed" in whole.beside


def test_directories_without_comparable_evaluations(evaluated, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"record.json cannot be read: No such file"):
        compare(evaluated[0], tmp_path)
    record = evaluated[0] / RECORD
    with pytest.raises(InputError, match=rf"{record} is a file; .*, such as {evaluated[0]}$"):
        compare(record, evaluated[1])
    broken = changed(evaluated[0], tmp_path / "broken")
    (broken / ITEMS).write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"items.parquet is not a readable"):
        compare(evaluated[0], broken)
    run = tmp_path / "run"
    for part in ("before", "after"):
        changed(evaluated[0], run / part)
    (run / RECORD).write_text("{}")
    with pytest.raises(InputError, match=r"is an unlearning run; compare .*before and .*after"):
        compare(run, evaluated[0])


def test_benchmarks_on_one_side_are_noted(evaluated, tmp_path: Path) -> None:
    record = read_record(evaluated[1] / RECORD, EvaluationRecord)
    first, second, third = record.results
    write_record(
        replace(
            record,
            results={first: record.results[first]},
            model=replace(record.model, dtype="bfloat16"),
        ),
        tmp_path / RECORD,
    )
    pq.write_table(pq.read_table(evaluated[1] / ITEMS), tmp_path / ITEMS)
    notes = " ".join(compare(evaluated[0], tmp_path).notes)
    assert "float32 before and bfloat16 after" in notes
    assert f"only before, so not compared: {second}, {third}" in notes


def test_the_gate_names_what_got_worse(evaluated, capsys) -> None:
    comparison = compare(*evaluated)
    stereo, text = comparison.cells[0].benchmark, next(iter(comparison.perplexity))
    worse = {
        f"{cell.benchmark}.{cell.domain}.distance"
        for cell in comparison.cells
        if cell.verdict == "more"
    }
    assert {line.split(" ")[0] for line in find_violations(comparison, "worse")} == worse
    for cell in comparison.cells:
        name = f"{cell.benchmark}.{cell.domain}.{cell.measure}"
        above, below = cell.score.delta + 0.5, cell.score.delta - 0.5
        assert not find_violations(comparison, f"{name} > {above:.4f}, {name} < {below:.4f}")
        assert len(find_violations(comparison, f"{name} > {below:.4f}")) == 1
    assert len(find_violations(comparison, f"{stereo}.*.lms < 1000, {stereo}.all.lms < 1000")) == 3
    assert len(find_violations(comparison, f"{text} > -99999")) == 1

    with pytest.raises(InputError, match="no bias score"):
        find_violations(replace(comparison, cells=()), "worse")

    with pytest.raises(SystemExit) as exit_:
        main(["compare", *map(str, evaluated), "--fail-if", f"{stereo}.all.lms<1000", "--json"])
    assert exit_.value.code == 1
    printed = capsys.readouterr()
    assert json.loads(printed.out)["kind"] == "comparison"
    assert printed.err.startswith(f"fairforget: --fail_if: {stereo}.all.lms ")
    main(["compare", *map(str, evaluated), f"--fail-if={stereo}.all.lms>1000"])


def test_gate_conditions_may_have_domains_with_spaces(evaluated) -> None:
    comparison = compare(*evaluated)
    cell = replace(comparison.cells[0], benchmark="bbq", domain="Age (names)")
    named = replace(comparison, cells=(cell,))
    assert len(find_violations(named, "bbq.Age (names).distance > -100")) == 1


@pytest.mark.parametrize(
    ("condition", "message"), [("bad", "is not a condition"), ("a.b > 1", "'a.b'")]
)
def test_invalid_gate_conditions(evaluated, capsys, condition, message) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["compare", *map(str, evaluated), "--fail-if", condition])
    assert exit_.value.code == 2
    assert message in capsys.readouterr().err


def evaluation(
    results: dict[str, dict[str, object]],
    items: list[dict[str, object]],
    name: str = "here",
    **record: object,
) -> Evaluation:
    """An evaluation that was read."""
    model = ModelFacts("tiny", 1234, "float32", name)
    environment = Environment("0.1.0", "2.9.0", "5.6.0", "3.11.9", "cpu")
    made = EvaluationRecord(model, results, environment, {}, **record)
    return Evaluation(Path(name), made, items)


STEREO = {"stereoset": {"protocol": "bos", "domains": {"all": {}, "race": {}, "gender": {}}}}
FLIPS = rows_of([True] * 9 + [False] * 3), rows_of([False] * 8 + [True] * 4)


def test_cells_are_those_of_the_items_corrected() -> None:
    sides = [evaluation(STEREO, rows) for rows in FLIPS]
    found = compare_evaluations(*sides)
    assert compare(*sides).cells == found.cells
    cells = compare_items("stereoset", stereoset.judge, *FLIPS, order=["race", "gender"])
    assert found.cells == tuple(adjust_p_values(cells))
    assert [cell.domain for cell in found.cells] == ["race", "gender", "all"]
    assert found.limitations == tuple(find_limitations(["stereoset"]))
    assert (found.notes, found.perplexity) == ((), {})
    assert (found.before.source, found.after.source) == ("tiny", "tiny")


def test_models_are_distinguished() -> None:
    sides = [evaluation(STEREO, rows, name) for rows, name in zip(FLIPS, "ab", strict=True)]
    found = compare_evaluations(*sides)
    assert (found.before.start_token, found.after.start_token) == ("a", "b")
    assert "Every text starts with the token a before, b after (--start_token)." in str(found)


def test_perplexities_are_compared_by_name() -> None:
    texts = {"perplexity:a": {"value": 20.0, "tokens": 9}, "perplexity:b": {"value": 10.0}}
    found = compare_evaluations(
        evaluation(texts, []),
        evaluation({"perplexity:b": {"value": 12.5}, "perplexity:c": {"value": 1.0}}, []),
    )
    assert found.perplexity == {"perplexity:b": Change(10.0, 12.5, 2.5)}
    assert found.cells == ()
    only_before, only_after = found.notes
    assert only_before.endswith("before, so not compared: perplexity:a.")
    assert only_after.endswith("after, so not compared: perplexity:c.")


def test_other_seeds_are_noted_where_they_count() -> None:
    def notes(benchmark: str, *seeds: int) -> tuple[str, ...]:
        sides = [evaluation({benchmark: {"value": 1.0}}, []) for _ in seeds]
        return compare_evaluations(
            *(
                replace(side, record=replace(side.record, seed=seed))
                for side, seed in zip(sides, seeds, strict=True)
            )
        ).notes

    (note,) = notes("lm-eval:gsm8k", 0, 7)
    assert note.startswith("Evaluated with seed 0 before and 7 after, so part of a change may be")
    assert "chance in lm-eval:gsm8k; " in note
    assert notes("lm-eval:gsm8k", 7, 7) == notes("other", 0, 7) == ()
    for unseeded in ("perplexity", "bbq", "bbq:chat", "decoding_trust"):
        assert notes(unseeded, 0, 7) == ()


def test_what_has_no_items_is_noted() -> None:
    """Where one side kept no items, the scores are in both records, but nothing is tested."""
    results = {
        **STEREO,
        "lm-eval:task": {"metrics": {}},
        "crows_pairs": {},
        "perplexity": {"value": 2.0},
    }
    for kept in ((True, False), (False, True), (False, False)):
        sides = [
            evaluation(results, rows if keep else [])
            for rows, keep in zip(FLIPS, kept, strict=True)
        ]
        found = compare_evaluations(*sides)
        assert found.cells == ()
        (note,) = found.notes
        assert ": stereoset, lm-eval:task, crows_pairs; " in note
    found = compare_evaluations(*(evaluation(results, rows) for rows in FLIPS))
    assert {cell.benchmark for cell in found.cells} == {"stereoset"}
    (note,) = found.notes
    assert ": lm-eval:task, crows_pairs; " in note
    assert found.perplexity["perplexity"].delta == 0


def test_evaluations_of_different_versions_or_devices_are_noted() -> None:
    before = evaluation(STEREO, FLIPS[0])
    made = before.record.environment

    def notes(**now: str) -> tuple[str, ...]:
        record = replace(before.record, environment=replace(made, **now))
        return compare_evaluations(before, replace(before, record=record)).notes

    assert notes(python="3.13.0", processor="another", numpy="2.4.0") == ()
    (note,) = notes(torch="2.10.0", device="cuda:0")
    assert note.startswith(
        "Scored with torch 2.9.0 before and 2.10.0 after, device cpu before and cuda after, so "
    )


def test_a_file_that_was_edited_meanwhile_is_not_compared() -> None:
    """Items of lm-eval name no text, and perplexity has no items."""
    for name in ("lm-eval:task.yaml", "perplexity:mine.txt"):
        sides = [evaluation({name: {"value": 2.0, "files": digest}}, []) for digest in "ab"]
        with pytest.raises(InputError, match="files 'a' before, 'b' after"):
            compare_evaluations(*sides)


def test_documents_of_lm_eval_are_compared() -> None:
    """Its record has metrics in place of the scores of domains."""
    sides = [
        evaluation(
            {"lm-eval:task": {"metrics": {}}},
            [
                {"benchmark": "lm-eval:task", "id": str(i), "domain": "task", "correct": i < right}
                for i in range(12)
            ],
        )
        for right in (3, 9)
    ]
    found = compare_evaluations(*sides)
    assert [(cell.domain, cell.score.delta) for cell in found.cells] == [("task", 50), ("all", 50)]
    assert found.notes == ()


def test_items_of_one_side_alone_are_refused() -> None:
    """Some were kept on both sides, but none of this benchmark on one."""
    results = {**STEREO, "crows_pairs": {}}
    pairs = [{"benchmark": "crows_pairs", "id": "1", "domain": "age"}]
    for sides in (FLIPS[0], pairs), (pairs, FLIPS[0]):
        with pytest.raises(InputError, match="stereoset cannot be compared: the items differ, 12"):
            compare_evaluations(*(evaluation(results, rows) for rows in sides))


@pytest.mark.parametrize("wrong", [{"score_stereotype": "x"}, {"score_unrelated": None}, {}])
def test_damaged_items_are_refused_with_both_places(wrong: dict[str, object]) -> None:
    rows = [{**row, **wrong} for row in FLIPS[0]]
    if not wrong:
        del rows[0]["term"]
    with pytest.raises(InputError, match=r"^stereoset: .* one or two .*; evaluate again"):
        compare_evaluations(evaluation(STEREO, rows, "one"), evaluation(STEREO, rows, "two"))


def test_settings_on_one_side_differ_too() -> None:
    other = {"stereoset": {**STEREO["stereoset"], "split": "dev"}}
    for sides, splits in (
        ((STEREO, other), "not recorded before, 'dev'"),
        ((other, STEREO), "'dev' before, not recorded"),
    ):
        with pytest.raises(
            InputError, match=f"^stereoset cannot be compared: split {splits} after;"
        ):
            compare_evaluations(*(evaluation(side, FLIPS[0]) for side in sides))
    several = {"stereoset": {"protocol": "x", "split": "y"}}
    with pytest.raises(InputError, match="protocol 'bos' before, 'x' after; split not recorded"):
        compare_evaluations(evaluation(STEREO, []), evaluation(several, []))


def test_ties_are_noted_with_their_side() -> None:
    tied = {"stereoset": {"protocol": "bos", "domains": {"all": {"ties": 9, "items": 12}}}}
    for sides, when in (((tied, STEREO), "before"), ((STEREO, tied), "after")):
        found = compare_evaluations(
            *(evaluation(side, rows) for side, rows in zip(sides, FLIPS, strict=True))
        )
        (note,) = found.notes
        assert "stereoset: 9 of 12 items are ties" in note
        assert note.endswith(f" ({when})")


def test_nothing_in_common_is_refused(evaluated: tuple[Path, Path], tmp_path: Path) -> None:
    one = read_record(evaluated[0] / RECORD, EvaluationRecord)
    for name, results in (
        ("one", one.results),
        ("none", {}),
        ("other", {"perplexity": {"value": 2.0}}),
    ):
        write_record(replace(one, results=results), tmp_path / name / RECORD)
        pq.write_table(pq.read_table(evaluated[0] / ITEMS), tmp_path / name / ITEMS)
    with pytest.raises(InputError) as error:
        compare(tmp_path / "one", tmp_path / "none")
    assert f"{tmp_path / 'one'} and {tmp_path / 'none'} have" in str(error.value)
    assert f": {', '.join(one.results)} before, none after" in str(error.value)
    with pytest.raises(InputError, match="none before, perplexity after"):
        compare(tmp_path / "none", tmp_path / "other")


def test_an_unlearning_run_names_the_evaluations_in_it(evaluated, tmp_path: Path) -> None:
    (tmp_path / RECORD).write_text("{}")
    changed(evaluated[0], tmp_path / "after")
    with pytest.raises(InputError) as error:
        compare(evaluated[0], tmp_path)
    assert str(error.value).endswith(f"compare {tmp_path / 'after'}")
    assert str(error.value).startswith(f"{tmp_path} is an unlearning run")
    changed(evaluated[0], tmp_path / "before")
    with pytest.raises(InputError, match=f"{tmp_path / 'before'} and {tmp_path / 'after'}$"):
        compare(tmp_path, evaluated[0])


def test_a_comparison_is_a_table_with_a_row_per_score() -> None:
    texts = {"perplexity": {"value": 20.0}}
    sides = [evaluation({**STEREO, **texts}, rows) for rows in FLIPS]
    comparison = compare_evaluations(*sides)
    cells = [
        replace(cell, score=replace(cell.score, ci=None)) if cell.domain == "race" else cell
        for cell in comparison.cells
    ]
    frame = replace(comparison, cells=tuple(cells)).to_pandas()
    assert list(frame.columns) == [
        *("benchmark", "domain", "measure", "before", "after", "delta", "delta_low", "delta_high"),
        *("bias_delta", "bias_delta_low", "bias_delta_high", "p", "p_adjusted", "verdict"),
    ]
    *rows, last = frame.to_dict("records")
    for row, cell in zip(rows, cells, strict=True):
        assert (row["benchmark"], row["domain"], row["measure"]) == ("stereoset", cell.domain, "ss")
        score = cell.score
        assert (row["before"], row["after"], row["delta"]) == (
            score.before,
            score.after,
            score.delta,
        )
        assert (row["p"], row["p_adjusted"]) == (cell.p, cell.p_adjusted)
        assert row["verdict"] == cell.verdict
        assert row["bias_delta"] == cell.distance.delta
        if score.ci:
            assert (row["delta_low"], row["delta_high"]) == score.ci
        else:
            assert np.isnan([row["delta_low"], row["delta_high"]]).all()
    assert (last["benchmark"], last["measure"]) == ("perplexity", "perplexity")
    assert (last["before"], last["after"], last["delta"]) == (20.0, 20.0, 0.0)
    html = comparison._repr_html_()
    assert all(f">{name}<" in html for name in ("race", "gender", "all", "perplexity", "delta_low"))


class ClosedPipe(StringIO):
    """What `| head` leaves of stdout."""

    def write(self, _: str) -> int:
        raise BrokenPipeError


def test_a_closed_pipe_is_no_failure(monkeypatch) -> None:
    """rich would exit with 1, which is also the status of `--fail_if`."""
    monkeypatch.setattr("sys.stdout", ClosedPipe())
    with pytest.raises(BrokenPipeError):
        print_content("a table")


@pytest.mark.parametrize("flags", [[], ["--json"]])
@pytest.mark.parametrize(("condition", "status"), [("< 1000", 1), ("> 1000", 0)])
def test_a_closed_pipe_hides_no_violation(
    evaluated: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    flags: list[str],
    condition: str,
    status: int,
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as stdout:
        monkeypatch.setattr("sys.stdout", stdout)
        ended: object = 0
        try:
            main(["compare", *map(str, evaluated), "--fail_if", f"*.all.lms {condition}", *flags])
        except SystemExit as exit_:
            ended = exit_.code
        stdout.flush()  # as Python does when it exits; an error makes the status 120
    assert ended == status
    assert (".all.lms" in capsys.readouterr().err) == bool(status)


def test_a_violation_that_nobody_reads_is_one(
    evaluated: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with `2>&1 | head`."""
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as stderr:
        monkeypatch.setattr("sys.stderr", stderr)
        with pytest.raises(SystemExit) as exit_:
            main(["compare", *map(str, evaluated), "--fail_if", "*.all.lms < 1000"])
        stderr.flush()
    assert exit_.value.code == 1


def test_an_empty_condition_is_no_gate(evaluated: tuple[Path, Path], capsys) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["compare", *map(str, evaluated), "--fail_if", ""])
    assert exit_.value.code == 2
    assert "'' is not a condition" in capsys.readouterr().err


def test_an_output_that_is_no_regular_file_is_refused(
    evaluated: tuple[Path, Path], tmp_path: Path, capsys
) -> None:
    """To read it would wait forever."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SystemExit) as exit_:
        main(["compare", *map(str, evaluated), "--output", str(tmp_path / "pipe")])
    assert exit_.value.code == 2
    assert "pipe' is not a regular file; choose another name" in capsys.readouterr().err
