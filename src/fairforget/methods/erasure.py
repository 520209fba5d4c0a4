"""Erase the directions of groups from the input of the output head, permanently.

An erasure is a linear map P [d, d] of the last hidden state h [d], the input of the output head
W [vocabulary, d]. As W (P h) = (W P) h, P is folded into the head. The head is untied from the
input embeddings, which do not change. The result is a model of the same class, which
`from_pretrained` loads. A bias, scale or soft cap of the logits is kept.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from fairforget.corpora.builtin.lexicon import DOMAINS
from fairforget.errors import InputError
from fairforget.forward.evaluation_mode import evaluation_mode
from fairforget.forward.padding import group_by_length, pad, supports_padding
from fairforget.methods.group_sentences import counterfactual_sets, short_sentences
from fairforget.methods.method import MethodOptions
from fairforget.methods.passages import training_texts
from fairforget.models.decoding import reject_changed_decoding
from fairforget.models.encoding import encode_texts, end_ids
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.causal import BATCH_TOKENS

Fit = Callable[[Tensor], Tensor]
"""States [sets, groups, d], in float64 → the erasure [d, d]. The sentences of a set differ only in
the group; the groups have the same order in every set."""


def erase(language_model: LanguageModel, options: MethodOptions, fit: Fit) -> LanguageModel:
    """Erase the groups of a domain, or of all domains one after the other, from a model.

    Each domain has its own erasure, fitted on states from which the previous domains have been
    erased. The result is the product of the erasures.

    Args:
        language_model: its output head is changed in place.
        options: `domain` and `seed` are used.
        fit: the method, which fits an erasure.

    Raises:
        InputError: the model's output head is not a linear layer that its forward pass calls, or
            the corpus of the sentences is not installed.
    """
    head = output_head(language_model)
    projection = torch.eye(head.in_features, dtype=torch.float64)
    sentences = short_sentences(training_texts())
    for domain in selected_domains(options):
        sets = counterfactual_sets(sentences, domain, seed=options.seed)
        states = mean_states(language_model, [*chain.from_iterable(sets)])
        states = (states @ projection.T).unflatten(0, (len(sets), -1))
        projection = fit(states) @ projection
    fold(language_model, projection)
    return language_model


def selected_domains(options: MethodOptions) -> tuple[str, ...]:
    """Return the domains to erase."""
    return DOMAINS if options.domain is None else (options.domain,)


def output_head(language_model: LanguageModel) -> nn.Linear:
    """Return the output head, which maps hidden states to logits.

    Raises:
        InputError: it is not a linear layer.
    """
    reject_changed_decoding(language_model, "erasure")
    head = language_model.model.get_output_embeddings()
    if type(head) is not nn.Linear:
        raise InputError(
            f"model {language_model.source!r}: its output head is {type(head).__name__}, but an "
            "erasure needs nn.Linear; give a model that is not quantised and has a linear head"
        )
    return head


def fold(language_model: LanguageModel, projection: Tensor) -> None:
    """Replace the output head W by W P, and untie it from the input embeddings.

    Args:
        language_model: changed in place.
        projection: [d, d] P, which maps a state h to P h; in float64, on the CPU.

    Raises:
        InputError: the output head is not a linear layer.
    """
    head = untie_head(language_model)
    with torch.no_grad():
        product = head.weight.cpu().double() @ projection  # not all devices have float64
        head.weight.copy_(product.to(head.weight.dtype))


def untie_head(language_model: LanguageModel) -> nn.Linear:
    """Untie the output head from the input embeddings, and return it; the logits do not change.

    Untie the original before you copy its weights with `named_parameters`, which omits a tied head;
    interpolation would otherwise leave the head erased.

    Raises:
        InputError: the output head is not a linear layer.
    """
    head = output_head(language_model)
    model = language_model.model
    head.weight = nn.Parameter(head.weight.detach().clone())
    if head.bias is not None:  # BERT's is tied as well
        head.bias = nn.Parameter(head.bias.detach().clone())
    for config in (model.config, model.config.get_text_config()):
        config.tie_word_embeddings = False
    model.all_tied_weights_keys = model.get_expanded_tied_weights_keys(all_submodels=True)
    return head


def mean_states(language_model: LanguageModel, sentences: Sequence[str]) -> Tensor:
    """Return the input of the output head for each sentence, as the mean over its tokens.

    Bias Bench (Meade et al. 2022) uses the mean over tokens, too. Start and end tokens are part of
    the input, but not of the mean.

    Args:
        language_model: runs in eval mode; its mode is restored.
        sentences: each has at least one token.

    Returns:
        [sentences, d], in float64, on the CPU.

    Raises:
        InputError: the model's forward pass does not call its output head, or hidden states are
            not finite.
    """
    rows = encode_texts(language_model, sentences)
    end = end_ids(language_model)
    means: list[Tensor] = [torch.empty(0)] * len(rows)
    model = language_model.model
    with evaluation_mode(model):
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        padded = supports_padding(model, "right")
        for batch in group_by_length(order, lambda i: len(rows[i]), BATCH_TOKENS, padded=padded):
            inputs = pad([rows[i] for i in batch])
            inputs = {name: value.to(model.device) for name, value in inputs.items()}
            for i, states in zip(batch, _head_input(model, inputs).cpu(), strict=True):
                inner = states[1 : len(rows[i]) - len(end)]
                means[i] = inner.double().mean(0)
    stacked = torch.stack(means)
    if not stacked.isfinite().all():
        raise InputError(
            f"model {language_model.source!r} has hidden states that are not finite numbers: its "
            "weights are damaged, or its dtype overflows; try --dtype float32"
        )
    return stacked


class _HeadReachedError(Exception):
    """Carries the states and ends the forward pass, because the logits are not needed."""

    def __init__(self, states: Tensor) -> None:
        super().__init__()
        self.states = states


def _head_input(model: PreTrainedModel, inputs: dict[str, Tensor]) -> Tensor:
    """Return the input of the output head, [rows, width, d]."""

    def stop(_: nn.Module, args: tuple[Any, ...]) -> None:
        raise _HeadReachedError(args[0])

    hook = model.get_output_embeddings().register_forward_pre_hook(stop)
    try:
        with torch.inference_mode():
            model(**inputs)
    except _HeadReachedError as reached:
        return reached.states
    finally:
        hook.remove()
    raise InputError(
        f"{type(model).__name__} uses the weights of its output head without calling it, so "
        "nothing can be erased from the head's input; choose a model of another architecture"
    )
