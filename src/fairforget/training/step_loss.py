"""The losses of one batch: the head runs only at the positions that predict a target token.

If a model's head cannot run apart from its body, the full forward pass gives the logits of all
positions instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, reduce
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.errors import InputError
from fairforget.forward.chunked_head import weighted_sum
from fairforget.forward.split_forward import (
    can_split_now,
    head_parameters,
    hidden_or_logits,
    logits_at,
)
from fairforget.machine.stages import stage
from fairforget.objectives import Objective
from fairforget.objectives.objective import WordLoss, target_log_probs
from fairforget.objectives.retain import fact_loss
from fairforget.objectives.trait_words import TraitWords
from fairforget.training.adapters import adapter_layers, disable_layers
from fairforget.training.batches import ROLES, Batch

HEAD_ROWS, HEAD_LOGITS = 256, 1 << 25
"""Limits of one chunk of the head: positions, and logits (positions × vocabulary)."""


@dataclass(slots=True)
class StepLoss:
    """The forget loss and the retain loss, and the reference model that they compare with."""

    forget_loss: Objective
    retain_loss: Objective | None
    ref_model: PreTrainedModel | None
    """The reference model, or only its head if its hidden states come with the batches. None: the
    trained model with its adapter disabled."""
    head_at_once: bool = False
    """Run the head once for all positions. DeepSpeed gathers the head's weights on all processes
    whenever it runs, so it must run equally often on each."""
    split: bool | None = None
    """Whether body and head can run separately; None until the first batch, which tests it. Packed
    trees require it."""
    trait_words: TraitWords | None = None
    """Trait words of an objective with its own target; on the training device."""
    adapter: _Adapter | None = None
    """The adapter of the trained model if that is the reference model; None until it is needed."""

    @stage("training: forward pass and head")
    def compute(
        self, model: PreTrainedModel, batch: Batch, weights: tuple[float, float]
    ) -> tuple[Tensor, Tensor]:
        """Compute the forget and the retain loss, each a sum over target tokens.

        Args:
            model: the model in training.
            batch: the result of a `Collator`.
            weights: of the two sums.

        Returns:
            The weighted sum [], and [3] without gradient: the two sums, and the sum of the forget
            tokens' log-likelihoods.
        """
        if self.split is None:
            self.split = can_split_now(model, batch["model"]["input_ids"].device)
        rows = min(HEAD_ROWS, max(1, HEAD_LOGITS // model.config.get_text_config().vocab_size))
        # before the model runs: this waits for the device, which has nothing to do yet
        answers = {role: _find_answers(batch[role], rows) for role in ROLES if role in batch}
        hidden = hidden_or_logits(model, split=self.split, **batch["model"]).flatten(0, 1)
        ref_hidden = None
        if "ref" in batch:
            with stage("training: reference model"), self._ref_model(model) as ref_model:
                outputs = hidden_or_logits(ref_model, split=self.split, **batch["ref"])
                ref_hidden = outputs.flatten(0, 1)
        losses, chunks, roles = [], [], []
        log_likelihoods: list[Tensor] = []
        word_losses = (self.forget_loss.target_word_loss, self.forget_loss.retain_word_loss)
        for role, objective in enumerate((self.forget_loss, self.retain_loss)):
            part = batch.get(ROLES[role])
            if objective is None or part is None:
                continue
            role_chunks = hidden[part["places"]].split(rows)
            record = log_likelihoods if ROLES[role] == "forget" else None
            losses += [
                partial(self._chunk_loss, model, objective, word_losses[role], chunk, record)
                for chunk in _iterate_chunks(part, ref_hidden, answers[ROLES[role]], rows)
            ]
            chunks += role_chunks
            roles += [role] * len(role_chunks)
        chunk_weights = [weights[role] for role in roles]
        head = partial(self._head, model)
        if self.head_at_once:
            logits = head(torch.cat(chunks)).split([len(chunk) for chunk in chunks])
            values = torch.stack([loss(part) for loss, part in zip(losses, logits, strict=True)])
            total = (values * values.new_tensor(chunk_weights)).sum()
        else:
            trainable = head_parameters(model) if self.split else []
            total, values = weighted_sum(head, losses, chunks, chunk_weights, trainable)
        sums = values.detach().new_zeros(len(ROLES) + 1)
        sums.index_add_(0, torch.tensor(roles, device=sums.device), values.detach())
        sums[-1] = torch.stack(log_likelihoods).sum()
        return total, sums

    def _head(self, model: PreTrainedModel, outputs: Tensor) -> Tensor:
        """Return the logits of the model's outputs: hidden states, or already logits."""
        return logits_at(model, outputs) if self.split else outputs

    def _chunk_loss(
        self,
        model: PreTrainedModel,
        objective: Objective,
        word_loss: WordLoss | None,
        chunk: _Chunk,
        log_likelihoods: list[Tensor] | None,
        logits: Tensor,
    ) -> Tensor:
        """Return the loss of one chunk, and append its log-likelihood to `log_likelihoods`.

        Args:
            model: the model in training.
            objective: the forget loss or the retain loss.
            word_loss: added to it, if there is a reference.
            chunk: of target tokens.
            log_likelihoods: where to append; None for retain texts.
            logits: of the chunk.
        """
        reference = None
        if chunk.ref_hidden is not None:
            with self._ref_model(model, head_only=True) as ref_model:
                texts = chunk.ref_hidden.unbind(1)
                head = partial(self._head, ref_model)
                if objective.target is None:
                    reference = _average(map(head, texts), len(texts))
                else:
                    assert self.trait_words is not None
                    assert chunk.gender_neutral is not None
                    own, *others = texts
                    reference = objective.target(
                        head(own).float().log_softmax(-1),
                        _average(map(head, others), len(others)),
                        self.trait_words,
                        chunk.gender_neutral,
                    )
        log_probs = logits.float().log_softmax(-1)
        if log_likelihoods is not None:
            log_likelihoods.append(target_log_probs(log_probs.detach(), chunk.tokens).sum())
        losses = objective.loss(log_probs, chunk.tokens, reference)
        check_losses(objective.name, losses, chunk.tokens)
        total: Tensor = losses.sum()
        if word_loss is not None and reference is not None:
            assert self.trait_words is not None
            losses = word_loss(log_probs, reference, self.trait_words, chunk.gender_neutral)
            check_losses(f"{self.forget_loss.name} (word loss)", losses, chunk.tokens)
            total = total + losses.sum()
        if chunk.answers is not None:
            assert reference is not None
            total = total + fact_loss(log_probs, chunk.tokens, reference)[chunk.answers].sum()
        return total

    @contextmanager
    def _ref_model(
        self, model: PreTrainedModel, *, head_only: bool = False
    ) -> Iterator[PreTrainedModel]:
        """The reference model, without gradients.

        Args:
            model: the model in training.
            head_only: only the head will run.
        """
        with torch.no_grad():
            if self.ref_model is not None:
                yield self.ref_model
                return
            if self.adapter is None:
                self.adapter = _Adapter.find(model)
            with disable_layers(self.adapter.head if head_only else self.adapter.layers):
                yield model


@dataclass(frozen=True, slots=True)
class _Adapter:
    """The layers of an adapter. To look for them takes longer than to disable them."""

    layers: tuple[Any, ...]
    """All of them."""
    head: tuple[Any, ...]
    """Those outside of the model's body; most adapters have none."""

    @classmethod
    def find(cls, model: PreTrainedModel) -> _Adapter:
        """Look through all modules of a model."""
        found, body = adapter_layers(model), f"{model.base_model_prefix}."
        head = tuple(layer for name, layer in found.items() if not name.startswith(body))
        return cls(tuple(found.values()), head)


@dataclass(frozen=True, slots=True)
class _Chunk:
    """n target tokens of one role, whose losses are computed together."""

    tokens: Tensor
    """[n] token ids."""
    ref_hidden: Tensor | None
    """[n, compared texts, hidden size] of the reference model."""
    gender_neutral: Tensor | None
    """[n] whether the words for the group have no gender; only of forget texts."""
    answers: Tensor | None
    """Which of the tokens, from 0, belong to the answer of a fact; only of retain texts."""


def _iterate_chunks(
    part: Mapping[str, Tensor],
    ref_hidden: Tensor | None,
    answers: Sequence[Tensor] | None,
    rows: int,
) -> Iterator[_Chunk]:
    """Split one role's target tokens into chunks of at most `rows`.

    Args:
        part: the role's part of a batch.
        ref_hidden: hidden states of the reference model at all positions of its input.
        answers: the result of `_find_answers`.
        rows: maximum number of target tokens.
    """
    ref_states = part.get("ref_states")
    if ref_states is None and ref_hidden is not None and "ref_places" in part:
        ref_states = ref_hidden[part["ref_places"]]
    for number, first in enumerate(range(0, len(part["tokens"]), rows)):
        chunk = slice(first, first + rows)
        yield _Chunk(
            part["tokens"][chunk],
            None if ref_states is None else ref_states[chunk],
            part["gender_neutral"][chunk] if "gender_neutral" in part else None,
            None if answers is None else answers[number],
        )


def _find_answers(part: Mapping[str, Tensor], rows: int) -> list[Tensor] | None:
    """Return which tokens of each chunk of `rows` belong to answers of facts, if there are any.

    To index by a mask would wait for the device at each chunk.
    """
    if "answers" not in part:
        return None
    return [flags.nonzero()[:, 0] for flags in part["answers"].split(rows)]


def _average(logits: Iterable[Tensor], count: int) -> Tensor:
    """Return the log-probabilities [n, vocabulary] of the mean of `count` distributions."""
    total = reduce(torch.logaddexp, (part.float().log_softmax(-1) for part in logits))
    return total - math.log(count) if count > 1 else total


def check_losses(name: str, losses: Any, tokens: Tensor) -> None:
    """Check that a loss of an objective with this name returned one value for each target token.

    Raises:
        InputError: it did not.
    """
    if getattr(losses, "shape", None) != tokens.shape:
        shape = tuple(losses.shape) if isinstance(losses, Tensor) else type(losses).__name__
        raise InputError(
            f"objective {name!r} returned {shape} for {len(tokens)} target tokens; "
            "return one loss per target token, a tensor [n]"
        )
