"""Messages in the chat template of a model."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import PreTrainedTokenizerBase

from fairforget.errors import InputError, first_line

CLOCK = "strftime_now"
"""Function by which a template reads today's date."""
DATE = "26 Jul 2024"
"""The date that it gets instead: prompts must not depend on the day of an evaluation. It is the one
that Llama 3's template falls back to."""
FIXED_CLOCK = f"{{%- macro {CLOCK}(format) -%}}{DATE}{{%- endmacro -%}}"


def render_messages(
    tokenizer: PreTrainedTokenizerBase, messages: Sequence[str], source: str
) -> list[str]:
    """Return each message of a user as text in the chat template, up to where the reply begins.

    Args:
        tokenizer: has the template.
        messages: one per conversation.
        source: of the model, for errors.

    Raises:
        InputError: there is no template, it fails, or it leaves out a message.
    """
    if not tokenizer.chat_template:
        raise InputError(
            f"{source!r} has no chat template; use an instruction-tuned model, or plain text"
        )
    try:
        template = tokenizer.get_chat_template()  # of several, the default one
        clock = FIXED_CLOCK if CLOCK in template else ""
        texts = [
            str(
                tokenizer.apply_chat_template(
                    [{"role": "user", "content": message}],
                    chat_template=clock + template,
                    tokenize=False,
                    add_generation_prompt=True,
                )
            )
            for message in messages
        ]
    except Exception as error:  # the template is code that came with the model
        raise InputError(
            f"the chat template of {source!r} fails ({first_line(error)}); correct it, or use "
            "plain text"
        ) from error
    for message, text in zip(messages, texts, strict=True):
        if message.strip() not in text:
            raise InputError(
                f"the chat template of {source!r} omits or changes the message {message[:40]!r}; "
                "correct the template, or use plain text"
            )
    return texts
