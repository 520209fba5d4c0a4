"""One run of a study: unlearn, interpolate to the budget, evaluate."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from pathlib import Path
from uuid import uuid4

from fairforget.benchmarks import any_generates, hash_words
from fairforget.benchmarks.options import hash_option_files
from fairforget.corpora import HARMLESS as HARMLESS_LABEL
from fairforget.corpora import Text, read_corpus
from fairforget.corpora.corpus import Corpus
from fairforget.corpora.reading import CONTROL_CORPUS, is_builtin, parse_name
from fairforget.errors import InputError
from fairforget.evaluation.directory import evaluate_into
from fairforget.experiments.runs import check_name
from fairforget.files.digest import hash_values
from fairforget.machine.devices import select_device
from fairforget.models.fingerprint import model_identity
from fairforget.objectives import NOTHING, parse_objective
from fairforget.objectives.inputs import list_inputs
from fairforget.records.evaluation import Evaluation, read_evaluation
from fairforget.records.paths import AFTER, CHECKPOINTS, RECORD
from fairforget.records.records import EvaluationRecord, UnlearningRecord
from fairforget.records.store import read_finished, read_record, write_record
from fairforget.selection import make_selector
from fairforget.selection.contrast import Contrast, selected_share
from fairforget.selection.identity import mentions_of
from fairforget.selection.selected import select
from fairforget.settings import (
    DebiasSettings,
    ModelSettings,
    RetainSettings,
    Selection,
    SelectSettings,
    TrainingSettings,
)
from fairforget.targets import BY_SPAN
from fairforget.terminal.messages import show_message
from fairforget.training.checkpoints import remove_checkpoints
from fairforget.training.config import UnlearningConfig
from fairforget.training.early_stopping import EARLY_STOPPING
from fairforget.training.from_settings import load_to_train, training_config
from fairforget.training.harmful_words import GUARD
from fairforget.training.interpolation import MOVEMENT_SHARE, ROUGH_SHARE
from fairforget.training.learning_rate import RATES
from fairforget.training.limits import CHECK_TEXTS
from fairforget.training.line_search import TOLERANCE
from fairforget.training.method import describe_method
from fairforget.training.original import Original
from fairforget.training.preparation import FIXED, load_everyday_corpus, prepare
from fairforget.training.unlearn import unlearn
from fairforget.training.weights import clone_weights
from fairforget.transfer_study.doses import evaluate_doses, parse_doses, read_doses
from fairforget.transfer_study.harmless import harmless_texts
from fairforget.transfer_study.matched import matched_texts, swapped_texts
from fairforget.transfer_study.plan import HARMLESS, MATCHED, SWAPPED, Recipe, StudyRun

SELECTIONS: dict[str, Selection] = {"random": "random", "all": "all"}
"""Control → its selection. All other runs use the recipe's, so these two controls differ from them
in nothing but the selection."""
REWRITERS = {HARMLESS: harmless_texts, MATCHED: matched_texts, SWAPPED: swapped_texts}
"""Control with texts of its own → the function that makes them from those of the forget corpus."""
SEARCH = (
    *(CHECK_TEXTS, TOLERANCE, ROUGH_SHARE, MOVEMENT_SHARE, GUARD),
    *EARLY_STOPPING,
    RATES,
)
"""Constants of training, early stopping and interpolation that a run's result depends on."""
NEEDS = {HARMLESS: " that can be a subject", SWAPPED: " and a domain"}
"""Control → what it needs besides a mention."""


def run_one(run: StudyRun, directory: Path) -> None:
    """Execute a run from the start; the directory's content is removed first.

    Writes the scored items and, last, the record; the weights are not kept.

    Raises:
        InputError: a corpus without targets, missing data, or data, a model or versions that
            differ from those of the machine that planned the study; or a control whose movement is
            that of a run which has none.
    """
    recipe = run.recipe
    model = load_to_train(recipe.model, recipe)
    identity = model_identity(model, generates=any_generates(recipe.benchmarks))
    check_name(directory, run.name(_digest(run, identity)), "study")
    shutil.rmtree(directory, ignore_errors=True)
    doses = parse_doses(recipe.doses, recipe.benchmarks)
    original = clone_weights(model.model) if doses else {}
    known = _originals.setdefault(recipe, Original())
    prepared = prepare(
        model,
        forget_corpus(run),
        Corpus(recipe.retain, _texts(recipe.retain, HARMLESS_LABEL)),
        _config(run, directory / CHECKPOINTS),
        everyday=_everyday(),
        known=known,
    )
    movement = _movement_of(run.matched_on, directory, identity) if run.matched_on else None
    record = unlearn(model, prepared, budget=recipe.budget, known=known, movement=movement)
    evaluate_into(directory / AFTER, model, recipe.benchmarks)
    evaluate_doses(directory, model, original, doses, recipe.benchmarks)
    method = {**record.method, "control": run.control}
    remove_checkpoints(directory / CHECKPOINTS)
    write_record(replace(record, method=method), directory / RECORD)


def _movement_of(run: StudyRun, control: Path, model: Mapping[str, str]) -> float:
    """Return the movement of the run that a control, in its directory, is matched on."""
    name = run.name(_digest(run, model))
    finished = read_finished(control.parent / name, read_run)
    if finished is None:
        raise InputError(
            f"the control is matched on the movement of run {name}, which has not finished; run "
            "the same command again"
        )
    movement = finished.record.budget.movement
    if movement is None:
        raise InputError(
            f"the control is matched on the movement of run {name}, whose record has none; remove "
            "that run's directory to repeat it, or use --match perplexity"
        )
    return movement


@dataclass(frozen=True, slots=True)
class FinishedStudyRun:
    """The record and the evaluation of a finished run."""

    record: UnlearningRecord
    after: Evaluation
    """The evaluation of the debiased model."""
    doses: Mapping[float, EvaluationRecord] = field(default_factory=dict)
    """Dose → the scores there, if the recipe has doses."""


def read_run(directory: Path, doses: Iterable[str] = ()) -> FinishedStudyRun:
    """Read a finished run.

    Args:
        directory: of the run.
        doses: those of its recipe, by the names of their directories.

    Raises:
        InputError: its record, its evaluation or a dose is missing or damaged.
    """
    return FinishedStudyRun(
        read_record(directory / RECORD, UnlearningRecord),
        read_evaluation(directory / AFTER),
        read_doses(directory, doses),
    )


def forget_corpus(run: StudyRun) -> Corpus:
    """Return the corpus that the run, or its control, forgets."""
    control = run.control_kind
    if control == NOTHING:  # its texts do not enter the loss
        return Corpus(NOTHING, _texts(CONTROL_CORPUS))
    if control == MATCHED and is_builtin(run.forget):  # has its own
        return Corpus(CONTROL_CORPUS, _texts(CONTROL_CORPUS), parse_name(CONTROL_CORPUS).part)
    texts = _forget_texts(run.forget, run.recipe)
    if control in REWRITERS:
        texts = tuple(REWRITERS[control](texts, seed=run.seed))
        if not texts:
            raise InputError(
                f"controls: {control!r} replaces group mentions, and no text of {run.forget!r} has "
                f"one{NEEDS.get(control, '')}; remove the control, or add a column `mentions`"
            )
    return Corpus(run.forget, texts, parse_name(run.forget).part)


def compute_digests(
    runs: Iterable[StudyRun], model: Mapping[str, str], study: str | None = None
) -> dict[StudyRun, str]:
    """Return, for each run, a hash of everything its result depends on that the recipe only names.

    This covers the model, the kind of device, the texts with their spans, benchmark files and word
    lists, the fixed settings, and the objective's trait words. Every corpus is read again.

    Args:
        runs: of one study.
        model: the original's `fairforget.models.fingerprint.model_identity`.
        study: as for `begin_study`. Default: a new one.

    Raises:
        InputError: a corpus is unknown, malformed or missing.
    """
    begin_study(study or uuid4().hex)
    return {run: _digest(run, model) for run in runs}


def check_spans(runs: Iterable[StudyRun]) -> None:
    """Check that corpora have harmful spans where runs need them.

    Raises:
        InputError: one has none.
    """
    for run in runs:
        needed = _config(run, Path(CHECKPOINTS)).selection in BY_SPAN
        if needed and not any(text.spans for text in forget_corpus(run).texts):
            if run.recipe.select != "given":
                raise InputError(
                    f"--select {run.recipe.select} found no harmful words in {run.forget!r}; "
                    "choose another method"
                )
            raise InputError(
                f"forget: no text of {run.forget!r} has harmful spans; let a method choose them, "
                "such as --select contrast"
            )


def begin_study(study: str) -> None:
    """Clear what this process cached for another study, because files may have changed since.

    Args:
        study: identifies the call of `transfer`. Workers of a cluster can outlive it.
    """
    global _study
    if study == _study:
        return
    _study = study
    for cached in (_texts, _select_spans, _everyday, _retained_digest):
        cached.cache_clear()
    _originals.clear()


def _digest(run: StudyRun, model: Mapping[str, str]) -> str:
    config = _config(run, Path(CHECKPOINTS))
    facts: tuple[object, ...] = (
        model,
        select_device(run.recipe.device).type,
        forget_corpus(run).texts,
        _retained_digest(run.recipe.retain),
        hash_option_files(run.recipe.benchmarks),
        describe_method(config),
        FIXED,
        SEARCH,
        *list_inputs(config.load_objective()),
    )
    if words := [*filter(None, map(hash_words, run.recipe.benchmarks))]:
        facts += (words,)
    if run.matched_on:
        facts += (_digest(run.matched_on, model),)
    return hash_values(facts)


@cache
def _retained_digest(retain: str) -> str:
    everyday = _everyday()
    return hash_values((_texts(retain, HARMLESS_LABEL), everyday.texts if everyday else ()))


def _config(run: StudyRun, checkpoints: Path) -> UnlearningConfig:
    recipe = run.recipe
    nothing = run.control_kind == NOTHING
    objective = parse_objective(NOTHING if nothing else run.objective)
    parts = (RetainSettings, TrainingSettings, ModelSettings)
    shared = {f.name: getattr(recipe, f.name) for part in parts for f in fields(part)}
    settings = DebiasSettings(
        **shared,
        objective=objective.name,
        beta=objective.beta,
        gamma=objective.gamma,
        retain_groups=False,  # it would give controls other retain texts than their runs
        selection=SELECTIONS.get(run.control_kind or "", recipe.selection),
        seed=run.seed,
    )
    if nothing:  # without a forget loss, the kl of an unchanged model stays 0
        settings = replace(settings, retain_loss="nll")
    device = select_device(recipe.device)
    # a run is short, so an interrupted one starts again
    return training_config(settings, checkpoints, device=device, save_strategy="no")


_study = ""
"""What identifies the study for which the caches of this process were filled."""
_originals: dict[Recipe, Original] = {}
"""What the runs of this process on the same recipe share."""


@cache
def _texts(corpus: str, label: str = "hateful") -> tuple[Text, ...]:
    return tuple(read_corpus(corpus, label=label))


def _forget_texts(corpus: str, recipe: Recipe) -> tuple[Text, ...]:
    """Return the texts, with harmful spans selected by the recipe's method."""
    if recipe.select == "given" or is_builtin(corpus):  # its spans are exact
        return _texts(corpus)
    return _select_spans(corpus, recipe)


@cache
def _select_spans(corpus: str, recipe: Recipe) -> tuple[Text, ...]:
    selector = make_selector(SelectSettings(method=recipe.select, train=recipe.train))
    texts = tuple(item.text for item in select(_texts(corpus), selector, mentions_of))
    if isinstance(selector, Contrast) and (warning := selector.warn(selected_share(texts))):
        show_message(f"Warning: {corpus}: {warning}.")
    return texts


@cache
def _everyday() -> Corpus | None:
    return load_everyday_corpus()
