"""Models whose predictions do not follow from their weights alone."""

from __future__ import annotations

from fairforget.errors import InputError
from fairforget.models.language_model import LanguageModel

DECODING = "fairforget_decoding"
"""Entry of a configuration: the method that changes decoding, and its settings."""


def reject_changed_decoding(language_model: LanguageModel, what: str) -> None:
    """Reject a model with a method that changes decoding, such as a prompt.

    Args:
        language_model: any model.
        what: what cannot use it, for the message.

    Raises:
        InputError: the model has such a method.
    """
    if decoding := getattr(language_model.model.config, DECODING, None):
        raise InputError(
            f"{what} needs a model whose weights alone determine its predictions; method "
            f"{decoding['method']} changes the decoding of {language_model.source!r}: give the "
            "original model"
        )
