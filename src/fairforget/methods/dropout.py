"""Dropout (Webster et al. 2020, arXiv 2010.06032, section 4.1): train with more dropout.

The paper raises BERT's dropout of attention weights from 0.10 to 0.15, and that of hidden states
from 0.10 to 0.20. Meade et al. 2022 (arXiv 2110.08527) raise every dropout of GPT-2 to 0.15. Both
train longer than this default.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers import TrainerCallback

from fairforget.errors import InputError
from fairforget.methods.method import Method, MethodOptions
from fairforget.methods.passages import training_passages
from fairforget.methods.training import MAX_ALPHA, train_on
from fairforget.models.language_model import LanguageModel

ATTENTION, HIDDEN, CAUSAL = 0.15, 0.20, 0.15
"""Dropout probabilities: attention weights and hidden states of masked models; causal models."""
DROPS_ATTENTION = re.compile(
    r"att\w*_(p?drop|dropout)|attention\.self\.dropout|attn\.dropout|attentions\.\d+\.dropout"
    r"|^(?!mpnet).*(?<!post_)attention\.dropout"
)
"""Matches the path of a dropout of attention weights in models of transformers. `attention.dropout`
is one, for example, in DistilBERT, but drops hidden states in MPNet."""
OTHER = re.compile(r"layer_?drop|classifier|summary|lora")
"""Matches a dropout of whole layers, or of a head that does not predict tokens."""

Places = list[tuple[nn.Module, str, float]]


def dropout_places(model: nn.Module, *, causal: bool) -> Places:
    """Return the dropouts of a model: the module, its attribute, and the raised probability.

    Some of the modules are an `nn.Dropout`. Others, such as Llama's attention, have the probability
    as an attribute.
    """
    places: Places = []
    for path, module in model.named_modules():
        names = [name for name in vars(module) if "drop" in name]
        for name in ["p"] if isinstance(module, nn.Dropout) else names:
            where = path if name == "p" else f"{path}.{name}"
            value = getattr(module, name)
            if not isinstance(value, int | float) or isinstance(value, bool) or OTHER.search(where):
                continue
            masked = ATTENTION if DROPS_ATTENTION.search(where) else HIDDEN
            places.append((module, name, CAUSAL if causal else masked))
    return places


@contextmanager
def raised_dropout(places: Places) -> Iterator[None]:
    """Set the dropouts to their raised probabilities within the context."""
    before = [(module, name, getattr(module, name)) for module, name, _ in places]
    set_dropout(places)
    try:
        yield
    finally:
        set_dropout(before)


def set_dropout(places: Places) -> None:
    """Set the dropouts to the given probabilities."""
    for module, name, probability in places:
        setattr(module, name, probability)


class RaiseDropout(TrainerCallback):
    """Raises dropout when training begins, because the trainer has set it to 0 by then.

    At the end, the trainer restores the model's own probabilities.
    """

    def __init__(self, places: Places) -> None:
        self.places = places

    def on_train_begin(self, *_: Any, **__: Any) -> None:
        """Raise dropout."""
        set_dropout(self.places)


def has_effect(language_model: LanguageModel, places: Places) -> bool:
    """Return whether raised dropout makes predictions in training mode random."""
    model = language_model.model
    ids = torch.full((1, 8), language_model.start_id, device=language_model.device)
    devices = [language_model.device] if language_model.device.type == "cuda" else []
    was_training = model.training
    with torch.random.fork_rng(devices), torch.no_grad(), raised_dropout(places):
        torch.manual_seed(0)
        model.train()
        try:
            first, second = (model(input_ids=ids).logits for _ in range(2))
        finally:
            model.train(was_training)
    return not torch.equal(first, second)


def apply(language_model: LanguageModel, options: MethodOptions) -> LanguageModel:
    """Continue pre-training on Wikipedia passages with raised dropout.

    A family that has dropout only of attention weights, such as Llama, is supported: its published
    weights were trained without dropout, but its code applies it.

    Raises:
        InputError: the model's family has no dropout, the retain corpus is not installed, or the
            model cannot be trained.
    """
    places = dropout_places(language_model.model, causal=language_model.kind == "causal")
    if not places or not has_effect(language_model, places):
        raise InputError(
            f"model {language_model.source!r}: its family "
            f"{language_model.model.config.model_type!r} has no dropout to raise; choose another "
            "method"
        )
    texts = training_passages(options.seed)
    with raised_dropout(places):  # also restores integers, which the trainer does not
        return train_on(language_model, texts, options, "Dropout", [RaiseDropout(places)])


dropout = Method(
    "dropout",
    apply,
    paper="Webster et al. 2020, arXiv 2010.06032",
    summary="continues training on Wikipedia passages with raised dropout",
    max_alpha=MAX_ALPHA,
)
