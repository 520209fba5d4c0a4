"""Settings of every command and function, each defined once.

A command's flags, a Python function's keyword arguments and a configuration file's keys are the
fields of these dataclasses. This module imports nothing heavy, so `--help` stays fast.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from fairforget.benchmarks import BENCHMARKS
from fairforget.budget import LEADERBOARD_BUDGET, STUDY_BUDGET, Budget
from fairforget.methods import METHODS
from fairforget.objectives import NOTHING, OBJECTIVES
from fairforget.objectives.objective import TargetSelection
from fairforget.selection import SELECTORS

Selection = Literal["spans", "mention-to-span", "after-mention", "all", "random"]
Context = Literal["left", "both"]
Counterfactual = Literal["neutral", "groups"]
SpanSource = Literal["given", "contrast"]
Match = Literal["perplexity", "movement", "both"]


@dataclass(kw_only=True)
class ModelSettings:
    """How a model is loaded.

    Args:
        dtype: float32, bfloat16 or float16. Training accepts float32 and bfloat16, leaderboard only
            float32. Default: float32 for training and on a CPU, otherwise the dtype of the
            checkpoint.
        device: Device such as cpu, cuda or cuda:1. Default: an accelerator if there is one.
        start_token: Token prepended to every text. Default: the tokenizer's BOS token, else its EOS
            token, <|endoftext|> or its CLS token (for a masked model, CLS comes first); chat
            markers (<|im_start|>, <|im_end|>) are skipped. lm-eval does not skip them: to match its
            default scores, give the BOS token (SmolLM2: <|im_start|>), or the EOS token if there is
            none.
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
        benchmarks: Comma-separated NAME[:OPTION]..., with options in any order;
            docs/pages/reference/benchmarks.md explains them.
            {benchmarks}
        server: URL of an OpenAI-compatible server that generates the texts, such as
            http://127.0.0.1:8000/v1. Only for honest, bold, counterfactual and bbq:chat. The API
            key, if any, is read from OPENAI_API_KEY.
        server_concurrency: Maximum number of concurrent requests to the server. Default: 8.
        server_timeout: Timeout of a request to the server in seconds. Default: 300.
        seed: Seed for sampling.
    """

    benchmarks: str = "stereoset"
    server: str | None = None
    server_concurrency: int | None = None
    server_timeout: float | None = None
    seed: int = 0


@dataclass(kw_only=True)
class TargetSettings(ModelSettings):
    """Which targets `score_targets` and `fairforget score-target` score, and on which items.

    Args:
        objectives: Objectives whose targets to score, comma-separated.
        file: StereoSet items: the authors' JSON, or JSON lines. Default: the development set.
        items: Number of items to sample at random from those with a neutral version. Default: all.
        seed: Seed for the sample.
    """

    objectives: str = "counterfactual-kl,trait-kl"
    file: str | None = None
    items: int | None = None
    seed: int = 0


@dataclass(kw_only=True)
class ForgetSettings:
    """Which texts are unlearned.

    Args:
        forget: Forget corpora of biased texts, comma-separated: CORPUS[:DOMAIN], or a .csv, .jsonl
            or .parquet file. Default: builtin; also pronouns with a counterfactual objective, such
            as trait-kl, unless the selection is spans or random.
    """

    forget: str | None = None


@dataclass(kw_only=True)
class ObjectiveSettings:
    """What is unlearned.

    Args:
        objective: Forget loss on the target tokens: {objectives}. trait-kl (the default) trains the
            model to predict trait words, such as adjectives, after a group mention as the reference
            model does after a neutral word, and likewise he, she and similar pronouns after an
            occupation; negative words are kept from becoming more likely after groups other than
            occupations, and from changing in retain texts. counterfactual-kl trains it to predict
            all words this way, which can make harmful words more likely. counterfactual-excess only
            lowers tokens that the group makes more likely. ascent, npo and simnpo make the target
            tokens less likely. task-vector fine-tunes on them and subtracts the weight difference.
        beta: Inverse temperature β of NPO and SimNPO. Default: the papers', 0.1 and 2.5.
        gamma: Reward margin γ of SimNPO. Default: the paper's, 0.
        selection: Target tokens: the harmful spans (spans), the tokens after the group mention up
            to and including the first harmful token (mention-to-span), or all tokens after the
            mention (after-mention). Controls: all tokens (all), or as many random tokens as the
            spans have (random). Default: spans; with context left, after-mention for trait-kl and
            mention-to-span for counterfactual-kl.
        context: Context of a target in a causal model: the tokens before it (left, as in Lu
            et al. 2024), or the whole sentence with a blank in place of the target (both, with
            selection spans only). Masked models always use both sides.
        counterfactual: Counterfactual text of the counterfactual objectives: a neutral word in
            place of the group (neutral), or the average over other groups of the domain (groups,
            built-in corpus only).
        precompute_ref_hidden_states: Run the reference model once before training and cache its
            hidden states, so that its weights take no GPU memory during training.
    """

    objective: str = "trait-kl"
    beta: float | None = None
    gamma: float | None = None
    selection: Selection | None = None
    context: Context = "left"
    counterfactual: Counterfactual = "neutral"
    precompute_ref_hidden_states: bool = False


@dataclass(kw_only=True)
class RetainSettings:
    """How the utility of the model is preserved, and which weights are trained.

    Args:
        retain_loss: Loss on the retain corpus: KL divergence to the reference model (kl; trait-kl
            adds a term that keeps the likelihood of negative words), negative log-likelihood (nll),
            or none.
        retain_loss_weight: Weight of the retain loss; the forget loss has weight 1.
        retain_per_forget: Retain texts per forget text in a batch.
        lora_rank: Rank of a LoRA adapter to train and merge; unlearn also saves it separately. 0:
            train all weights.
    """

    retain_loss: str = "kl"
    retain_loss_weight: float = 2.0
    retain_per_forget: float = 1.0
    lora_rank: int = 0


@dataclass(kw_only=True)
class TrainingSettings:
    """The retain corpus, the budget and the length of training.

    Args:
        retain: Retain corpus, on which the model's predictions are preserved: CORPUS[:DOMAIN],
            or a .csv, .jsonl, .parquet or .txt file.
        budget: Limits on utility loss, movement and the likelihood of harmful words.
        steps: Optimizer steps.
        batch_size: Forget texts per step.
        learning_rate: Peak learning rate of AdamW. null: proportional to the root mean square of
            the model's weight matrices (2e-5 for SmolLM2-135M), or 2e-4 for a LoRA adapter.
    """

    retain: str = "wikipedia"
    budget: Budget = Budget()  # noqa: RUF009
    steps: int = 80
    batch_size: int = 16
    learning_rate: float | None = None


@dataclass(kw_only=True)
class DebiasSettings(
    ModelSettings, TrainingSettings, RetainSettings, ObjectiveSettings, ForgetSettings
):
    """The settings of `debias` and `fairforget unlearn`.

    Args:
        retain_groups: Add two kinds of retain texts: for causal models, built-in English facts
            about groups and things, which make up half of the retain texts; with a counterfactual
            objective, the forget texts with a neutral word in place of the group. Both require
            the retain loss kl.
        benchmarks: Benchmarks to run before and after, comma-separated; see evaluate. Default:
            none, and then no report is written.
        seed: Seed for the order of texts and for sampling.
        report_to: Experiment trackers, comma-separated: tensorboard, wandb or any other that
            transformers supports.
    """

    retain_groups: bool = True
    benchmarks: str = ""
    seed: int = 0
    report_to: str = "none"


@dataclass(kw_only=True, unsafe_hash=True)
class StudySettings(ModelSettings, TrainingSettings, RetainSettings):
    """The settings that all runs of a transfer study share.

    Args:
        select: Source of the harmful spans: the corpus (given), or the selector contrast.
        train: Corpora of hateful and other texts on which the selector is trained,
            comma-separated.
        selection: Target tokens of every objective: the harmful spans (spans), the tokens after
            the group mention up to and including the first harmful token (mention-to-span), or
            all tokens after the mention (after-mention, the default of unlearn). The random control
            needs spans.
        match: How a control is matched to its run: on the perplexity budget (perplexity), on the
            mean KL divergence from the original model on ordinary text (movement), or one control
            on each (both).
        doses: Fractions of each run's weight update at which to score StereoSet as well,
            comma-separated, such as 0.25,0.5,0.75. Default: none.
    """

    select: SpanSource = "given"
    train: str = "edos"
    selection: TargetSelection = "spans"
    match: Match = "perplexity"
    doses: str = ""
    retain_loss_weight: float = 1.0
    retain_per_forget: float = 0.25
    budget: Budget = STUDY_BUDGET
    steps: int = 30
    batch_size: int = 16
    learning_rate: float | None = 2e-5


@dataclass(kw_only=True, unsafe_hash=True)
class ClusterSettings:
    """Where the runs execute.

    Args:
        cluster: Run sequentially (none), or on a Ray cluster (ray): the one at RAY_ADDRESS, or a
            local one if that variable is not set.
        cpus_per_run: CPU cores per run on the cluster.
        gpus_per_run: GPUs per run on the cluster.
    """

    cluster: Literal["none", "ray"] = "none"
    cpus_per_run: int = 1
    gpus_per_run: float = 0.0


@dataclass(kw_only=True, unsafe_hash=True)
class TransferSettings(ClusterSettings, StudySettings):
    """The settings of `transfer` and `fairforget transfer`.

    Args:
        forget: Forget sets, comma-separated: domains or groups of --corpus, CORPUS[:DOMAIN] of
            another corpus, a .csv, .jsonl or .parquet file, or "all" for the whole of --corpus.
        corpus: Corpus to which the domains and groups of --forget belong.
        benchmarks: Benchmarks, comma-separated; see evaluate.
        objectives: Objectives, comma-separated; npo and simnpo accept constants, as in
            simnpo?beta=0.1.
        controls: Controls, comma-separated: random (as many random tokens), all (every token),
            matched (the same words in texts about no group), harmless (ordinary facts about the
            same groups; not with trait-kl or counterfactual-kl), swapped (the same words about
            groups of other domains), none (trains on retain texts only). For no controls, give
            an empty string.
        seeds: Number of seeds; with one seed, every verdict is undecided.
        margin: Equivalence margin in points: a change in bias too small to matter. The verdict "no
            more than margin" means that the data rule out a fall in bias of this size or more, or
            one that is larger by this much than with at least one control. Set the margin before
            you see results.
        margin_continuous: Equivalence margin for scores that are not in points, each in its own
            unit: median absolute deviations for contribution_scaled (StereoSet) and
            conditional_scaled (CrowS-Pairs), nats for the gap of WinoBias.
    """

    forget: str = "gender,race,religion"
    corpus: str = "builtin"
    benchmarks: str = "stereoset,crows_pairs"
    objectives: str = "ascent,trait-kl"
    controls: str = "random,matched,none"
    seeds: int = 3
    margin: float = 1.0
    margin_continuous: float = 0.05


@dataclass(kw_only=True, unsafe_hash=True)
class LeaderboardSettings(ClusterSettings, ModelSettings):
    """The settings of `leaderboard` and `fairforget leaderboard`.

    Args:
        models: Models, comma-separated: Hub ids, local directories, .gguf files, or smollm2.
        methods: Debiasing methods, comma-separated: {methods}; or the path or Hub id
            (containing a /) of a model that was debiased by other means.
        benchmarks: Benchmarks, comma-separated; see evaluate.
        seeds: Number of seeds; a method whose result does not depend on the seed runs once.
        domain: Domain of the built-in lexicon to debias. Default: all.
        budget: Limits on the cost. Every method that changes weights is also evaluated with its
            weights interpolated to stay within them. harmful_log_prob must be null.
        steps: Optimizer steps, for methods that train. Default: each method's own.
        batch_size: Texts per step, for methods that train. Default: each method's own.
        learning_rate: Peak learning rate of AdamW, for methods that train. Default: each method's
            own.
    """

    models: str = "smollm2"
    methods: str = ",".join(METHODS)
    benchmarks: str = "stereoset,crows_pairs,winobias,group_facts,perplexity"
    seeds: int = 3
    domain: str | None = None
    budget: Budget = LEADERBOARD_BUDGET
    steps: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None


@dataclass(kw_only=True)
class DurabilitySettings:
    """The settings of `durability` and `fairforget durability`.

    Args:
        benchmarks: Benchmarks with a bias score, comma-separated; see evaluate.
        attacks: Attacks, comma-separated: fine-tuning (on ordinary text), relearning (training on
            biased text that was not unlearned), quantization, and perturbation (StereoSet's
            sentences in another form).
        steps: Optimizer steps of fine-tuning and relearning after which to evaluate,
            comma-separated.
        ordinary: Corpus for fine-tuning: CORPUS[:DOMAIN] or a file.
        relearn: Corpus for relearning: CORPUS[:DOMAIN] or a file; texts that the run has unlearned
            are left out. Default: other built-in texts, of the same domain if the run unlearned
            a single built-in domain and nothing else.
        batch_size: Texts per step.
        learning_rate: Constant learning rate of AdamW.
        types: GGUF types to round the weights to, comma-separated: q8_0, q5_1, q5_0, q4_1, q4_0.
        perturbations: Perturbations, comma-separated: lowercase, uppercase, typos, reworded,
            reported, role-play.
        controls: Output directories of other runs on the same model, comma-separated, to measure
            under the same attacks, such as one with --forget builtin:control. The report then also
            has the excess over each control: the change in bias minus that of the control. Like
            RUN, each may contain several runs that differ only in their seed.
        seed: Seed for the order of texts.
        device: Device such as cpu, cuda or cuda:1. Default: an accelerator if there is one.
        trust_remote_code: Run Python code that comes with the model.
    """

    benchmarks: str = "stereoset"
    attacks: str = "fine-tuning,relearning,quantization,perturbation"
    steps: str = "10,50,200"
    ordinary: str = "wikipedia"
    relearn: str | None = None
    batch_size: int = 8
    learning_rate: float = 2e-5
    types: str = "q8_0,q4_0"
    perturbations: str = "lowercase,typos,reworded,reported,role-play"
    controls: str = ""
    seed: int = 0
    device: str | None = None
    trust_remote_code: bool = False


@dataclass(kw_only=True)
class SelectSettings:
    """The settings of `select_spans` and `fairforget select`.

    Args:
        method: One of {methods}. given: the spans of the corpus; lexicon: a word list; contrast:
            words typical of hateful texts; llm: a model behind an OpenAI-compatible API; random
            and all are controls.
        train: contrast: corpora of hateful and other texts to train on, comma-separated.
        lexicon: lexicon: a file with one word or phrase per line, or PACKAGE:PATH.
        model: llm: the model to query. Answers are cached by model name, regardless of the server.
        url: llm: the server's address, such as http://127.0.0.1:8000/v1. Default: OpenAI's, to
            which the texts are then sent. The key is read from OPENAI_API_KEY.
        concurrency: llm: number of concurrent requests.
        timeout: llm: timeout of a request in seconds.
        processes: lexicon, contrast and controls: number of processes, for corpora of many
            thousands of texts.
        seed: Seed for the random control.
    """

    method: str = "contrast"
    train: str = "edos"
    lexicon: str = ""
    model: str = "smollm2"
    url: str = ""
    concurrency: int = 8
    timeout: float = 60.0
    processes: int = 1
    seed: int = 0


def fill_names(documented: Any, **names: str) -> None:
    """Put registered names into the docstring of a class or function, which `--help` shows."""
    for placeholder, text in names.items():
        documented.__doc__ = (documented.__doc__ or "").replace(f"{{{placeholder}}}", text)


fill_names(ObjectiveSettings, objectives=", ".join(name for name in OBJECTIVES if name != NOTHING))
fill_names(
    EvaluationSettings,
    benchmarks=" ".join(f"{name}: {entry.options}." for name, entry in BENCHMARKS.items()),
)
fill_names(LeaderboardSettings, methods=", ".join(METHODS))
fill_names(SelectSettings, methods=", ".join(SELECTORS))
