"""What pages say of how reliable their numbers are."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from fairforget.records.records import HarmfulWordFacts
from fairforget.report.before_after import BeforeAfter, before_after
from fairforget.report.cell_words import describe_p, shown_interval
from fairforget.report.contents import UnlearningRun, read_unlearning
from fairforget.report.evidence import list_choices, list_run_evidence

from .runs import write_unlearning


def changes_of(run: UnlearningRun) -> BeforeAfter:
    assert run.before
    assert run.after
    return before_after(run.before, run.after)


@pytest.mark.parametrize(
    ("benchmarks", "data"),
    [
        (["stereoset"], "StereoSet"),
        (["stereoset:typos", "harmful_words:hatecheck:500"], "StereoSet and HateCheck"),
        (["harmful_words:hatecheck"], "HateCheck"),
    ],
)
def test_the_data_that_settings_were_chosen_on_are_named(benchmarks: list[str], data: str) -> None:
    ((title, text),) = list_choices("trait-kl", [*benchmarks, "honest"])
    assert title == "Not held out."
    assert f"were chosen with SmolLM2, partly by scores on {data}." in text
    ((_, text),) = list_choices("trait-kl", ["harmful_words:500:hatecheck?label=other"])
    assert "HateCheck" in text
    assert list_choices("ascent", benchmarks) == list_choices(None, benchmarks) == []


def test_no_settings_were_chosen_on_own_texts_or_on_other_benchmarks() -> None:
    others = ["harmful_words", "harmful_words:hatecheck.csv", "honest", "perplexity"]
    assert list_choices("trait-kl", others) == []


def test_the_change_of_harmful_words_is_compared_with_that_after_a_neutral_word(
    tmp_path: Path,
) -> None:
    record = read_unlearning(write_unlearning(tmp_path, measured=False)).record
    words = HarmfulWordFacts(0.1, -9.0, -8.7, 0.3, -0.2, -0.1, 40)
    budget = replace(record.budget, harmful_words=words)
    *_, sentence = list_run_evidence(BeforeAfter({}, []), replace(record, budget=budget), [])
    assert sentence == (
        "Harmful words after a group changed by +0.30 nats, and by +0.20 after a neutral word, so "
        "what naming the group adds to them changed by +0.10 nats (40 built-in texts, no interval)."
    )


def test_a_domain_of_too_few_terms_has_no_test(tmp_path: Path) -> None:
    run = read_unlearning(write_unlearning(tmp_path))
    religion, total, *_ = list_run_evidence(changes_of(run), run.record, ["religion"])
    assert religion.startswith("StereoSet, religion: 30 pairs about 3 terms, scored before and")
    assert religion.endswith("; there are too few target terms for a test.")
    assert re.search(r"towards it in 0; the change has p [=<] [\d.]+, Holm-corrected\.$", total)


def test_a_domain_of_too_few_terms_has_no_p_value(tmp_path: Path) -> None:
    changes = changes_of(read_unlearning(write_unlearning(tmp_path)))
    shown = {c.domain: describe_p(c.paired) for c in changes.benchmarks["stereoset"]}
    assert shown.pop("religion") == describe_p(None) == "\N{EN DASH}"
    assert "\N{EN DASH}" not in shown.values()


def test_a_change_without_a_changed_item_has_no_interval(tmp_path: Path) -> None:
    still, moved = (
        changes_of(read_unlearning(write_unlearning(tmp_path / str(shift), shift=shift)))
        for shift in (0.0, 0.3)
    )
    for change in still.benchmarks["stereoset"]:
        assert change.paired
        assert change.paired.score.ci == (0.0, 0.0)
        assert shown_interval(change.paired) is None
    for change in moved.benchmarks["stereoset"]:
        assert change.paired
        assert shown_interval(change.paired) == change.paired.score.ci
    assert shown_interval(None) is None
