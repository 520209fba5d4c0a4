"""`UnlearningTrainer`: transformers' Trainer with a forget loss and a retain loss."""

from __future__ import annotations

import copy
import time
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.data import SequentialSampler
from transformers import PreTrainedModel, PreTrainedTokenizerBase, Trainer, TrainerState
from transformers.trainer_utils import SaveStrategy

from fairforget.errors import InputError
from fairforget.machine.stages import stage
from fairforget.models.adapter_directory import has_adapter
from fairforget.objectives import RETAIN_LOSSES
from fairforget.objectives.trait_words import find_trait_words
from fairforget.targets import Targets
from fairforget.training.adapters import adapter_layers, add_adapter
from fairforget.training.added_texts import Answers
from fairforget.training.batches import (
    Batch,
    Collator,
    build_collator,
    count_tokens,
)
from fairforget.training.checkpoints import (
    TRAINER_STATE,
    checkpoint_path,
    complete_checkpoint,
    find_last_complete,
    load_trained,
    refuse_pickled_code,
    save_seconds,
    save_trained,
)
from fairforget.training.config import UnlearningConfig
from fairforget.training.examples import ExampleDataset
from fairforget.training.learning_rate import resolve_learning_rate
from fairforget.training.ref_hidden_states import precompute_states
from fairforget.training.restore import disable_dropout
from fairforget.training.sharding import (
    fsdp_on_cpus,
    is_sharding_requested,
    local_shard,
    shard_model,
)
from fairforget.training.step_loss import StepLoss


@contextmanager
def own_forward(model: nn.Module) -> Iterator[None]:
    """Give a model in training its own forward pass for the block, in place of the losses."""
    losses = vars(model).pop("forward")
    try:
        yield
    finally:
        model.forward = losses


class UnlearningTrainer(Trainer):
    """Minimises forget loss + weight × retain loss, each a mean over target tokens.

    The update of an objective like `task-vector` is not negated here, but afterwards, by `unlearn`.

    The means are over all target tokens of a step, so padding, batch size, gradient accumulation
    and the number of processes do not change the loss.
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
        answers: Answers | None = None,
    ) -> None:
        """Set up a run.

        Args:
            model: a causal or masked model, trained in place. With `args.lora_rank` an adapter is
                added unless the model has one, and stays on the model
                (`fairforget.training.adapters.merge_adapter`).
            args: the settings.
            forget_dataset: encoded forget texts, with counterfactual texts if the objective
                compares with them.
            retain_dataset: token ids of retain texts, with the start token, and with the end token
                for a masked model. If the retain loss compares with the reference model, these
                texts also get the objective's `retain_word_loss`.
            processing_class: the tokenizer. A masked model needs its mask token, and an objective
                with a target of its own the trait words.
            ref_model: the reference model. By default a frozen copy of `model`, if a loss needs
                one; with an adapter, `model` with the adapter disabled, unless its weights are
                sharded: each process runs the reference model as often as its texts need. With
                `args.precompute_ref_hidden_states` it is only used before training.
            callbacks: as for Trainer.
            answers: for facts in `retain_dataset`: token ids → mask of the answer's tokens, of
                equal length. If the retain loss compares with the reference model, a
                log-probability of these tokens below that of the reference model is penalised.

        Raises:
            InputError: no forget texts; no retain texts although a retain loss is set; `ref_model`
                is `model`; a text without a token to predict; a model wrapped in peft's own class;
                no learning rate, and weights from which none follows.
        """
        args = resolve_learning_rate(args, model)
        forget_loss = args.load_objective()
        retain_loss = RETAIN_LOSSES.get(args.retain_loss)
        self.config = args
        collator = build_collator(
            model,
            forget_loss,
            retain_loss,
            forget_dataset,
            retain_dataset,
            processing_class,
            answers or {},
        )
        if args.lora_rank and not has_adapter(model):
            add_adapter(model, args)
        sharded = is_sharding_requested()
        at_hand = args.precompute_ref_hidden_states or (args.lora_rank and not sharded)
        if ref_model is None and args.needs_ref_model and not at_hand:
            ref_model = copy.deepcopy(model)
            if args.lora_rank:
                for layer in adapter_layers(ref_model).values():
                    layer.enable_adapters(False)
        if ref_model is model:
            raise InputError("ref_model is the model in training; give a copy, or leave it out")
        if ref_model is not None:
            ref_model.eval().requires_grad_(False)
        self.losses = StepLoss(
            forget_loss,
            retain_loss,
            ref_model,
            split=collator.trees or None,
            trait_words=find_trait_words(processing_class, forget_loss.name).to(args.device)
            if forget_loss.target
            else None,
        )
        dataset = ExampleDataset(
            forget_dataset,
            retain_dataset if retain_loss else (),
            count=args.texts_of_a_run,
            retain_per_forget=args.retain_per_forget,
            seed=args.seed,
        )
        super().__init__(
            model=model,
            args=args,
            train_dataset=dataset,
            data_collator=collator,
            processing_class=processing_class,
            callbacks=callbacks,
        )
        self.model_accepts_loss_kwargs = True  # compute_loss returns the step's share already
        self.losses.head_at_once = self.is_deepspeed_enabled
        if ref_model is not None and not args.precompute_ref_hidden_states:
            ref_model.to(args.device)  # type: ignore[arg-type]
        if self.is_fsdp_enabled:
            shard_model(model, self.accelerator.state.fsdp_plugin)
        self._logged = torch.zeros(5, dtype=torch.float64)
        self.began = time.perf_counter()
        """When training began; with earlier sessions, when it would have begun without a break."""

    def precompute_ref_hidden_states(
        self, progress: Callable[[int], None] = lambda examples: None
    ) -> None:
        """Run the reference model on all texts of the run, and keep only its head afterwards.

        `train` does so if `args.precompute_ref_hidden_states` is set and it was not done before.

        Args:
            progress: called with the number of examples finished since the last call.

        Raises:
            InputError: the model's head needs more than the hidden states.
        """
        ref_model = self.losses.ref_model or self.model
        assert isinstance(ref_model, PreTrainedModel)
        assert isinstance(self.train_dataset, ExampleDataset)
        assert isinstance(self.data_collator, Collator)
        states, head = precompute_states(
            ref_model,
            self.train_dataset,
            self.data_collator,
            self.config,
            self.accelerator.autocast(),
            progress,
        )
        self.losses.ref_model, self.losses.split = head, True
        self.data_collator = replace(self.data_collator, known=states)

    @stage("training: backward pass and optimiser")
    def train(self, *args: Any, **kwargs: Any) -> Any:
        """Train as Trainer does, without dropout: its noise would enter the compared distributions.

        Raises:
            InputError: the checkpoint to resume from contains more than tensors.
        """
        assert isinstance(self.model, PreTrainedModel)
        assert isinstance(self.data_collator, Collator)
        if self.config.precompute_ref_hidden_states and self.data_collator.known is None:
            self.precompute_ref_hidden_states()
        with (
            disable_dropout(self.model),
            self._losses_as_forward(self.model),
            refuse_pickled_code(self.args.output_dir),
        ):
            return super().train(*args, **kwargs)

    def create_accelerator_and_postprocess(self) -> None:
        """Set up accelerate as Trainer does, and allow FSDP on CPUs."""
        super().create_accelerator_and_postprocess()
        self.is_fsdp_enabled = fsdp_on_cpus(self.accelerator) or self.is_fsdp_enabled

    def compute_loss(  # type: ignore[override]  # a Batch is a nested dict
        self,
        model: nn.Module,
        inputs: Batch,
        return_outputs: bool = False,
        num_items_in_batch: Tensor | int | None = None,
    ) -> Tensor:
        """Return the batch's share of the step's loss: its sums ÷ the step's token counts."""
        assert isinstance(num_items_in_batch, Tensor)
        # DDP and FSDP average gradients over processes; the counts are already global
        forget, retain = (self.args.world_size / num_items_in_batch.clamp(min=1)).tolist()
        loss, sums = model(inputs, (forget, self.config.retain_loss_weight * retain))
        self._logged[:3] += sums.cpu().double()
        if not self._logged[:2].isfinite().all():
            raise InputError(self._divergence_message("the loss"))
        self._logged[3:] += count_tokens([inputs])
        assert isinstance(loss, Tensor)
        return loss

    def get_batch_samples(
        self, epoch_iterator: Iterator[Batch], num_batches: int, device: torch.device
    ) -> tuple[list[Batch], Tensor]:
        """Return the batches of a step, and its forget and retain tokens in all processes [2]."""
        batches = list(islice(epoch_iterator, num_batches))
        return batches, self._sum_over_processes(count_tokens(batches).to(device))

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log, with the means since the last row: forget and retain loss per token, likelihood.

        The likelihood is the geometric mean of the target tokens' probabilities.
        """
        if "loss" in logs:
            totals = self._sum_over_processes(self._logged.float().to(self.args.device))
            forget_tokens, retain_tokens = totals[3:].clamp(min=1)
            logs = {**logs, "forget": float(totals[0] / forget_tokens)}
            if self.losses.retain_loss:
                logs["retain"] = float(totals[1] / retain_tokens)
            logs["likelihood"] = float((totals[2] / forget_tokens).exp())
            self._logged.zero_()
        super().log(logs, start_time)

    def _sum_over_processes(self, values: Tensor) -> Tensor:
        return self.accelerator.reduce(values, "sum") if self.args.world_size > 1 else values

    def note(self, values: Mapping[str, float]) -> None:
        """Log values as a separate row, and pass them to the experiment trackers."""
        self.state.log_history.append({"step": self.state.global_step, **values})
        due = self.control.should_log  # on_log resets it, and the row of losses is still to come
        self.callback_handler.on_log(self.args, self.state, self.control, dict(values))
        self.control.should_log = due

    def restore(self, checkpoint: Path) -> None:
        """Load the weights and the history of a checkpoint without training further."""
        self._load_from_checkpoint(str(checkpoint))
        self.state = TrainerState.load_from_json(str(checkpoint / TRAINER_STATE))

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        """Write a complete checkpoint.

        Raises:
            InputError: a weight is not finite; the previous checkpoint is kept.
        """
        if not all(local_shard(parameter).isfinite().all() for parameter in model.parameters()):
            raise InputError(self._divergence_message("a weight"))
        with complete_checkpoint(self._checkpoint, self.config):
            super()._save_checkpoint(model, trial)
            if self.args.should_save:
                save_seconds(self._checkpoint, time.perf_counter() - self.began)

    def _save(
        self, output_dir: str | None = None, state_dict: dict[str, Tensor] | None = None
    ) -> None:
        """Write the trained weights; with FSDP, or outside a checkpoint, as Trainer does.

        Raises:
            InputError: the model has an adapter, whose layers have names that no loader knows.
        """
        directory = Path(output_dir or str(self.args.output_dir))
        assert isinstance(self.model, PreTrainedModel)
        if directory != self._checkpoint and self.config.lora_rank and has_adapter(self.model):
            raise InputError(
                f"a model with an adapter cannot be saved to {str(directory)!r}; merge it first: "
                "fairforget.training.adapters.merge_adapter(model)"
            )
        if self.is_fsdp_enabled or directory != self._checkpoint:
            super()._save(output_dir, state_dict)
        elif self.args.should_save:
            save_trained(self.model, directory, state_dict)

    def _load_from_checkpoint(
        self, resume_from_checkpoint: str, model: nn.Module | None = None
    ) -> None:
        """Load what `_save` wrote."""
        if self.is_fsdp_enabled:
            super()._load_from_checkpoint(resume_from_checkpoint, model)
            return
        assert isinstance(self.model, PreTrainedModel)
        load_trained(self.model, Path(resume_from_checkpoint))

    @property
    def _checkpoint(self) -> Path:
        return checkpoint_path(self.config.checkpoints, self.state.global_step)

    def _divergence_message(self, what: str) -> str:
        keeps = self.args.save_strategy != SaveStrategy.NO
        checkpoint = find_last_complete(self.config.checkpoints) if keeps else None
        if self.state.global_step == 0:
            return (
                f"{what} is not finite before the first step; the model's weights are damaged, or "
                "a constant of the objective or the weight of a loss is too extreme"
            )
        return (
            f"{what} is not finite after {self.state.global_step} steps, so training stopped; "
            f"lower --learning_rate (now {self.config.learning_rate:g})"
            + (" and choose another --output" if keeps else "")
            + (f". The last good state is in {checkpoint}" if checkpoint else "")
        )

    def floating_point_ops(self, inputs: Batch) -> int:  # type: ignore[override]
        """Return 0: transformers cannot count the operations of a packed batch."""
        return 0

    def _get_train_sampler(self, *_: Any) -> SequentialSampler:
        return SequentialSampler(self.train_dataset)  # type: ignore[arg-type]  # is in order already

    @contextmanager
    def _losses_as_forward(self, model: PreTrainedModel) -> Iterator[None]:
        """Make the losses the model's forward pass, as DDP and FSDP need."""
        model.forward = types.MethodType(self.losses.compute, model)
        try:
            yield
        finally:
            del model.forward
            # with these marks, accelerate would not prepare the model for another run
            for mark in ("_original_forward", "_is_accelerate_prepared"):
                vars(model).pop(mark, None)
