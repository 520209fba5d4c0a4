"""`fairforget transfer`: what unlearning one bias does to the others."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from fairforget.cli.lists import split_commas
from fairforget.training.budget import STUDY_BUDGET, Budget


def transfer_command(
    model: str,
    *,
    output: Path,
    forget: str = "gender,race,religion",
    corpus: str = "builtin",
    benchmarks: str = "stereoset,crows_pairs",
    objectives: str = "ascent,counterfactual-kl",
    controls: str = "random,matched,none",
    seeds: int = 3,
    select: Literal["given", "contrast", "ratio"] = "given",
    train: str = "edos",
    selection: Literal["spans", "mention-to-span", "after-mention"] = "spans",
    retain: str = "wikipedia",
    retain_loss: Literal["kl", "nll", "none"] = "kl",
    retain_loss_weight: float = 1.0,
    retain_per_forget: float = 0.25,
    budget: Budget = STUDY_BUDGET,
    steps: int = 30,
    batch_size: int = 16,
    learning_rate: float = 2e-5,
    lora_rank: int = 0,
    cluster: Literal["none", "ray"] = "none",
    cpus_per_run: int = 1,
    gpus_per_run: float = 0.0,
    dtype: str | None = None,
    device: str | None = None,
    start_token: str | None = None,
    trust_remote_code: bool = False,
    json: bool = False,
) -> None:
    """The transfer study: study.json and report.html.

    For every forgetting or control, objective and seed: unlearn, land on the budget, measure every
    domain. A study that is cut off goes on where it stopped; one asked for more does the rest.
    Status 1 if a run failed; the others are in the study.

    Args:
        model: Hub id, local directory, .gguf file, or smollm2.
        output: Directory to write to.
        forget: What is forgotten, separated by commas: domains (or groups) of the corpus, or
            CORPUS[:DOMAIN] of others; "all" is the whole corpus.
        corpus: Where the domains come from.
        benchmarks: Names with options, separated by commas; see evaluate.
        objectives: Objectives of unlearn, separated by commas; npo and simnpo may name their
            constants: simnpo?beta=0.1.
        controls: random (as many other tokens), all (every token), matched (the same words about
            no group), none (retain texts only), separated by commas.
        seeds: How many; with one, nothing is decided.
        select: How the harmful words of the corpora are found: their own spans (given), or a
            method of the command select.
        train: Of contrast and ratio: corpora of hateful and other texts, joined by commas.
        selection: Which tokens every objective unlearns: the harmful ones, those from the mention
            to the first harmful one (the default recipe of unlearn), or all after the mention.
            Of all but the first, random is no control: name others.
        retain: Corpus of texts that must stay as likely as they are.
        retain_loss: Loss on the retain corpus.
        retain_loss_weight: Weight of the retain loss; the forget loss has 1.
        retain_per_forget: Retain texts for each forget text.
        budget: What unlearning may cost; every run lands on it.
        steps: Optimiser steps of a run.
        batch_size: Forget texts of a step.
        learning_rate: Peak learning rate of AdamW.
        lora_rank: Train a low-rank adapter, merged at the end; 0 trains all weights.
        cluster: Run one after the other here (none), or spread over a Ray cluster: the one that
            RAY_ADDRESS names, or one started on this machine.
        cpus_per_run: Cores of a run on the cluster.
        gpus_per_run: Graphics processors of a run on the cluster.
        dtype: float32 or bfloat16; by default float32.
        device: Such as cpu or cuda; by default an accelerator if there is one.
        start_token: The token before the first word; by default what the tokenizer says.
        trust_remote_code: Run Python code that comes with the model.
        json: Print study.json, and nothing else.
    """
    from fairforget.cli.tables import show_study
    from fairforget.corpora import corpus_names
    from fairforget.records.paths import STUDY
    from fairforget.report import check_report_extra, write_report
    from fairforget.transfer_study.plan import Recipe
    from fairforget.transfer_study.study import transfer

    check_report_extra()
    recipe = Recipe(
        model=model,
        benchmarks=tuple(split_commas(benchmarks)),
        select=select,
        train=train,
        selection=selection,
        retain=retain,
        retain_loss=retain_loss,
        retain_loss_weight=retain_loss_weight,
        retain_per_forget=retain_per_forget,
        budget=budget,
        steps=steps,
        batch_size=batch_size,
        learning_rate=learning_rate,
        lora_rank=lora_rank,
        dtype=dtype,
        device=device,
        start_token=start_token,
        trust_remote_code=trust_remote_code,
    )
    study = transfer(
        recipe,
        [_named(name, corpus) for name in corpus_names(forget)],
        output,
        objectives=split_commas(objectives),
        controls=split_commas(controls),
        seeds=seeds,
        cluster=cluster,
        cpus_per_run=cpus_per_run,
        gpus_per_run=gpus_per_run,
    )
    report = write_report(output)
    if json:
        print((output / STUDY).read_text(encoding="utf-8"), end="")
    else:
        show_study(study)
        print(f"Written: {output / STUDY} and {report}")
    if study.failed:
        raise SystemExit(1)


def _named(name: str, corpus: str) -> str:
    """A domain of the corpus, the whole of it, or another corpus."""
    from fairforget.corpora.reading import ALL_DOMAINS
    from fairforget.corpora.sources import SOURCES

    if name == ALL_DOMAINS:
        return corpus
    plain, _, own = name.partition("?")
    if ":" in plain or "." in plain or plain in SOURCES:
        return name
    whole, _, shared = corpus.partition("?")
    options = "&".join(filter(None, (shared, own)))
    return f"{whole}:{plain}" + (f"?{options}" if options else "")
