"""General ability on any task of EleutherAI's lm-eval (Gao et al. 2024): `lm-eval:hellaswag`."""

from __future__ import annotations

import contextlib
import copy
import logging
import math
import os
from collections.abc import Iterator, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from fairforget.benchmarks.measurement import Benchmark, Judgement, Measurement, Row, cluster_rows
from fairforget.benchmarks.options import parse_share
from fairforget.errors import InputError, first_line
from fairforget.extras import check_extra
from fairforget.files.home import expand_home
from fairforget.forward.evaluation_mode import evaluation_mode
from fairforget.machine.processes import is_distributed_launch
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.causal import continuation_log_probs
from fairforget.scoring.progress import Progress
from fairforget.statistics.jackknife import Floats

BATCH_SIZE = 16
METRIC = "acc"
"""The metric that is kept for each item, if the task has it."""
TASK_SUFFIXES = (".yaml", ".yml")
"""Suffixes of files that define a task."""


def prepare(options: Sequence[str]) -> Benchmark:
    """`evaluate` with options: a task (name or YAML file) and a share such as `10%`."""
    shares = [word for word in options if word.endswith("%")]
    tasks = [word for word in options if word not in shares]
    if len(tasks) != 1 or len(shares) > 1:
        raise InputError(
            "benchmark lm-eval takes one task and at most one share, as in lm-eval:hellaswag:10%; "
            "list the benchmark once per task"
        )
    # lm-eval runs the code of any file, but `rerun` asks for trust only if a name ends like these
    is_file = os.path.isfile(expand_home(tasks[0]))  # noqa: PTH113 - a name may be too long
    if is_file and not tasks[0].endswith(TASK_SUFFIXES):
        raise InputError(
            f"benchmark lm-eval: {tasks[0]!r} is a file; give the name of a task, or "
            f"a file that ends in {' or '.join(TASK_SUFFIXES)}"
        )
    share = parse_share("lm-eval", shares[0] if shares else "100%")
    check_extra("lm_eval", "harness", "benchmark lm-eval")
    if is_distributed_launch():
        raise InputError(
            "benchmark lm-eval runs in one process only; evaluate it separately, without a launcher"
        )
    return Benchmark(partial(evaluate, task=tasks[0], share=share), ("causal",))


def evaluate(
    language_model: LanguageModel,
    *,
    task: str,
    share: float = 1.0,
    seed: int = 0,
    progress: Progress | None = None,
) -> Measurement:
    """Run one lm-eval task on a loaded model.

    Args:
        language_model: a causal model.
        task: the name of a task, or a YAML file that defines one.
        share: the share of the task's documents to use, from the start.
        seed: for drawing few-shot examples.
        progress: called once, at the end, with the number of documents that have a verdict.

    Raises:
        InputError: the task is unknown or cannot be run, its data are not available, or a
            log-likelihood is not a number.
    """
    results = _run_task(language_model, task, share, seed)
    samples = [it for several in results.get("samples", {}).values() for it in several]
    if any(_is_nan(answer) for sample in samples for answer in sample.get("resps", ())):
        raise InputError(
            f"lm-eval task {task!r}: a log-likelihood is not a number; the model's weights are "
            "damaged, or its dtype is too coarse"
        )
    items = [
        {
            "id": f"{name}-{sample['doc_id']}",
            "domain": name,
            "correct": bool(sample[METRIC]),
        }
        for name, samples in results.get("samples", {}).items()
        for sample in samples
        if sample.get(METRIC) in (0, 1)  # a partly right answer has no verdict
        and sample.get("filter") == samples[0].get("filter")  # a document has one entry per filter
    ]
    if progress:
        progress(len(items), len(items))
    return Measurement(
        {
            "protocol": f"lm-eval {version('lm_eval')}",
            "task": task,
            "share": share,
            "shots": {name: int(n) for name, n in results.get("n-shot", {}).items()},
            "start_token": language_model.start_token,
            "metrics": _metrics(results["results"]),
        },
        items,
    )


def _run_task(language_model: LanguageModel, task: str, share: float, seed: int) -> dict[str, Any]:
    """Run the task and return lm-eval's results.

    Raises:
        InputError: as for `evaluate`.
    """
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager

    path = expand_home(task)
    is_file = path.suffix in TASK_SUFFIXES
    with _silence(), _unchanged(language_model.model):
        try:
            manager = TaskManager(include_path=str(path.parent) if is_file else None)
            manager.load([str(path) if is_file else task])
        except Exception as error:  # task code and the hub may raise anything
            reason = " ".join(str(error).split()) or type(error).__name__
            raise InputError(
                f"lm-eval task {task!r} cannot be loaded: {reason[:200]}; check its name with "
                "`lm-eval ls tasks`, and that its data are cached or the hub can be reached"
            ) from error
        try:
            harness = HFLM(
                pretrained=language_model.model,
                tokenizer=copy.deepcopy(language_model.tokenizer),  # HFLM adds a padding token
                batch_size=BATCH_SIZE,
                prefix_token_id=language_model.start_id,
            )
            # lm-eval's own method computes the logits of all tokens, which is several times slower
            harness._loglikelihood_tokens = partial(
                _score_continuations, language_model.model, harness.max_length
            )
            results: dict[str, Any] | None = simple_evaluate(
                model=harness,
                tasks=[str(path) if is_file else task],
                task_manager=manager,
                limit=share if share < 1 else None,
                bootstrap_iters=0,
                random_seed=seed,
                numpy_random_seed=seed,
                torch_random_seed=seed,
                fewshot_random_seed=seed,
            )
        except (InputError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # as above
            raise InputError(
                f"lm-eval task {task!r} cannot be run: {first_line(error)[:200]}; choose another"
            ) from error
    assert results is not None  # it is None only in other processes than the first
    return results


def _score_continuations(
    model: PreTrainedModel,
    longest: int,
    requests: Sequence[tuple[Any, list[int], list[int]]],
    **_: object,
) -> list[tuple[float, bool]]:
    """Replace lm-eval's `HFLM._loglikelihood_tokens` with `continuation_log_probs`.

    Args:
        model: a causal model.
        longest: number of tokens that it can read; texts with more lose their beginning.
        requests: the texts, and the token ids of a context and its continuation.

    Raises:
        ValueError: a continuation has no context, no tokens, or more tokens than the model can
            read.
    """
    pairs = []
    for _texts, context, continuation in requests:
        if not context or not 0 < len(continuation) <= longest:
            raise ValueError(
                f"a continuation has {len(continuation)} tokens and its context {len(context)}; "
                f"the context must not be empty, and the continuation must have 1 to {longest} "
                "tokens"
            )
        ids = [*context, *continuation][-(longest + 1) :]
        pairs.append((ids[: -len(continuation)], ids[-len(continuation) :]))
    return continuation_log_probs(model, pairs)


def judge(rows: Sequence[Row]) -> Judgement:
    """Documents as numbers; each is its own cluster."""
    correct = np.array([row["correct"] for row in rows], dtype=bool)
    return Judgement(
        [cluster_rows(np.column_stack([correct, np.ones(len(rows))]), rows, "id")],
        _statistic,
        verdicts=correct,
    )


def _statistic(totals: Floats) -> dict[str, Floats]:
    return {"accuracy": 100 * totals[..., 0] / totals[..., 1]}


def _is_nan(answer: object) -> bool:
    """Return whether a number in an answer of the model, maybe nested, is not a number."""
    if isinstance(answer, list | tuple):
        return any(map(_is_nan, answer))
    return isinstance(answer, float) and math.isnan(answer)


def _metrics(results: dict[str, Any]) -> dict[str, dict[str, float]]:
    """Task → metric → value, from the results of lm-eval."""
    return {
        name: {
            metric.removesuffix(",none"): float(value)
            for metric, value in values.items()
            if isinstance(value, int | float) and "," in metric
        }
        for name, values in results.items()
    }


@contextlib.contextmanager
def _unchanged(model: PreTrainedModel) -> Iterator[None]:
    """Keep lm-eval from changing a model: its mode, or an output head that is no longer tied."""
    vars(model)["tie_weights"] = lambda: None
    try:
        with evaluation_mode(model):
            yield
    finally:
        del vars(model)["tie_weights"]


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Suppress the logs and output of lm-eval, and the error output of git, which lm-eval runs."""
    logging.disable(logging.WARNING)
    stderr = os.dup(2)
    try:
        with (
            Path(os.devnull).open("w", encoding="utf-8") as nowhere,
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
        ):
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        logging.disable(logging.NOTSET)
