"""`UnlearningTrainer`: transformers' Trainer with a forget loss and a retain loss."""

from __future__ import annotations

import copy
import errno
import json
import os
import pickle
import shutil
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import SequentialSampler
from transformers import (
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainerState,
)
from transformers.trainer_utils import PREFIX_CHECKPOINT_DIR, rotate_checkpoints

from fairforget.errors import InputError
from fairforget.forward.packing import supports_tree_attention
from fairforget.forward.split_forward import can_split, extract_head, is_masked
from fairforget.machine.processes import wait_for_all
from fairforget.objectives import RETAIN_LOSSES
from fairforget.training.adapters import add_adapter, has_adapter
from fairforget.training.batches import ROLES, Batch, Collator, ExampleDataset
from fairforget.training.checkpoints import find_last_complete, write_checksums
from fairforget.training.config import UnlearningConfig
from fairforget.training.ref_hidden_states import compute_ref_hidden_states
from fairforget.training.restore import disable_dropout
from fairforget.training.sharding import fsdp_on_cpus, local_shard, shard_model
from fairforget.training.step_loss import StepLoss
from fairforget.training.targets import Targets
from fairforget.training.trained_weights import load_trained, save_trained

TRAINER_STATE = "trainer_state.json"
LITTLE_SPACE = 1 << 20
"""Bytes: when less is free, a failed write failed for want of space."""


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
        ref_model: PreTrainedModel | None = None,
        callbacks: list[Any] | None = None,
    ) -> None:
        """Prepare a run.

        Args:
            model: a causal or masked model; trained in place. With `args.lora_rank` an adapter is
                put on, unless one is on already; it stays on
                (`fairforget.training.adapters.merge_adapter`).
            args: how.
            forget_dataset: encoded forget texts; with neutral texts for `neutral`.
            retain_dataset: token ids of retain texts, start token included, and for a masked model
                the end token.
            processing_class: the tokenizer; a masked model needs its mask token.
            ref_model: the original model. Where it is needed and not given, a frozen copy is
                made; with an adapter, the model itself is asked with the adapter off. With
                `args.precompute_ref_hidden_states` the ref_model is only asked before training.
            callbacks: as for Trainer.

        Raises:
            InputError: nothing to forget, or nothing to retain though retention is asked for; data
                without a token to predict; a model that is wrapped in peft's own class.
        """
        if not isinstance(model, PreTrainedModel):
            raise InputError(
                f"model is a {type(model).__name__}; give the model itself, and lora_rank for an "
                "adapter"
            )
        if not forget_dataset:
            raise InputError("the forget corpus has no text with target tokens")
        if not all(targets.count for targets in forget_dataset):
            raise InputError("a forget text has no target token")
        if len({len(targets.counterfactuals) for targets in forget_dataset}) > 1:
            raise InputError("forget texts are compared with different numbers of neutral texts")
        masked = is_masked(model)
        if any(len(ids) < (3 if masked else 2) for ids in retain_dataset):
            where = "between start and end token" if masked else "behind its start token"
            raise InputError(f"a retain text has no token {where}")
        if args.load_objective().needs_counterfactual and not all(
            targets.counterfactuals for targets in forget_dataset
        ):
            raise InputError(
                f"objective {args.objective!r} compares with a neutral text, and a forget text has "
                "none; encode_targets(…, counterfactual=True) makes it"
            )
        retain_wanted = args.retain_loss != "none" and args.retain_loss_weight > 0
        if retain_wanted and not retain_dataset:
            raise InputError(f"retention {args.retain_loss!r} needs a retain corpus")
        self.config = args
        forgetting = args.load_objective()
        retain_loss = RETAIN_LOSSES[args.retain_loss] if retain_wanted else None
        longest = max(
            [len(t.ids) for t in forget_dataset]
            + [len(ids) for t in forget_dataset for ids, _ in t.counterfactuals]
            + [len(ids) for ids in retain_dataset]
        )
        mask_id = None
        if masked:
            if processing_class is None or processing_class.mask_token_id is None:
                raise InputError("a masked model needs its tokenizer, with a mask token")
            mask_id = int(processing_class.mask_token_id)
        collator = Collator(
            forgetting,
            retain_loss,
            trees=mask_id is None and supports_tree_attention(model, longest),
            mask_id=mask_id,
        )
        if args.lora_rank and not has_adapter(model):
            add_adapter(model, args)
        copied = args.needs_ref_model and not (args.lora_rank or args.precompute_ref_hidden_states)
        if ref_model is None and copied:
            ref_model = copy.deepcopy(model)
        if ref_model is not None:
            ref_model.eval().requires_grad_(False)
        self.losses = StepLoss(forgetting, retain_loss, ref_model, split=collator.trees or None)
        samples = ExampleDataset(
            forget_dataset,
            retain_dataset if retain_loss else (),
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
        self.model_accepts_loss_kwargs = True  # the loss is the step's share already
        self.losses.head_at_once = self.is_deepspeed_enabled
        if ref_model is not None and not args.precompute_ref_hidden_states:
            ref_model.to(args.device)  # type: ignore[arg-type]
        if self.is_fsdp_enabled:
            shard_model(model, self.accelerator.state.fsdp_plugin)
        self._logged = torch.zeros(5, dtype=torch.float64)

    def precompute_ref_hidden_states(
        self, progress: Callable[[int], None] = lambda samples: None
    ) -> None:
        """Ask the original all that the run asks of it, and keep only its head.

        `train` does it where `precompute_ref_hidden_states` is set and it is not done yet.

        Raises:
            InputError: what a body says is not all that the model's head looks at.
        """
        original = self.losses.ref_model or self.model
        assert isinstance(original, PreTrainedModel)
        assert isinstance(self.train_dataset, ExampleDataset)
        assert isinstance(self.data_collator, Collator)
        place, training = original.device, original.training
        original.to(self.args.device).eval()  # type: ignore[arg-type]
        try:
            if not can_split(original, original.device):
                raise InputError(
                    f"the head of {type(original).__name__} cannot be run apart from its body, "
                    "whose result precompute_ref_hidden_states would keep; leave it out"
                )
            with self.accelerator.autocast():
                known = compute_ref_hidden_states(
                    original,
                    self.train_dataset,
                    self.data_collator,
                    at_once=self.args.per_device_train_batch_size,
                    progress=progress,
                )
            head = extract_head(original).eval().requires_grad_(False)
        finally:
            original.to(place).train(training)  # type: ignore[arg-type]
        self.losses.ref_model, self.losses.split = head, True
        self.data_collator = replace(self.data_collator, known=known)

    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train, with dropout off: the losses compare distributions, noise is no part of them."""
        assert isinstance(self.model, PreTrainedModel)
        assert isinstance(self.data_collator, Collator)
        if self.config.precompute_ref_hidden_states and self.data_collator.known is None:
            self.precompute_ref_hidden_states()
        with disable_dropout(self.model), self._losses_as_forward(self.model):
            try:
                return super().train(*args, **kwargs)
            except pickle.UnpicklingError as error:
                raise InputError(
                    f"a checkpoint in {self.args.output_dir} holds more than tensors, and is not "
                    "loaded: it could run code; remove it, and the same command starts again"
                ) from error

    def create_accelerator_and_postprocess(self) -> None:
        """As Trainer's; FSDP on CPUs, too."""
        super().create_accelerator_and_postprocess()
        self.is_fsdp_enabled = fsdp_on_cpus(self.accelerator) or self.is_fsdp_enabled

    def compute_loss(  # type: ignore[override]  # a Batch is a nested dict
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """The loss of one batch as its share of the step's: sums ÷ the step's token counts."""
        assert isinstance(num_items_in_batch, Tensor)
        # DDP and FSDP average gradients over processes; the counts are already global
        forget, retain = (self.args.world_size / num_items_in_batch.clamp(min=1)).tolist()
        loss, sums = model(inputs, (forget, self.config.retain_loss_weight * retain))
        self._logged[:3] += sums.cpu().double()
        if not self._logged[:2].isfinite().all():
            raise InputError(self._diverged("the loss"))
        self._logged[3:] += torch.tensor(
            [len(inputs[r]["tokens"]) if r in inputs else 0 for r in ROLES]
        )
        assert isinstance(loss, Tensor)
        return loss

    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: torch.device
    ) -> tuple[list[Batch], Tensor]:
        """The batches of a step, and how many forget and retain tokens all processes have [2]."""
        batches = [batch for _, batch in zip(range(num_batches), epoch_iterator, strict=False)]
        counts = torch.tensor(
            [
                sum(len(batch[role]["tokens"]) for batch in batches if role in batch)
                for role in ROLES
            ],
            device=device,
        )
        if self.args.world_size > 1:
            counts = self.accelerator.reduce(counts, "sum")
        return batches, counts

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the means since the last row: forget and retain loss per token, and likelihood.

        The likelihood is the geometric mean of the probabilities of the targets.
        """
        if "loss" in logs:
            totals = self._logged.to(self.args.device, torch.float32)
            if self.args.world_size > 1:
                totals = self.accelerator.reduce(totals, "sum")
            forgotten, retained = totals[3:].clamp(min=1)
            logs = {**logs, "forget": float(totals[0] / forgotten)}
            if self.losses.retain_loss:
                logs["retain"] = float(totals[1] / retained)
            logs["likelihood"] = float((totals[2] / forgotten).exp())
            self._logged.zero_()
        super().log(logs, start_time)

    def note(self, measured: Mapping[str, float]) -> None:
        """Put what was measured into the history, as a row of its own, and tell the trackers."""
        self.state.log_history.append({"step": self.state.global_step, **measured})
        due = self.control.should_log  # a row of losses, which telling would take for written
        self.callback_handler.on_log(self.args, self.state, self.control, dict(measured))
        self.control.should_log = due

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Save and seal; only then remove older ones, by their numbers and not by the clock.

        Raises:
            InputError: the weights are not finite: an earlier checkpoint is worth more.
        """
        if not all(local_shard(parameter).isfinite().all() for parameter in model.parameters()):
            raise InputError(self._diverged("a weight"))
        directory = self._checkpoint_now
        limit, self.args.save_total_limit = self.args.save_total_limit, None
        try:
            super()._save_checkpoint(model, trial)
            wait_for_all()
            if self.args.should_save:
                write_checksums(directory)
                rotate_checkpoints(str(directory.parent), limit)
        except Exception as error:  # torch and safetensors do not pass the system's error on
            if shutil.disk_usage(directory.parent).free < LITTLE_SPACE:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(directory)) from error
            raise
        finally:
            self.args.save_total_limit = limit

    @property
    def _checkpoint_now(self) -> Path:
        """Where Trainer puts a checkpoint of this step."""
        return Path(str(self.args.output_dir)) / f"{PREFIX_CHECKPOINT_DIR}-{self.state.global_step}"

    def _save(
        self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None
    ) -> None:
        """Write the weights that are trained; with FSDP, or no checkpoint, as Trainer does.

        Raises:
            InputError: a model with an adapter is to be saved as one, whose names none would know.
        """
        directory = Path(output_dir or str(self.args.output_dir))
        assert self.model is not None
        if directory != self._checkpoint_now and self.config.lora_rank and has_adapter(self.model):
            raise InputError(
                f"a model with an adapter cannot be saved to {str(directory)!r}; merge it first: "
                "fairforget.training.adapters.merge_adapter(model)"
            )
        if self.is_fsdp_enabled or directory != self._checkpoint_now:
            super()._save(output_dir, state_dict)
        elif self.args.should_save:
            assert isinstance(self.model, PreTrainedModel)
            save_trained(self.model, directory, state_dict)

    def _diverged(self, what: str) -> str:
        kept = last_checkpoint(self.config)
        return (
            f"{what} is not finite after {self.state.global_step} steps, so the run stops; "
            f"lower --learning_rate (now {self.config.learning_rate:g}), with another --output"
            + (f". The last good state is in {kept}" if kept else "")
        )

    def restore(self, checkpoint: str) -> None:
        """Take weights and history of a checkpoint, without training on."""
        self._load_from_checkpoint(checkpoint)
        self.state = TrainerState.load_from_json(str(Path(checkpoint) / TRAINER_STATE))

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: nn.Module | None = None
    ) -> None:
        """Load what `_save` wrote."""
        if self.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        assert isinstance(self.model, PreTrainedModel)
        load_trained(self.model, Path(resume_from_checkpoint))

    def floating_point_ops(self, inputs: Batch) -> int:  # type: ignore[override]
        """Not counted: a packed batch does not look like what transformers expects."""
        return 0

    def _get_train_sampler(self, *_: Any) -> SequentialSampler:
        assert isinstance(self.train_dataset, ExampleDataset)
        return SequentialSampler(self.train_dataset)  # they are in order already

    @contextmanager
    def _losses_as_forward(self, model: PreTrainedModel) -> Iterator[None]:
        """Let the model's forward pass give the losses, so that DDP and FSDP see all of it."""
        model.forward = types.MethodType(self.losses.of_batch, model)
        try:
            yield
        finally:
            del model.forward
            for mark in ("_original_forward", "_is_accelerate_prepared"):  # else prepared once only
                vars(model).pop(mark, None)


def last_checkpoint(config: UnlearningConfig) -> str | None:
    """The newest checkpoint in `config.output_dir` that is whole; says which ones are not."""
    found = find_last_complete(Path(str(config.output_dir)))
    return str(found) if found else None


def history_of(checkpoint: str) -> list[dict[str, float]]:
    """The rows that the run had logged when it wrote the checkpoint."""
    state = json.loads((Path(checkpoint) / TRAINER_STATE).read_text(encoding="utf-8"))
    rows: list[dict[str, float]] = state["log_history"]
    return rows
