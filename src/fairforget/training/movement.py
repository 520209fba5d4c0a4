"""How far a model has moved from the original one: the mean KL divergence on ordinary text.

Two runs with the same perplexity may have moved differently: on some texts a model may gain what it
loses on others. The divergence KL(p_original ‖ p) cannot cancel. It grows about as the square of
the weight update.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.forward.evaluation_mode import evaluation_mode
from fairforget.forward.packing import pack
from fairforget.forward.padding import group_by_length, pad, supports_padding
from fairforget.forward.split_forward import can_split, extract_head, hidden_states, logits_at
from fairforget.machine.processes import broadcast_from_first
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.causal import BATCH_TOKENS, HEAD_ROWS
from fairforget.scoring.masked import mask_at_random
from fairforget.scoring.perplexity import exp_mean_nll


@dataclass(frozen=True, slots=True)
class Positions:
    """The input of a forward pass, and the positions [n] (row × width + column) that predict."""

    inputs: dict[str, Tensor]
    places: Tensor
    tokens: Tensor
    """The tokens [n] that they predict."""


@dataclass(frozen=True, slots=True)
class Moved:
    """A model on texts of one kind."""

    divergence: float
    """Mean KL(p_original ‖ p) per predicted token, in nats."""
    perplexity: float


@dataclass(frozen=True, slots=True)
class OriginalStates:
    """The original model's predictions on some texts: its hidden states, and its head.

    Log-probabilities would be as large as the vocabulary.
    """

    batches: dict[str, list[tuple[Positions, Tensor]]]
    """Kind of text → inputs with their hidden states [n, hidden size], on the CPU."""
    head: PreTrainedModel
    """A copy of the original model without its body."""

    def tensors(self) -> Iterator[Tensor]:
        """Yield the hidden states, and the weights of the head."""
        yield from (states for batches in self.batches.values() for _, states in batches)
        yield from self.head.parameters()

    def divergence(self, model: PreTrainedModel) -> float:
        """Return the mean KL(p_original ‖ p) per predicted token of all texts, in nats.

        Args:
            model: the same architecture, with other weights.
        """
        return self.average({kind: self.measure(model, kind).divergence for kind in self.batches})

    def average(self, divergences: Mapping[str, float]) -> float:
        """Return the mean of the divergences of all kinds, weighted by their predicted tokens."""
        counts = {kind: self._count(kind) for kind in self.batches}
        total = sum(divergences[kind] * count for kind, count in counts.items())
        return total / sum(counts.values())

    def measure(self, model: PreTrainedModel, kind: str) -> Moved:
        """Measure a model on the texts of one kind.

        The main process does so for all of several processes, which then take the same path.
        """
        divergence, nll = broadcast_from_first(lambda: self._sums(model, kind))
        tokens = self._count(kind)
        return Moved(divergence / tokens, exp_mean_nll(nll, tokens))

    def _count(self, kind: str) -> int:
        return sum(len(states) for _, states in self.batches[kind])

    @torch.inference_mode()
    def _sums(self, model: PreTrainedModel, kind: str) -> tuple[float, float]:
        """Return sums over the predicted tokens of one kind: divergence, and −log p, in nats."""
        sums: list[Tensor] = []
        self.head.to(model.device)  # type: ignore[arg-type]
        for batch, states in self.batches[kind]:
            for hidden, old, tokens in zip(
                _run(model, batch).split(HEAD_ROWS),
                states.to(model.device).split(HEAD_ROWS),
                batch.tokens.to(model.device).split(HEAD_ROWS),
                strict=True,
            ):
                log_p = logits_at(self.head, old).float().log_softmax(-1)
                log_q = logits_at(model, hidden).float().log_softmax(-1)
                likelihood = _sum(log_q.gather(1, tokens[:, None]))
                sums.append(torch.stack([likelihood, _sum(log_q.sub_(log_p).mul_(log_p.exp_()))]))
        divergence = nll = 0.0
        for likelihood, negated in torch.cat(sums, 1).cpu().double().T.tolist():  # waits only once
            nll -= likelihood
            divergence -= negated
        return divergence, nll


@torch.inference_mode()
def record_original(
    language_model: LanguageModel, sequences: Mapping[str, Sequence[Sequence[int]]]
) -> OriginalStates | None:
    """Run a model that has its original weights.

    Args:
        language_model: causal, or masked, which predicts 15 % of the inner tokens.
        sequences: by kind of text, token ids with the start token, and with the end token for a
            masked model.

    Returns:
        Its states; None if the model's head cannot run apart from its body.
    """
    model = language_model.model
    if not can_split(model):
        return None
    batches = {
        kind: [(batch, _run(model, batch).cpu()) for batch in _batches(language_model, texts)]
        for kind, texts in sequences.items()
    }
    return OriginalStates(batches, extract_head(model).eval().requires_grad_(False))


def _batches(
    language_model: LanguageModel, sequences: Sequence[Sequence[int]]
) -> Iterator[Positions]:
    if language_model.kind == "causal":
        for batch in pack(sequences, trees=False, batch_tokens=BATCH_TOKENS):
            places = [torch.from_numpy(path) for _, path in batch.members]
            tokens = [torch.tensor(sequences[index][1:]) for index, _ in batch.members]
            yield Positions(batch.inputs, torch.cat(places), torch.cat(tokens))
        return
    mask_id = language_model.tokenizer.mask_token_id
    texts = [mask_at_random(ids, mask_id) for ids in sequences if len(ids) > 2]
    texts.sort(key=lambda text: len(text.ids))
    padded = supports_padding(language_model.model, "right")
    for group in group_by_length(texts, lambda text: len(text.ids), BATCH_TOKENS, padded=padded):
        inputs = pad([text.ids for text in group])
        width = inputs["input_ids"].shape[1]
        cells = [row * width + i for row, text in enumerate(group) for i in text.positions]
        predicted = [token for text in group for token in text.targets]
        yield Positions(inputs, torch.tensor(cells), torch.tensor(predicted))


def _sum(values: Tensor) -> Tensor:
    """Add up [n, m]: to [1] in float64 on a CPU, elsewhere to [n], as not all devices have it."""
    if values.device.type == "cpu":
        return values.sum(dtype=torch.float64)[None]
    return values.sum(-1)


def _run(model: PreTrainedModel, batch: Positions) -> Tensor:
    """Return the hidden states [n, hidden size] at the positions, without dropout."""
    inputs = {name: value.to(model.device) for name, value in batch.inputs.items()}
    with evaluation_mode(model):
        return hidden_states(model, **inputs).flatten(0, 1)[batch.places.to(model.device)]
