"""`fairforget unlearn`: debias a model."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from fairforget.cli.lists import split_commas
from fairforget.cli.settings import collect_settings
from fairforget.errors import InputError
from fairforget.training.budget import Budget


def unlearn_command(
    model: str,
    *,
    output: Path,
    forget: str = "builtin",
    retain: str = "wikipedia",
    objective: Literal[
        "ascent", "counterfactual-kl", "counterfactual-excess", "npo", "simnpo", "task-vector"
    ] = "counterfactual-kl",
    beta: float | None = None,
    gamma: float | None = None,
    selection: Literal["spans", "mention-to-span", "after-mention", "all", "random"] | None = None,
    context: Literal["left", "both"] = "left",
    counterfactual: Literal["neutral", "groups"] = "neutral",
    precompute_ref_hidden_states: bool = False,
    lora_rank: int = 0,
    retain_loss: Literal["kl", "nll", "none"] = "kl",
    retain_loss_weight: float = 1.0,
    retain_per_forget: float = 0.5,
    budget: Budget = Budget(),  # noqa: B008
    steps: int = 120,
    batch_size: int = 32,
    learning_rate: float = 3e-5,
    benchmarks: str = "",
    seed: int = 0,
    dtype: str | None = None,
    device: str | None = None,
    start_token: str | None = None,
    trust_remote_code: bool = False,
    report_to: str = "none",
    push_to_hub: str | None = None,
    json: bool = False,
) -> None:
    """Debias a model: model/ (loads with from_pretrained) and record.json.

    Args:
        model: Hub id, local directory, .gguf file, or smollm2.
        output: Directory to write to; the same command goes on where it stopped.
        forget: Corpus of biased texts, CORPUS[:DOMAIN]; or a .csv, .jsonl or .parquet file.
        retain: Corpus of texts that must stay as likely as they are; or such a file, or a .txt
            file with a text a line.
        objective: What is done to the target tokens: make them unlikely (ascent, the paper's;
            npo, simnpo: the same with a brake), or as likely as in a text about anyone (neutral;
            neutral-excess: only where they are likelier), or learn them and go the other way
            (task-vector).
        beta: How soon npo and simnpo brake, per nat; by default as their papers, 0.1 and 2.5.
        gamma: Reward margin of simnpo; by default 0, as in its paper's experiments.
        selection: Which tokens are targets: the harmful ones, those from the mention to the first
            harmful one, or all after the mention; by default mention-to-span for neutral in context left,
            else harmful. As controls, all of a text, or as many random others as it has.
        context: What a causal model sees: what precedes the target (left, as the paper), or the
            whole sentence with a blank (both).
        counterfactual: What the neutral objectives compare with: a neutral word for the group, or the
            average over other groups of its domain (built-in corpus only).
        precompute_ref_hidden_states: Ask the original once, before training, so that its weights can wait
            in the machine's own memory, not the GPU's; else it is asked in each step.
        lora_rank: Train a low-rank adapter, merged at the end; 0 trains all weights.
        retain_loss: Loss on the retain corpus; not nll with task-vector, which would
            unlearn it.
        retain_loss_weight: Weight of the retain loss; the forget loss has 1.
        retain_per_forget: Retain texts for each forget text; more than 0 unless retention is
            none.
        budget: What unlearning may cost.
        steps: Optimiser steps.
        batch_size: Forget texts of a step.
        learning_rate: Peak learning rate of AdamW.
        benchmarks: Measure before and after with these, separated by commas: before/, after/ and
            report.html.
        seed: Of the order of texts, and of the intervals.
        dtype: float32 (the default) or bfloat16.
        device: Such as cpu, cuda or cuda:1; by default an accelerator if there is one.
        start_token: The token before the first word; by default what the tokenizer says.
        trust_remote_code: Run Python code that comes with the model.
        report_to: Trackers that follow the training, separated by commas: tensorboard, wandb and
            others that transformers knows, if they are installed.
        push_to_hub: Upload model, card and records to this repository of the Hugging Face hub, as
            whoever is logged in there.
        json: Print the record, and the comparison if there is one, as JSON and nothing else.
    """
    settings = collect_settings("unlearn", locals())

    from fairforget.benchmarks import check_model_kinds, load_benchmarks
    from fairforget.benchmarks.options import list_options
    from fairforget.benchmarks.overlap import check_unseen
    from fairforget.continuations import write_continuation_pairs, write_continuations
    from fairforget.corpora import HARMLESS, parse_name, read_corpus
    from fairforget.evaluation import evaluate_into, is_complete
    from fairforget.machine.devices import select_device
    from fairforget.machine.processes import (
        broadcast_from_first,
        is_first,
        join_process_group,
        process_count,
    )
    from fairforget.models.language_model import LanguageModel
    from fairforget.models.loading import load_model
    from fairforget.models.push import check_push
    from fairforget.models.saving import save_model
    from fairforget.records.inputs import fingerprint_inputs
    from fairforget.records.outputs import check_output, open_output
    from fairforget.records.paths import (
        AFTER,
        BEFORE,
        CHECKPOINTS,
        CONTINUATION_PAIRS,
        CONTINUATIONS,
        MODEL,
        RECORD,
    )
    from fairforget.records.store import write_record
    from fairforget.records.training_corpora import training_corpora
    from fairforget.report import check_report_extra
    from fairforget.training.checkpoints import remove_checkpoints
    from fairforget.training.config import UnlearningConfig
    from fairforget.training.preparation import (
        Corpus,
        check_training_dtype,
        everyday_corpus,
        prepare,
    )
    from fairforget.unlearning import unlearn_prepared

    if push_to_hub is not None:
        check_push(push_to_hub)
    place = select_device(device, own=join_process_group(cpu=device == "cpu"))
    if batch_size % process_count():
        raise InputError(f"batch_size {batch_size} cannot be shared by {process_count()} processes")
    check_training_dtype(dtype)
    check_output(output)
    ready = load_benchmarks(split_commas(benchmarks))
    names = list(ready)
    settings["benchmarks"] = ",".join(names)
    corpora = [parse_name(name).corpus for name in (forget, retain)]
    begun = settings | fingerprint_inputs([model, *corpora, *list_options(names)])
    if names:
        check_report_extra()
    for corpus in (forget, *training_corpora(model)):
        check_unseen(corpus, names)
    config = UnlearningConfig(
        output_dir=str(output / CHECKPOINTS),
        objective=objective,
        beta=beta,
        gamma=gamma,
        selection=selection,
        context=context,
        counterfactual=counterfactual,
        precompute_ref_hidden_states=precompute_ref_hidden_states,
        lora_rank=lora_rank,
        retain_loss=retain_loss,
        retain_loss_weight=retain_loss_weight,
        retain_per_forget=retain_per_forget,
        max_steps=steps,
        per_device_train_batch_size=batch_size // process_count(),
        learning_rate=learning_rate,
        use_cpu=place.type == "cpu",
        gpu=place.index or 0,
        seed=seed,
        report_to=split_commas(report_to),
    )

    def load(source: str | Path) -> LanguageModel:
        return load_model(
            source,
            dtype=dtype or "float32",  # what a checkpoint is stored in may be too coarse to train
            device=str(place),
            start_token=start_token,
            trust_remote_code=trust_remote_code,
        )

    path = output / RECORD
    if path.exists():
        if is_first():
            open_output(output, begun)
        measured = [is_complete(output / part) for part in (BEFORE, AFTER)]
        whole = broadcast_from_first((output / CONTINUATION_PAIRS).exists) and all(
            measured
        )  # samples are made last
        language_model = None
        if names and not whole:
            language_model = replace(load(output / MODEL), source=model)
            wrote = broadcast_from_first((output / BEFORE / CONTINUATIONS).exists)
            if not (measured[0] and (wrote or language_model.kind == "masked")):
                original = load(model)
                evaluate_into(output / BEFORE, original, names, seed=seed)
                write_continuations(output / BEFORE, original)
                del original
    else:
        forget_corpus = Corpus(forget, read_corpus(forget), parse_name(forget).part)
        retain_corpus = Corpus(retain, read_corpus(retain, label=HARMLESS))
        everyday = everyday_corpus()
        language_model = load(model)
        check_model_kinds(ready, language_model)
        prepared = prepare(language_model, forget_corpus, retain_corpus, config, everyday=everyday)
        if is_first():
            open_output(output, begun)
        if names:
            evaluate_into(output / BEFORE, language_model, names, seed=seed)
            write_continuations(output / BEFORE, language_model)
        record = unlearn_prepared(language_model, prepared, config, budget=budget)
        if is_first():
            save_model(language_model, output / MODEL)
            write_record(replace(record, command=settings), path)
    if is_first():
        remove_checkpoints(output / CHECKPOINTS)
    if language_model and names:
        evaluate_into(output / AFTER, language_model, names, seed=seed)
        write_continuations(output / AFTER, language_model)
        write_continuation_pairs(output, output / BEFORE, output / AFTER)

    if not is_first():
        return
    from fairforget.cli.finish import finish

    finish(output, measured=bool(names), push_to_hub=push_to_hub, json=json)
