"""Models that were debiased by other means, used as methods."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import TYPE_CHECKING

import torch

from fairforget.errors import InputError
from fairforget.machine.devices import release_memory
from fairforget.methods import METHODS, Method, MethodOptions
from fairforget.methods.erasure import untie_head
from fairforget.methods.training import MAX_ALPHA
from fairforget.models.fingerprint import differing_settings, model_identity
from fairforget.models.language_model import LanguageModel
from fairforget.models.tokenizer_checks import splitting_rules
from fairforget.models.weights import summarize
from fairforget.report.wording import join_words
from fairforget.settings import ModelSettings
from fairforget.training.from_settings import load_to_train

if TYPE_CHECKING:
    from fairforget.leaderboards.plan import MethodRun

PAPER = "weights given to the leaderboard"
REMEDY = "give a model that differs from the original only in its weights"


def is_given(method: str) -> bool:
    """Return whether the name of a method is a path or a hub id, that of a debiased model."""
    return method not in METHODS and "/" in method


def find_method(name: str, settings: ModelSettings) -> Method:
    """Return a method of this project, or one that sets the weights to those of another model.

    Args:
        name: in `METHODS`, or for which `is_given` is true.
        settings: with which the other model is loaded.
    """
    if name in METHODS:
        return METHODS[name]
    return Method(
        name,
        partial(set_weights, source=name, settings=settings),
        paper=PAPER,
        summary=f"sets the weights to those of {name}",
        is_seeded=False,
        max_alpha=MAX_ALPHA,
    )


def set_weights(
    language_model: LanguageModel, _: MethodOptions, *, source: str, settings: ModelSettings
) -> LanguageModel:
    """Set the weights of a model to those of another.

    Args:
        language_model: changed in place.
        source: the other model, which was made from this one.
        settings: with which it is loaded.

    Raises:
        InputError: it cannot be loaded, or does not fit.
    """
    other = load_to_train(source, settings)
    check_fit(language_model, other)
    given = dict(other.model.named_parameters(remove_duplicate=False))
    model = language_model.model
    if len([*other.model.parameters()]) > len([*model.parameters()]):
        untie_head(language_model)  # as an erasure does
    with torch.no_grad():
        for name, weight in model.named_parameters():
            weight.copy_(given[name])
    return language_model


def identify_given(
    runs: Iterable[MethodRun], language_model: LanguageModel
) -> dict[str, dict[str, str]]:
    """Return what identifies each model that is given as a method, after checking that it fits.

    Args:
        runs: whose methods count.
        language_model: the original model.

    Raises:
        InputError: one cannot be loaded, or does not fit.
    """
    identities: dict[str, dict[str, str]] = {}
    for run in runs:
        if is_given(run.method) and run.method not in identities:
            other = load_to_train(run.method, run.settings)
            check_fit(language_model, other)
            identities[run.method] = model_identity(other)
            del other  # frees its memory for the next one
            release_memory()
    return identities


def check_fit(language_model: LanguageModel, other: LanguageModel) -> None:
    """Check that two models differ in the values of their weights only.

    Raises:
        InputError: a weight is missing or has another shape, or the models differ in a setting that
            predictions depend on, or in how their tokenizers split texts.
    """
    one, two = (
        {name: tuple(w.shape) for name, w in it.model.named_parameters(remove_duplicate=False)}
        for it in (language_model, other)
    )
    if differing := {name for name, _ in one.items() ^ two.items()}:
        raise InputError(
            f"method {other.source!r}: it differs from model {language_model.source!r} in the "
            f"shape or presence of {summarize(differing)}; {REMEDY}"
        )
    configs = language_model.model.config, other.model.config
    if changed := differing_settings(*configs):
        raise InputError(
            f"method {other.source!r}: it differs from model {language_model.source!r} in the "
            f"configuration ({join_words(sorted(changed))}); {REMEDY}"
        )
    one_rules, other_rules = (splitting_rules(it.tokenizer) for it in (language_model, other))
    if one_rules != other_rules:
        raise InputError(
            f"method {other.source!r}: its tokenizer differs from that of model "
            f"{language_model.source!r}; {REMEDY}"
        )
