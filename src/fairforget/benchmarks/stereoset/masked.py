"""StereoSet under a masked model: how likely is the word that stands in the blank?"""

from __future__ import annotations

import string
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fairforget.benchmarks.sentences import check_length
from fairforget.data.stereoset import Item
from fairforget.errors import InputError
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.causal import Progress
from fairforget.scoring.masked import MaskedText, masked_log_probs

BLANK = "BLANK"
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def word_scores(
    language_model: LanguageModel, items: Sequence[Item], *, progress: Progress | None = None
) -> npt.NDArray[np.float64]:
    """Protocol `bias-bench`: [items, 3] mean probability of the tokens of the blank's word.

    Each token is predicted at one mask, with the word's tokens before it in place and nothing
    after it but the rest of the sentence: as the code of Nadeem et al. (2021) and Meade et al.
    (2022) has it, blanks and double spaces included.

    Raises:
        InputError: an item without BLANK in its context, or without a word for it.
    """
    tokenizer = language_model.tokenizer
    # where a space belongs to the word after it (RoBERTa), the word is encoded with its space
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
                raise InputError(f"stereoset item {item.id}: no word for BLANK in {sentence!r}")
            for place, target in enumerate(ids):
                shown = tokenizer.decode(ids[:place]) if place else ""
                texts.append(item.context.replace(BLANK, f"{shown}{tokenizer.mask_token}"))
                names.append(f"stereoset item {item.id}")
                targets.append(target)
            counts.append(len(ids))
    encoded = tokenizer(texts)["input_ids"]
    check_length(language_model, [len(ids) for ids in encoded], names)
    mask = tokenizer.mask_token_id
    blanked = [
        MaskedText(tuple(ids), (ids.index(mask),), (target,))
        for ids, target in zip(encoded, targets, strict=True)
    ]
    log_probs = masked_log_probs(language_model.model, blanked, progress=progress)
    probabilities = np.exp(np.array([values[0] for values in log_probs], np.float64))
    sums = np.add.reduceat(probabilities, np.cumsum([0, *counts[:-1]]))
    return np.asarray(sums / np.array(counts)).reshape(-1, 3)


def _word(item: Item, sentence: str) -> str:
    """What stands in the sentence where the context has BLANK, without punctuation."""
    place = max((i for i, w in enumerate(item.context.split(" ")) if BLANK in w), default=None)
    if place is None:
        raise InputError(
            f"stereoset item {item.id}: no BLANK in its context {item.context!r}, "
            "which a masked model needs"
        )
    words = sentence.split(" ")
    return words[place].translate(_NO_PUNCTUATION) if place < len(words) else ""
