"""Plain fine-tuning on harmless text: a control that costs as much training as a method."""

from __future__ import annotations

from fairforget.methods.method import Method, MethodOptions
from fairforget.methods.passages import training_passages
from fairforget.methods.training import MAX_ALPHA, train_on
from fairforget.models.language_model import LanguageModel


def apply(language_model: LanguageModel, options: MethodOptions) -> LanguageModel:
    """Continue the pre-training on passages of Wikipedia, whatever the domain.

    Raises:
        InputError: the retain corpus is not installed, or the model cannot be trained.
    """
    texts = training_passages(language_model, options.seed)
    return train_on(language_model, texts, options, "Fine-tuning")


fine_tuning = Method(
    "fine-tuning",
    apply,
    paper="no paper: a control",
    summary="continued training on Wikipedia passages, unchanged",
    max_alpha=MAX_ALPHA,
    is_control=True,
)
