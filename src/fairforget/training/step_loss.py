"""The loss of one batch: of its forget and retain tokens, the head run only where they are.

A model whose head cannot be run apart from its body gives the logits of every position instead.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, reduce

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.forward.chunked_head import weighted_sum
from fairforget.forward.split_forward import (
    can_split,
    full_logits,
    head_parameters,
    hidden_states,
    logits_at,
)
from fairforget.objectives import Objective
from fairforget.objectives.objective import target_log_probs
from fairforget.training.adapters import disable_adapter
from fairforget.training.batches import ROLES, Batch

HEAD_ROWS, HEAD_LOGITS = 256, 1 << 25
"""Target positions whose logits exist at one time, and logits: the fewer of both."""


@dataclass(slots=True)
class StepLoss:
    """What a step minimises, and the model that it compares with."""

    forgetting: Objective
    retain_loss: Objective | None
    ref_model: PreTrainedModel | None
    """The original model, or its head where its states come with the batches; None asks the trained
    one, with its adapter off."""
    head_at_once: bool = False
    """Run the head once for all positions. DeepSpeed fetches the head's weights whenever it runs,
    on all processes together: it must run as often on each."""
    split: bool | None = None
    """Whether body and head can be run apart; None until the first batch, which tries it. Texts
    packed as trees ask for it."""

    def of_batch(
        self, model: PreTrainedModel, batch: Batch, weights: tuple[float, float]
    ) -> tuple[Tensor, Tensor]:
        """Forget and retain loss, each a sum over target tokens.

        Args:
            model: the one that is trained.
            batch: as `Collator` makes it.
            weights: of the two sums.

        Returns:
            The weighted sum of both [], and [3], which have no gradient: both, and the
            log-likelihood of the forget tokens, all as sums over tokens.
        """
        if self.split is None:
            self.split = can_split(model, batch["model"]["input_ids"].device)
        run = hidden_states if self.split else full_logits
        hidden = run(model, **batch["model"]).flatten(0, 1)
        reference = None
        if "ref" in batch:
            with self._original(model) as original:
                reference = run(original, **batch["ref"]).flatten(0, 1)
        rows = min(HEAD_ROWS, max(1, HEAD_LOGITS // model.config.get_text_config().vocab_size))
        losses, shown, roles = [], [], []
        likelihoods: list[Tensor] = []
        for role, objective in enumerate((self.forgetting, self.retain_loss)):
            part = batch.get(ROLES[role])
            if objective is None or part is None:
                continue
            chunks = hidden[part["places"]].split(rows)
            theirs: Sequence[Tensor | None] = [None] * len(chunks)
            if "ref_states" in part:
                theirs = part["ref_states"].split(rows)
            elif reference is not None and "ref_places" in part:
                theirs = reference[part["ref_places"]].split(rows)
            for tokens, other in zip(part["tokens"].split(rows), theirs, strict=True):
                noted = likelihoods if ROLES[role] == "forget" else None
                losses.append(partial(self._of_logits, model, objective, tokens, other, noted))
            shown += chunks
            roles += [role] * len(chunks)
        factors = [weights[role] for role in roles]
        head = partial(self._head, model)
        if self.head_at_once:
            logits = head(torch.cat(shown)).split([len(part) for part in shown])
            values = torch.stack([loss(part) for loss, part in zip(losses, logits, strict=True)])
            total = (values * values.new_tensor(factors)).sum()
        else:
            trained = head_parameters(model) if self.split else []
            total, values = weighted_sum(head, losses, shown, factors, trained)
        sums = values.detach().new_zeros(len(ROLES) + 1)
        sums.index_add_(0, torch.tensor(roles, device=sums.device), values.detach())
        sums[-1] = torch.stack(likelihoods).sum()
        return total, sums

    def _head(self, model: PreTrainedModel, given: Tensor) -> Tensor:
        """Logits of what the model was run for: hidden states, or logits already."""
        return logits_at(model, given) if self.split else given

    def _of_logits(
        self,
        model: PreTrainedModel,
        objective: Objective,
        tokens: Tensor,
        reference_hidden: Tensor | None,
        likelihoods: list[Tensor] | None,
        logits: Tensor,
    ) -> Tensor:
        reference = None
        if reference_hidden is not None:
            with self._original(model) as original:
                parts = reference_hidden.unbind(1)
                reference = _average((self._head(original, part) for part in parts), len(parts))
        log_probs = logits.float().log_softmax(-1)
        if likelihoods is not None:
            likelihoods.append(target_log_probs(log_probs.detach(), tokens).sum())
        return objective.loss(log_probs, tokens, reference).sum()

    @contextmanager
    def _original(self, model: PreTrainedModel) -> Iterator[PreTrainedModel]:
        """The model as it was before training, without gradients."""
        with torch.no_grad():
            if self.ref_model is not None:
                yield self.ref_model
                return
            with disable_adapter(model):
                yield model


def _average(logits: Iterator[Tensor], count: int) -> Tensor:
    """Log-probabilities [n, vocabulary] of the mean of `count` distributions."""
    total = reduce(torch.logaddexp, (part.float().log_softmax(-1) for part in logits))
    return total - math.log(count) if count > 1 else total
