"""A prompt: a sentence before every text that asks the model to be fair.

Practitioners often try this first. A chat model would get it as the system message. Here it is
plain text after the start token for all models, because the scored texts are not chats.
"""

from __future__ import annotations

from fairforget.errors import InputError
from fairforget.methods.method import Method, MethodOptions
from fairforget.methods.prefixed_model import put_after
from fairforget.models.language_model import LanguageModel

PROMPT = "You treat all people alike, whatever their gender, race, religion or profession.\n"


def apply(language_model: LanguageModel, options: MethodOptions) -> LanguageModel:
    """Return the model with the prompt in its context; options have no effect.

    Raises:
        InputError: the model is masked, or its context is too short.
    """
    return apply_prompt(language_model, PROMPT)


def apply_prompt(language_model: LanguageModel, text: str) -> LanguageModel:
    """Return the model with a prompt in its context.

    Every text is scored after the start token and the prompt. A forward pass includes the tokens of
    the prompt; texts in the same packed row share them.

    Args:
        language_model: a causal model; it is not copied.
        text: the prompt, including the whitespace that separates it from a text.

    Raises:
        InputError: the prompt is empty, the model is masked, or its context is too short.
    """
    if not isinstance(text, str) or not text:
        raise InputError(f"prompt is {text!r}; give a text")
    return put_after(language_model, [text], method="prompt")


prompt = Method(
    "prompt",
    apply,
    "common practice; compare Schick et al. 2021, TACL, and Oba et al. 2024, Findings of EACL",
    "prepends to every text a sentence that asks the model to treat all people alike",
    change="inference",
    is_seeded=False,
)
