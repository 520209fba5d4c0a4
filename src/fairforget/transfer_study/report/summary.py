"""The result of a transfer study in sentences: how often bias fell beyond the controls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import measure_of
from fairforget.report.headline import Headline
from fairforget.report.wording import format_interval, format_signed, join_words
from fairforget.transfer_study.plan import control_group, lacks_cause, name_controls
from fairforget.transfer_study.record import MatrixCell, Omnibus, StudyRecord, verdicts
from fairforget.transfer_study.report.row_names import row_label, score_name


def headline(study: StudyRecord) -> Headline:
    """The primary tests, the verdicts on each benchmark's main score, and how they were reached."""
    main: dict[str, str] = {}
    for cell in study.matrix:
        main.setdefault(cell.benchmark, cell.measure)
    sentences = list(map(describe_omnibus, study.omnibus))
    for benchmark, measure in main.items():
        cells = [c for c in study.matrix if (c.benchmark, c.measure) == (benchmark, measure)]
        first, *rest = count_verdicts(cells) or [""]
        if len(main) > 1:
            first = f"{score_name(benchmark, measure)}: {first[:1].lower()}{first[1:]}"
        sentences += [first, *rest]
    return Headline(
        "What unlearning one bias did to the others",
        [*filter(None, sentences), describe_controls(study)],
    )


def describe_omnibus(test: Omnibus) -> str:
    """A primary test in a sentence."""
    shown = measure_of(test.measure)
    change = format_signed(test.bias.value, shown.digits)
    interval = format_interval(test.bias.ci, shown.digits)
    verdict = {
        "supported": "bias fell, and by more than with every control",
        "contradicted": "bias rose, or fell less than with a control",
        "no more than margin": f"a fall of {test.margin:g} {shown.unit} or more, alone or "
        "beyond at least one control, is ruled out",
        "undecided": "undecided",
    }[test.verdict]
    return (
        f"Primary test of {test.method}, over the domains that were not forgotten "
        f"({score_name(test.benchmark, test.measure)}): the distance from no bias changed by "
        f"{change} {shown.unit} (95 % interval {interval}); {verdict}."
    )


def describe_controls(study: StudyRecord) -> str:
    """The controls, those that could not be used, and the significance level, in sentences."""
    unusable = list(_describe_unusable(study))
    unknown = "an effect of what was unlearned cannot be separated from side effects of training."
    if controls := _decisive_controls(study.matrix):
        sentences = [f"Controls: {join_words(controls)}.", *unusable]
    elif unusable:
        sentences = [*unusable, f"Without a control, {unknown}"]
    else:
        sentences = [f"There was no control, so {unknown}"]
    return " ".join([*sentences, "Verdicts: p < 0.05, Holm-corrected over these measurements."])


def _describe_unusable(study: StudyRecord) -> Iterator[str]:
    """Sentences on the planned controls that some runs could not be compared with, and why."""
    settings = study.settings
    planned = [
        *name_controls(settings.get("controls", ()), settings.get("match", "perplexity")),
        *(cell.control for cell in study.matrix if cell.control),
    ]
    unlearned = {(c.forget, c.method): c for c in study.matrix if c.control is None}
    seeds = {(c.forget, c.method, c.control): c.seeds for c in study.matrix}
    for name in filter(lacks_cause, dict.fromkeys(planned)):
        without: dict[str, list[str]] = {}
        for cell in unlearned.values():
            if name not in cell.excess:
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
    """Sentences: verdicts in unlearned domains, in other domains, and why some are undecided."""
    cells = [cell for cell in matrix if cell.verdict and cell.domain != ALL]
    reasons = Counter(cell.reason for cell in cells if cell.reason)
    controls = bool(_decisive_controls(matrix))
    unbiased = reasons.pop("no bias shown before", 0)
    sentences = [
        _verdict_sentence([c for c in cells if c.own], "unlearned", controls),
        _verdict_sentence([c for c in cells if not c.own], "other", controls),
    ]
    if reasons:
        counts = join_words([f"{reason} ({count})" for reason, count in reasons.items()])
        sentences.append(f"Cannot be decided with these data: {counts}.")
    if unbiased:
        sentences.append(
            f"In {unbiased} undecided measurements, the original model shows no bias that could "
            "fall."
        )
    return [sentence for sentence in sentences if sentence]


def _decisive_controls(matrix: Sequence[MatrixCell]) -> list[str]:
    """The controls that an effect must exceed."""
    return list(dict.fromkeys(n for cell in matrix for n in cell.excess if lacks_cause(n)))


def _verdict_sentence(cells: Sequence[MatrixCell], kind: str, controls: bool) -> str:
    if not cells:
        return ""
    counts = verdicts(cells)
    fell = "bias fell, and by more than with every control," if controls else "bias fell"
    rose = "rose, or fell less than with a control," if controls else "rose"
    return (
        f"Of {len(cells)} measurements of {kind} domains, {fell} in {counts['supported']}; it "
        f"{rose} in {counts['contradicted']}; {_no_more(cells, counts, controls)}"
        f"{counts['undecided']} are undecided."
    )


def _no_more(cells: Sequence[MatrixCell], counts: Mapping[str, int], controls: bool) -> str:
    """A clause on the cells in which a fall of the margin or more is ruled out."""
    count = counts["no more than margin"]
    if not count:
        return ""
    margin, shown = cells[0].margin, measure_of(cells[0].measure)
    unit = "point" if shown.in_points and margin == 1 else shown.unit
    beyond = ", alone or beyond at least one control," if controls else ""
    return f"a fall of {margin:g} {unit} or more{beyond} is ruled out in {count}; "
