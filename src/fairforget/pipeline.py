"""The debiasing pipeline: shared by the Python API and the commands.

load → prepare → evaluate → unlearn → save → evaluate → write continuations → record → report
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from fairforget.benchmarks import check_model_kinds, load_benchmarks
from fairforget.benchmarks.inputs import fingerprint_benchmarks
from fairforget.benchmarks.overlap import check_unseen
from fairforget.card import write_card
from fairforget.comparison.compare import Comparison, compare_evaluations
from fairforget.continuations import write_continuation_pairs, write_continuations
from fairforget.corpora import HARMLESS, corpus_names, parse_name
from fairforget.corpora.corpus import Corpus, load_corpus
from fairforget.errors import InputError
from fairforget.evaluation import evaluate_into, is_complete
from fairforget.extras import check_report_extra
from fairforget.files.digest import hash_values
from fairforget.frames import to_frame, to_html
from fairforget.machine.devices import select_device
from fairforget.machine.processes import (
    broadcast_from_first,
    is_first,
    join_process_group,
    process_count,
    wait_for_all,
)
from fairforget.models.fingerprint import fingerprint
from fairforget.models.language_model import LanguageModel
from fairforget.models.push import check_push
from fairforget.models.push import push_to_hub as upload
from fairforget.models.saving import save_model
from fairforget.objectives import NOTHING, Objective, TokenLoss, as_objective
from fairforget.objectives.objective import identify_loss
from fairforget.records.evaluation import Evaluation, read_evaluation
from fairforget.records.inputs import CONTENT, fingerprint_inputs
from fairforget.records.outputs import check_output, open_output, release_output
from fairforget.records.paths import (
    AFTER,
    BEFORE,
    CARD,
    CHECKPOINTS,
    CONTINUATION_PAIRS,
    CONTINUATIONS,
    MODEL,
    RECORD,
)
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record, write_record
from fairforget.records.training_corpora import training_corpora
from fairforget.report import write_report
from fairforget.settings import (
    DebiasSettings,
    check_names,
    command_settings,
    merge_settings,
    settings_of_model,
    split_commas,
)
from fairforget.training.checkpoints import remove_checkpoints
from fairforget.training.preparation import check_training_dtype, load_everyday_corpus
from fairforget.unlearning import (
    default_forget,
    load_to_train,
    run_unlearning,
    training_config,
)

if TYPE_CHECKING:
    import pandas


@dataclass
class DebiasResult:
    """The result of `debias`: the debiased model, its record and the evaluations."""

    record: UnlearningRecord
    """The settings, the utility loss and the training history."""
    before: Evaluation | None = None
    """The original model's evaluation; None without benchmarks."""
    after: Evaluation | None = None
    """The debiased model's evaluation; None without benchmarks."""
    output_dir: Path | None = None
    """The directory with the model, the records and the report; None if nothing was kept."""
    url: str | None = None
    """The address of the upload; None without `push_to_hub`."""
    _load: Callable[[], LanguageModel] | None = field(default=None, repr=False)

    def __repr__(self) -> str:
        record = self.record
        place = f", output_dir={str(self.output_dir)!r}" if self.output_dir else ""
        return (
            f"DebiasResult({record.model.source!r}, {record.method['objective']}, "
            f"perplexity × {record.budget.reached:.4f}{place})"
        )

    @property
    def model(self) -> LanguageModel:
        """The debiased model; loaded from `output_dir` if the run was already finished."""
        assert self._load is not None
        model = self._load()
        self._load = lambda: model
        return model

    @cached_property
    def comparison(self) -> Comparison | None:
        """The paired comparison of both evaluations; None without benchmarks."""
        if self.before is None or self.after is None:
            return None
        return compare_evaluations(self.before, self.after)

    def to_pandas(self) -> pandas.DataFrame:
        """Return the comparison, one row per benchmark and domain; empty without benchmarks.

        Raises:
            InputError: pandas is not installed.
        """
        return self.comparison.to_pandas() if self.comparison else to_frame([])

    def _repr_html_(self) -> str:
        if self.comparison:
            return self.comparison._repr_html_()
        budget = self.record.budget
        return to_html([{"alpha": budget.alpha, "perplexity ratio": budget.reached}])


Forget: TypeAlias = str | Path | Corpus | Sequence[str | Path | Corpus]


def debias(
    model: str | LanguageModel,
    *,
    output_dir: str | Path | None = None,
    forget: Forget | None = None,
    retain: str | Path | Corpus | None = None,
    objective: str | Objective | TokenLoss | None = None,
    benchmarks: str | Sequence[str] | None = None,
    push_to_hub: str | None = None,
    settings: DebiasSettings | None = None,
    **overrides: Any,
) -> DebiasResult:
    """Debias a model by unlearning, and evaluate it before and after.

    Repeat the call with the same `output_dir` to resume an interrupted run, or to load the result
    of a finished one.

    Args:
        model: a hub id, a local directory, a .gguf file or `smollm2`; or a loaded model, whose
            weights are changed.
        output_dir: where to write `model/`, `record.json`, `before/`, `after/` and `report.html`;
            without it, nothing is kept on disk.
        forget: the corpus of biased texts, or several: `CORPUS[:DOMAIN]`, a file, or a `Corpus`.
        retain: the retain corpus, whose likelihood is preserved; same forms as one of `forget`.
        objective: a name from `fairforget.objectives.OBJECTIVES`, an `Objective`, or a function
            `(log_probs [n, vocabulary], targets [n], reference [n, vocabulary]) -> losses [n]`, in
            nats. A function of two arguments needs no reference model.
        benchmarks: benchmarks to run before and after.
        push_to_hub: a hub repository to upload the model, its card and the records to; needs an
            `output_dir`.
        settings: all other settings. Default: `DebiasSettings()`.
        **overrides: fields of `DebiasSettings` as keywords; they take precedence over `settings`.

    Returns:
        The debiased model, the record and both evaluations.

    Raises:
        InputError: an unknown name, a setting out of range, missing data, a corpus without
            targets, too few retain texts, or an `output_dir` that belongs to something else.
        TypeError: an override that is not a setting.

    Examples:
        >>> run = debias("gpt2", forget="builtin:gender", benchmarks=["stereoset"])
        >>> run.after["stereoset"]["gender"].ss
    """
    if push_to_hub is not None:
        if output_dir is None:
            raise InputError("push_to_hub needs an output_dir to upload; set output_dir")
        check_push(push_to_hub)
    custom = None if objective is None or isinstance(objective, str) else as_objective(objective)
    forget_names, forget_corpora = _read_forget(forget)
    settings = merge_settings(
        settings or DebiasSettings(),
        overrides,
        forget=forget_names,
        retain=None if retain is None else _corpus_name("retain", retain),
        objective=custom.name if custom else objective,
        benchmarks=benchmarks,
    )
    if settings.objective == NOTHING:
        raise InputError(
            f"objective {NOTHING!r} unlearns nothing; it is a control of transfer studies"
        )
    if isinstance(model, LanguageModel):
        settings = settings_of_model(settings, model)
    elif not isinstance(model, str | Path):
        raise InputError(
            f"model is a {type(model).__name__}; give its name, or load it with "
            "fairforget.load_model"
        )
    with _directory(output_dir) as directory:
        try:
            result = _debias(
                model if isinstance(model, LanguageModel) else str(model),
                settings,
                directory,
                forget=forget_corpora,
                retain=retain if isinstance(retain, Corpus) else None,
                objective=custom,
                keep=output_dir is not None,
            )
            if output_dir is not None and is_first():
                if not (directory / MODEL / CARD).exists():  # a person may have edited it
                    write_card(directory)
                if result.after:
                    write_report(directory)
                if push_to_hub is not None:
                    result.url = upload(directory, push_to_hub)
        finally:
            release_output(directory)
    return result


def _read_forget(forget: Forget | None) -> tuple[str | None, list[Corpus]]:
    """Return the names of the forget corpora, joined, and the corpora if one is given as such."""
    if forget is None:
        return None, []
    given = [forget] if isinstance(forget, str | Path | Corpus) else [*forget]
    names = ",".join(_corpus_name("forget", corpus) for corpus in given)
    if not any(isinstance(corpus, Corpus) for corpus in given):
        return names, []
    return names, [
        corpus if isinstance(corpus, Corpus) else load_corpus(str(corpus)) for corpus in given
    ]


def _corpus_name(role: str, corpus: str | Path | Corpus) -> str:
    if isinstance(corpus, str):
        return corpus
    if isinstance(corpus, Corpus):
        return corpus.name
    if isinstance(corpus, Path):
        return str(corpus)
    raise InputError(
        f"{role} is a {type(corpus).__name__}; give a name, a file, or Corpus(name, texts)"
    )


@contextmanager
def _directory(output_dir: str | Path | None) -> Iterator[Path]:
    """Yield the output directory, or a temporary one that all processes share."""
    if output_dir is not None:
        yield Path(output_dir)
        return
    temporary = broadcast_from_first(lambda: tempfile.mkdtemp(prefix="fairforget-"))
    try:
        yield Path(temporary)
        wait_for_all()  # not after an error: the other processes would wait forever
    finally:
        if is_first():
            shutil.rmtree(temporary, ignore_errors=True)


def _debias(
    model: str | LanguageModel,
    settings: DebiasSettings,
    output: Path,
    *,
    forget: list[Corpus],
    retain: Corpus | None,
    objective: Objective | None,
    keep: bool,
) -> DebiasResult:
    """Run the pipeline in a directory; steps that are already done are skipped."""
    user_model = model if isinstance(model, LanguageModel) else None
    source = user_model.source if user_model else str(model)
    own = join_process_group(cpu=settings.device == "cpu")
    requested = settings.device or (str(user_model.device) if user_model and own is None else None)
    device = select_device(requested, own=own)
    if user_model:
        user_model.model.to(device)  # type: ignore[arg-type]
    if settings.batch_size % process_count():
        raise InputError(
            f"batch_size {settings.batch_size} is not a multiple of the {process_count()} "
            "processes; choose one that is"
        )
    check_training_dtype(settings.dtype)
    check_output(output)
    benchmarks = load_benchmarks(split_commas(settings.benchmarks))
    names = list(benchmarks)
    options = {} if keep else {"save_strategy": "no"}
    config = training_config(
        settings, output / CHECKPOINTS, device=device, objective=objective, **options
    )
    corpora = default_forget(config) if settings.forget is None else settings.forget
    settings = replace(settings, benchmarks=",".join(names), forget=corpora)
    forgotten = [corpus.name for corpus in forget] or corpus_names(corpora)
    check_names("forget", forgotten)
    inputs = _fingerprint(settings, model, forgotten, forget, retain, objective) if keep else {}
    if names:
        check_report_extra()
    for corpus in (*forgotten, *training_corpora(source)):
        check_unseen(corpus, names)
    command = command_settings("unlearn", settings, model=source)
    load = partial(load_to_train, settings=settings, device=device)

    path = output / RECORD
    debiased: LanguageModel | None = None
    if path.exists():
        if is_first():
            open_output(output, command | inputs)
        measured = [is_complete(output / part) for part in (BEFORE, AFTER)]
        # the pairs of continuations are written last
        complete = broadcast_from_first((output / CONTINUATION_PAIRS).exists) and all(measured)
        if names and not complete:
            debiased = replace(load(output / MODEL), source=source)
            has_written = broadcast_from_first((output / BEFORE / CONTINUATIONS).exists)
            if not (measured[0] and (has_written or debiased.kind == "masked")):
                _evaluate(output / BEFORE, user_model or load(source), names, settings.seed)
    else:
        objects = forget or retain
        retain = retain or load_corpus(settings.retain, label=HARMLESS)
        everyday = load_everyday_corpus()
        debiased = user_model or load(source)
        check_model_kinds(benchmarks, debiased)

        def evaluate_original() -> None:
            if is_first():
                open_output(output, command | inputs)
            if names:
                _evaluate(output / BEFORE, debiased, names, settings.seed)

        record = run_unlearning(
            debiased,
            forget or [*map(load_corpus, forgotten)],
            retain,
            everyday,
            config,
            settings.budget,
            prepared=evaluate_original,
        )
        if is_first():
            if keep:
                save_model(debiased, output / MODEL)
            reproducible = not (user_model or objective or objects)
            write_record(replace(record, command=command if reproducible else {}), path)
    wait_for_all()
    if is_first():
        remove_checkpoints(output / CHECKPOINTS)
    if debiased and names:
        _evaluate(output / AFTER, debiased, names, settings.seed)
        write_continuation_pairs(output, output / BEFORE, output / AFTER)
    before, after = broadcast_from_first(
        lambda: [read_evaluation(output / part) if names else None for part in (BEFORE, AFTER)]
    )
    record = broadcast_from_first(lambda: read_record(path, UnlearningRecord))
    if not keep:
        assert debiased is not None  # a new directory has no finished run
        in_memory = debiased
        before, after = (it and replace(it, directory=None) for it in (before, after))
        return DebiasResult(record, before, after, _load=lambda: in_memory)
    loaded = debiased if user_model else None  # the user's object
    return DebiasResult(record, before, after, output, _load=lambda: loaded or load(output / MODEL))


def _evaluate(
    directory: Path, language_model: LanguageModel, benchmarks: Sequence[str], seed: int
) -> None:
    """Evaluate into a directory and write the model's continuations next to the record."""
    evaluate_into(directory, language_model, benchmarks, seed=seed)
    write_continuations(directory, language_model)


def _fingerprint(
    settings: DebiasSettings,
    model: str | LanguageModel,
    forgotten: list[str],
    forget: list[Corpus],
    retain: Corpus | None,
    objective: Objective | None,
) -> dict[str, str]:
    """Return a hash of the content of every input: files by name, and objects."""
    names = [] if isinstance(model, LanguageModel) else [model]
    objects: dict[str, str] = {}
    if isinstance(model, LanguageModel):
        objects["model"] = fingerprint(model.model)
    listed = {"forget": forgotten, "retain": [settings.retain]}
    for role, corpora in {"forget": forget, "retain": [retain] if retain else []}.items():
        if corpora:
            objects[f"{role} corpus"] = hash_values([corpus.texts for corpus in corpora])
        else:
            names += [parse_name(name).corpus for name in listed[role]]
    if objective:
        objects["objective"] = hash_values((objective.name, identify_loss(objective.loss)))
    files = fingerprint_inputs(names) | fingerprint_benchmarks(split_commas(settings.benchmarks))
    return files | {CONTENT + name: value[:16] for name, value in objects.items()}
