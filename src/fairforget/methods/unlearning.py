"""The objectives of this project at full strength, without a budget.

`unlearn` interpolates the trained weights to a budget. Here the trained weights are the result, as
with an unlimited budget and α = 1.
"""

from __future__ import annotations

from dataclasses import fields, replace
from functools import partial

from fairforget.corpora import corpus_names
from fairforget.corpora.corpus import Corpus, load_corpus
from fairforget.corpora.reading import BUILTIN
from fairforget.methods.method import Method, MethodOptions
from fairforget.methods.passages import retain_corpus
from fairforget.methods.training import MAX_ALPHA, OPTIONS, given_options, train
from fairforget.models.language_model import LanguageModel
from fairforget.objectives import OBJECTIVES
from fairforget.settings import DebiasSettings, RetainSettings, StudySettings
from fairforget.training.config import UnlearningConfig
from fairforget.training.from_settings import default_forget, training_config
from fairforget.training.preparation import load_everyday_corpus, prepare

DEFAULT = DebiasSettings.objective
PRONOUN_DOMAIN = "profession"
"""The domain of all texts of the corpus `pronouns`."""
TEXTS = tuple(f"corpora/builtin/{name}.toml" for name in ("groups", "attributes", "templates"))
"""Files of the built-in corpus, as paths in FairForget's package."""
DEFAULT_TEXTS = (*TEXTS, "corpora/builtin/pronouns.toml", "corpora/builtin/facts.toml")
"""Those of the texts that the default objective forgets and retains."""


def method_settings(objective: str, options: MethodOptions) -> DebiasSettings:
    """Return the settings of an objective.

    The default objective uses all defaults of `unlearn`. The others use those of a transfer study:
    30 steps with 16 texts each, a learning rate of 2e-5, the harmful spans as targets, and
    a quarter as many retain texts without facts. Options take precedence.
    """
    settings = DebiasSettings(objective=objective, seed=options.seed)
    if objective != DEFAULT:
        study = StudySettings()
        names = ("selection", *(field.name for field in fields(RetainSettings)), *OPTIONS)
        shared = {name: getattr(study, name) for name in names}
        settings = replace(settings, **shared, retain_groups=False)
    return replace(settings, **given_options(options))


def forget_corpora(config: UnlearningConfig, domain: str | None) -> list[Corpus]:
    """Return the built-in texts of one domain, or the default forget corpora.

    Raises:
        InputError: the domain is unknown.
    """
    names = corpus_names(default_forget(config))
    if domain is not None:
        names = [f"{it}:{domain}" for it in names if it == BUILTIN or domain == PRONOUN_DOMAIN]
    return [*map(load_corpus, names)]


def apply(
    language_model: LanguageModel, options: MethodOptions, *, objective: str
) -> LanguageModel:
    """Unlearn the built-in texts of one domain, or of all domains.

    Raises:
        InputError: the domain is unknown, the retain corpus is not installed, the model cannot be
            trained, or a loss is not finite.
    """
    settings = method_settings(objective, options)
    config = training_config(settings, None, device=language_model.device)
    data = prepare(
        language_model,
        forget_corpora(config, options.domain),
        retain_corpus(),
        config,
        everyday=load_everyday_corpus(),
    )
    label = f"Unlearning ({objective})"
    train(language_model, data.targets, data.retain, data.config, label, answers=data.answers)
    return language_model


def _method(name: str) -> Method:
    objective = OBJECTIVES[name]
    return Method(
        name,
        partial(apply, objective=name),
        paper=objective.paper,
        summary=objective.summary,
        max_alpha=MAX_ALPHA,
        files=DEFAULT_TEXTS if name == DEFAULT else TEXTS,
        uses_unlearn_defaults=name == DEFAULT,
    )


ascent = _method("ascent")
npo = _method("npo")
task_vector = _method("task-vector")
trait_kl = _method(DEFAULT)
