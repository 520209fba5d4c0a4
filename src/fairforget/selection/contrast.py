"""Contrast: words that hateful texts use more than others, and that general English hardly uses.

The weighted log-odds ratio with an informative Dirichlet prior (Monroe, Colaresi and Quinn 2008,
"Fightin' Words", equations 15, 16 and 22) compares the words of hateful and of other texts. By
itself it covers only words that are frequent in the training corpus. In a text known to be hateful,
a word is more suspicious the rarer it is in general English, so the score of a word adds its
surprisal there. Words that name groups have no score, and a word that is significantly less usual
in hateful texts is never selected: it speaks against hate.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain, islice

from fairforget.corpora import Text, corpus_names, iter_corpus
from fairforget.corpora.builtin import builtin_texts
from fairforget.errors import MissingDataError
from fairforget.names import check_names
from fairforget.selection.candidates import candidate_words
from fairforget.selection.counts import SMOOTHING, WordCounts, count_words
from fairforget.selection.selected import SelectedSpan, merge_adjacent, select
from fairforget.selection.words import Word
from fairforget.settings import SelectSettings
from fairforget.terminal.messages import show_message

PRIOR = 2_000.0
"""Size of the informative prior in words, proportional to all counts (α₀ in the paper)."""
STEP = 0.25
"""Thresholds are multiples of it: finer ones would fit noise."""
LEAST_Z = -2.576
"""Log-odds in standard deviations at or below which a word speaks against hate: at the 1 % level,
it is less usual in hateful texts than in others. A limit of 0 would also reject words that are less
usual by chance, such as slurs for groups that the training corpus is not about: trained on EDOS,
F1 on HateCheck falls from 62 % to 49 %, where this limit costs half a point."""
USUAL = 1_000
"""Hateful training texts whose selected share is the reference for other corpora."""
FAR = 1.5
"""Factor between the selected share of a corpus and that of training from which they differ."""
CALIBRATION = 10
"""Every tenth built-in text calibrates the threshold; they cover all domains and attributes."""
BACKGROUND = ("wikipedia", "everyday")
"""Corpora of general English; those that are not on this machine are skipped, with a message."""


@dataclass(frozen=True, slots=True)
class Odds:
    """How much more often hateful texts use a word than others."""

    log_ratio: float
    """δ, the difference of log-odds, in nats."""
    z: float
    """δ in standard deviations."""


@dataclass(frozen=True, slots=True)
class Contrast:
    """The selector."""

    counts: WordCounts
    weight: float = 0.5
    """Weight of the log-odds ratio against the surprisal; 0.5 is best on the built-in texts."""
    threshold: float = 8.5
    """Score in nats above which a word is selected; `calibrate` determines one."""
    least_z: float = LEAST_Z
    """See `LEAST_Z`."""
    usual_share: float = math.nan
    """Share of the characters of hateful training texts that it selects; NaN if unknown."""
    background: tuple[str, ...] = ()
    """Corpora of general English that the counts are from."""

    def __call__(self, texts: Sequence[Text]) -> list[list[SelectedSpan]]:
        """Return the words of each text with a score above the threshold, neighbours merged."""
        return [self._select(text.text) for text in texts]

    def calibrate(self, texts: Sequence[Text]) -> Contrast:
        """Return a selector with the threshold of the highest F1 on texts with exact spans.

        Words that `least_z` excludes count here as if they were selected. Without them, the
        threshold would be lower: trained on EDOS, F1 on HateCheck falls from 62 % to 56 %.
        """
        scores = [self._score_words(text.text) for text in texts]
        return replace(self, threshold=best_threshold(texts, scores))

    def warn(self, share: float) -> str:
        """Return one line if the share selected in a corpus is far from training's, or "".

        Far is more than `FAR` times as much, or as little.
        """
        if math.isnan(self.usual_share) or 1 / FAR <= share / max(self.usual_share, 1e-9) <= FAR:
            return ""
        return (
            f"contrast selects {100 * share:.0f} % of the characters of this corpus, but "
            f"{100 * self.usual_share:.0f} % of hateful training texts: its texts differ from "
            "those; review the spans, or choose a corpus like it with --train"
        )

    def odds(self, word: str) -> Odds:
        """Return the odds of a word form."""
        counts = self.counts
        pooled = counts.hateful[word] + counts.other[word] + counts.background[word]
        prior = PRIOR * (pooled + SMOOTHING / 2) / sum(counts.totals)
        hateful, other, _ = counts.totals
        logs, variance = [], 0.0
        for count, total in ((counts.hateful[word], hateful), (counts.other[word], other)):
            logs.append(math.log((count + prior) / (total + PRIOR - count - prior)))
            variance += 1 / (count + prior)
        return Odds(logs[0] - logs[1], (logs[0] - logs[1]) / math.sqrt(variance))

    def score(self, word: str) -> float:
        """Return the score of a word form: surprisal plus weighted log-odds ratio, in nats."""
        return self.counts.surprisal(word) + self.weight * self.odds(word).log_ratio

    def _select(self, text: str) -> list[SelectedSpan]:
        spans = [
            SelectedSpan(word.start, word.end, self._explain(word))
            for word, score in self._score_words(text)
            if score > self.threshold and self.odds(word.form).z > self.least_z
        ]
        return merge_adjacent(text, spans)

    def _explain(self, word: Word) -> str:
        z, score = self.odds(word.form).z, self.score(word.form)
        return f"{word.plain}: log-odds z {z:+z.1f}, score {score:.1f}"

    def _score_words(self, text: str) -> list[tuple[Word, float]]:
        """Return every candidate word with its score."""
        return [(word, self.score(word.form)) for word in candidate_words(text, self.counts)]


def best_threshold(texts: Sequence[Text], scores: Sequence[Sequence[tuple[Word, float]]]) -> float:
    """Return the lowest threshold with the highest character-level F1.

    Args:
        texts: [texts] with exact spans.
        scores: [texts] the candidate words of each text, with their scores.
    """
    gold = sum(span.end - span.start for text in texts for span in text.spans)
    counts: dict[int, list[int]] = {}
    for text, words in zip(texts, scores, strict=True):
        for word, score in words:
            overlap = sum(
                max(0, min(word.end, span.end) - max(word.start, span.start)) for span in text.spans
            )
            # selected at all thresholds below the score
            bin_counts = counts.setdefault(math.ceil(score / STEP) - 1, [0, 0])
            bin_counts[0] += overlap
            bin_counts[1] += word.end - word.start
    best, threshold, correct, selected = -1.0, 0.0, 0, 0
    for index in sorted(counts, reverse=True):
        correct += counts[index][0]
        selected += counts[index][1]
        f1 = 2 * correct / max(1, selected + gold)
        if f1 >= best:
            best, threshold = f1, index * STEP
    return threshold


def build(settings: SelectSettings) -> Contrast:
    """Train on the corpora of the settings, and calibrate on built-in texts.

    Raises:
        InputError: no training corpus is given, or one is given twice; a corpus is missing or
            damaged, or has no hateful or no other words.
    """
    check_names("train", corpus_names(settings.train))
    background = _open_background()
    texts = chain.from_iterable(background.values())
    counts = count_words(training_texts(settings.train), texts)
    selector = Contrast(counts, background=tuple(background)).calibrate(calibration_texts())
    hateful = (text for text in training_texts(settings.train) if text.hateful is not False)
    usual = (item.text for item in select(islice(hateful, USUAL), selector))
    return replace(selector, usual_share=selected_share([*usual]))


def training_texts(corpora: str) -> Iterator[Text]:
    """Yield the hateful and the other texts of corpora, separated by commas."""
    for corpus in corpus_names(corpora):
        yield from iter_corpus(corpus, label="all")


def calibration_texts() -> list[Text]:
    """Return built-in texts with exact spans, to calibrate thresholds on."""
    return builtin_texts()[::CALIBRATION]


def selected_share(texts: Sequence[Text]) -> float:
    """Return the share of the characters of texts that are in their spans."""
    selected = sum(span.end - span.start for text in texts for span in text.spans)
    return selected / max(1, sum(len(text.text) for text in texts))


def _open_background() -> dict[str, Iterator[Text]]:
    """Return the corpora of `BACKGROUND` with their texts; one message names the missing ones.

    Raises:
        InputError: a file is damaged.
    """
    corpora: dict[str, Iterator[Text]] = {}
    missing = []
    for name in BACKGROUND:
        texts = iter_corpus(name)
        try:
            first = next(texts)
        except MissingDataError as error:
            missing.append(str(error))
        else:
            corpora[name] = chain([first], texts)
    if missing:
        show_message(
            "contrast: corpora of general English are missing, which changes the selection: "
            f"{'; '.join(missing)}"
        )
    return corpora
