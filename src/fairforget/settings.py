"""The settings of every command and function, each written once.

A command's flags, a Python function's keyword arguments and a configuration file's keys are the
fields of these dataclasses. This module imports nothing heavy, so `--help` stays fast.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from fairforget.benchmarks import BENCHMARKS
from fairforget.objectives import OBJECTIVES
from fairforget.training.budget import STUDY_BUDGET, Budget

Selection = Literal["spans", "mention-to-span", "after-mention", "all", "random"]
TargetSelection = Literal["spans", "mention-to-span", "after-mention"]
"""The selections that are not controls."""
Context = Literal["left", "both"]
Counterfactual = Literal["neutral", "groups"]
RetainLoss = Literal["kl", "nll", "none"]
SpanSource = Literal["given", "contrast"]
NOT_RECORDED = ("device", "report_to")
"""Settings that do not change the result."""


@dataclass(kw_only=True)
class ModelSettings:
    """How a model is loaded.

    Args:
        dtype: float32, bfloat16 or, to evaluate only, float16. Training defaults to float32;
            evaluation to float32 on a CPU and to the checkpoint's own dtype elsewhere.
        device: Device such as cpu, cuda or cuda:1. Default: an accelerator if there is one.
        start_token: Token before the first word. Default: the tokenizer's.
        trust_remote_code: Run Python code that comes with the model.
    """

    dtype: str | None = None
    device: str | None = None
    start_token: str | None = None
    trust_remote_code: bool = False


@dataclass(kw_only=True)
class EvaluationSettings(ModelSettings):
    """How a model is evaluated.

    Args:
        benchmarks: NAME[:OPTION]..., comma-separated, options in any order.
            {benchmarks}
        seed: Seed of the bootstrap intervals.
    """

    benchmarks: str = "stereoset"
    seed: int = 0


@dataclass(kw_only=True)
class ObjectiveSettings:
    """What is unlearned.

    Args:
        objective: Forget loss on the target tokens: {objectives}. counterfactual-kl makes the
            model predict after a group what the original predicts after a neutral word; ascent,
            npo and simnpo make the target tokens less likely.
        beta: Inverse temperature β of NPO and SimNPO (paper defaults: 0.1 and 2.5).
        gamma: Reward margin γ of SimNPO (paper default: 0).
        selection: Target tokens: the harmful spans, the tokens from the group mention to the first
            harmful span, or all tokens after the mention. Controls: all tokens, or as many random
            tokens as the spans have. Default: mention-to-span for counterfactual-kl with context
            left, otherwise spans.
        context: What a causal model reads: the tokens before the target (left, as in the paper),
            or the whole sentence with a blank (both). Masked models always read both sides.
        counterfactual: Counterfactual text of the counterfactual objectives: a neutral word in
            place of the group, or the average over other groups of the domain (built-in corpus
            only).
        precompute_ref_hidden_states: Run the reference model once before training and keep its
            hidden states, so that its weights need no GPU memory during training.
    """

    objective: str = "counterfactual-kl"
    beta: float | None = None
    gamma: float | None = None
    selection: Selection | None = None
    context: Context = "left"
    counterfactual: Counterfactual = "neutral"
    precompute_ref_hidden_states: bool = False


@dataclass(kw_only=True)
class RetainSettings:
    """What is kept, and which weights are trained.

    Args:
        retain_loss: Loss on the retain corpus: KL divergence to the reference model, negative
            log-likelihood, or none.
        retain_loss_weight: Weight of the retain loss; the forget loss has weight 1.
        retain_per_forget: Retain texts per forget text in a batch.
        lora_rank: Train a LoRA adapter of this rank and merge it; 0 trains all weights.
    """

    retain_loss: RetainLoss = "kl"
    retain_loss_weight: float = 1.0
    retain_per_forget: float = 0.5
    lora_rank: int = 0


@dataclass(kw_only=True)
class TrainingSettings:
    """How long is trained, and what it may cost.

    Args:
        retain: Corpus whose likelihood must not change; or a .csv, .jsonl, .parquet or .txt file.
        budget: Maximum utility loss.
        steps: Optimizer steps.
        batch_size: Forget texts per step.
        learning_rate: Peak learning rate of AdamW.
    """

    retain: str = "wikipedia"
    budget: Budget = Budget()  # noqa: RUF009
    steps: int = 120
    batch_size: int = 32
    learning_rate: float = 3e-5


@dataclass(kw_only=True)
class DebiasSettings(ModelSettings, TrainingSettings, RetainSettings, ObjectiveSettings):
    """The settings of `debias` and `fairforget unlearn`.

    Args:
        forget: Corpus of biased texts, CORPUS[:DOMAIN]; or a .csv, .jsonl or .parquet file.
        benchmarks: Benchmarks to run before and after, comma-separated; see evaluate.
        seed: Seed of the order of texts and of the intervals.
        report_to: Experiment trackers, comma-separated: tensorboard, wandb and others that
            transformers knows.
    """

    forget: str = "builtin"
    benchmarks: str = ""
    seed: int = 0
    report_to: str = "none"


@dataclass(kw_only=True, unsafe_hash=True)
class StudySettings(ModelSettings, TrainingSettings, RetainSettings):
    """The settings that all runs of a transfer study share.

    Args:
        select: Source of the harmful spans: the corpus (given), or a selection method.
        train: Corpora of hateful and other texts that train the selection method, comma-separated.
        selection: Target tokens of every objective: the harmful spans, the tokens from the group
            mention to the first span (the default of unlearn), or all tokens after the mention.
            The control random needs spans.
    """

    select: SpanSource = "given"
    train: str = "edos"
    selection: TargetSelection = "spans"
    retain_per_forget: float = 0.25
    budget: Budget = STUDY_BUDGET
    steps: int = 30
    batch_size: int = 16
    learning_rate: float = 2e-5


@dataclass(kw_only=True, unsafe_hash=True)
class TransferSettings(StudySettings):
    """The settings of `transfer` and `fairforget transfer`.

    Args:
        forget: What to forget, comma-separated: domains or groups of the corpus, or CORPUS[:DOMAIN]
            of others; "all" is the whole corpus.
        corpus: Corpus that the domains belong to.
        benchmarks: Benchmarks, comma-separated; see evaluate.
        objectives: Objectives, comma-separated; npo and simnpo may set their constants:
            simnpo?beta=0.1.
        controls: Controls, comma-separated: random (as many other tokens), all (every token),
            matched (the same words about no group), none (retain texts only).
        seeds: Number of seeds; one seed decides nothing.
        cluster: Run one after the other (none), or on a Ray cluster: the one at RAY_ADDRESS, or one
            started on this machine.
        cpus_per_run: Cores per run on the cluster.
        gpus_per_run: GPUs per run on the cluster.
    """

    forget: str = "gender,race,religion"
    corpus: str = "builtin"
    benchmarks: str = "stereoset,crows_pairs"
    objectives: str = "ascent,counterfactual-kl"
    controls: str = "random,matched,none"
    seeds: int = 3
    cluster: Literal["none", "ray"] = "none"
    cpus_per_run: int = 1
    gpus_per_run: float = 0.0


def split_commas(text: str) -> list[str]:
    """Return the parts of a comma-separated list, stripped; empty parts are dropped."""
    return [part.strip() for part in text.split(",") if part.strip()]


def command_settings(command: str, settings: Any, **arguments: Any) -> dict[str, Any]:
    """Return what a record says of the command: its name, arguments and settings, as JSON types.

    Args:
        command: its name.
        settings: one of the dataclasses above.
        **arguments: arguments that are not settings, such as the model.
    """
    values: Mapping[str, Any] = asdict(settings)
    recorded = {name: value for name, value in values.items() if name not in NOT_RECORDED}
    return {"command": command, **arguments, **recorded}


def fill_names(documented: Any, **names: str) -> None:
    """Put registered names into the docstring of a class or function, which `--help` shows."""
    for placeholder, text in names.items():
        documented.__doc__ = (documented.__doc__ or "").replace(f"{{{placeholder}}}", text)


fill_names(ObjectiveSettings, objectives=", ".join(name for name in OBJECTIVES if name != "none"))
fill_names(
    EvaluationSettings,
    benchmarks=" ".join(f"{name}: {entry.options}." for name, entry in BENCHMARKS.items()),
)
