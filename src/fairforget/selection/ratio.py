"""Ratio: words that a model tuned on hateful texts finds likelier than one tuned on others.

Both start from the same model and see as many texts. What they disagree on is what hateful texts
have that others have not; unlike counts, they have seen enough language to judge words in their
context, and words that the training corpus does not contain. As in `contrast`, the surprisal of
the word in other language is added, and words that name groups have no score.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from fairforget.corpora.text import Text
from fairforget.errors import InputError
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model
from fairforget.scoring.causal import token_log_probs
from fairforget.selection.calibration import best_threshold
from fairforget.selection.counts import WordCounts, count_words
from fairforget.selection.selected import SelectedSpan, merge_adjacent
from fairforget.selection.suspects import find_suspects
from fairforget.selection.tuning import fine_tune
from fairforget.selection.words import Word

WEIGHT = 0.25
"""Of the log-likelihood ratio against the surprisal: best of 0.25 to 3 on the built-in texts."""
LONGEST = 48
"""Tokens of a training text, start token included."""

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Ratio:
    """The selector."""

    hateful: LanguageModel
    """Tuned on hateful texts."""
    other: LanguageModel
    """Tuned on others."""
    counts: WordCounts
    threshold: float = 8.0
    """Score from which on a word is chosen, in nats."""
    progress: Callable[[int], None] | None = None

    def __call__(self, texts: Sequence[Text]) -> list[list[SelectedSpan]]:
        """The words of each text that score above the threshold, neighbours joined."""
        return [
            merge_adjacent(
                text.text,
                [
                    SelectedSpan(
                        word.start, word.end, f"{word.plain}: log-likelihood ratio {ratio:+.1f}"
                    )
                    for word, score, ratio in scored
                    if score > self.threshold
                ],
            )
            for text, scored in zip(texts, self.scores(texts), strict=True)
        ]

    def scores(self, texts: Sequence[Text]) -> list[list[tuple[Word, float, float]]]:
        """The words that name no group, each with its score and its log-likelihood ratio.

        Of a text that is longer than the model takes, the words as far as it reads.
        """
        tokenizer = self.hateful.tokenizer
        encoded = tokenizer(
            [text.text for text in texts], add_special_tokens=False, return_offsets_mapping=True
        )
        longest = self.hateful.longest_input - 1
        offsets = [row[:longest] for row in encoded["offset_mapping"]]
        ids = [[self.hateful.start_id, *row[:longest]] for row in encoded["input_ids"]]
        advance = self.progress
        mine, theirs = (
            token_log_probs(model.model, ids, progress=advance and (lambda done, _: advance(done)))
            for model in (self.hateful, self.other)
        )
        return [
            [
                (word, self.counts.surprisal(word.form) + WEIGHT * ratio, ratio)
                for word in find_suspects(text.text, self.counts)
                if len(whole) == len(read) or word.end <= read[-1][1]
                for ratio in [_sum(word, read, hateful - other)]
            ]
            for text, whole, read, hateful, other in zip(
                texts, encoded["offset_mapping"], offsets, mine, theirs, strict=True
            )
        ]


def tuned_ratio(
    model: str,
    training: Iterable[Text],
    background: Iterable[Text],
    calibration: Sequence[Text],
    *,
    seed: int = 0,
    progress: Callable[[int], None] | None = None,
    **loading: Any,
) -> Ratio:
    """The selector with two copies of a model, tuned, and its threshold calibrated.

    `loading`: how the model is loaded, as for `load_model`; in float32 unless it says otherwise.

    Raises:
        InputError: the model is not causal, or the training corpus lacks one of both kinds.
    """
    texts = list(training)
    counts = count_words(texts, background)
    kinds: dict[bool, list[str]] = {True: [], False: []}
    for text in texts:
        kinds[text.hateful is not False].append(text.text)
    models = []
    for hateful, name in ((True, "hateful"), (False, "other")):
        if not kinds[hateful]:
            raise InputError(f"training corpus: method 'ratio' needs {name} texts; it has none")
        language_model = load_model(model, **{"dtype": "float32", **loading})
        language_model.need_causal("method 'ratio'")
        encoded = language_model.tokenizer(
            kinds[hateful], add_special_tokens=False, truncation=True, max_length=LONGEST - 1
        )["input_ids"]
        sequences = [[language_model.start_id, *ids] for ids in encoded if ids]
        fine_tune(language_model.model, sequences, seed=seed, progress=progress)
        models.append(language_model)
    ratio = Ratio(models[0], models[1], counts, progress=progress)
    scored = [[(word, score) for word, score, _ in row] for row in ratio.scores(calibration)]
    return replace(ratio, threshold=best_threshold(calibration, scored))


def _sum(word: Word, offsets: Sequence[tuple[int, int]], values: Floats) -> float:
    """The sum over the tokens that overlap the word."""
    inside = [i for i, (start, end) in enumerate(offsets) if start < word.end and word.start < end]
    return float(values[inside].sum())
