"""What each score is: its names, unit, decimals, and value without bias."""

from __future__ import annotations

import math
from dataclasses import dataclass

DIGITS = {"points": 1, "%": 1, "r": 2, "words": 2}
"""Unit → number of decimals; three for all other units."""
LIMITS = {"points": (-100.0, 100.0), "r": (-1.0, 1.0)}
"""Unit → least and greatest value of a difference of shares, and of a correlation."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A score of bias, harm or ability, and how to show it."""

    title: str
    unit: str
    short: str = ""
    """Its title in narrow tables; empty if terminal tables do not show it."""
    ideal: float = 0.0
    """The score of a model without bias."""
    interval: bool = False
    """Whether terminal tables show its interval."""
    is_smooth: bool = True
    """Whether it is a smooth function of the totals. If not, as with the largest of several values,
    the jackknife underestimates its variance, and it has no interval."""
    judged_by: str = ""
    """For a score with a table of its own beside that of the main score: the score whose p-values
    and verdict the table shows. It is the score itself, its scaled version or, for a benchmark of
    ability, the main score, for which the table shows neither."""
    meaning: str = ""
    """Description for the title of its own table; empty to use `in_words`."""

    @property
    def digits(self) -> int:
        """Number of decimals."""
        return DIGITS.get(self.unit, 3)

    @property
    def in_points(self) -> bool:
        """Whether it is a percentage; all other measures are continuous."""
        return self.unit == "points"

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest possible value."""
        if self.unit == "%" or (self.in_points and self.ideal):
            return 0.0, 100.0
        return LIMITS.get(self.unit, (-math.inf, math.inf))

    @property
    def ideal_text(self) -> str:
        """The ideal as the label of a line in a plot."""
        return f"{self.ideal:g}: no preference" if self.ideal else "0: no bias"

    @property
    def name(self) -> str:
        """The title within a sentence: "contribution of the group", "LMS"."""
        is_acronym = self.title[1:2].isupper()
        return self.title if is_acronym else self.title[:1].lower() + self.title[1:]

    @property
    def in_words(self) -> str:
        """Name and unit in a sentence: "contribution of the group, nats per token"."""
        return f"{self.name}, {self.unit}"


CONTRIBUTION, SCALED_CONTRIBUTION = "contribution", "contribution_scaled"
MEASURES = {
    "ss": Measure("Stereotype score", "points", "SS", ideal=50.0, interval=True),
    "stereotype": Measure("Stereotype score", "points", "stereotype %", ideal=50.0, interval=True),
    "stereotype_summed": Measure(
        "Stereotype score of summed log-probabilities", "points", "summed %", ideal=50.0
    ),
    "lms": Measure("Language modelling score", "points", "LMS", ideal=100.0),
    "lms_stereotype": Measure("LMS of stereotypes", "points", ideal=100.0),
    "lms_anti_stereotype": Measure("LMS of anti-stereotypes", "points", ideal=100.0),
    "icat": Measure("ICAT", "points", "ICAT", ideal=100.0, is_smooth=False),
    "contribution": Measure(
        "Contribution of the group",
        "nats per token",
        "contribution",
        interval=True,
        judged_by="contribution_scaled",
        meaning="contribution of the group, nats per token; 0 means no bias",
    ),
    "contribution_scaled": Measure("Scaled contribution of the group", "MADs"),
    "ss_smoothed": Measure("Smoothed stereotype score", "points", ideal=50.0),
    "ss_smoothed_by_sense": Measure(
        "Stereotype score, smoothed by the sense contrast", "points", ideal=50.0
    ),
    "conditional": Measure(
        "Conditional log-ratio",
        "nats per pair",
        "conditional",
        interval=True,
        judged_by="conditional_scaled",
        meaning="rest of the sentence given the group, nats per pair; 0 means no bias",
    ),
    "conditional_scaled": Measure("Scaled conditional log-ratio", "MADs"),
    "prior": Measure("Prior log-ratio", "nats per pair"),
    "gap": Measure(
        "Gap of the pronouns",
        "nats per pair",
        "gap",
        interval=True,
        judged_by="gap",
        meaning="stereotype minus its opposite, log p in nats per pair; 0 means no bias",
    ),
    "correlation": Measure(
        "Correlation with the share of women",
        "r",
        "r",
        judged_by="correlation",
        meaning="r of the log-ratio with the share of women; 0 means no bias",
    ),
    "correlation_bergsma": Measure("Correlation with the share of feminine pronouns in text", "r"),
    "hurtful": Measure("Hurtful completions", "%", "hurtful %", interval=True),
    "hurtful_gap": Measure(
        "Gap in hurtful completions",
        "points",
        "gap",
        interval=True,
        meaning="women or queer minus other people, hurtful completions, in points",
    ),
    "negative": Measure("Continuations with negative sentiment", "%", "negative %", interval=True),
    "positive": Measure("Continuations with positive sentiment", "%"),
    "sentiment_gap": Measure(
        "Largest gap in sentiment between groups", "VADER compound", "gap", is_smooth=False
    ),
    "sentiment": Measure("Sentiment", "VADER compound", "mean"),
    "prompt_sentiment": Measure("Sentiment of the prompts", "VADER compound", "prompts"),
    "prompt_gap": Measure(
        "Gap in sentiment of the prompts", "VADER compound", "gap, pr.", is_smooth=False
    ),
    "sentiment_distance": Measure(
        "Difference in sentiment between groups", "VADER compound", "sentiment", interval=True
    ),
    "wording_distance": Measure(
        "Difference in wording between groups", "Jaccard distance", "wording", interval=True
    ),
    "length_distance": Measure("Difference in length between groups", "words", "length"),
    "association": Measure(
        "Association with the nationality",
        "nats",
        "association",
        interval=True,
        judged_by="association",
        meaning="association with the nationality, nats; 0 means no bias",
    ),
    "offensive_log_prob": Measure("Log-probability of offensive attributes", "nats", "log p, off."),
    "agreement_gap": Measure(
        "Gap in agreement",
        "nats",
        "gap",
        interval=True,
        judged_by="agreement_gap",
        meaning="agreement about stereotyped groups minus others, nats; 0 means no bias",
    ),
    "agreed": Measure("Agreement with statements about stereotyped groups", "%", "agree"),
    "agreed_others": Measure("Agreement with statements about other groups", "%", "others"),
    "control_gap": Measure("Gap in agreement with harmless statements", "nats"),
    "valence_spread": Measure("Spread of valence over descriptors", "nats", "spread, nats"),
    "valence_spread_scaled": Measure(
        "Spread of valence over descriptors, scaled",
        "standard deviations",
        "spread, scaled",
        interval=True,
    ),
    "likelihood_bias": Measure(
        "Pairs of descriptors with different perplexities", "%", "pairs differ %"
    ),
    "accuracy": Measure("Accuracy", "%", "acc. %", ideal=100.0),
    "accuracy_ambiguous": Measure("Accuracy in ambiguous contexts", "%", "acc. %", ideal=100.0),
    "accuracy_disambiguated": Measure(
        "Accuracy in disambiguated contexts", "%", "acc. %", ideal=100.0
    ),
    "unusable_ambiguous": Measure("Unusable replies in ambiguous contexts", "%", "unusable %"),
    "unusable_disambiguated": Measure(
        "Unusable replies in disambiguated contexts", "%", "unusable %"
    ),
    "log_prob": Measure(
        "Log-probability of harmful words",
        "nats per token",
        "log p, harmful words",
        interval=True,
        meaning="log p of harmful words after the group, nats per token",
    ),
    "added": Measure(
        "Association of the group with harmful words",
        "nats per token",
        "association",
        interval=True,
        meaning="association with the group, nats per token",
    ),
    "fact_log_prob": Measure(
        "Log-probability of the right continuation",
        "nats per fact",
        "log p",
        interval=True,
        judged_by="accuracy",
        meaning="log p of the right continuation, nats per fact",
    ),
    "bias_ambiguous": Measure("Bias in ambiguous contexts", "points", "bias", interval=True),
    "bias_disambiguated": Measure(
        "Bias in disambiguated contexts", "points", "bias", interval=True
    ),
}
COMPANIONS = ("contribution", "conditional", "gap", "association", "agreement_gap")
"""Bias scores to read beside the stereotype score, in its table."""
SHOWN_BESIDE = {MEASURES[name].judged_by: name for name in COMPANIONS}
"""Score with a verdict → the companion shown for it: the same in nats, or itself."""


def measure_of(name: str) -> Measure:
    """Return the measure of a score; an unknown score is in points and titled by its own name."""
    if name in MEASURES:
        return MEASURES[name]
    title = name.replace("_", " ")
    return Measure(f"{title[:1].upper()}{title[1:]}", "points", short=name)
