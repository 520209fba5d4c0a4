"""The Python function `debias`: reads its arguments, and runs the pipeline."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from fairforget.card import write_card
from fairforget.corpora import corpus_names
from fairforget.corpora.corpus import Corpus, name_of
from fairforget.debiasing.pipeline import prepare_run
from fairforget.debiasing.result import DebiasResult
from fairforget.errors import InputError
from fairforget.files.home import expand_home
from fairforget.machine.processes import (
    broadcast_from_first,
    is_first,
    join_process_group,
    wait_for_all,
)
from fairforget.models.language_model import LanguageModel, check_model
from fairforget.models.push import check_push
from fairforget.models.push import push_to_hub as upload
from fairforget.objectives import NOTHING, Objective, TokenLoss, as_objective
from fairforget.records.outputs import release_output
from fairforget.records.paths import CARD, MODEL
from fairforget.report import write_report
from fairforget.settings import DebiasSettings
from fairforget.settings_merging import merge_settings, settings_of_model

Forget: TypeAlias = str | Path | Corpus | Sequence[str | Path | Corpus]


def debias(
    model: str | Path | LanguageModel,
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
            weights are changed, unless the run in `output_dir` is already finished: use `model` of
            the result.
        output_dir: where to write `model/`, `record.json`, `before/`, `after/` and `report.html`;
            without it, nothing is kept on disk.
        forget: the corpus of biased texts, or several: `CORPUS[:DOMAIN]`, a file, or a `Corpus`.
        retain: the retain corpus, on which predictions are preserved; same forms as one of
            `forget`.
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
    forget_corpora = None if forget is None else _list_forget(forget)
    retain_corpus = None if retain is None else _read_corpus("retain", retain)
    settings = merge_settings(
        settings or DebiasSettings(),
        overrides,
        forget=None if forget_corpora is None else ",".join(map(name_of, forget_corpora)),
        retain=None if retain_corpus is None else name_of(retain_corpus),
        objective=custom.name if custom else objective,
        benchmarks=benchmarks,
    )
    if settings.objective == NOTHING:
        raise InputError(
            f"objective {NOTHING!r} unlearns nothing; it is a control of transfer studies"
        )
    check_model(model)
    if isinstance(model, LanguageModel):
        settings = settings_of_model(settings, model)
    with _directory(output_dir, cpu=settings.device == "cpu") as directory:
        try:
            run = prepare_run(
                model if isinstance(model, LanguageModel) else str(model),
                settings,
                directory,
                forget=forget_corpora,
                retain=retain_corpus,
                objective=custom,
                keep=output_dir is not None,
            )
            result = run.run()
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


def _list_forget(forget: Forget) -> list[str | Corpus]:
    """Return the forget corpora, those of a comma-separated name one by one."""
    given = [forget] if isinstance(forget, str) or not isinstance(forget, Iterable) else [*forget]
    corpora: list[str | Corpus] = []
    for corpus in (_read_corpus("forget", each) for each in given):
        corpora += [corpus] if isinstance(corpus, Corpus) else corpus_names(corpus)
    return corpora


def _read_corpus(role: str, corpus: str | Path | Corpus) -> str | Corpus:
    if isinstance(corpus, str | Corpus):
        return corpus
    if isinstance(corpus, Path):
        return str(corpus)
    raise InputError(
        f"{role} is a {type(corpus).__name__}; give a name, a file, or Corpus(name, texts)"
    )


@contextmanager
def _directory(output_dir: str | Path | None, *, cpu: bool) -> Iterator[Path]:
    """Yield the output directory, or a temporary one that all processes share.

    Args:
        output_dir: the output directory, if there is one.
        cpu: as for `join_process_group`.
    """
    if output_dir is not None:
        yield expand_home(output_dir)
        return
    join_process_group(cpu=cpu)  # before, each process would make its own
    temporary = broadcast_from_first(lambda: tempfile.mkdtemp(prefix="fairforget-"))
    try:
        yield Path(temporary)
        wait_for_all()  # not after an error: the other processes would wait forever
    finally:
        if is_first():
            shutil.rmtree(temporary, ignore_errors=True)
