"""Scores as readers see them: names, units, decimals, and the value without bias."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Measure:
    """How a page shows a score of bias, harm or ability."""

    title: str
    unit: str
    digits: int
    ideal: float
    """The score of a model without bias."""
    short: str = ""
    """Its title in a table that has little room."""

    @property
    def in_points(self) -> bool:
        """Whether it is a percentage; all other measures are continuous."""
        return self.unit == "points"

    @property
    def ideal_text(self) -> str:
        """The ideal as the label of a line in a plot."""
        return f"{self.ideal:g}: no preference" if self.ideal else "0: no bias"

    @property
    def in_words(self) -> str:
        """Name and unit in a sentence: "contribution of the group, nats per token"."""
        first = self.title if self.title[1:2].isupper() else self.title[:1].lower() + self.title[1:]
        return f"{first}, {self.unit}"


CONTRIBUTION, SCALED_CONTRIBUTION = "contribution", "contribution_scaled"
MEASURES = {
    "ss": Measure("Stereotype score", "points", 1, 50.0),
    "stereotype": Measure("Stereotype score", "points", 1, 50.0),
    "stereotype_summed": Measure("Stereotype score of summed log-probabilities", "points", 1, 50.0),
    "lms": Measure("Language modelling score", "points", 1, 100.0),
    "lms_stereotype": Measure("LMS of stereotypes", "points", 1, 100.0),
    "lms_anti_stereotype": Measure("LMS of anti-stereotypes", "points", 1, 100.0),
    "icat": Measure("ICAT", "points", 1, 100.0),
    "contribution": Measure("Contribution of the group", "nats per token", 3, 0.0, "Contribution"),
    "contribution_scaled": Measure("Scaled contribution of the group", "MADs", 3, 0.0, "Scaled"),
    "ss_smoothed": Measure("Smoothed stereotype score", "points", 1, 50.0),
    "ss_smoothed_by_sense": Measure(
        "Stereotype score, smoothed by the sense contrast", "points", 1, 50.0
    ),
    "conditional": Measure("Conditional log-ratio", "nats per pair", 3, 0.0, "Conditional"),
    "conditional_scaled": Measure("Scaled conditional log-ratio", "MADs", 3, 0.0, "Scaled"),
    "prior": Measure("Prior log-ratio", "nats per pair", 3, 0.0),
    "gap": Measure("Gap of the pronouns", "nats per pair", 3, 0.0, "Gap"),
    "correlation": Measure("Correlation with the share of women", "r", 2, 0.0),
    "correlation_bergsma": Measure(
        "Correlation with the share of feminine pronouns in text", "r", 2, 0.0
    ),
    "hurtful": Measure("Hurtful completions", "%", 1, 0.0),
    "hurtful_gap": Measure("Gap in hurtful completions", "points", 1, 0.0),
    "negative": Measure("Continuations with negative sentiment", "%", 1, 0.0),
    "positive": Measure("Continuations with positive sentiment", "%", 1, 0.0),
    "sentiment_gap": Measure("Largest gap in sentiment between groups", "VADER compound", 3, 0.0),
    "sentiment": Measure("Sentiment", "VADER compound", 3, 0.0),
    "prompt_sentiment": Measure("Sentiment of the prompts", "VADER compound", 3, 0.0),
    "prompt_gap": Measure("Gap in sentiment of the prompts", "VADER compound", 3, 0.0),
    "sentiment_distance": Measure(
        "Difference in sentiment between groups", "VADER compound", 3, 0.0
    ),
    "wording_distance": Measure("Difference in wording between groups", "Jaccard distance", 3, 0.0),
    "length_distance": Measure("Difference in length between groups", "words", 2, 0.0),
    "association": Measure("Association with the nationality", "nats", 3, 0.0),
    "offensive_log_prob": Measure("Log-probability of offensive attributes", "nats", 3, 0.0),
    "agreement_gap": Measure("Gap in agreement", "nats", 3, 0.0, "Gap"),
    "agreed": Measure("Agreement with statements about stereotyped groups", "%", 1, 0.0),
    "agreed_others": Measure("Agreement with statements about other groups", "%", 1, 0.0),
    "control_gap": Measure("Gap in agreement with harmless statements", "nats", 3, 0.0),
    "valence_spread": Measure("Spread of valence over descriptors", "nats", 3, 0.0),
    "valence_spread_scaled": Measure(
        "Spread of valence over descriptors, scaled", "standard deviations", 3, 0.0
    ),
    "likelihood_bias": Measure("Pairs of descriptors with different perplexities", "%", 1, 0.0),
    "accuracy": Measure("Accuracy", "%", 1, 100.0),
    "accuracy_ambiguous": Measure("Accuracy in ambiguous contexts", "%", 1, 100.0),
    "accuracy_disambiguated": Measure("Accuracy in disambiguated contexts", "%", 1, 100.0),
    "unusable_ambiguous": Measure("Unusable replies in ambiguous contexts", "%", 1, 0.0),
    "unusable_disambiguated": Measure("Unusable replies in disambiguated contexts", "%", 1, 0.0),
    "log_prob": Measure("Log-probability of harmful words", "nats per token", 3, 0.0),
    "added": Measure("What naming the group adds to harmful words", "nats per token", 3, 0.0),
    "fact_log_prob": Measure("Log-probability of the right continuation", "nats per fact", 3, 0.0),
    "bias_ambiguous": Measure("Bias in ambiguous contexts", "points", 1, 0.0),
    "bias_disambiguated": Measure("Bias in disambiguated contexts", "points", 1, 0.0),
}


def measure_of(name: str) -> Measure:
    """How to show a score; any other one has points and its own name."""
    if name in MEASURES:
        return MEASURES[name]
    title = name.replace("_", " ")
    return Measure(f"{title[:1].upper()}{title[1:]}", "points", 1, 0.0)


@dataclass(frozen=True, slots=True)
class Companion:
    """The bias score to read beside a benchmark's stereotype score."""

    shown: str
    judged: str
    """The one with a verdict."""
    meaning: str


COMPANIONS = {
    "contribution": Companion(
        "contribution",
        "contribution_scaled",
        "Contribution of the group: what naming the group, instead of a neutral word, adds to the "
        "log-probability of the stereotype minus that of the anti-stereotype, in nats per token; "
        "0 means no bias. A flatter distribution alone lowers it, so the verdict is that of the "
        "scaled contribution, which is divided by the spread of the model’s own log-ratios.",
    ),
    "conditional": Companion(
        "conditional",
        "conditional_scaled",
        "Conditional log-ratio: how much more likely the words that both sentences share are with "
        "the stereotyped group than with the other, in nats per pair; 0 means no bias. A flatter "
        "distribution alone lowers it, so the verdict is that of the scaled one, which is divided "
        "by the spread of the model’s own log-ratios.",
    ),
    "gap": Companion(
        "gap",
        "gap",
        "Gap: log-probability of the sentence whose pronoun follows the stereotype of the "
        "occupation minus that of its opposite, in nats per pair; 0 means no bias.",
    ),
    "association": Companion(
        "association",
        "association",
        "Association: log-probability of the attribute after its nationality minus that after "
        "other nationalities, in nats; 0 means no bias.",
    ),
    "agreement_gap": Companion(
        "agreement_gap",
        "agreement_gap",
        "Gap in agreement: log-probability of “I agree” minus that of “I disagree”, for statements "
        "about stereotyped groups minus the same statements about others, in nats; 0 means no "
        "bias.",
    ),
}
SHOWN_BESIDE = {c.judged: c.shown for c in COMPANIONS.values()}
"""Scaled score with a verdict → the same in nats, without one."""
FOLDED = (
    *("contribution_scaled", "ss_smoothed", "conditional_scaled", "prior", "correlation"),
    "offensive_log_prob",
)
"""Scores with a table of their own, folded away."""
LMS_PARTS = ("lms_stereotype", "lms_anti_stereotype")
"""LMS is the mean of these two scores. Unlearning may lower the first; the second measures language
ability alone."""
FURTHER = (*COMPANIONS, *FOLDED, *LMS_PARTS)
"""All scores that a page shows beside the stereotype score."""
NOTES = {
    "contribution_scaled": "Divided by the median absolute deviation of the model’s log-ratios per "
    "token; 0 means no bias.",
    "ss_smoothed": "Counts each item by how clear its preference is, relative to the model’s own "
    "spread; 50 means no preference.",
    "conditional_scaled": "Divided by the median absolute deviation of the pairs’ log-ratios; 0 "
    "means no bias.",
    "correlation": "Correlation, over occupations, of log p of the feminine sentence minus that of "
    "the masculine one with the share of women in US employment; 0 means no bias.",
    "offensive_log_prob": "Of the attributes that raters find offensive, after their nationality; "
    "lower is better.",
    "prior": "The part of a pair’s log-ratio in the words that differ: mostly how frequent the "
    "names of the two groups are. It has no verdict.",
}
"""What a folded score is."""
