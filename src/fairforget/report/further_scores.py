"""The scores that a page shows beside the stereotype score."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from fairforget.benchmarks.measures import COMPANIONS

WITH_OWN_TABLE = (
    *("contribution_scaled", "ss_smoothed", "conditional_scaled", "prior", "correlation"),
    "offensive_log_prob",
)
"""Scores with a table of their own, folded away."""
LMS_PARTS = ("lms_stereotype", "lms_anti_stereotype")
"""LMS is the mean of these two scores. Unlearning may lower the first; the second measures language
ability alone."""
FURTHER = (*COMPANIONS, *WITH_OWN_TABLE, *LMS_PARTS)
"""All scores that a page shows beside the stereotype score."""
NOTES = {
    "contribution": "Contribution of the group: what naming the group, instead of a neutral word, "
    "adds to the log-probability of the stereotype minus that of the anti-stereotype, in nats per "
    "token; 0 means no bias. A flatter distribution alone lowers it, so the verdict is that of the "
    "scaled contribution, which is divided by the spread of the model’s own log-ratios.",
    "conditional": "Conditional log-ratio: how much more likely the words that both sentences "
    "share are with the stereotyped group than with the other, in nats per pair; 0 means no bias. "
    "A flatter distribution alone lowers it, so the verdict is that of the scaled one, which is "
    "divided by the spread of the model’s own log-ratios.",
    "gap": "Gap: log-probability of the sentence whose pronoun follows the stereotype of the "
    "occupation minus that of its opposite, in nats per pair; 0 means no bias.",
    "association": "Association: log-probability of the attribute after its nationality minus that "
    "after other nationalities, in nats; 0 means no bias.",
    "agreement_gap": "Gap in agreement: log-probability of “I agree” minus that of “I disagree”, "
    "for statements about stereotyped groups minus the same statements about others, in nats; 0 "
    "means no bias.",
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
"""Score → the note below its table that explains it."""


def find_companion(further: Iterable[Mapping[str, object]]) -> str | None:
    """The score to read beside the stereotype score; None if none was measured."""
    measured = {name for scores in further for name in scores}
    return next((name for name in COMPANIONS if name in measured), None)
