"""One run of a study: unlearn, land on the budget, measure."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from fairforget.benchmarks.options import list_options
from fairforget.corpora import HARMLESS, Text, read_corpus
from fairforget.corpora.reading import parse_name
from fairforget.errors import InputError
from fairforget.evaluation import evaluate_into
from fairforget.files.digest import hash_values
from fairforget.machine.devices import select_device
from fairforget.models.fingerprint import model_identity
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model
from fairforget.objectives import parse_objective
from fairforget.records.evaluation import Evaluation, read_evaluation
from fairforget.records.paths import AFTER, CHECKPOINTS, RECORD
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record, write_record
from fairforget.selection import SelectionOptions, make_selector, mentions_of, select
from fairforget.terminal.messages import show_message
from fairforget.training.checkpoints import remove_checkpoints
from fairforget.training.config import UnlearningConfig
from fairforget.training.interpolation import TOLERANCE, original_perplexities
from fairforget.training.preparation import (
    FIXED,
    Corpus,
    HeldOut,
    encode_retain,
    everyday_corpus,
    list_retain_corpora,
    prepare,
)
from fairforget.training.targets import Selection
from fairforget.transfer_study.matched import matched_texts
from fairforget.transfer_study.plan import CONTROL_CORPUS, MATCHED, NOTHING, Recipe, Run, is_builtin
from fairforget.unlearning import CHECK_TEXTS, describe_method, unlearn_prepared

SELECTIONS: dict[str, Selection] = {"random": "random", "all": "all"}
"""Control → the selection that it is. Everything else has the recipe's, whatever the
objective's own default, so that the selection is all in which these two differ from it."""


def run_one(run: Run, directory: Path) -> None:
    """Do a run, from its start: what the directory holds is removed.

    The weights are not kept; the record, written last, and the scored items are.

    Raises:
        InputError: a corpus without targets, data missing, or data, model or versions other than
            where the study was planned.
    """
    recipe = run.recipe
    model = load_original(recipe)
    # the spans of `ratio` depend on the number of threads, in rare cases
    if recipe.select != "ratio" and run.name(_digest(run, model_identity(model))) != directory.name:
        raise InputError(
            f"on {platform.node()} this would be another run: its model, texts, files of benchmark "
            "items, kind of device or versions of libraries are not those of the machine that "
            "began the study; make them the same"
        )
    shutil.rmtree(directory, ignore_errors=True)
    retain, everyday = Corpus(recipe.retain, _texts(recipe.retain, HARMLESS)), _everyday()
    if recipe not in _kept:
        _kept[recipe] = encode_retain(model, list_retain_corpora(retain, everyday))
    config = _config(run, directory / CHECKPOINTS)
    prepared = prepare(
        model, forget_corpus(run), retain, config, everyday=everyday, kept=_kept[recipe]
    )
    record = unlearn_prepared(
        model, prepared, config, budget=recipe.budget, before=_original.get(recipe)
    )
    _original[recipe] = original_perplexities(record.budget)
    evaluate_into(directory / AFTER, model, recipe.benchmarks)
    method = {**record.method, "control": run.control}
    remove_checkpoints(directory / CHECKPOINTS)
    write_record(replace(record, method=method), directory / RECORD)


@dataclass(frozen=True, slots=True)
class FinishedRun:
    """What a run left."""

    record: UnlearningRecord
    after: Evaluation
    """Of the unlearned model."""


def read_finished_run(directory: Path) -> FinishedRun | None:
    """What a run left, if it is done; says on stderr where that is damaged."""
    if not (directory / RECORD).exists():
        return None
    try:
        return FinishedRun(
            read_record(directory / RECORD, UnlearningRecord),
            read_evaluation(directory / AFTER),
        )
    except InputError as error:
        show_message(f"{error}; the run is done again")
        return None


def load_original(recipe: Recipe) -> LanguageModel:
    """The original model."""
    return load_model(recipe.model, **_loading(recipe))


def _loading(recipe: Recipe) -> dict[str, Any]:
    return {
        "dtype": recipe.dtype or "float32",
        "device": str(select_device(recipe.device)),
        "start_token": recipe.start_token,
        "trust_remote_code": recipe.trust_remote_code,
    }


def forget_corpus(run: Run) -> Corpus:
    """What the run forgets, or its control does."""
    if run.control == NOTHING:  # its texts have no part in the loss
        return Corpus(NOTHING, _texts(CONTROL_CORPUS))
    texts = _selected(run.forget, run.recipe)
    if run.control == MATCHED and not is_builtin(run.forget):
        texts = tuple(matched_texts(texts, seed=run.seed))
    return Corpus(run.forget, texts, parse_name(run.forget).part)


def compute_digests(runs: Iterable[Run], model: Mapping[str, str]) -> dict[Run, str]:
    """For each run, what stands for all that determines it and that its recipe only names.

    That is the model, the kind of device, the texts (a control's own, and with the spans that were
    found), the items of a benchmark that is a file, and settings nobody chose. Every corpus is read
    anew.

    Args:
        runs: of one study.
        model: the original's `fairforget.models.fingerprint.makeup`.

    Raises:
        InputError: a corpus is unknown, malformed or missing.
    """
    # of an earlier study; files may have changed
    for cached in (_texts, _spans_found, _everyday, _retained_digest):
        cached.cache_clear()
    _original.clear()
    _kept.clear()
    return {run: _digest(run, model) for run in runs}


def _digest(run: Run, model: Mapping[str, str]) -> str:
    return hash_values(
        (
            model,
            select_device(run.recipe.device).type,
            forget_corpus(run).texts,
            _retained_digest(run.recipe.retain),
            hash_items(run.recipe.benchmarks),
            describe_method(_config(run, Path(CHECKPOINTS))),
            FIXED,
            (CHECK_TEXTS, TOLERANCE),
        )
    )


@cache
def _retained_digest(retain: str) -> str:
    everyday = _everyday()
    return hash_values((_texts(retain, HARMLESS), everyday.texts if everyday else ()))


def hash_items(benchmarks: Sequence[str]) -> str:
    """Of the files among the benchmarks' options; the catalogue knows the content of the others."""
    return hash_values(
        [Path(o).read_bytes() for o in list_options(benchmarks) if Path(o).is_file()]
    )


def _config(run: Run, checkpoints: Path) -> UnlearningConfig:
    recipe = run.recipe
    place = select_device(recipe.device)
    objective = parse_objective(run.objective)
    return UnlearningConfig(
        output_dir=str(checkpoints),
        objective=objective.name,
        beta=objective.beta,
        gamma=objective.gamma,
        selection=SELECTIONS.get(run.control or "", recipe.selection),
        # with nothing to forget, kl has nothing to hold against: the model would not move at all
        retain_loss="nll" if run.control == NOTHING else recipe.retain_loss,
        retain_loss_weight=recipe.retain_loss_weight,
        retain_per_forget=recipe.retain_per_forget,
        lora_rank=recipe.lora_rank,
        max_steps=recipe.steps,
        per_device_train_batch_size=recipe.batch_size,
        learning_rate=recipe.learning_rate,
        save_strategy="no",  # a run is short: one that is cut off starts again
        use_cpu=place.type == "cpu",
        gpu=place.index or 0,
        seed=run.seed,
    )


_kept: dict[Recipe, HeldOut] = {}
"""The retain texts as earlier runs of this process tokenised them."""
_original: dict[Recipe, dict[str, float]] = {}
"""What earlier runs of this process measured of the original model."""


@cache
def _texts(corpus: str, label: str = "hateful") -> tuple[Text, ...]:
    return tuple(read_corpus(corpus, label=label))


def _selected(corpus: str, recipe: Recipe) -> tuple[Text, ...]:
    """The texts, their harmful spans found anew where that is asked for."""
    if recipe.select == "given" or is_builtin(corpus):  # whose spans are exact
        return _texts(corpus)
    return _spans_found(corpus, recipe)


@cache
def _spans_found(corpus: str, recipe: Recipe) -> tuple[Text, ...]:
    options = SelectionOptions(recipe.train, model=recipe.model, loading=_loading(recipe))
    selector = make_selector(recipe.select, options)
    return tuple(item.text for item in select(_texts(corpus), selector, mentions_of))


@cache
def _everyday() -> Corpus | None:
    return everyday_corpus()
