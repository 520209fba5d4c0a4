"""The findings in the README and on the results page, from the committed records.

Every number comes from a record. If a record no longer supports a sentence, `list_findings` fails
and says which, so that a person rewrites it here.
"""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping
from typing import Any

from control_distance import CONTINUED, KINDS, TEMPLATES
from default_page import describe_change, describe_fall
from fairforget.benchmarks.measurement import ALL
from fairforget.benchmarks.measures import SCALED_CONTRIBUTION
from fairforget.leaderboards.effects import perplexity_change
from fairforget.leaderboards.plan import EQUAL, PUBLISHED
from fairforget.leaderboards.record import LeaderboardRecord, MethodEffect
from fairforget.methods import METHODS
from fairforget.methods.unlearning import DEFAULT
from fairforget.records.paths import LEADERBOARD, STUDY
from fairforget.records.store import read_record
from fairforget.report.wording import format_signed, format_with_interval, join_words
from fairforget.transfer_study.record import Effect, MatrixCell, Omnibus, StudyRecord
from results_page import RESULTS
from target_distance import DEPENDENCE

SEEDS, SEEDS_OF_ASCENT = 3, 6
"""As the README says."""
_WORDS = {1: "one seed", 3: "three seeds", 6: "six seeds"}

MAIN = {"stereoset": "ss", "crows_pairs": "stereotype"}
WIDTH = 118


def list_findings(pages: str) -> str:
    """Return the findings as a Markdown list; each ends with a link to its page.

    Args:
        pages: prefix of the links, the directory of the results pages.
    """
    findings = (
        (f"{_default()} {_gemma()}", "Default", "default"),
        (_control(), "Study", "study-recipe"),
        (_transfer(), "Study", "study-ascent"),
        (_crows_pairs(), "Study", "study-builtin"),
        (_leaderboard(), "Leaderboard", "leaderboard"),
    )
    lines = (f"- {text} [{title}]({pages}{page}.md)" for text, title, page in findings)
    return "".join(f"{_wrap(line)}\n" for line in lines)


def _default() -> str:
    results = json.loads((RESULTS / "default.json").read_bytes())
    changes = results["changes"]
    theirs, excess = (
        results["control"][part][SCALED_CONTRIBUTION]["all"] for part in ("changes", "excess")
    )
    whole = changes[SCALED_CONTRIBUTION]["all"]
    _require(all(seed["ci"][1] < 0 for seed in whole["seeds"]), "it fell with each seed")
    _require(whole["ci"][1] < 0, "the contribution fell over all seeds")
    _require(theirs["ci"][1] < 0, "it fell with the control, as limits.md also says")
    _require(excess["ci"][1] < 0, "it fell more than with the control")
    share = theirs["change"] / whole["change"]
    _require(0.25 < share < 0.45, "a third of it with the control, as README and limits.md say")
    for score in ("log_prob", "added"):
        low, high = results["control"]["changes"][score]["all"]["ci"]
        _require(low <= 0 <= high, f"{score} is undecided with the control, as limits.md says")
        beyond = results["control"]["excess"][score]["all"]["ci"]
        _require(beyond[1] < 0, f"{score} fell by more than with the control")
    dependences = results["control"]["distances"][DEPENDENCE]
    for name in (TEMPLATES, CONTINUED):
        groups, objects = (dependences[name.format(kind)] for kind in KINDS)
        near, far, without = (
            part[side]["change"] / part["before"]
            for part, side in ((groups, "change"), (objects, "change"), (groups, "control"))
        )
        _require(0.6 < far / near < 0.75, "two thirds as much for objects, as limits.md says")
        _require(0.4 < without / near < 0.6, "half as much with the control, as limits.md says")
    for group, change in changes["log_prob"].items():
        _require(change["ci"][1] < 0, f"log_prob of {group} fell")
    added = changes["added"]
    undecided = [group for group, change in added.items() if change["ci"][1] >= 0]
    _require(undecided == ["women"], "the association fell for all groups but women")
    _require(added["women"]["ci"][0] <= 0, "women's is undecided, as limits.md also says")
    above = [group for group, change in added.items() if change["after"] > 0]
    _require(above == ["black"], "it is positive for Black people only, as limits.md says")
    mean = added["all"]
    _require(abs(mean["after"]) > abs(mean["before"]), "its mean became larger, as limits.md says")
    low, high = changes["lms"]["all"]["ci"]
    _require(low <= 0 <= high, "the change of LMS is undecided, as index.md also says")
    return (
        f"**The default lowers the scaled contribution by {describe_fall(whole)}**, or "
        f"{_drop(whole, 3)} ({_WORDS[SEEDS]}; settings chosen partly on these data). The untuned "
        f"control lowers it by {_drop(theirs, 3)} (difference: {_drop(excess, 3)}). "
        "HateCheck's harmful words became less likely after each group (uncorrected). "
        f"LMS changed by {describe_change(changes['lms']['all'], 1)} points."
    )


def _gemma() -> str:
    changes = json.loads((RESULTS / "gemma.json").read_bytes())["changes"]
    whole = changes[SCALED_CONTRIBUTION]["all"]
    _require(all(seed["ci"][1] < 0 for seed in whole["seeds"]), "it fell with each seed")
    for score in ("log_prob", "added"):
        for group, change in changes[score].items():
            _require(change["ci"][1] < 0, f"{score} of {group} fell")
    _require(changes["lms"]["all"]["ci"][1] < 0, "LMS fell, as limits.md also says")
    lms = format_signed(changes["lms"]["all"]["change"], 1)
    return f"On Gemma 3 270M: {describe_fall(whole)}, LMS {lms} (no control)."


def _control() -> str:
    study = _study("study-recipe")
    race, gender = (_cell(study, "builtin", domain) for domain in ("race", "gender"))
    _require(race.verdict == "supported", "race fell by more than with the control")
    _require(gender.verdict == "undecided", "gender is undecided")
    return (
        "**`counterfactual-kl`, tuned on other items about these terms, lowers StereoSet's bias in "
        f"race** by {_fall(race.excess['matched'])} points more than its control; gender is "
        "undecided."
    )


def _transfer() -> str:
    study = _study("study-ascent", seeds=SEEDS_OF_ASCENT)
    ascent = _omnibus(study, "ascent")
    matched = ascent.excess["matched"]
    own = next(c for c in _cells(study) if (c.method, c.domain) == ("ascent", "gender"))
    scaled = _omnibus(study, "ascent", measure=SCALED_CONTRIBUTION)
    _require(_interval(ascent.bias)[1] < 0, "bias in other domains fell")
    _require(ascent.verdict == "no more than margin", "no transfer of the margin with ascent")
    low, _ = _interval(matched)
    _require(low > -ascent.margin, "the margin is excluded beyond the matched control")
    _require(_has_zero(own.bias), "gender itself is undecided")
    _require(_has_zero(scaled.bias), "the contribution did not change")
    return (
        "**With `ascent`, unlearning hate speech about women did not lower bias in other domains "
        "measurably more than the control.** In StereoSet's profession and race domains, bias fell "
        f"by {_fall(ascent.bias)} points, {_fall(matched)} more than with the control "
        f"({_WORDS[SEEDS_OF_ASCENT]}). Not run: Lu et al.'s GPT-2 experiment."
    )


def _crows_pairs() -> str:
    cell = _cell(_study("study-builtin"), "builtin:gender", "all", benchmark="crows_pairs")
    matched = cell.excess["matched"]
    _require(_interval(cell.bias)[0] > 0, "bias over all pairs rose")
    _require(_interval(matched)[0] > 0, "it rose by more than with the control")
    return (
        "**Applied to harmful words only, `counterfactual-kl` did not measurably lower bias on "
        "CrowS-Pairs.** "
        f"Unlearning gender texts raised it by {_rise(cell.bias)} points, {_rise(matched)} more "
        "than the control did."
    )


def _leaderboard() -> str:
    record = read_record(RESULTS / "leaderboard" / LEADERBOARD, LeaderboardRecord)
    scaled = _scaled(record)
    seeded = [e.seeds for e in scaled if METHODS[e.method].is_seeded]
    _require(set(seeded) == {SEEDS}, "methods with randomness have these seeds")
    fallen, strong = (
        {e.method: e.distance.value for e in scaled if e.distance and _falls(e, cost)}
        for cost in (EQUAL, PUBLISHED)
    )
    bounds = {
        e.method: e.distance.ci for e in scaled if e.cost == EQUAL and e.distance and e.distance.ci
    }
    lowest = min(low for name, (low, _) in bounds.items() if name != DEFAULT)
    _require(bounds[DEFAULT][1] < lowest, "the default lowers it most within the budget")
    stronger = {name: change for name, change in strong.items() if change < fallen[DEFAULT]}
    _require(bool(stronger), "some methods do more at full strength")
    (model,) = record.models
    rises = [perplexity_change(record, model, method, PUBLISHED) for method in stronger]
    crows = [e for e in record.effects if (e.method, e.benchmark) == (DEFAULT, "crows_pairs")]
    decided = [
        e for e in crows if (e.cost, e.domain) == (EQUAL, ALL) and e.verdict in ("less", "more")
    ]
    _require(not decided, "the default did not change CrowS-Pairs, as limits.md says")
    names = join_words([f"`{name}`" for name in sorted(stronger, key=stronger.__getitem__)])
    return (
        f"**Under equal cost limits, other methods lower bias less** ({_WORDS[SEEDS]}; others "
        f"untuned): only {_list_methods(fallen)} lower the scaled contribution significantly "
        f"(Holm-corrected). Without limits, {names} lower it more, but raise perplexity by "
        f"{min(rises):.0f}–{max(rises):.0f} %. {_leaderboard_of_gemma()}"
    )


def _leaderboard_of_gemma() -> str:
    record = read_record(RESULTS / "leaderboard-gemma" / LEADERBOARD, LeaderboardRecord)
    changes = {e.method: e.distance for e in _scaled(record) if e.distance and e.cost == EQUAL}
    default = changes.pop(DEFAULT)
    lowest = min(other.ci[0] for other in changes.values() if other.ci)
    _require(default.ci is not None and default.ci[1] < lowest, "the default lowers it most there")
    seeds = _WORDS[record.settings["seeds"]]
    return f"Within limits, `{DEFAULT}` also lowers it most on Gemma ({seeds})."


def _scaled(record: LeaderboardRecord) -> list[MethodEffect]:
    return [
        e
        for e in record.effects
        if (e.benchmark, e.domain, e.measure) == ("stereoset", ALL, SCALED_CONTRIBUTION)
    ]


def _falls(effect: MethodEffect, cost: str) -> bool:
    """Whether bias falls significantly with a method at a cost."""
    return effect.cost == cost and effect.verdict == "less"


def _list_methods(changes: Mapping[str, float]) -> str:
    """The methods with their changes, the largest fall first."""
    order = sorted(changes, key=changes.__getitem__)
    return join_words([f"`{name}` ({format_signed(changes[name], 3)})" for name in order])


def _study(name: str, *, seeds: int = SEEDS) -> StudyRecord:
    study = read_record(RESULTS / name / STUDY, StudyRecord)
    _require(study.settings["seeds"] == seeds, f"{name} has {seeds} seeds")
    return study


def _cells(study: StudyRecord, benchmark: str = "stereoset") -> list[MatrixCell]:
    """Cells of the benchmark's main score, without those of controls."""
    return [
        cell
        for cell in study.matrix
        if cell.control is None and (cell.benchmark, cell.measure) == (benchmark, MAIN[benchmark])
    ]


def _cell(
    study: StudyRecord, forget: str, domain: str, *, benchmark: str = "stereoset"
) -> MatrixCell:
    """The cell of `counterfactual-kl`."""
    (cell,) = (
        cell
        for cell in _cells(study, benchmark)
        if (cell.forget, cell.method, cell.domain) == (forget, "counterfactual-kl", domain)
    )
    return cell


def _omnibus(study: StudyRecord, method: str, *, measure: str = "ss") -> Omnibus:
    (test,) = (
        test
        for test in study.omnibus
        if (test.method, test.benchmark, test.measure) == (method, "stereoset", measure)
    )
    return test


def _require(holds: bool, sentence: str) -> None:
    if not holds:
        raise ValueError(
            f"docs/findings.py: the records no longer show that {sentence}; rewrite it"
        )


def _interval(effect: Effect) -> tuple[float, float]:
    assert effect.ci is not None
    return effect.ci


def _has_zero(effect: Effect) -> bool:
    """Whether the interval includes 0."""
    low, high = _interval(effect)
    return low < 0 < high


def _rise(effect: Effect) -> str:
    """An effect above 0, without its sign."""
    return format_with_interval(effect.value, _interval(effect))


def _fall(effect: Effect) -> str:
    """An effect below 0, as a positive number."""
    low, high = _interval(effect)
    return format_with_interval(-effect.value, (-high, -low))


def _wrap(line: str) -> str:
    return textwrap.fill(
        line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )


def _drop(change: dict[str, Any], digits: int) -> str:
    """A change below 0 of the default's page, as a positive number."""
    low, high = change["ci"]
    return format_with_interval(-change["change"], (-high, -low), digits=digits)
