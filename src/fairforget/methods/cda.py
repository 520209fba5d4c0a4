"""Counterfactual data augmentation (Zhao et al. 2018, arXiv 1804.06876).

Webster et al. 2020 (arXiv 2010.06032, section 4.2) continue pre-training on Wikipedia and use every
sentence with a gender word twice: unchanged, and with these words swapped (two-sided). They keep
the other sentences; here, because there are only few steps, they are left out.
"""

from __future__ import annotations

from collections.abc import Iterable

from fairforget.errors import InputError
from fairforget.methods.method import COUNTERPART_FILES, Method, MethodOptions
from fairforget.methods.passages import training_passages
from fairforget.methods.swapping import swap
from fairforget.methods.training import MAX_ALPHA, train_on, training_settings
from fairforget.models.language_model import LanguageModel


def two_sided(
    texts: Iterable[str], domain: str | None, *, seed: int = 0, limit: int | None = None
) -> list[str]:
    """Return each text that has a group word, followed by its version with swapped groups.

    Args:
        texts: any texts.
        domain: as for `swap`.
        seed: as for `swap`.
        limit: stop at this number of returned texts. Default: no limit.
    """
    both: list[str] = []
    for text in texts:
        if limit is not None and len(both) >= limit:
            break
        if (other := swap(text, domain, seed=seed)) != text:
            both += [text, other]
    return both


def apply(language_model: LanguageModel, options: MethodOptions) -> LanguageModel:
    """Continue pre-training on both versions of Wikipedia passages that name a group of the domain.

    Raises:
        InputError: the retain corpus is not installed or has no such passage, or the model cannot
            be trained.
    """
    passages = training_passages(options.seed)
    settings = training_settings(options)
    count = max(1, settings.steps * settings.batch_size)  # `train_on` checks these
    texts = two_sided(passages, options.domain, seed=options.seed, limit=count)
    if not texts:
        if options.domain is None:
            raise InputError("no passage of the retain corpus names a group")
        raise InputError(
            f"domain {options.domain!r}: no passage of the retain corpus names one of its groups; "
            "choose another domain"
        )
    return train_on(language_model, texts, options, "Training on swapped texts")


cda = Method(
    "cda",
    apply,
    paper="Zhao et al. 2018, arXiv 1804.06876; Webster et al. 2020, arXiv 2010.06032",
    summary="continues training on Wikipedia passages that name a group, and on copies with the "
    "words of another group",
    max_alpha=MAX_ALPHA,
    files=(*COUNTERPART_FILES, "methods/swapping/swap.py"),
)
