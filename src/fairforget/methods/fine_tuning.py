"""Fine-tuning on harmless text: a control with as much training as a debiasing method."""

from __future__ import annotations

from fairforget.methods.method import Method, MethodOptions
from fairforget.methods.passages import training_passages
from fairforget.methods.training import MAX_ALPHA, train_on
from fairforget.models.language_model import LanguageModel


def apply(language_model: LanguageModel, options: MethodOptions) -> LanguageModel:
    """Continue pre-training on Wikipedia passages; the domain has no effect.

    Raises:
        InputError: the retain corpus is not installed, or the model cannot be trained.
    """
    texts = training_passages(options.seed)
    return train_on(language_model, texts, options, "Fine-tuning")


fine_tuning = Method(
    "fine-tuning",
    apply,
    paper="no paper: a control",
    summary="continues training on unchanged Wikipedia passages",
    max_alpha=MAX_ALPHA,
    is_control=True,
)
