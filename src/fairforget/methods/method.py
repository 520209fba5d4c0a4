"""`Method`: a debiasing method, which takes a model and returns a debiased one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from fairforget.errors import InputError

if TYPE_CHECKING:  # settings list the methods, and `--help` loads nothing heavy
    from fairforget.models.language_model import LanguageModel

ChangeKind = Literal["weights", "inference"]
"""What a method changes: the weights, or how the model predicts the next token at inference."""
COUNTERPART_FILES = (
    "corpora/builtin/groups.toml",
    *(f"methods/swapping/{name}" for name in ("gender.toml", "gender.py", "groups.py")),
)
"""Files, as paths in FairForget's package, that decide which words of other groups correspond to a
word."""


@dataclass(frozen=True, slots=True)
class MethodOptions:
    """The options that all methods share; a method ignores those that do not apply to it.

    Raises:
        InputError: the domain is unknown.
    """

    domain: str | None = None
    """Domain of the built-in lexicon to debias; None for all."""
    seed: int = 0
    """Seed of the data order and of sampled texts."""
    steps: int | None = None
    """Optimizer steps of the methods that train; None for the default of the method."""
    batch_size: int | None = None
    """Texts per step; None for the default of the method."""
    learning_rate: float | None = None
    """Peak learning rate of AdamW; None for the default of the method."""

    def __post_init__(self) -> None:
        from fairforget.corpora.builtin.lexicon import CONTROL, group_terms

        group_terms(self.domain)  # refuses an unknown domain
        if self.domain == CONTROL:
            raise InputError(f"domain {CONTROL!r} names no groups; choose another")


@dataclass(frozen=True, slots=True)
class Method:
    """A debiasing method."""

    name: str
    apply: Callable[[LanguageModel, MethodOptions], LanguageModel]
    """Debiases a model at full strength. It may change its argument in place. It raises
    `InputError` for a model that the method does not support."""
    paper: str
    """The paper that describes it: authors, year and place."""
    summary: str
    """What it does, as one phrase that begins with a verb."""
    change: ChangeKind = "weights"
    """What it changes. Changed weights can be interpolated to a lower cost."""
    max_alpha: float = 1.0
    """The maximum interpolation factor. A trained update can be extrapolated beyond 1; a projection
    cannot, because it is complete at 1."""
    is_seeded: bool = True
    """Whether the result depends on the seed."""
    check_installed: Callable[[], None] = lambda: None
    """Raises `InputError` if a package that the method needs is missing."""
    package: str | None = None
    """A package outside FairForget's dependencies whose version the result depends on."""
    files: tuple[str, ...] = ()
    """Files that the method depends on (words, texts or code), as paths in FairForget's package. A
    leaderboard repeats the method's runs if one of them changes."""
    uses_unlearn_defaults: bool = False
    """Whether it trains with the default objective, learning rate and loss on facts of
    `unlearn`."""
    is_control: bool = False
    """Whether it trains without debiasing, to show the effect of training alone."""
