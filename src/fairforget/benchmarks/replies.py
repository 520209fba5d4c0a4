"""How likely a chat model is to begin its reply with given words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from fairforget.benchmarks.sentences import log_probs
from fairforget.generation.chat import render_messages
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.progress import Progress


def reply_scores(
    language_model: LanguageModel,
    messages: Sequence[str],
    beginnings: Sequence[str],
    *,
    names: Sequence[str],
    progress: Progress | None = None,
) -> npt.NDArray[np.float64]:
    """Score beginnings of the reply to each message, in the model's chat template.

    A beginning is scored with the tokens that follow those of the prompt if both are tokenised as
    one text. If the prompt then has other tokens, it is tokenised alone, because a model also
    generates its reply after the prompt's own tokens.

    Args:
        language_model: a causal model with a chat template.
        messages: each a separate user message.
        beginnings: of the reply, the same for all messages.
        names: [messages] names of the messages in errors.
        progress: called as for `token_log_probs`.

    Returns:
        [messages, beginnings] log-probabilities in nats, summed over the tokens.

    Raises:
        InputError: there is no chat template, or a message exceeds the model's context length.
    """
    tokenizer = language_model.tokenizer
    texts = render_messages(tokenizer, messages, language_model.source)
    prompts = tokenizer(texts, add_special_tokens=False)["input_ids"]
    endings = [
        encode_beginning(tokenizer, text, prompt, beginning)
        for text, prompt in zip(texts, prompts, strict=True)
        for beginning in beginnings
    ]
    whole = [prompt for prompt in prompts for _ in beginnings]
    values = log_probs(
        language_model,
        [[*prompt, *ending] for prompt, ending in zip(whole, endings, strict=True)],
        names=[name for name in names for _ in beginnings],
        progress=progress,
    )
    lengths = map(len, endings)
    sums = [
        part[-length:].sum(dtype=np.float64) for part, length in zip(values, lengths, strict=True)
    ]
    return np.array(sums).reshape(len(prompts), len(beginnings))


def encode_beginning(
    tokenizer: PreTrainedTokenizerBase, text: str, prompt: Sequence[int], beginning: str
) -> list[int]:
    """Return the token ids of the beginning of a reply to a prompt, given as text and token ids."""
    whole = tokenizer(text + beginning, add_special_tokens=False)["input_ids"]
    if whole[: len(prompt)] == [*prompt]:
        return list(whole[len(prompt) :])
    return list(tokenizer(beginning, add_special_tokens=False)["input_ids"])
