"""How far a model is from the target of trait-kl, among trait words, in given texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

import numpy as np
import torch

from fairforget.benchmarks.measurement import Judgement, Row, cluster_rows
from fairforget.corpora import Text
from fairforget.corpora.builtin import group_terms
from fairforget.corpora.builtin.lexicon import CONTROL
from fairforget.forward.padding import pad
from fairforget.models.language_model import LanguageModel
from fairforget.objectives.trait_kl import trait_target
from fairforget.objectives.trait_words import find_trait_words
from fairforget.targets import Targets, encode_targets
from gap_texts import unnamed_terms

DISTANCE, DEPENDENCE = "target_distance", "subject_dependence"
"""The distance from the target that the original model sets, and from the one that the model itself
would set: how much its own predictions depend on the subject."""


class TargetDistance:
    """The distance from the target.

    It is the KL divergence from the target among trait words, weighted by the probability of all
    trait words together. That probability itself does not count.
    """

    def __init__(self, original: LanguageModel, sets: Mapping[str, Sequence[Text]]) -> None:
        """Compute the target.

        Args:
            original: a causal model.
            sets: name → its texts, with mentions that have neutral words.
        """
        self._original = original
        self._words = find_trait_words(original.tokenizer)
        self._texts = [
            (
                name,
                _first_term(text),
                targets,
                self._goal(original, targets, _own(original, targets)),
            )
            for name, texts in sets.items()
            for text in texts
            if (targets := self._encode(text))
        ]

    def rows(self, model: LanguageModel) -> list[Row]:
        """Return one row for each text: its set is the domain, its term the cluster."""
        rows: list[Row] = []
        for name, term, targets, goal in self._texts:
            own = _own(model, targets)
            shares = own[:, self._words.ids].log_softmax(-1)
            rows.append(
                {
                    "domain": name,
                    "cluster": term,
                    DISTANCE: _measure(shares, goal),
                    DEPENDENCE: _measure(shares, self._goal(model, targets, own)),
                    "tokens": targets.count,
                }
            )
        return rows

    def _encode(self, text: Text) -> Targets | None:
        return encode_targets(
            self._original.tokenizer,
            text,
            start_id=self._original.start_id,
            selection="after-mention",
            counterfactual=True,
        )

    def _goal(self, model: LanguageModel, targets: Targets, own: torch.Tensor) -> torch.Tensor:
        """Return log q of the trait words [target tokens, words], as a model sets it.

        Args:
            model: sets the target.
            targets: of a text.
            own: its log-probabilities after the group, from `_own`.
        """
        return trait_target(
            own,
            _log_probs(model, *targets.counterfactuals[0]),
            self._words,
            torch.tensor(targets.gender_neutral).expand(targets.count),
        )[:, self._words.ids]


def judge_distance(rows: Sequence[Row]) -> Judgement:
    """Return both mean distances per token, in nats, with the terms as clusters."""
    names = (DISTANCE, DEPENDENCE)
    values = [[*(row[name] for name in names), row["tokens"]] for row in rows]
    return Judgement(
        [cluster_rows(np.array(values), rows, "cluster")],
        lambda totals: {
            name: totals[..., place] / totals[..., -1] for place, name in enumerate(names)
        },
    )


def _measure(shares: torch.Tensor, goal: torch.Tensor) -> float:
    """Return the distance summed over the target tokens, in nats.

    Args:
        shares: log of the share of each trait word [target tokens, words].
        goal: log q of the trait words [target tokens, words].
    """
    return float((goal.exp() * (goal.log_softmax(-1) - shares)).sum())


def _own(model: LanguageModel, targets: Targets) -> torch.Tensor:
    """Log-probabilities [target tokens, vocabulary] in the text itself, not its neutral version."""
    return _log_probs(model, targets.ids, targets.mask)


def _first_term(text: Text) -> str:
    """The term of the first mention, in the singular."""
    mention = text.mentions[0]
    return _singulars()[text.text[mention.start : mention.end].lower()]


@cache
def _singulars() -> dict[str, str]:
    """Each form of a term → its singular."""
    return {
        form.lower(): term.singular
        for term in (*group_terms(), *group_terms(CONTROL), *unnamed_terms())
        for form in term.forms
    }


@torch.inference_mode()
def _log_probs(model: LanguageModel, ids: Sequence[int], mask: Sequence[bool]) -> torch.Tensor:
    """Log-probabilities [target tokens, vocabulary] at the positions that predict the targets."""
    places = [place - 1 for place, is_target in enumerate(mask) if is_target]
    logits = model.model(**pad([list(ids)])).logits[0, places]
    log_probs: torch.Tensor = logits.float().log_softmax(-1)
    return log_probs
