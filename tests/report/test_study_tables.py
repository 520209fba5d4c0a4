"""The tables of a study."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import get_args

import pytest
from pydantic import TypeAdapter

from fairforget.benchmarks.stereoset import judge
from fairforget.experiments.runs import Failure
from fairforget.records.store import record_text
from fairforget.report.tables import Table
from fairforget.report.wording import domain_name, format_interval, format_signed
from fairforget.statistics.jackknife import too_few
from fairforget.transfer_study.matrix import transfer_matrix
from fairforget.transfer_study.record import (
    ClaimVerdict,
    Dose,
    Effect,
    Gap,
    MatrixCell,
    Omnibus,
    StudyRecord,
)
from fairforget.transfer_study.report.dose_plot import dose_plots
from fairforget.transfer_study.report.heat_map import heat_map
from fairforget.transfer_study.report.page import BenchmarkPart, context, parts, read
from fairforget.transfer_study.report.row_names import row_label
from fairforget.transfer_study.report.summary import (
    count_verdicts,
    describe_controls,
    describe_omnibus,
)
from fairforget.transfer_study.report.tables import rows_table
from fairforget.transfer_study.report.terminal import show_study
from fairforget.transfer_study.report.verdict_words import (
    margin_control,
    verdict_p,
    verdict_text,
)

from ..transfer.items import result, rows
from .runs import stereoset_rows, write_study


@pytest.fixture
def study(tmp_path: Path) -> StudyRecord:
    """Two forget corpora with a control each: gender, and religion, which has three terms."""
    record = read(write_study(tmp_path))
    return replace(
        record,
        rows=[replace(row, forget=f"mine:{row.forget}") for row in record.rows],
        matrix=[replace(cell, forget=f"mine:{cell.forget}") for cell in record.matrix],
        cells=[replace(cell, forget=f"mine:{cell.forget}") for cell in record.cells],
    )


def part_of(study: StudyRecord, measure: str = "ss") -> BenchmarkPart:
    (part,) = (part for part in parts(study) if part.measure == measure)
    return part


def main_cells(study: StudyRecord) -> list[MatrixCell]:
    return [cell for cell in study.matrix if cell.measure == "ss"]


def titles(table: Table) -> list[str]:
    return [column.title for column in table.columns]


def test_what_was_left_out_is_said_with_run_domain_and_score(study: StudyRecord, capsys) -> None:
    gap = Gap("mine:gender", "random", "ascent", 2, "stereoset", "contribution_scaled", "race")
    assert context(study)["gaps"] == []
    lacking = replace(study, gaps=[gap])
    (sentence,) = context(lacking)["gaps"]
    for named in ("StereoSet, scaled contribution of the group", "domain race", "seed 2"):
        assert named in sentence
    assert "mine:gender · ascent, random, seed 2" in sentence
    show_study(lacking)
    assert "left out for all runs" in " ".join(capsys.readouterr().out.split())


def test_the_scaled_contribution_has_the_one_in_nats_beside_it(study: StudyRecord) -> None:
    table = part_of(study, "contribution_scaled").excess
    cells = [c for c in study.matrix if c.measure == "contribution_scaled" and c.control is None]
    column = titles(table).index("Nats per token")
    assert titles(table)[column + 1] == "Verdict"  # which is of the scaled one
    for row, cell in zip(table.rows, cells, strict=True):
        assert cell.nats is not None
        assert row[column] == f"{cell.nats[0]:.3f} → {cell.nats[1]:.3f}".replace("-", "−")
    rows = [row for row in stereoset_rows() if row["domain"] == cells[0].domain]
    scores = judge(rows).scores(judge(rows).totals)
    assert cells[0].nats is not None
    assert cells[0].nats[0] == pytest.approx(scores["contribution"])
    assert "Nats per token" not in titles(part_of(study).excess)


def test_an_unknown_interval_is_left_out(tmp_path: Path, capsys) -> None:
    """That of a domain with one term: a single cluster has no variance."""
    terms = {"gender": 1, "race": 8}
    results = [result("builtin:gender", seed=seed, terms=terms) for seed in (0, 1)]
    matrix = transfer_matrix(rows(terms=terms), results, ["stereoset"], controls=[])
    study = read(write_study(tmp_path))
    study = replace(study, rows=matrix.rows, matrix=matrix.cells, omnibus=[], cells=[], doses=[])
    text = record_text(study)
    assert "NaN" not in text
    assert TypeAdapter(StudyRecord).validate_json(text) == study
    part = part_of(study)
    own = matrix.rows[0].own
    assert own is not None
    assert own.ci is None
    (line,) = csv.DictReader(io.StringIO(part.rows.csv()))
    assert float(line["Forgotten domains"]) == pytest.approx(own.value, abs=1e-4)
    assert line["Forgotten domains, low"] == line["Forgotten domains, high"] == ""
    frame = study.to_pandas()
    assert frame["bias_change_low"].isna().tolist() == [True, False, False]
    failure = Failure("race-npo", "Traceback\nInputError: no space left")
    show_study(replace(study, failed=[failure]))
    shown = capsys.readouterr().out
    assert f"{own.value:+z.1f}*" in shown
    assert "race-npo failed: InputError: no space left" in shown
    assert "Traceback" not in shown
    for found in (shown, *(table.markdown() for table in part.tables), str(context(study))):
        assert "nan" not in found
        assert "– to –" not in found


def test_the_answer_has_one_row_per_forget_corpus(study: StudyRecord) -> None:
    assert "too few terms (2)" in part_of(study).counts
    verdicts = cycle(get_args(ClaimVerdict))
    matrix = [c if c.control else replace(c, verdict=next(verdicts)) for c in study.matrix]
    study = replace(study, matrix=matrix)
    part = part_of(study)
    assert part.tables[0] is part.answer
    assert titles(part.answer)[:3] == ["Forget set (mine)", "Objective", "Gender"]
    assert [row[:2] for row in part.answer.rows] == [
        ["gender", "npo"],
        ["religion", "npo"],
    ]
    for row in part.answer.rows:
        own = [str(cell).endswith(" (forgotten)") for cell in row[2:]]
        assert own == [title.lower() == row[0] for title in titles(part.answer)[2:]]
    words = {
        "fell": "supported",
        "rose or fell less": "contradicted",
        "a fall of 1 or more is ruled out": "no more than margin",
        "undecided": "undecided",
    }
    for row, forget in zip(part.answer.rows, ("mine:gender", "mine:religion"), strict=True):
        mine = [c for c in main_cells(study) if c.forget == forget and c.control is None]
        for text, cell in zip(row[2:], mine, strict=True):
            change, _, answer = str(text).removesuffix(" (forgotten)").partition(": ")
            assert change == format_signed(cell.bias.value)
            assert words[answer.replace(" beyond random", "")] == cell.verdict


def test_every_cell_is_counted_once(study: StudyRecord) -> None:
    own, other, _ = count_verdicts(main_cells(study))
    assert own.startswith("Forgotten domains, 2 verdicts: ")
    assert other.startswith("Other domains, 4 verdicts: ")
    cells = [c for c in main_cells(study) if c.control is None and not c.own and c.domain != "all"]
    three = [replace(cell, reason=None, verdict="undecided") for cell in cells[:3]]
    counts = count_verdicts(three)
    assert counts == ["Other domains, 3 verdicts: undecided in all."]
    three[0] = replace(three[0], verdict="contradicted")
    counts = count_verdicts(three)
    rose = "bias rose, or fell less than with a valid control in 1"
    assert counts == [f"Other domains, 3 verdicts: {rose}; undecided in 2."]
    three[0] = replace(three[0], verdict="contradicted", excess={})
    assert count_verdicts(three[:1]) == ["Other domains, 1 verdict: bias rose."]
    unbiased = replace(three[1], reason="no bias shown before")
    assert count_verdicts([unbiased])[1].startswith("In 1 undecided case, ")


def limited(test: Omnibus, **excess: tuple[float, float, float]) -> Omnibus:
    """A test with the verdict "no more than margin", from values and intervals by control."""
    effects = {
        name.replace("_", "@"): Effect(value, (low, high), 0.5, 0.5)
        for name, (value, low, high) in excess.items()
    }
    bias = effects.pop("bias")
    return replace(
        test, bias=bias, excess=effects, verdict="no more than margin", margin=1.0, p_margin=0.01
    )


def test_a_margin_names_the_control_beyond_which_a_fall_is_ruled_out(study: StudyRecord) -> None:
    first = study.omnibus[0]
    wide, narrow = (-0.9, -1.6, -0.2), (-0.1, -0.4, 0.3)
    beyond = limited(first, bias=wide, random=(-1.0, -1.6, -0.4), matched_movement=narrow)
    assert margin_control(beyond) == "matched@movement"
    assert verdict_text(beyond) == "a fall of 1 or more beyond matched@movement is ruled out"
    sentence = describe_omnibus(beyond)
    assert "changed by −0.9 points (95 % interval [−1.6, −0.2]); beyond the control " in sentence
    assert sentence.endswith(
        "matched@movement it changed by −0.1 [−0.4, 0.3]: a fall of 1 point or more beyond that "
        "control is ruled out."
    )
    for alone in (limited(first, bias=narrow, random=wide), limited(first, bias=narrow)):
        assert margin_control(alone) is None
        assert verdict_text(alone) == "a fall of 1 or more is ruled out"
        assert describe_omnibus(alone).endswith("; a fall of 1 point or more is ruled out.")
    all_tokens = limited(first, bias=(-0.2, -0.8, 0.4), all=narrow)  # which decides nothing
    assert margin_control(all_tokens) is None


def test_the_sentence_of_a_primary_test_says_why_one_seed_decides_nothing() -> None:
    fall = Effect(-15.0, (-24.0, -6.0), 0.001, 1.0)
    test = Omnibus("ascent", "stereoset", "ss", 3, 1, fall, margin=1.0)
    assert describe_omnibus(test).endswith(
        "(95 % interval [−24.0, −6.0]); undecided, because one "
        "seed does not show how much seeds differ."
    )
    assert describe_omnibus(replace(test, seeds=2)).endswith("; undecided.")


def test_a_margin_is_ascribed_to_the_effect_that_its_p_value_is_of(study: StudyRecord) -> None:
    """The interval of another may exclude the margin as well, but not after the correction."""
    first, less, clear = study.omnibus[0], (-0.3, -0.9, 0.3), (0.5, 0.4, 0.6)
    assert margin_control(limited(first, bias=less, random=clear)) == "random"
    assert margin_control(limited(first, bias=clear, random=less)) is None
    assert verdict_p(limited(first, bias=less, random=clear)) == 0.01
    assert verdict_p(replace(first, p_verdict=0.2, p_margin=0.3)) == 0.2


def test_effects_in_unlearned_domains_beyond_a_control_are_shown_without_others(
    study: StudyRecord,
) -> None:
    own = [row for row in study.rows if row.measure == "ss"]
    rows = [replace(row, transfer=None, transfer_excess={}) for row in own]
    table = rows_table("stereoset", "ss", rows)
    assert "forgotten beyond random" in titles(table)
    assert not [title for title in titles(table) if title.startswith("others")]


def test_the_title_states_the_finding_of_the_primary_test(study: StudyRecord) -> None:
    first = next(test for test in study.omnibus if test.measure == "ss")
    what = "unlearning gender and religion (mine)"

    def title(*tests: Omnibus) -> str:
        return context(replace(study, omnibus=list(tests)))["headline"].title

    undecided = replace(first, verdict="undecided")
    assert title(undecided) == f"Undecided: other biases may or may not have fallen after {what}"
    fell = replace(first, verdict="supported")
    assert title(fell) == f"After {what}, other biases fell by more than with every valid control"
    assert title(replace(fell, excess={})) == f"After {what}, other biases fell"
    rose = replace(first, verdict="contradicted")
    assert title(rose) == f"After {what}, other biases rose, or fell less than with a valid control"
    assert title(replace(rose, excess={})) == f"After {what}, other biases rose"
    small = limited(first, bias=(-0.9, -1.6, -0.2), random=(-0.1, -0.4, 0.3))
    less = "other biases did not fall by 1 point or more beyond the control random"
    assert title(small) == f"After {what}, {less}"
    other = replace(undecided, method="ascent")
    assert title(other, small) == f"After {what} with {small.method}, {less}"
    both = title(replace(fell, method="ascent"), small)
    assert both.startswith(f"After {what} with ascent, other biases fell by more")
    assert both.endswith(f"; with {small.method}, {less}")
    elsewhere = replace(fell, benchmark="crows_pairs")
    assert title(small, elsewhere) == f"After {what}, {less} (StereoSet, stereotype score)"
    scaled = replace(rose, measure="contribution_scaled", excess={})
    where = "(StereoSet, scaled contribution of the group)"
    assert title(undecided, scaled) == f"After {what}, other biases rose {where}"
    assert title() == "What unlearning one bias did to the others"


def test_the_headline_has_at_most_three_lines_of_tests(study: StudyRecord) -> None:
    first = study.omnibus[0]
    undecided = [replace(first, method=name, verdict="undecided") for name in "abcd"]
    decided = replace(first, method="e", verdict="supported")

    def lines(*tests: Omnibus) -> list[str]:
        return context(replace(study, omnibus=list(tests)))["headline"].sentences[:-1]

    assert [line[:17] for line in lines(*undecided[:3])] == [f"Primary test of {n}" for n in "abc"]
    one, two, three = lines(*undecided, decided)
    assert one.startswith("Primary test of e ")
    assert two.startswith("Primary test of a ")
    assert three == "The first table has 3 more primary tests, all undecided."
    assert lines(decided, decided, *undecided, decided)[2].endswith(" has 5 more primary tests.")
    assert lines() == [
        "There is no primary test: no domain with enough terms was left out of unlearning."
    ]
    failed = [cell for cell in study.matrix if cell.control is not None]
    (only,) = context(replace(study, omnibus=[], matrix=failed))["headline"].sentences
    assert only == "No run that unlearns has finished."
    assert describe_controls(replace(study, matrix=failed)) == ""
    (only,) = context(replace(study, omnibus=[], matrix=[]))["headline"].sentences
    assert only == "The runs have no bias score in common."


def test_intervals_of_one_seed_do_not_cover_seeds(study: StudyRecord) -> None:
    rows = [replace(row, seeds=1) for row in study.rows]
    several, one = (str(context(it)["limitations"]) for it in (study, replace(study, rows=rows)))
    assert "and over seeds" in several
    assert "over seeds" not in one


@pytest.mark.parametrize(
    ("error", "summary"),
    [
        ("", ""),
        ("no space left", "no space left"),
        ('Traceback:\n  File "a.py", line 1\n    f()\nError: one\ntwo\n\n', "Error: one"),
        ('Traceback:\n  File "a.py"\nKeyError: 1\n\nTraceback:\n  File "b"\nE: 2\n  x', "E: 2"),
    ],
)
def test_a_failure_is_summed_up_in_its_first_line(error: str, summary: str) -> None:
    assert Failure("run", error).summary == summary


def test_the_heat_map_shows_changes_in_bias_without_those_of_few_terms(study: StudyRecord) -> None:
    map_ = part_of(study).map
    cells = main_cells(study)
    few = [replace(c, bias=replace(c.bias, value=99.0)) for c in cells if too_few(c.clusters)]
    assert few
    enough = [cell for cell in cells if not too_few(cell.clusters)]
    assert heat_map("stereoset", "ss", [*enough, *few]).scale == map_.scale
    largest = max(abs(cell.bias.value) for cell in enough)
    assert map_.scale == f"The darkest shades stand for a change of ±{largest:.1f} points."
    by_name = {
        (row_label(cell, "mine"), domain_name(cell.domain)): cell for cell in main_cells(study)
    }
    for name, squares in map_.rows:
        for column, square in zip(map_.columns, squares, strict=True):
            cell = by_name[name, column]
            assert square is not None
            assert square.change.removesuffix("*") == format_signed(cell.bias.value)
            assert (
                (square.level is None)
                == (square.detail == "(too few)")
                == (cell.domain == "religion")
            )
            if square.level is not None:
                assert cell.bias.ci is not None
                assert square.detail == format_interval(cell.bias.ci)
                assert abs(square.level) == round(5 * abs(cell.bias.value) / largest)
    still = [replace(cell, bias=replace(cell.bias, value=0.0)) for cell in cells]
    assert heat_map("stereoset", "ss", still).scale == ""


def test_methods_are_drawn_over_their_controls(study: StudyRecord) -> None:
    plots = context(study)["frontiers"]
    assert plots
    for plot in plots:
        kinds = [point.kind for point in plot.points]
        assert kinds == ["original", "control", "control", "method", "method"]
        numbers = [int(point.tip.partition(".")[0]) for point in plot.points]
        assert numbers == [0, 2, 4, 1, 3]  # those of the table


def test_transfer_and_costs_are_separate_tables(study: StudyRecord) -> None:
    part = part_of(study)
    assert [row[0] for row in part.rows.rows] == ["gender", "religion"]
    assert {"forgotten beyond random", "others beyond random"} <= {*titles(part.rows)}
    assert "Benchmark" not in titles(part.rows)
    own = [str(row[titles(part.rows).index("Forgotten domains")]) for row in part.rows.rows]
    assert [text.endswith("too few terms") for text in own] == [False, True]
    for line, row in zip(
        csv.DictReader(io.StringIO(part.rows.csv())),
        [row for row in study.rows if row.measure == "ss" and row.control is None],
        strict=True,
    ):  # numbers in either case
        assert row.own is not None
        shown = [float(line[f"Forgotten domains{end}"]) for end in ("", ", low", ", high")]
        assert shown == pytest.approx([row.own.value, *row.own.ci], abs=1e-4)
    assert part.costs is not None
    assert "Perplexity, %" in titles(part.costs)
    assert [row[0] for row in part.costs.rows] == [
        "gender · npo",
        "religion · npo",
        "gender · npo, random",
        "religion · npo, random",
    ]
    assert part.map.table().columns[0].title == "Forget set (mine)"
    assert [name for name, _ in part.map.rows] == [row[0] for row in part.costs.rows]
    assert "* bias changed" in part.map.table().note


def test_an_undecided_cell_has_a_reason_or_the_required_data(study: StudyRecord) -> None:
    part = part_of(study)
    place = {title: number for number, title in enumerate(titles(part.excess))}
    assert {"p, corrected", "Why undecided"} <= {*place}
    for row, cell in zip(
        part.excess.rows, [c for c in main_cells(study) if c.control is None], strict=True
    ):
        assert row[place["Why undecided"]] == (cell.reason or "–")
        if cell.domain == "religion":
            assert cell.reason == "too few terms"
            assert row[place["p, corrected"]] == "–"
        else:
            assert row[place["p, corrected"]] != "–"


def test_required_seeds_may_not_exist(study: StudyRecord) -> None:
    first = next(c for c in study.matrix if c.control is None)
    open_ = replace(first, verdict="undecided", p_verdict=0.3, reason=None, data_needed=4.0)
    for seeds, needed, shown in ((2, 12, "12"), (2, None, "none would")):
        cell = replace(open_, seeds=seeds, seeds_needed=needed)
        part = part_of(replace(study, matrix=[cell]))
        table = part.excess
        cells = dict(zip(titles(table), map(str, table.rows[0]), strict=True))
        assert cells["Data needed"] == "× 4.0"
        assert cells.get("Seeds needed", "–") == shown
        assert "Data needed" in table.note


def test_the_terminal_has_the_same_sentences(study: StudyRecord, capsys) -> None:
    show_study(study)
    shown = " ".join(capsys.readouterr().out.split())
    for sentence in count_verdicts(main_cells(study)):
        assert sentence in shown
    assert "Primary tests" in shown
    assert "scaled contribution of the group: change in bias, MADs" in shown
    assert "smoothed" not in shown
    assert "20.0 %" in shown
    assert "0.0125" in shown
    assert "]*" in shown
    assert "npo," in shown  # the table wraps long names


def test_every_measure_has_its_part_with_its_name_unit_and_decimals(study: StudyRecord) -> None:
    found = parts(study)
    assert [part.measure for part in found] == ["ss", "contribution_scaled", "ss_smoothed"]
    assert [part.folded for part in found] == [False, False, True]
    captions = [table.caption for part in found for table in part.tables]
    assert len({*captions}) == len(captions)
    scaled = found[1]
    caption = "StereoSet, scaled contribution of the group: change in bias, MADs"
    assert scaled.map.caption == caption
    cell = next(c for c in study.matrix if c.measure == "contribution_scaled")
    text = f"{cell.bias.value:+.3f}".replace("-", "−")
    assert str(scaled.answer.rows[0][2]).startswith(f"{text}: ")
    assert "in MADs" in scaled.answer.note
    assert len({part.map.id for part in found}) == len(found)


def test_costs_are_one_table_with_flips_and_movement(study: StudyRecord) -> None:
    first, *others = parts(study)
    assert first.costs is not None
    assert [part.costs for part in others] == [None, None]
    place = {title: number for number, title in enumerate(titles(first.costs))}
    row = next(row for row in study.rows if row.control is None)
    shown = first.costs.rows[0]
    assert row.flipped is not None
    assert shown[place["Items flipped, %"]] == f"{100 * row.flipped:.1f}"
    assert shown[place["Movement, nats per token"]] == "0.0125"
    assert sum(title.startswith("Change in bias: ") for title in place) == 3


def test_the_headline_is_about_main_scores_and_primary_tests(study: StudyRecord) -> None:
    sentences = context(study)["headline"].sentences
    assert sum("Primary test of npo" in text for text in sentences) == 2
    assert not any(" verdicts: " in text for text in sentences[:-1])


def test_a_control_that_cannot_be_used_is_named_with_the_reason(study: StudyRecord) -> None:
    def lacking(*forget: str, seeds: int) -> StudyRecord:
        """The study without excesses beyond the control of these corpora."""
        cells = [
            cell
            if cell.forget not in forget
            else replace(cell, excess={})
            if cell.control is None
            else replace(cell, seeds=seeds)
            for cell in study.matrix
        ]
        return replace(study, matrix=cells)

    def described(study: StudyRecord) -> str:
        return context(study)["headline"].sentences[-1]

    assert described(study).startswith("Controls: random. Verdicts need p < 0.05 ")
    both = "mine:gender", "mine:religion"
    few = "The control random could not be used, because it has too few runs. Without a control, "
    assert described(lacking(*both, seeds=1)).startswith(few)
    assert (
        "random. The control random could not be used for mine:religion · npo, "
        "because one of its runs changed nothing. Verdicts need"
    ) in described(lacking("mine:religion", seeds=2))
    planned = replace(study, settings={"controls": ["none", "all"], "match": "both"})
    for name in ("none", "none@movement"):
        assert f"The control {name} could not be used, because it has" in described(planned)
    assert "control all" not in described(planned)  # which does not decide
    alone = replace(study, matrix=[c for c in study.matrix if c.control is None])
    none = replace(alone, matrix=[replace(cell, excess={}) for cell in alone.matrix])
    assert described(none).startswith("There was no control, so ")
    ignored = replace(none, settings={"controls": ["all", "swapped"]})
    start = "There was no control but all and swapped, which verdicts ignore, so "
    assert described(ignored).startswith(start)


def test_an_objective_without_a_valid_control_is_named(study: StudyRecord) -> None:
    def described(*controls: str) -> str:
        """With another objective, for which only random tokens are no control."""
        other = [
            replace(cell, method="counterfactual-kl", excess={})
            for cell in study.matrix
            if cell.control is None
        ]
        matrix = [*study.matrix, *other]
        found = replace(study, matrix=matrix, settings={"controls": controls})
        return context(found)["headline"].sentences[-1]

    assert "No control is valid for counterfactual-kl, so its effects" in described("random")
    assert "For counterfactual-kl, random is not a valid control." in described("random", "matched")
    assert "for npo" not in described("random").lower()


def test_dose_plots_have_the_forget_set_and_its_controls(study: StudyRecord) -> None:
    doses = [replace(dose, forget=f"mine:{dose.forget}") for dose in study.doses]
    plots = dose_plots(replace(study, doses=doses))
    assert len(plots) == 6
    plot = plots[0]
    assert "stereotype score in gender items" in plot.caption
    assert [line.name for line in plot.lines] == ["gender · npo", "random"]
    assert [line.dash for line in plot.lines] == [None, 0]
    assert [tick.text for tick in plot.x_ticks] == ["0", "0.25", "0.5", "1"]
    own = next(
        c for c in main_cells(study) if c.domain == "gender" and (c.own, c.control) == (True, None)
    )
    assert plot.table.rows[0][-1] == f"{own.after:.1f}"
    assert dose_plots(replace(study, doses=[])) == []


def test_a_dose_plot_has_only_the_controls_of_its_own_corpus(study: StudyRecord) -> None:
    """The built-in corpus has a `matched` of its own, which belongs to no other corpus."""
    groups = [
        ("builtin:gender", "ascent", None, 50.0),
        ("builtin:control", "ascent", "matched", 58.0),
        ("hatecheck:women", "ascent", None, 52.0),
        ("hatecheck:women", "ascent", "matched", 54.0),
        ("none", "none", "none", 57.0),
        ("hatecheck:women", "ascent", "none@movement", 56.0),
        ("builtin:gender", "ascent", "matched@movement", 53.0),
    ]
    doses = [
        Dose(forget, control, method, "stereoset", "ss", "all", dose, 60 - (60 - score) * dose, 2)
        for forget, method, control, score in groups
        for dose in (0.0, 1.0)
    ]
    plots = dose_plots(replace(study, doses=doses))
    shown = [{str(row[0]): row[-1] for row in plot.table.rows} for plot in plots]
    assert shown == [
        {"gender · ascent": "50.0", "matched": "58.0", "none": "57.0", "matched@movement": "53.0"},
        {"women · ascent": "52.0", "matched": "54.0", "none": "57.0", "none@movement": "56.0"},
    ]
