"""StereoSet for masked models: the probability of the word in the blank."""

from __future__ import annotations

import string
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fairforget.data.stereoset import Item
from fairforget.errors import InputError
from fairforget.models.language_model import LanguageModel, check_length
from fairforget.scoring.masked import MaskedText, masked_log_probs
from fairforget.scoring.progress import Progress

BLANK = "BLANK"
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def word_scores(
    language_model: LanguageModel, items: Sequence[Item], *, progress: Progress | None = None
) -> npt.NDArray[np.float64]:
    """Protocol `bias-bench`: [items, 3] mean probability of the tokens of the word in the blank.

    Each token is predicted at a single mask, after the word's earlier tokens and before the rest of
    the sentence. This follows the code of Nadeem et al. (2021) and Meade et al. (2022), including
    its blanks and double spaces.

    Raises:
        InputError: an item has no BLANK in its context, or no word for it.
    """
    tokenizer = language_model.tokenizer
    # tokenizers that put a space before words (RoBERTa) encode the word with its space
    space = " " if tokenizer.tokenize(" a") != tokenizer.tokenize("a") else ""
    texts: list[str] = []
    names: list[str] = []
    targets: list[int] = []
    counts: list[int] = []
    for item in items:
        for sentence in item.sentences:
            word = _word(item, sentence)
            ids = tokenizer(f"{space}{word}", add_special_tokens=False)["input_ids"]
            if not ids:
                raise InputError(
                    f"stereoset item {item.id}: no word for BLANK in {sentence!r}; "
                    "correct or remove the item"
                )
            for i, target in enumerate(ids):
                prefix = tokenizer.decode(ids[:i]) if i else ""
                texts.append(item.context.replace(BLANK, f"{prefix}{tokenizer.mask_token}"))
                names.append(f"stereoset item {item.id}")
                targets.append(target)
            counts.append(len(ids))
    encoded = tokenizer(texts)["input_ids"]
    check_length(language_model, [len(ids) for ids in encoded], names)
    mask = tokenizer.mask_token_id
    masked_texts = [
        MaskedText(tuple(ids), (ids.index(mask),), (target,))
        for ids, target in zip(encoded, targets, strict=True)
    ]
    log_probs = masked_log_probs(language_model.model, masked_texts, progress=progress)
    probabilities = np.exp(np.array([values[0] for values in log_probs], np.float64))
    sums = np.add.reduceat(probabilities, np.cumsum([0, *counts[:-1]]))
    return np.asarray(sums / np.array(counts)).reshape(-1, 3)


def _word(item: Item, sentence: str) -> str:
    """The word of the sentence at the position of BLANK in the context, without punctuation."""
    index = max((i for i, w in enumerate(item.context.split(" ")) if BLANK in w), default=None)
    if index is None:
        raise InputError(
            f"stereoset item {item.id}: its context {item.context!r} has no BLANK, which masked "
            "models need; correct or remove the item"
        )
    words = sentence.split(" ")
    return words[index].translate(_NO_PUNCTUATION) if index < len(words) else ""
