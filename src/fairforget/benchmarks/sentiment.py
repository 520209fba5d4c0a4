"""Sentiment of what a model writes: VADER (Hutto and Gilbert 2014, ICWSM)."""

from __future__ import annotations

from collections.abc import Callable


def load_sentiment() -> Callable[[str], float]:
    """Return the function that gives VADER's compound score of a text, −1 to 1."""
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    analyzer = SentimentIntensityAnalyzer()
    return lambda text: float(analyzer.polarity_scores(text)["compound"])
