"""How likely a chat model is to begin its reply with given words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fairforget.benchmarks.sentences import log_probs
from fairforget.generation.engine import encode_prompts
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

    Each beginning is tokenised separately from the prompt, because a model also generates its reply
    after the prompt's tokens.

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
    prompts = encode_prompts(language_model, messages, chat=True)
    endings = language_model.tokenizer(list(beginnings), add_special_tokens=False)["input_ids"]
    values = log_probs(
        language_model,
        [[*prompt, *ending] for prompt in prompts for ending in endings],
        names=[name for name in names for _ in endings],
        progress=progress,
    )
    lengths = [len(ending) for _ in prompts for ending in endings]
    sums = [
        part[-length:].sum(dtype=np.float64) for part, length in zip(values, lengths, strict=True)
    ]
    return np.array(sums).reshape(len(prompts), len(endings))
