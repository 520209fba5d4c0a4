"""The debiasing pipeline: shared by the Python API and the commands.

load → prepare → evaluate → unlearn → save → evaluate → write continuations → record → report
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from fairforget.benchmarks import benchmark_names, check_model_kinds, load_benchmarks
from fairforget.benchmarks.inputs import fingerprint_benchmarks
from fairforget.benchmarks.measurement import Benchmark
from fairforget.benchmarks.unseen import check_unseen
from fairforget.corpora import HARMLESS, corpus_names, parse_name
from fairforget.corpora.corpus import Corpus, load_corpus, name_of
from fairforget.debiasing.result import DebiasResult
from fairforget.errors import InputError
from fairforget.evaluation.directory import evaluate_into, is_complete
from fairforget.extras import check_report_extra
from fairforget.files.digest import hash_values
from fairforget.generation.continuations import write_continuation_pairs, write_continuations
from fairforget.machine.processes import (
    broadcast_from_first,
    is_first,
    process_count,
    run_on_first,
    wait_for_all,
)
from fairforget.models.fingerprint import hash_identity
from fairforget.models.inputs import fingerprint_inputs
from fairforget.models.language_model import LanguageModel
from fairforget.models.placement import place_model
from fairforget.models.saving import find_missing_part, save_model
from fairforget.names import check_names
from fairforget.objectives import Objective
from fairforget.objectives.identity import identify_objective
from fairforget.records.environment import environment
from fairforget.records.evaluation import read_evaluation
from fairforget.records.outputs import CONTENT, check_output, open_output
from fairforget.records.paths import (
    ADAPTER,
    AFTER,
    BEFORE,
    CHECKPOINTS,
    CONTINUATION_PAIRS,
    CONTINUATIONS,
    MODEL,
    RECORD,
    SETTINGS,
)
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record, write_record
from fairforget.settings import DebiasSettings
from fairforget.settings_merging import command_settings
from fairforget.training.checkpoints import remove_checkpoints
from fairforget.training.config import UnlearningConfig
from fairforget.training.from_settings import (
    default_forget,
    load_to_train,
    training_config,
)
from fairforget.training.preparation import load_everyday_corpus, prepare
from fairforget.training.trainability import check_training_dtype
from fairforget.training.unlearn import unlearn


def prepare_run(
    model: str | LanguageModel,
    settings: DebiasSettings,
    output: Path,
    *,
    forget: list[str | Corpus] | None,
    retain: str | Corpus | None,
    objective: Objective | None,
    keep: bool,
) -> PipelineRun:
    """Choose the device, check everything that can be checked without a model, and fix defaults.

    Args:
        model: a name, or a loaded model, whose weights are changed.
        settings: all settings; those of a loaded model are its own.
        output: where to write.
        forget: the forget corpora. Default: those of the settings.
        retain: the retain corpus. Default: that of the settings.
        objective: the objective, if it was given as such.
        keep: whether `output` outlives the call.

    Raises:
        InputError: as `debias`.
    """
    user_model = model if isinstance(model, LanguageModel) else None
    source = user_model.source if user_model else str(model)
    device = place_model(user_model, settings.device)
    if settings.batch_size % process_count():
        raise InputError(
            f"batch_size {settings.batch_size} is not a multiple of the {process_count()} "
            "processes; choose one that is"
        )
    check_training_dtype(settings.dtype)
    check_output(output, [source])
    benchmarks = load_benchmarks(benchmark_names(settings.benchmarks))
    options = {} if keep else {"save_strategy": "no"}
    config = training_config(
        settings, output / CHECKPOINTS, device=device, objective=objective, **options
    )
    corpora = default_forget(config) if settings.forget is None else settings.forget
    settings = replace(settings, benchmarks=",".join(benchmarks), forget=corpora)
    forget = [*corpus_names(corpora)] if forget is None else forget
    retain = settings.retain if retain is None else retain
    check_names("forget", [*map(name_of, forget)])
    inputs = _fingerprint(model, forget, retain, objective, benchmarks) if keep else {}
    if benchmarks:
        check_report_extra()
    check_unseen(benchmarks, corpora=[*map(name_of, (*forget, retain))], models=[source])
    return PipelineRun(
        source,
        settings,
        output,
        config,
        benchmarks,
        user_model=user_model,
        load=partial(load_to_train, settings=settings, device=device),
        forget=forget,
        retain=retain,
        inputs=inputs,
        keep=keep,
        reproducible=not (
            user_model or objective or any(isinstance(it, Corpus) for it in (*forget, retain))
        ),
    )


@dataclass(frozen=True)
class PipelineRun:
    """A run of the pipeline in its directory."""

    source: str
    """The name of the model."""
    settings: DebiasSettings
    output: Path
    config: UnlearningConfig
    benchmarks: Mapping[str, Benchmark]
    user_model: LanguageModel | None
    """The model, if it was given as such."""
    load: Callable[[str | Path], LanguageModel]
    forget: Sequence[str | Corpus]
    retain: str | Corpus
    inputs: dict[str, str]
    """Hashes of the inputs, which a run that is continued must have in common."""
    keep: bool
    """Whether the directory outlives the call."""
    reproducible: bool
    """Whether a command can repeat it, because no input is an object."""

    def run(self) -> DebiasResult:
        """Run all steps; those that are already done are skipped."""
        if broadcast_from_first((self.output / SETTINGS).exists):
            self.open()  # refuses the directory of another command, or of other settings
        debiased = self.load_to_evaluate() if self.is_unlearned() else self.unlearn()
        wait_for_all()
        if is_first():
            remove_checkpoints(self.output / CHECKPOINTS)
        if debiased and self.benchmarks:
            self.evaluate(AFTER, debiased)
            write_continuation_pairs(self.output, self.output / BEFORE, self.output / AFTER)
        return self.result(debiased)

    @property
    def command(self) -> dict[str, Any]:
        """The command that the run stands for."""
        return command_settings("unlearn", self.settings, model=self.source)

    def open(self) -> None:
        """Claim the directory; the first process does."""
        run_on_first(lambda: open_output(self.output, self.command | self.inputs))

    def is_unlearned(self) -> bool:
        """Return whether the directory has a debiased model.

        Raises:
            InputError: the run is finished, but its model is no longer there.
        """
        if not (self.output / RECORD).exists():
            return False
        if missing := find_missing_part(self.output / MODEL):
            raise InputError(
                f"{self.output / MODEL} has no {missing}, although {self.output / RECORD} records "
                f"a finished run; put the model back, or remove {self.output} to unlearn again"
            )
        return True

    def evaluate(self, part: str, language_model: LanguageModel) -> None:
        """Evaluate into a part of the directory, and write the model's continuations there."""
        evaluate_into(
            self.output / part, language_model, list(self.benchmarks), seed=self.settings.seed
        )
        write_continuations(self.output / part, language_model)

    def load_to_evaluate(self) -> LanguageModel | None:
        """Load an unlearned model that is to be evaluated, after evaluating its original if needed.

        Returns:
            The debiased model, or None if everything is evaluated.
        """
        if not self.benchmarks:
            return None
        finished = [is_complete(self.output / part) for part in (BEFORE, AFTER)]
        # the pairs of continuations are written last
        if broadcast_from_first((self.output / CONTINUATION_PAIRS).exists) and all(finished):
            return None
        debiased = replace(self.load(self.output / MODEL), source=self.source)
        current = environment(str(debiased.device), process_count())
        measured = finished[0] and is_complete(self.output / BEFORE, current)
        has_written = broadcast_from_first((self.output / BEFORE / CONTINUATIONS).exists)
        if not (measured and (has_written or debiased.kind == "masked")):
            self.evaluate(BEFORE, self.user_model or self.load(self.source))
        return debiased

    def unlearn(self) -> LanguageModel:
        """Evaluate the original, unlearn, and write the model and the record."""
        retain = load_corpus(self.retain, label=HARMLESS)
        everyday = load_everyday_corpus()
        language_model = self.user_model or self.load(self.source)
        check_model_kinds(self.benchmarks, language_model)
        forget = [*map(load_corpus, self.forget)]
        prepared = prepare(language_model, forget, retain, self.config, everyday=everyday)
        self.open()
        if self.benchmarks:
            self.evaluate(BEFORE, language_model)
        adapter = self.output / ADAPTER if self.keep else None
        record = unlearn(language_model, prepared, budget=self.settings.budget, adapter=adapter)
        if is_first():
            if self.keep:
                save_model(language_model, self.output / MODEL)
            command = self.command if self.reproducible else {}
            write_record(replace(record, command=command), self.output / RECORD)
        return language_model

    def result(self, debiased: LanguageModel | None) -> DebiasResult:
        """Read what the directory has.

        Args:
            debiased: the model, if it is in memory.
        """
        before, after = broadcast_from_first(
            lambda: [
                read_evaluation(self.output / part) if self.benchmarks else None
                for part in (BEFORE, AFTER)
            ]
        )
        record = broadcast_from_first(lambda: read_record(self.output / RECORD, UnlearningRecord))
        if not self.keep:
            assert debiased is not None  # a new directory has no finished run
            in_memory = debiased
            before, after = (it and replace(it, directory=None) for it in (before, after))
            return DebiasResult(record, before, after, _load=lambda: in_memory)
        loaded = debiased if self.user_model else None  # the user's object
        return DebiasResult(
            record,
            before,
            after,
            self.output,
            _load=lambda: loaded or self.load(self.output / MODEL),
        )


def _fingerprint(
    model: str | LanguageModel,
    forget: Sequence[str | Corpus],
    retain: str | Corpus,
    objective: Objective | None,
    benchmarks: Collection[str],
) -> dict[str, str]:
    """Return a hash of the content of every input: files by name, and objects."""
    files = [] if isinstance(model, LanguageModel) else [model]
    objects: dict[str, str] = {}
    if isinstance(model, LanguageModel):
        objects["model"] = hash_identity(model)
    for role, corpora in {"forget": forget, "retain": [retain]}.items():
        files += [parse_name(corpus).corpus for corpus in corpora if isinstance(corpus, str)]
        if given := [corpus.texts for corpus in corpora if isinstance(corpus, Corpus)]:
            objects[f"{role} corpus"] = hash_values(given)
    if objective:
        objects["objective"] = identify_objective(objective)
    contents = {CONTENT + name: value[:16] for name, value in objects.items()}
    return fingerprint_inputs(files) | fingerprint_benchmarks(benchmarks) | contents
