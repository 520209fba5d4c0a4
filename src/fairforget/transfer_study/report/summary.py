"""The result of a transfer study in sentences: the primary tests and the number of verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import get_args

from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import measure_of
from fairforget.corpora.reading import parse_name
from fairforget.report.headline import Headline
from fairforget.report.wording import (
    format_interval,
    format_score,
    format_signed,
    join_words,
    without_folders,
)
from fairforget.terminal.messages import count_of
from fairforget.transfer_study.plan import control_group, lacks_cause, name_controls
from fairforget.transfer_study.record import ClaimVerdict, MatrixCell, Omnibus, StudyRecord
from fairforget.transfer_study.report.row_names import (
    forget_label,
    row_label,
    score_name,
    shared_corpus,
)
from fairforget.transfer_study.report.verdict_words import (
    decisive_excess,
    describe_margin,
    describe_verdict,
    margin_control,
    margin_text,
    verdict_text,
)

MOST_TESTS = 3
"""Number of primary tests that the headline describes."""
MOST_NAMES = 3
"""Number of forget sets that the title names."""
NOTHING_UNLEARNED = "No run that unlearns has finished."
NOTHING_SCORED = "The runs have no bias score in common."


def headline(study: StudyRecord) -> Headline:
    """The result of the primary tests, and how the verdicts were reached."""
    if not _has_unlearned(study):
        return Headline(_title(study), [NOTHING_UNLEARNED if study.matrix else NOTHING_SCORED])
    tests = _describe_tests(study.omnibus) or [
        "There is no primary test: no domain with enough terms was left out of unlearning."
    ]
    return Headline(_title(study), [*tests, describe_controls(study)])


def _has_unlearned(study: StudyRecord) -> bool:
    """Whether a run that unlearns has finished, and has a score."""
    return any(cell.control is None for cell in study.matrix)


def _title(study: StudyRecord) -> str:
    """The verdicts of the primary tests on the first score of which one is decided."""
    if not study.omnibus:
        return "What unlearning one bias did to the others"
    first = next((t for t in study.omnibus if t.verdict != "undecided"), study.omnibus[0])
    score, what = (first.benchmark, first.measure), _name_forget_sets(study)
    several = len({(test.benchmark, test.measure) for test in study.omnibus}) > 1
    where = f" ({score_name(*score)})" if several else ""
    tests = [test for test in study.omnibus if (test.benchmark, test.measure) == score]
    outcomes: dict[str, list[str]] = {}
    for test in tests:
        if test.verdict != "undecided":
            outcomes.setdefault(_outcome(test), []).append(test.method)
    if not outcomes:
        return f"Undecided: other biases may or may not have fallen after unlearning {what}{where}"
    if list(map(len, outcomes.values())) == [len(tests)]:
        return f"After unlearning {what}, {next(iter(outcomes))}{where}"
    clauses = [f"with {join_words(methods)}, {text}" for text, methods in outcomes.items()]
    return f"After unlearning {what} {'; '.join(clauses)}{where}"


def _outcome(test: Omnibus) -> str:
    """The verdict of a decided primary test as a clause of the title."""
    if test.verdict == "no more than margin":
        return f"other biases did not fall by {describe_margin(test)}"
    return f"other biases {verdict_text(test)}"


def _name_forget_sets(study: StudyRecord) -> str:
    """What was unlearned: "gender and race (hatecheck)", or "all of hatecheck"."""
    cells = [cell for cell in study.matrix if cell.control is None]
    corpus = shared_corpus(cells)
    labels = {
        cell.forget: without_folders(forget_label(cell, corpus))
        if parse_name(cell.forget).part
        else f"all of {without_folders(cell.forget)}"
        for cell in cells
    }
    names = list(labels.values())
    listed = join_words(names) if len(names) <= MOST_NAMES else f"{len(names)} forget sets"
    return f"{listed} ({without_folders(corpus)})" if corpus else listed


def _describe_tests(tests: Sequence[Omnibus]) -> list[str]:
    """The primary tests in at most `MOST_TESTS` sentences; decided tests come first."""
    ordered = sorted(tests, key=lambda test: test.verdict == "undecided")
    if len(ordered) <= MOST_TESTS:
        return list(map(describe_omnibus, ordered))
    described, others = ordered[: MOST_TESTS - 1], ordered[MOST_TESTS - 1 :]
    undecided = ", all undecided" if others[0].verdict == "undecided" else ""
    return [
        *map(describe_omnibus, described),
        f"The first table has {len(others)} more primary tests{undecided}.",
    ]


def describe_omnibus(test: Omnibus) -> str:
    """A primary test in a sentence."""
    shown = measure_of(test.measure)
    change = format_signed(test.bias.value, shown.digits)
    interval = format_interval(test.bias.ci, shown.digits)
    control = margin_control(test) if test.verdict == "no more than margin" else None
    if control:
        beyond = format_score(test.excess[control], shown.digits, signed=True)
        verdict = (
            f"beyond the control {control} it changed by {beyond}: a fall of {margin_text(test)} "
            "or more beyond that control is ruled out"
        )
    else:
        verdict = describe_verdict(test)
        if test.seeds == 1:
            verdict += ", because one seed does not show how much seeds differ"
    return (
        f"Primary test of {test.method} ({score_name(test.benchmark, test.measure)}): bias in the "
        f"other domains changed by {change} {shown.unit} (95 % interval {interval}); {verdict}."
    )


def describe_controls(study: StudyRecord) -> str:
    """The controls, those that could not be used, and the significance level, in sentences.

    Empty if no run that unlearns has a score.
    """
    if not _has_unlearned(study):
        return ""
    unusable = list(_describe_unusable(study))
    unknown = "an effect of what was unlearned cannot be separated from side effects of training."
    if controls := _decisive_controls(study.matrix):
        sentences = [f"Controls: {join_words(controls)}.", *unusable, *_describe_invalid(study)]
    elif unusable:
        sentences = [*unusable, f"Without a control, {unknown}"]
    else:
        planned = study.settings.get("controls", ())
        which = f"was no control but {join_words(planned)}, which verdicts ignore"
        sentences = [f"There {which if planned else 'was no control'}, so {unknown}"]
    return " ".join([*sentences, "Verdicts need p < 0.05 after Holm’s correction."])


def _planned_controls(study: StudyRecord) -> list[str]:
    """The controls in the settings of a study, and those that it has runs of."""
    settings = study.settings
    planned = name_controls(settings.get("controls", ()), settings.get("match", "perplexity"))
    return list(dict.fromkeys([*planned, *(cell.control for cell in study.matrix if cell.control)]))


def _describe_invalid(study: StudyRecord) -> Iterator[str]:
    """Sentences on the objectives for which a control has the presumed cause, so is not valid."""
    used, planned = _decisive_controls(study.matrix), _planned_controls(study)
    for method in dict.fromkeys(cell.method for cell in study.matrix if cell.control is None):
        if not any(lacks_cause(name, method) for name in planned):
            yield (
                f"No control is valid for {method}, so its effects cannot be separated from side "
                "effects of training."
            )
        elif invalid := [name for name in used if not lacks_cause(name, method)]:
            yield f"For {method}, {join_words(invalid)} is not a valid control."


def _describe_unusable(study: StudyRecord) -> Iterator[str]:
    """Sentences on the planned controls that some runs could not be compared with, and why."""
    unlearned = {(c.forget, c.method): c for c in study.matrix if c.control is None}
    seeds = {(c.forget, c.method, c.control): c.seeds for c in study.matrix}
    for name in _planned_controls(study):
        without: dict[str, list[str]] = {}
        for cell in unlearned.values():
            if name not in cell.excess and lacks_cause(name, cell.method):
                runs = seeds.get(control_group(cell.forget, cell.method, name), 0)
                why = (
                    "it has too few runs"
                    if runs < cell.seeds
                    else "one of its runs changed nothing"
                )
                without.setdefault(why, []).append(row_label(cell))
        for why, labels in without.items():
            where = "" if len(labels) == len(unlearned) else f" for {join_words(labels)}"
            yield f"The control {name} could not be used{where}, because {why}."


def describe_gaps(study: StudyRecord) -> list[str]:
    """A sentence for each score that no table has in some domain, because a run lacks it."""
    runs: dict[tuple[str, str, str], list[str]] = {}
    for gap in study.gaps:
        name = f"{row_label(gap)}, seed {gap.seed}"
        runs.setdefault((gap.benchmark, gap.measure, gap.domain), []).append(name)
    return [
        f"{score_name(benchmark, measure)}, domain {domain}: left out for all runs, because it is "
        f"not a number or missing in {join_words(names)}. Repeat these runs, without their "
        "directories, to include it."
        for (benchmark, measure, domain), names in runs.items()
    ]


def count_verdicts(matrix: Sequence[MatrixCell]) -> list[str]:
    """Sentences: verdicts in forgotten domains, in other domains, and why some are undecided."""
    cells = [cell for cell in matrix if cell.verdict and cell.domain != ALL]
    reasons = Counter(cell.reason for cell in cells if cell.reason)
    unbiased = reasons.pop("no bias shown before", 0)
    sentences = [
        _verdict_sentence("Forgotten", [cell for cell in cells if cell.own]),
        _verdict_sentence("Other", [cell for cell in cells if not cell.own]),
    ]
    if reasons:
        counts = join_words([f"{reason} ({count})" for reason, count in reasons.items()])
        sentences.append(f"Cannot be decided with these data: {counts}.")
    if unbiased:
        sentences.append(
            f"In {count_of(unbiased, 'undecided case')}, the original's interval includes the "
            "score of a model without bias, so a fall can hardly be shown."
        )
    return [sentence for sentence in sentences if sentence]


def _decisive_controls(matrix: Sequence[MatrixCell]) -> list[str]:
    """The controls that an effect must exceed."""
    return list(dict.fromkeys(name for cell in matrix for name in decisive_excess(cell)))


def _verdict_sentence(kind: str, cells: Sequence[MatrixCell]) -> str:
    """The number of domains with each verdict that occurs."""
    if not cells:
        return ""
    order = get_args(ClaimVerdict)
    ordered = sorted(cells, key=lambda cell: order.index(cell.verdict))
    counts = Counter(map(describe_verdict, ordered))
    if len(cells) == 1:
        listed = list(counts)
    else:
        listed = [
            f"{text} in {'all' if count == len(cells) else count}" for text, count in counts.items()
        ]
    return f"{kind} domains, {count_of(len(cells), 'verdict')}: {'; '.join(listed)}."
