"""The `Objective` class: a loss per target token and the reference it compares with."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from fairforget.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

    from fairforget.objectives.trait_words import TraitWords

RefInput = Literal["none", "text", "counterfactual", "both"]
TargetSelection = Literal["spans", "mention-to-span", "after-mention"]
"""The selections that are not controls."""
NOTHING = "none"
"""Name of the objective without a forget loss."""
CONSTANTS = ("beta", "gamma")
"""Names of the constants a loss may have."""
TokenLoss: TypeAlias = "Callable[..., Tensor]"
"""A function of (log-probabilities [n, vocabulary], target tokens [n], reference log-probabilities
[n, vocabulary] or None) that returns losses [n] in nats, one per target token, to be minimised.
A loss with a β or γ takes it as a keyword argument of that name."""
Target: TypeAlias = "Callable[[Tensor, Tensor, TraitWords, Tensor], Tensor]"
"""A function of the reference log-probabilities on the text and on the counterfactual text, both
[n, vocabulary], the trait words, and whether the words for the group have no gender [n]. It returns
the log-probabilities the loss compares with."""
WordLoss: TypeAlias = "Callable[[Tensor, Tensor, TraitWords, Tensor | None], Tensor]"
"""A function of the log-probabilities and the reference log-probabilities, both [n, vocabulary],
the trait words, and whether the words for the group have no gender [n], or None in retain texts. It
returns losses [n] in nats, one per token."""


@dataclass(frozen=True, slots=True)
class Objective:
    """A loss per target token, and the input on which it needs the reference model.

    Raises:
        InputError: `ref_input` or `default_selection` is unknown; `ref_input` is `both` without a
            `target`, or something else with one; or there is a `target_word_loss` or a
            `retain_word_loss` but no `target`.
    """

    name: str
    loss: TokenLoss
    ref_input: RefInput
    """What the reference model reads: nothing, the same text, the counterfactual text at the
    aligned positions, or both texts."""
    paper: str
    summary: str = ""
    """What it does, as one sentence that begins with a verb, without the full stop; "" if that is
    not known."""
    negated: bool = False
    """Whether the trained weight difference is subtracted from the original weights, not added."""
    beta: float | None = None
    """β of the loss, in 1/nats; None if the loss has no β."""
    gamma: float | None = None
    """γ of the loss, dimensionless; None if the loss has no γ."""
    default_selection: TargetSelection = "spans"
    """The selection of target tokens for a causal model that reads from the left."""
    target: Target | None = None
    """Combines the reference model's predictions on both texts; set with `both`."""
    target_word_loss: WordLoss | None = None
    """Added to the loss at each target token, with what `target` returns as the reference. Requires
    a `target`."""
    retain_word_loss: WordLoss | None = None
    """Added to the retain loss at each token, if the retain loss compares with the reference model.
    Requires a `target`."""
    has_target_distribution: bool = False
    """Whether the loss compares the model's distribution with another, in which the target token
    plays no part: the one after "women are" is the same whether "liars" or "awake" follows."""

    def __post_init__(self) -> None:
        for name, known in (("ref_input", RefInput), ("default_selection", TargetSelection)):
            if (value := getattr(self, name)) not in get_args(known):
                raise InputError(
                    f"objective {self.name!r}: {name} {value!r} is unknown; choose from "
                    f"{', '.join(get_args(known))}"
                )
        if self.ref_input == "both" and self.target is None:
            raise InputError(
                f"objective {self.name!r}: ref_input 'both' needs a target, which combines the "
                "predictions on both texts; add one, or choose another ref_input"
            )
        if self.target is not None and self.ref_input != "both":
            raise InputError(
                f"objective {self.name!r}: a target combines the predictions on both texts, but "
                f"ref_input is {self.ref_input!r}; set it to 'both', or remove the target"
            )
        for name in ("target_word_loss", "retain_word_loss"):
            if getattr(self, name) is not None and self.target is None:
                raise InputError(
                    f"objective {self.name!r}: a {name} needs a target, because only then the "
                    f"trait words are known; add one, or remove the {name}"
                )

    @property
    def needs_ref_model(self) -> bool:
        """Whether the loss compares with the reference model."""
        return self.ref_input != "none"

    @property
    def needs_counterfactual(self) -> bool:
        """Whether the loss compares with counterfactual texts."""
        return self.ref_input in ("counterfactual", "both")

    def with_constants(self, beta: float | None, gamma: float | None) -> Objective:
        """Return a copy with another β or γ; None keeps the current value.

        Raises:
            InputError: the loss has no such constant, β is not positive, γ is negative, or one of
                them is infinite.
        """
        both = dict(zip(CONSTANTS, (beta, gamma), strict=True))
        new: dict[str, Any] = {name: value for name, value in both.items() if value is not None}
        for name in new:
            if getattr(self, name) is None:
                raise InputError(f"objective {self.name!r} has no {name}; remove it")
        if beta is not None and not 0 < beta < math.inf:
            raise InputError(f"beta is {beta}; it must be finite and more than 0")
        if gamma is not None and not 0 <= gamma < math.inf:
            raise InputError(f"gamma is {gamma}; it must be finite and at least 0")
        return replace(self, loss=partial(self.loss, **new), **new) if new else self


def as_objective(loss: Objective | TokenLoss) -> Objective:
    """Return an objective as it is; wrap a user's function into one, named `custom:NAME`.

    A function gets the reference model's log-probabilities on the same text as its third argument
    if its third parameter has no default or is named `reference`. The first line of its docstring
    is the summary.

    Raises:
        InputError: it is not a function of two or three positional parameters, or it needs one by
            keyword only.
    """
    if isinstance(loss, Objective):
        return loss
    name = getattr(loss, "__name__", type(loss).__name__)
    try:
        parameters = [*inspect.signature(loss).parameters.values()]
    except (TypeError, ValueError) as error:
        raise InputError(
            f"objective {name!r} is not a function of (log_probs, targets) or (log_probs, targets, "
            "reference)"
        ) from error
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    required = [p for p in positional if p.default is p.empty]
    takes_reference = len(positional) > 2 and (
        len(required) > 2 or positional[2].name == "reference"
    )
    if len(positional) < 2 or len(required) > 3:
        raise InputError(
            f"objective {name!r} takes {len(required)} positional arguments; a loss takes "
            "(log_probs, targets) or (log_probs, targets, reference)"
        )
    missed = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY and _is_needed(p)]
    if missed:
        raise InputError(
            f"objective {name!r} takes {missed[0]!r} by keyword only, but a loss is called with "
            "positional arguments; remove the * before it, or set it with functools.partial"
        )
    source = "user-defined; no paper"
    docstring = inspect.getdoc(loss) if inspect.isfunction(loss) else None
    summary = (docstring or "").partition("\n")[0].removesuffix(".")
    if takes_reference:
        return Objective(f"custom:{name}", loss, "text", source, summary)
    return Objective(f"custom:{name}", _without_reference(loss), "none", source, summary)


def _is_needed(parameter: inspect.Parameter) -> bool:
    """Return whether a loss needs a value for a parameter: a reference of None is none."""
    is_reference = parameter.name == "reference" and parameter.default is None
    return parameter.default is parameter.empty or is_reference


def _without_reference(loss: TokenLoss) -> TokenLoss:
    def call(log_probs: Tensor, targets: Tensor, reference: Tensor | None = None) -> Tensor:
        return loss(log_probs, targets)

    return call


def target_log_probs(log_probs: Tensor, targets: Tensor) -> Tensor:
    """Return log p(x_i) [n] of the target tokens."""
    return log_probs.gather(-1, targets[:, None])[:, 0]
