"""`UnlearningTrainer`: transformers' Trainer with a forget loss and a retain loss."""

from __future__ import annotations

import copy
import errno
import json
import os
import shutil
import types
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint
from torch.utils.data import SequentialSampler
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainerState,
    TrainingArguments,
)

from fairforget.batches import Batch, Collator, Samples
from fairforget.errors import InputError
from fairforget.forward.packing import honours_trees
from fairforget.forward.split_forward import hidden_states, is_masked, logits_at
from fairforget.objectives import OBJECTIVES, RETENTIONS, Objective
from fairforget.targets import Context, Selection, Targets

TRAINER_STATE = "trainer_state.json"
WHOLE = "whole"
"""Name of the file that marks a checkpoint as written to its end."""
LITTLE_SPACE = 1 << 20
"""Bytes: when less is free, a failed write failed for want of space."""
HEAD_ROWS = 256
"""Target positions whose logits exist at one time; they are computed again for the gradient."""


@dataclass
class UnlearningConfig(TrainingArguments):
    """How to unlearn: TrainingArguments, with defaults that do not collapse a model.

    Raises:
        InputError: an unknown objective or retention, or a number out of range.
    """

    objective: str = field(
        default="neutral", metadata={"help": "What is done to the target tokens."}
    )
    selection: Selection | None = field(
        default=None,
        metadata={
            "help": "Which tokens are targets; by default the harmful ones for ascent, and every "
            "token after the group mention for neutral."
        },
    )
    context: Context = field(
        default="left",
        metadata={
            "help": "What a causal model sees of a text: what precedes the target, or all of it "
            "but the target, in an infilling prompt. A masked model always sees both sides."
        },
    )
    lora_rank: int = field(
        default=0, metadata={"help": "Train an adapter of this rank; 0 trains all weights."}
    )
    lora_alpha: int = field(default=32, metadata={"help": "Scale of the adapter, ÷ its rank."})
    retention: str = field(default="kl", metadata={"help": "What is done on the retain corpus."})
    retention_weight: float = field(
        default=1.0, metadata={"help": "Weight of the retain loss; the forget loss has 1."}
    )
    retain_per_forget: float = field(
        default=0.25, metadata={"help": "Retain texts for each forget text."}
    )
    per_device_train_batch_size: int = field(
        default=16, metadata={"help": "Forget texts of a step on each device."}
    )
    max_steps: int = field(default=60, metadata={"help": "Optimiser steps."})
    learning_rate: float = field(default=2e-5, metadata={"help": "Peak learning rate of AdamW."})
    lr_scheduler_type: str = field(default="linear", metadata={"help": "Falls to 0 at the end."})
    warmup_steps: float = field(default=5, metadata={"help": "Steps (or share) of warm-up."})
    logging_steps: float = field(default=5, metadata={"help": "Steps between rows of history."})
    save_steps: float = field(default=50, metadata={"help": "Steps between checkpoints."})
    save_total_limit: int | None = field(default=2, metadata={"help": "Checkpoints kept."})
    report_to: str | list[str] | None = field(
        default="none", metadata={"help": "Experiment trackers, as Trainer knows them."}
    )
    remove_unused_columns: bool = field(
        default=False, metadata={"help": "Fixed: samples are no columns."}
    )
    dataloader_pin_memory: bool = field(default=False, metadata={"help": "Batches are small."})
    logging_nan_inf_filter: bool = field(
        default=False, metadata={"help": "Off: a loss that is not finite must be seen."}
    )

    def __post_init__(self) -> None:
        for name, known in (
            ("objective", [*OBJECTIVES]),
            ("selection", [*get_args(Selection), None]),
            ("context", get_args(Context)),
            ("retention", [*RETENTIONS, "none"]),
        ):
            if getattr(self, name) not in known:
                choice = ", ".join(filter(None, known))
                raise InputError(
                    f"{name} {getattr(self, name)!r} is unknown; choose one of {choice}"
                )
        for name, low in (
            ("retention_weight", 0),
            ("retain_per_forget", 0),
            ("learning_rate", 0),
            ("max_steps", 1),
            ("lora_rank", 0),
            ("per_device_train_batch_size", 1),
        ):
            if not getattr(self, name) >= low:
                raise InputError(f"{name} is {getattr(self, name)}; it must be at least {low}")
        if self.selection is None:
            whole = self.objective == "neutral" and self.context == "left"
            self.selection = "after-mention" if whole else "harmful"
        super().__post_init__()  # type: ignore[no-untyped-call]
        self._n_gpu = min(1, self.n_gpu)  # several GPUs take several processes, not DataParallel

    @property
    def texts_of_a_run(self) -> int:
        """Forget texts that the whole run sees, over all processes."""
        return int(
            self.max_steps
            * self.per_device_train_batch_size
            * self.gradient_accumulation_steps
            * self.world_size
        )


class UnlearningTrainer(Trainer):
    """Minimises forget loss + weight × retain loss, each a mean over target tokens.

    The means are over the tokens of the whole step, over all its batches and processes, so that
    padding, batch size, accumulation and number of processes do not change it.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        args: UnlearningConfig,
        forget_dataset: Sequence[Targets],
        retain_dataset: Sequence[Sequence[int]] = (),
        processing_class: PreTrainedTokenizerBase | None = None,
        reference: PreTrainedModel | None = None,
        callbacks: list[Any] | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            model: a causal or masked model; trained in place.
            args: how.
            forget_dataset: encoded forget texts; with neutral texts for `neutral`.
            retain_dataset: token ids of retain texts, start token included.
            processing_class: the tokenizer, saved along with checkpoints.
            reference: the original model. Where it is needed and not given, a frozen copy is
                made; with an adapter, the model itself is asked with the adapter off.
            callbacks: as for Trainer.

        Raises:
            InputError: nothing to forget, or nothing to retain though retention is asked for.
        """
        if not forget_dataset:
            raise InputError("the forget corpus has no text with target tokens")
        retain_wanted = args.retention != "none" and args.retention_weight > 0
        if retain_wanted and not retain_dataset:
            raise InputError(f"retention {args.retention!r} needs a retain corpus")
        self.config = args
        self.forgetting: Objective = OBJECTIVES[args.objective]
        self.retention: Objective | None = RETENTIONS[args.retention] if retain_wanted else None
        longest = max(
            [len(t.ids) for t in forget_dataset]
            + [len(t.neutral_ids) for t in forget_dataset]
            + [len(ids) for ids in retain_dataset]
        )
        mask_id = None
        if is_masked(model):
            if processing_class is None or processing_class.mask_token_id is None:
                raise InputError("a masked model needs its tokenizer, with a mask token")
            mask_id = int(processing_class.mask_token_id)
        collator = Collator(
            self.forgetting,
            self.retention,
            trees=mask_id is None and honours_trees(model, longest),
            mask_id=mask_id,
        )
        asks = {self.forgetting.reference, self.retention.reference if self.retention else "none"}
        self.adapter_off = reference is None and bool(args.lora_rank)
        if asks != {"none"} and reference is None and not self.adapter_off:
            reference = copy.deepcopy(model)
        self.reference = reference.eval().requires_grad_(False) if reference is not None else None
        samples = Samples(
            forget_dataset,
            retain_dataset if self.retention else (),
            count=args.texts_of_a_run,
            retain_per_forget=args.retain_per_forget,
            seed=args.seed,
        )
        super().__init__(
            model=model,
            args=args,
            train_dataset=samples,
            data_collator=collator,
            processing_class=processing_class,
            callbacks=callbacks,
        )
        self.loss_is_scaled_for_ga = True
        if self.reference is not None:
            self.reference.to(args.device)
        self._logged = torch.zeros(4, dtype=torch.float64)

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train, with dropout off: the losses compare distributions, noise is no part of them."""
        assert isinstance(self.model, PreTrainedModel)
        with _without_dropout(self.model), self._losses_as_forward(self.model):
            return super().train(*args, **kwargs)

    def compute_loss(  # type: ignore[override]  # a Batch is a nested dict
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """The loss of one batch as its share of the step's: sums ÷ the step's token counts."""
        assert isinstance(num_items_in_batch, Tensor)
        sums: Tensor = model(inputs)
        counts = num_items_in_batch.clamp(min=1)
        means = sums / counts
        self._logged[:2] += sums.detach().double().cpu()
        self._logged[2:] += torch.tensor(
            [len(inputs[r]["tokens"]) if r in inputs else 0 for r in ("forget", "retain")]
        )
        # DDP and FSDP average gradients over processes; the counts are already global
        loss: Tensor = (means[0] + self.config.retention_weight * means[1]) * self.args.world_size
        return loss

    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: torch.device
    ) -> tuple[list[Batch], Tensor]:
        """The batches of a step, and how many forget and retain tokens all processes have [2]."""
        batches = [batch for _, batch in zip(range(num_batches), epoch_iterator, strict=False)]
        counts = torch.tensor(
            [
                sum(len(batch[role]["tokens"]) for batch in batches if role in batch)
                for role in ("forget", "retain")
            ],
            device=device,
        )
        if self.args.world_size > 1:
            counts = self.accelerator.reduce(counts, "sum")
        return batches, counts

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the mean forget and retain loss per token since the last row."""
        if "loss" in logs:
            totals = self._logged.to(self.args.device, torch.float32)
            if self.args.world_size > 1:
                totals = self.accelerator.reduce(totals, "sum")
            forget, retain = (totals[:2] / totals[2:].clamp(min=1)).tolist()
            logs = {**logs, "forget": forget} | ({"retain": retain} if self.retention else {})
            self._logged.zero_()
        super().log(logs, start_time)

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Save; the mark that it is whole is written last."""
        directory = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}"
        try:
            super()._save_checkpoint(model, trial)
            if self.args.should_save:
                (directory / WHOLE).touch()
        except Exception as error:  # torch and safetensors do not pass the system's error on
            if shutil.disk_usage(directory.parent).free < LITTLE_SPACE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory)) from error
            raise

    def restore(self, checkpoint: str) -> None:
        """Take weights and history of a checkpoint, without training on."""
        self._load_from_checkpoint(checkpoint)
        self.state = TrainerState.load_from_json(str(Path(checkpoint) / TRAINER_STATE))

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: nn.Module | None = None
    ) -> None:
        """Load weights; of a run with an adapter, the adapter's."""
        if not self.config.lora_rank:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        from peft import set_peft_model_state_dict
        from safetensors.torch import load_file

        saved = load_file(Path(resume_from_checkpoint) / "adapter_model.safetensors")
        set_peft_model_state_dict(self.model, saved, adapter_name="default")

    def floating_point_ops(self, inputs: Batch) -> int:  # type: ignore[override]
        """Not counted: a packed batch does not look like what transformers expects."""
        return 0

    def _get_train_sampler(self, *_: Any) -> SequentialSampler:
        assert isinstance(self.train_dataset, Samples)
        return SequentialSampler(self.train_dataset)  # they are in order already

    @contextmanager
    def _losses_as_forward(self, model: PreTrainedModel) -> Iterator[None]:
        """Let the model's forward pass give the loss sums, so that DDP and FSDP see all of it."""
        model.forward = types.MethodType(self._loss_sums, model)
        try:
            yield
        finally:
            del model.forward

    def _loss_sums(self, model: PreTrainedModel, batch: Batch) -> Tensor:
        """Sums [2] of forget and retain loss over the batch's target tokens."""
        hidden = hidden_states(model, **batch["model"]).flatten(0, 1)
        reference = None
        if "reference" in batch:
            with self._original(model) as original:
                reference = hidden_states(original, **batch["reference"]).flatten(0, 1)
        sums = []
        for role, objective in (("forget", self.forgetting), ("retain", self.retention)):
            total = hidden.new_zeros((), dtype=torch.float32)
            if objective is not None and role in batch:
                part = batch[role]
                mine = hidden[part["places"]].split(HEAD_ROWS)
                tokens = part["tokens"].split(HEAD_ROWS)
                theirs: Sequence[Tensor | None] = [None] * len(mine)
                if reference is not None and "reference_places" in part:
                    theirs = reference[part["reference_places"]].split(HEAD_ROWS)
                for chunk in zip(mine, tokens, theirs, strict=True):
                    total = total + checkpoint(
                        self._chunk_loss, model, objective, *chunk, use_reentrant=False
                    )
            sums.append(total)
        return torch.stack(sums)

    @contextmanager
    def _original(self, model: PreTrainedModel) -> Iterator[PreTrainedModel]:
        """The model as it was before training, without gradients."""
        with torch.no_grad():
            if self.reference is not None:
                yield self.reference
                return
            assert self.adapter_off
            model.disable_adapters()
            try:
                yield model
            finally:
                model.enable_adapters()

    def _chunk_loss(
        self,
        model: PreTrainedModel,
        objective: Objective,
        hidden: Tensor,
        tokens: Tensor,
        reference_hidden: Tensor | None,
    ) -> Tensor:
        reference = None
        if reference_hidden is not None:
            with self._original(model) as original:
                reference = logits_at(original, reference_hidden).float().log_softmax(-1)
        log_probs = logits_at(model, hidden).float().log_softmax(-1)
        return objective.loss(log_probs, tokens, reference).sum()


def last_checkpoint(config: UnlearningConfig) -> str | None:
    """The newest checkpoint in `config.output_dir` that was written to its end."""
    whole = [mark.parent for mark in Path(str(config.output_dir)).glob(f"checkpoint-*/{WHOLE}")]
    return str(max(whole, key=lambda path: int(path.name.split("-")[1]))) if whole else None


def history_of(checkpoint: str) -> list[dict[str, float]]:
    """The rows that the run had logged when it wrote the checkpoint."""
    state = json.loads((Path(checkpoint) / TRAINER_STATE).read_text(encoding="utf-8"))
    rows: list[dict[str, float]] = state["log_history"]
    return rows


@contextmanager
def _without_dropout(model: nn.Module) -> Iterator[None]:
    """Set every dropout probability to 0, and back."""
    found = [
        (module, name, value)
        for module in model.modules()
        for name in ("p", "dropout", "attention_dropout", "activation_dropout", "dropout_p")
        if isinstance(value := getattr(module, name, None), float)
        and (name != "p" or isinstance(module, nn.Dropout))
    ]
    for module, name, _ in found:
        setattr(module, name, 0.0)
    try:
        yield
    finally:
        for module, name, value in found:
            setattr(module, name, value)
