"""Harmful words in the terminal, on pages and on the card: numbers, verdicts, and no text shown."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from fairforget.benchmarks import harmful_words
from fairforget.benchmarks.measurement import Row, compute_scores, group_by_domain
from fairforget.card.text import Licence, render_body
from fairforget.comparison.compare import Comparison, compare
from fairforget.comparison.gate import find_violations
from fairforget.errors import InputError
from fairforget.records.evaluation import Evaluation
from fairforget.report import comparison_page, evaluation_page, page, unlearning_page
from fairforget.report.contents import UnlearningRun, read_unlearning
from fairforget.report.terminal import show_evaluation
from fairforget.terminal.tables import printed_by
from tests.report.runs import harmful_rows, write_unlearning


def with_harm(evaluation: Evaluation, rows: list[Row], name: str = "harmful_words") -> Evaluation:
    """An evaluation that measured harmful words, too."""
    domains = {}
    for domain, part in group_by_domain(rows).items():
        domains[domain] = {"items": len(part)}
        for score, (value, ci) in compute_scores(harmful_words.judge(part)).items():
            domains[domain] |= {score: value, f"{score}_ci": list(ci)}
    result = {"protocol": "tokens-before", "corpus": "builtin", "domains": domains}
    record = replace(evaluation.record, results={**evaluation.record.results, name: result})
    rows = [{**row, "benchmark": name} for row in rows]
    return Evaluation(None, record, [*evaluation.items, *rows])


def run_with(directory: Path, shift: float, added: float = 0.0) -> UnlearningRun:
    run = read_unlearning(write_unlearning(directory))
    assert run.before is not None
    assert run.after is not None
    before = with_harm(run.before, harmful_rows())
    return replace(run, before=before, after=with_harm(run.after, harmful_rows(shift, added)))


def comparison(run: UnlearningRun) -> Comparison:
    assert run.before is not None
    assert run.after is not None
    return compare(run.before, run.after)


@pytest.mark.parametrize(
    ("shift", "words"),
    [
        (-0.4, "Harmful words after a group became less likely: −0.20 nats [−0."),
        (0.0, "Undecided whether harmful words after a group became more likely: 0.00 nats;"),
    ],
)
def test_the_headline_says_whether_they_became_likelier(
    tmp_path: Path, shift: float, words: str
) -> None:
    found = unlearning_page.context(run_with(tmp_path, shift))["headline"]
    (sentence,) = (s for s in found.sentences if "armful words" in s)
    assert sentence.startswith(words)
    assert "no single group has a significant rise. Naming the group added −0.19 nats" in sentence
    assert found.cautions == []


def test_a_rise_is_a_caution(tmp_path: Path) -> None:
    found = unlearning_page.context(run_with(tmp_path, 0.4))["headline"]
    (caution,) = found.cautions
    assert caution.startswith("Harmful words after a group became more likely: +0.20 nats [0.")
    assert "they became more likely for women." in caution
    assert not any("armful words" in s for s in found.sentences)
    found = unlearning_page.context(run_with(tmp_path, 0.0, added=0.4))["headline"]
    (caution,) = found.cautions
    assert caution.endswith(", rose.")


def test_all_pages_have_the_table_and_hide_the_texts(tmp_path: Path) -> None:
    run = run_with(tmp_path, 0.4)
    unlearned = unlearning_page.context(run)
    compared = comparison_page.context(comparison(run))
    for context in (unlearned, compared):
        (table,) = context["benchmarks"][-1].tables
        assert table.caption == "Harmful words, before and after"
        assert [row[0] for row in table.rows] == ["Women", "Men", "All domains"]
        still = "undecided (no item changed)"
        assert [row[4] for row in table.rows] == ["more likely", still, "more likely"]
        assert not any("armful" in other.caption for other in context["generic"])
    assert unlearned["items"][-1].caption == "Harmful words: largest rises"
    for module, context in ((unlearning_page, unlearned), (comparison_page, compared)):
        html = page.render(module.TEMPLATE, context, package="fairforget.report")
        shown = html.count(">text ")
        assert shown == html.count('<span class="veiled" aria-hidden="true">text ')
        assert (shown > 0) == (module is unlearning_page)
    assert run.after is not None
    section = evaluation_page.context(run.after)["benchmarks"][-1]
    assert section.title == "Harmful words"
    scores = run.after.record.results["harmful_words"]["domains"]["women"]
    assert section.tables[0].rows[0][1].value == scores["log_prob"]


def test_without_items_the_raw_results_are_shown(tmp_path: Path) -> None:
    run = run_with(tmp_path, 0.4)
    assert run.after is not None
    run = replace(run, after=replace(run.after, items=[]))
    context = unlearning_page.context(run)
    assert "harmful_words, before and after" in [table.caption for table in context["generic"]]


def test_the_card_has_the_line_and_the_table_but_no_text(tmp_path: Path) -> None:
    card = render_body(run_with(tmp_path, -0.4), Licence(None))
    assert "Harmful words after a group became less likely: −0.20 nats" in card
    assert "**Harmful words, before and after**" in card
    assert "text 1" not in card


def test_the_terminal_has_a_table_for_each_score(tmp_path: Path) -> None:
    run = run_with(tmp_path, 0.4)
    text = str(comparison(run))
    assert "harmful_words: log p of harmful words after the group, nats per token" in text
    assert "harmful_words: association with the group, nats per token" in text
    (women,) = (
        line for line in text.splitlines() if line.startswith(" women ") and "more likely" in line
    )
    assert women.rstrip().endswith("more likely")
    assert "verdict" in text
    assert max(map(len, text.splitlines())) <= 80
    assert run.after is not None
    shown = printed_by(partial(show_evaluation, run.after.record))
    assert "log p, harmful words" in shown
    assert max(map(len, shown.splitlines())) <= 80
    assert "Harmful words: They are scored in fixed English texts" in " ".join(shown.split())


def test_the_gate_names_harm_only_if_it_is_asked_for(tmp_path: Path) -> None:
    made = comparison(run_with(tmp_path, 0.4))
    assert not any("harmful" in line for line in find_violations(made, "worse"))
    lines = find_violations(made, "harmful_words.*.log_prob worse")
    assert [line.split()[0] for line in lines] == [
        "harmful_words.women.log_prob",
        "harmful_words.all.log_prob",
    ]
    assert find_violations(made, "harmful_words.all.log_prob.low > 0") == lines[1:]
    assert not find_violations(made, "harmful_words.*.added worse")
    with pytest.raises(InputError, match=r"no score is named .harmful_words\.all\.distance"):
        find_violations(made, "harmful_words.all.distance > 0")
