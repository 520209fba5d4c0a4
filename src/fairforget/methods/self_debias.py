"""Self-Debias (Schick, Udupa and Schütze 2021, TACL): avoid what a biased text would say.

p̃(w | x) ∝ α(Δ(w)) p(w | x), with Δ(w) = p(w | x) − max_y p(w | description y, x). α(Δ) is 1 for
Δ ≥ 0, else exp(λ Δ), but at least ε. A token becomes less likely if a description of a biased text
makes it more likely. The maximum over descriptions and ε are in the authors' code
(github.com/timoschick/self-debiasing, generation.py), with λ = 50 and ε = 0.01, and in Bias Bench
(Meade et al. 2022), the source of the descriptions.

Differences: descriptions end in a line break, as in the authors' code but not in Bias Bench; they
follow the start token, which both omit. Bias Bench uses only the description of the measured
domain, as `domain` does here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor
from transformers import LogitsProcessor

from fairforget.errors import InputError
from fairforget.methods.method import Method, MethodOptions
from fairforget.methods.prefixed_model import PrefixedModel, put_after
from fairforget.models.language_model import LanguageModel

DECAY = 50.0
"""λ."""
SMALLEST_FACTOR = 0.01
"""ε, the smallest α."""
DESCRIPTION = "The following text discriminates against people because of their {}:\n"
TRAITS = {
    "gender": "gender",
    "race": "race",
    "religion": "religion",
    "profession": "profession",
    "sexuality": "sexual orientation",
    "disability": "disability",
    "nationality": "nationality",
    "age": "age",
    "class": "socioeconomic status",
    "appearance": "physical appearance",
}
"""Domain → its name in a description."""
DEFAULT_DOMAINS = ("gender", "race", "religion", "profession")
"""Domains of StereoSet; each needs one more forward pass."""


def list_descriptions(domain: str | None = None) -> list[str]:
    """Return the description of a domain, or those of the default domains.

    Raises:
        InputError: there is no description of the domain.
    """
    domains = DEFAULT_DOMAINS if domain is None else (domain,)
    if unknown := [name for name in domains if name not in TRAITS]:
        raise InputError(
            f"method self-debias has no domain {unknown[0]!r}; choose from {', '.join(TRAITS)}"
        )
    return [DESCRIPTION.format(TRAITS[name]) for name in domains]


def debiased_log_probs(
    logits: Sequence[Tensor], *, decay: float = DECAY, smallest_factor: float = SMALLEST_FACTOR
) -> Tensor:
    """Return log p̃, the debiased log-probabilities.

    Args:
        logits: logits of the text alone, then after each description, each [n, vocabulary].
        decay: λ.
        smallest_factor: ε.

    Returns:
        [n, vocabulary] nats, in float32.
    """
    log_probs = logits[0].float().log_softmax(-1)
    biased = logits[1].float().softmax(-1)
    for more in logits[2:]:
        biased = torch.maximum(biased, more.float().softmax(-1))
    log_factor = (decay * (log_probs.exp() - biased)).clamp(math.log(smallest_factor), 0)
    return (log_probs + log_factor).log_softmax(-1)


def apply_self_debias(
    language_model: LanguageModel, descriptions: Sequence[str], *, decay: float = DECAY
) -> LanguageModel:
    """Return a model that predicts p̃.

    It runs the original once on the text alone and once after each description: 5 forward passes
    instead of 1 for the default domains. A pass after a description includes its tokens.

    Args:
        language_model: a causal model; it is not copied.
        descriptions: descriptions of a biased text, including the whitespace at their end.
        decay: λ.

    Raises:
        InputError: there are no descriptions, the model is masked, or its context is too short.
    """
    check_settings(descriptions, decay)
    combine = partial(debiased_log_probs, decay=decay)
    return put_after(
        language_model, [None, *descriptions], method="self-debias", combine=combine, decay=decay
    )


def check_settings(descriptions: Sequence[str], decay: float) -> None:
    """Check that descriptions are a list with at least one entry, and that λ is not negative.

    Raises:
        InputError: they are not.
    """
    if not 0 <= decay < math.inf:
        raise InputError(f"decay is {decay}; it must be a number of at least 0")
    if isinstance(descriptions, str):  # each of its characters would be a description
        raise InputError(f"descriptions is {descriptions!r}; give a list of texts")
    if not descriptions:
        raise InputError("method self-debias has no descriptions; give at least one")


def apply(language_model: LanguageModel, options: MethodOptions) -> LanguageModel:
    """Return a model that predicts p̃ with the description of a domain, or of the default ones.

    Raises:
        InputError: the domain has no description, the model is masked, or its context is too short.
    """
    return apply_self_debias(language_model, list_descriptions(options.domain))


class SelfDebiasLogitsProcessor(LogitsProcessor):
    """Self-Debias for `model.generate(..., logits_processor=[...])`, where `model` is the original.

    Each new token needs one forward pass over the whole text per description, without a cache.
    """

    def __init__(
        self,
        language_model: LanguageModel,
        descriptions: Sequence[str] | None = None,
        *,
        decay: float = DECAY,
        pad_id: int | None = None,
    ) -> None:
        """Prepare the descriptions.

        Args:
            language_model: the original model.
            descriptions: as for `apply_self_debias`. Default: those of the default domains.
            decay: λ.
            pad_id: id of the token that pads prompts on the left. Default: the tokenizer's.

        Raises:
            InputError: there are no descriptions, the model is masked, or its context is too short.
        """
        chosen = list_descriptions() if descriptions is None else descriptions
        check_settings(chosen, decay)
        model = put_after(language_model, chosen, method="self-debias").model
        assert isinstance(model, PrefixedModel)
        self.model = model
        self.decay = decay
        self.pad_id = language_model.tokenizer.pad_token_id if pad_id is None else pad_id

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Return log p̃ [batch, vocabulary] of the next token.

        Args:
            input_ids: [batch, length] the text so far.
            scores: [batch, vocabulary] the logits of the original.
        """
        outputs = self.model.body(input_ids, self._find_text(input_ids)).last_hidden_state
        biased = self.model.logits_by_prefix(outputs[:, -1])
        return debiased_log_probs([scores, *biased], decay=self.decay)

    def _find_text(self, ids: Tensor) -> Tensor:
        """Return a mask [batch, length] without the padding on the left.

        It may mask the start token if that is also the padding; each description has its own.
        """
        if self.pad_id is None:
            return torch.ones_like(ids)
        is_text = (ids != self.pad_id).cumsum(1) > 0
        is_text[:, -1] = True  # the start token alone
        return is_text.long()


self_debias = Method(
    "self-debias",
    apply,
    "Schick et al. 2021, arXiv 2103.00453",
    "lowers the probability of tokens that become more likely after a description of biased text",
    change="inference",
    is_seeded=False,
)
