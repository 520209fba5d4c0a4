"""The plan of a transfer study: forget corpora × objectives × controls × seeds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

from fairforget.corpora import SOURCES
from fairforget.corpora.reading import ALL_DOMAINS, CONTROL_CORPUS, is_builtin
from fairforget.errors import InputError
from fairforget.experiments.runs import VERSIONS, benchmark_versions, name_directory
from fairforget.names import check_names, split_commas
from fairforget.objectives import NOTHING, OBJECTIVES, parse_objective
from fairforget.seeds import check_seeds
from fairforget.settings import Match, StudySettings

CONTROLS = {
    "random": "as many random tokens of the same texts, none of them harmful",
    "all": "every token of the same texts",
    "matched": "the same harmful words in texts about no protected group",
    "harmless": "ordinary facts about the same groups, with the same mentions",
    "swapped": "the same harmful words about groups of other domains",
    NOTHING: "no forget loss; training on the retain texts only",
}
"""Control → what is unlearned instead."""
WITH_CAUSE = ("all", "swapped")
"""Controls that also unlearn harm: `all` shows the benefit of selecting harmful words, `swapped`
whether it matters whom they are about. See also `lacks_cause`."""
RANDOM, MATCHED, HARMLESS, SWAPPED = "random", "matched", "harmless", "swapped"
AT_MOVEMENT = "@movement"
"""Ends the name of a control that has moved as far from the original as the run it controls."""
COVERED = ("select", "train", "selection", "match", "device", "trust_remote_code")
"""Settings that the digest or the control's name already covers (texts with spans, target tokens,
what a control is matched on, kind of device), or that do not change the result."""


@dataclass(kw_only=True, unsafe_hash=True)
class Recipe(StudySettings):
    """The settings that all runs of a study share; do not change it once a run has it."""

    model: str
    benchmarks: tuple[str, ...] = ("stereoset", "crows_pairs")


@dataclass(frozen=True, slots=True)
class StudyRun:
    """One unlearning run of a study, with the evaluation after it."""

    forget: str
    """CORPUS[:DOMAIN]; `none` for the control without a forget loss."""
    objective: str
    control: str | None
    seed: int
    recipe: Recipe

    @property
    def group(self) -> tuple[str, str, str | None]:
        """What runs that differ only in their seed share."""
        return self.forget, self.objective, self.control

    @property
    def control_kind(self) -> str | None:
        """The control's name in `CONTROLS`, without what it is matched on."""
        return self.control and control_kind(self.control)

    @property
    def matched_on(self) -> StudyRun | None:
        """The run whose movement this control has; None if it has its perplexity budget."""
        if self.control and self.control.endswith(AT_MOVEMENT):
            return replace(self, control=None)
        return None

    def name(self, digest: str) -> str:
        """Return the directory name: readable, and shared only by runs with the same result.

        Results agree up to rounding, which depends on the processor and the number of threads; the
        record names both.

        Args:
            digest: a hash of every file that the run reads, the kind of device, and the settings
                that are not in the recipe.
        """
        facts = asdict(self)
        for setting in COVERED:
            del facts["recipe"][setting]
        facts["recipe"]["doses"] = ",".join(split_commas(self.recipe.doses))
        if not facts["recipe"]["doses"]:  # runs of older studies have none
            del facts["recipe"]["doses"]
        for bound in ("movement", "harmful_log_prob"):  # nor these bounds
            if facts["recipe"]["budget"][bound] is None:
                del facts["recipe"]["budget"][bound]
        facts |= {"digest": digest, "versions": VERSIONS}
        if packages := benchmark_versions(self.recipe.benchmarks):
            facts["packages"] = packages
        unique = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
        words = [self.forget, self.objective, self.control, f"seed{self.seed}"]
        return name_directory(filter(None, words), unique)


def plan_runs(
    recipe: Recipe,
    forget: Sequence[str],
    *,
    objectives: Sequence[str],
    controls: Sequence[str],
    seeds: int,
) -> list[StudyRun]:
    """Return every run once, ordered so that an interrupted study has complete seeds.

    A control that does not depend on the forget corpus or the objective is run once. One that is
    matched on movement depends on the run that it controls, and comes after it.

    Args:
        recipe: the shared settings.
        forget: corpora, each `CORPUS[:DOMAIN]`.
        objectives: names of `fairforget.objectives.OBJECTIVES`, some with constants: `npo?beta=1`.
        controls: names of `CONTROLS`.
        seeds: number of seeds, counted from 0.

    Raises:
        InputError: an unknown or repeated name, or no seed.
    """
    check_names("forget", forget)
    _check_objectives(objectives)
    check_names("controls", controls, CONTROLS, empty=True)
    if NOTHING in controls and not (recipe.retain_per_forget and recipe.retain_loss_weight):
        raise InputError(
            "controls: 'none' trains only on the retain texts, but retain_per_forget or "
            "retain_loss_weight is 0; remove the control, or raise both above 0"
        )
    named = {parse_objective(text).name for text in objectives}
    distributions = {name for name in named if OBJECTIVES[name].has_target_distribution}
    if HARMLESS in controls and distributions:
        raise InputError(
            "controls: 'harmless' replaces the harmful words, but objective "
            f"{min(distributions)!r} compares the distributions before them, so the control "
            "would unlearn the same; remove the control or the objective"
        )
    if RANDOM in controls and recipe.selection != "spans":
        raise InputError(
            "controls: 'random' selects as many tokens as the spans have, so it cannot control for "
            f"selection {recipe.selection!r}; remove it from --controls, or use --selection spans"
        )
    if MATCHED in controls and CONTROL_CORPUS in forget:
        raise InputError(
            f"controls: 'matched' trains on {CONTROL_CORPUS}, which is also in forget; remove one "
            "of them"
        )
    check_seeds(seeds)
    runs: dict[StudyRun, None] = {}
    for seed in range(seeds):
        for objective in objectives:
            for corpus in forget:
                runs[StudyRun(corpus, objective, None, seed, recipe)] = None
                for control in name_controls(controls, recipe.match):
                    runs[control_run(corpus, objective, control, seed, recipe)] = None
    return list(runs)


def name_controls(controls: Sequence[str], match: Match) -> list[str]:
    """Return the controls of a study by their names in its record.

    Args:
        controls: names of `CONTROLS`.
        match: what they are matched on; `both` gives two of each.
    """
    names = [] if match == "movement" else list(controls)
    return names + ([] if match == "perplexity" else [name + AT_MOVEMENT for name in controls])


def order_stages(runs: Sequence[StudyRun], *, parallel: bool) -> list[list[StudyRun]]:
    """Return the runs in stages that follow each other.

    Args:
        runs: in the order of `plan_runs`.
        parallel: whether the runs of a stage run at once. There are then two stages: the runs of
            the second are matched on those of the first. Otherwise the order needs no change.
    """
    if not parallel:
        return [list(runs)]
    return [
        [run for run in runs if run.matched_on is None],
        [run for run in runs if run.matched_on],
    ]


def control_kind(control: str) -> str:
    """Return the name of a control in `CONTROLS`, without what it is matched on."""
    return control.removesuffix(AT_MOVEMENT)


def control_run(forget: str, objective: str, control: str, seed: int, recipe: Recipe) -> StudyRun:
    """Return the run of a control for a forget corpus; several corpora may share it."""
    return StudyRun(*control_group(forget, objective, control), seed, recipe)


def control_group(forget: str, objective: str, control: str) -> tuple[str, str, str]:
    """Return the group of the runs of a control for a forget corpus (`StudyRun.group`)."""
    if control == NOTHING:
        return NOTHING, NOTHING, control
    if control == MATCHED and is_builtin(forget):
        return CONTROL_CORPUS, objective, control
    return forget, objective, control


def lacks_cause(control: str, objective: str) -> bool:
    """Return whether the control lacks the presumed cause, so that an effect must exceed it.

    With a counterfactual objective, random tokens after a mention also become independent of the
    group, as harmful ones do.
    """
    kind = control_kind(control)
    if kind == RANDOM:
        name = objective.partition("?")[0]
        return name not in OBJECTIVES or not OBJECTIVES[name].needs_counterfactual
    return kind not in WITH_CAUSE


def corpus_name(name: str, corpus: str) -> str:
    """Return CORPUS:DOMAIN for a domain of the corpus, and any other name as it is."""
    if name == ALL_DOMAINS:
        return corpus
    plain, _, own = name.partition("?")
    if ":" in plain or "." in plain or plain in SOURCES:
        return name
    whole, _, shared = corpus.partition("?")
    options = "&".join(filter(None, (shared, own)))
    return f"{whole}:{plain}" + (f"?{options}" if options else "")


def _check_objectives(objectives: Sequence[str]) -> None:
    check_names("objectives", objectives)
    with_constants: dict[tuple[str, float | None, float | None], str] = {}
    for text in objectives:
        named = parse_objective(text)
        check_names("objectives", [named.name], [n for n in OBJECTIVES if n != NOTHING])
        objective = OBJECTIVES[named.name].with_constants(named.beta, named.gamma)
        same = with_constants.setdefault((objective.name, objective.beta, objective.gamma), text)
        if same != text:
            raise InputError(f"objectives: {same!r} and {text!r} are the same; remove one")
