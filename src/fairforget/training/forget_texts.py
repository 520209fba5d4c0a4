"""Encode the forget texts of a run: which tokens of them are targets."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fairforget.corpora import Text
from fairforget.corpora.builtin.other_groups import swap_groups
from fairforget.corpora.corpus import Corpus
from fairforget.errors import InputError
from fairforget.models.language_model import LanguageModel
from fairforget.records.records import CorpusFacts
from fairforget.targets import (
    BY_MENTION,
    BY_SPAN,
    Targets,
    encode_infilling,
    encode_targets,
)
from fairforget.terminal.messages import show_message
from fairforget.training.config import UnlearningConfig

OTHER_GROUPS = 4
"""Counterfactual texts about other groups, at most, for each forget text."""
LONGEST_TEXT = 256
"""Tokens of a forget text, at most; fewer if the model's limit is lower."""


def encode_forget(
    language_model: LanguageModel, corpora: Sequence[Corpus], config: UnlearningConfig
) -> tuple[list[Targets], list[CorpusFacts]]:
    """Encode the forget texts, and count the texts and target tokens of each corpus.

    A text gives one `Targets`, one per span in context `both`, or none. A message names a corpus
    of which some texts have no target.

    Raises:
        InputError: a corpus has no text with a target.
    """
    targets: list[Targets] = []
    facts = []
    encode = _forget_encoder(language_model, config)
    for corpus in corpora:
        by_text = [encode(text) for text in corpus.texts]
        found = [target for of_text in by_text for target in of_text]
        count, tokens = sum(map(bool, by_text)), sum(target.count for target in found)
        facts.append(CorpusFacts(corpus.name, "forget", count, tokens, corpus.domain))
        targets += found
        message = (
            f"forget corpus {corpus.name!r}: {count or 'none'} of its {len(by_text)} texts have a "
            f"target; {_requirements(language_model, config)}"
        )
        if not count:
            raise InputError(message)
        if count < len(by_text):
            show_message(f"Note: {message}")
    return targets, facts


def _forget_encoder(
    language_model: LanguageModel, config: UnlearningConfig
) -> Callable[[Text], list[Targets]]:
    counterfactual = config.load_objective().needs_counterfactual
    groups = counterfactual and config.counterfactual == "groups"
    selection = config.selection
    assert selection is not None
    longest = _longest_text(language_model)
    both = config.context == "both" and language_model.kind == "causal"
    if both and selection != "spans":
        raise InputError(
            f"context 'both' needs selection 'spans', not {selection!r}; change one of them"
        )

    def encode(text: Text) -> list[Targets]:
        others = swap_groups(text, OTHER_GROUPS, seed=config.seed) if groups else []
        if groups and not others:
            return []
        if both:
            return encode_infilling(
                language_model.tokenizer,
                text,
                start_id=language_model.start_id,
                counterfactual=counterfactual,
                others=others,
                max_length=longest,
            )
        target = encode_targets(
            language_model.tokenizer,
            text,
            start_id=language_model.start_id,
            end_id=language_model.end_id,
            selection=selection,
            counterfactual=counterfactual,
            others=others,
            max_length=longest,
            seed=config.seed,
        )
        return [target] if target else []

    return encode


def _longest_text(language_model: LanguageModel) -> int:
    """Return the most tokens that a forget text may have."""
    return min(LONGEST_TEXT, language_model.longest_input)


def _requirements(language_model: LanguageModel, config: UnlearningConfig) -> str:
    """Return what a text needs to have a target, for messages."""
    counterfactual = config.load_objective().needs_counterfactual
    needs = ["`spans`"] if config.selection in BY_SPAN else []
    if counterfactual or config.selection in BY_MENTION:
        lexicon = ", all in the built-in lexicon" if config.counterfactual == "groups" else ""
        neutral = " with neutral words" if counterfactual else ""
        needs.append(f"`mentions`{neutral}{lexicon}")
    return (
        f"objective {config.objective!r} with selection {config.selection!r} needs "
        f"{' and '.join(needs) or 'words'}, within {_longest_text(language_model)} tokens"
    )
