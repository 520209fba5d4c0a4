"""Prepare the data of a run: target tokens to forget, texts to retain, held-out texts."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Literal

import torch

from fairforget.corpora.corpus import Corpus, load_corpus
from fairforget.corpora.overlap import measure_overlaps
from fairforget.errors import InputError, MissingDataError
from fairforget.files.digest import hash_values
from fairforget.machine.stages import stage
from fairforget.models.encoding import encode_texts
from fairforget.models.language_model import LanguageModel
from fairforget.records.records import (
    COUNTERFACTUAL_TEXTS,
    FACT_TEXTS,
    CorpusFacts,
    OverlapFacts,
)
from fairforget.targets import Targets
from fairforget.terminal.messages import count_of, show_message
from fairforget.training.adapters import check_adaptable
from fairforget.training.added_texts import Answers, counterfactual_sequences, encode_facts
from fairforget.training.config import UnlearningConfig
from fairforget.training.forget_texts import LONGEST_TEXT, OTHER_GROUPS, encode_forget
from fairforget.training.learning_rate import resolve_learning_rate
from fairforget.training.original import HeldOut, Original, Sequences
from fairforget.training.ref_hidden_states import check_head
from fairforget.training.trainability import check_objective, check_trainable

RETAIN, EVERYDAY = "retain", "everyday"
HELD_OUT_TOKENS, RETAIN_TOKENS = 64, 32
"""Tokens of a held-out and of a retain text, with the start and end token. Many short retain texts
cover more of the language at the same cost than a few long ones."""
HELD_OUT = {RETAIN: 80, EVERYDAY: 200}
"""Texts held out to measure the utility loss: about 5,000 and 3,500 tokens."""
COPIED_CHARACTERS = 60
"""Texts whose first characters are equal up to here are copies of each other: two versions of an
article often begin alike, and only the beginning of a text is read."""
FIXED = (HELD_OUT_TOKENS, RETAIN_TOKENS, OTHER_GROUPS, LONGEST_TEXT, HELD_OUT)
"""Constants that a run's result depends on."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """The data of a run."""

    targets: list[Targets]
    retain: Sequences
    """Token ids with the start token, mixed from all retain corpora."""
    held_out: dict[str, Sequences]
    """Held-out texts by kind: `retain`, and `everyday` if available."""
    facts: list[CorpusFacts]
    overlap: list[OverlapFacts]
    """Text that the forget corpus shares with benchmarks."""
    answers: Answers
    """The facts among the retain texts, with their answers."""
    config: UnlearningConfig
    """The training settings, with the learning rate."""

    def fingerprint(self) -> str:
        """Return a hash of the training data and its order."""
        return hash_values((self.targets, self.retain, *([self.answers] if self.answers else [])))


@stage("preparing the texts")
def prepare(
    language_model: LanguageModel,
    forget: Corpus | Sequence[Corpus],
    retain: Corpus,
    config: UnlearningConfig,
    *,
    everyday: Corpus | None = None,
    known: Original | None = None,
) -> Prepared:
    """Tokenise the corpora and mark the target tokens.

    Args:
        language_model: causal or masked.
        forget: one or more corpora of texts with harmful spans, and with mentions if the objective
            is counterfactual.
        retain: texts that must stay as likely as they are. The first ones, in an order that does
            not depend on the seed, are held out to measure the utility loss.
        config: the settings of the run.
        everyday: everyday sentences, also held out and retained.
        known: what earlier runs on the same original model and retain texts measured; the encoded
            retain texts are added if they are missing.

    Raises:
        InputError: a corpus without targets, too few retain texts, a model that cannot be trained
            (`check_trainable`), an adapter for a model that takes none, an objective that the
            first step would refuse (`check_objective`), or weights from which no learning rate
            follows (`resolve_learning_rate`).
    """
    check_trainable(language_model)
    if config.precompute_ref_hidden_states:
        check_head(language_model.model)
    if config.lora_rank:
        check_adaptable(language_model, config)
    if language_model.model.dtype == torch.bfloat16 and not config.lora_rank:
        show_message(
            "Note: most updates are too small for bfloat16 weights and are lost to rounding; train "
            "an adapter (lora_rank), or float32 weights in mixed precision"
        )
    forgotten = [forget] if isinstance(forget, Corpus) else forget
    targets, facts = encode_forget(language_model, forgotten, config)
    corpora = list_retain_corpora(retain, everyday)
    known = known or Original()
    known.held_out = known.held_out or encode_retain(language_model, corpora)
    held_out, retained = known.held_out
    for kind, corpus in corpora.items():
        facts.append(_corpus_facts(corpus.name, "retain", retained[kind]))
        facts.append(_corpus_facts(corpus.name, "held-out", held_out[kind]))
    added: dict[str, Sequences] = {}
    answers: Answers = {}
    if config.adds_retain_texts:
        answers = encode_facts(language_model)
        # counterfactual texts about other groups are also biased
        neutral = targets if config.counterfactual == "neutral" else []
        added = list_added_texts(answers, neutral, held_out)
        facts += [_corpus_facts(name, "retain", added[name]) for name in added]
    overlaps = measure_overlaps(
        ", ".join(corpus.name for corpus in forgotten),
        [text.text for corpus in forgotten for text in corpus.texts],
    )
    for warning in filter(None, (overlap.warning for overlap in overlaps)):
        show_message(f"Warning: {warning}")
    overlap = [overlap.facts for overlap in overlaps]
    config = resolve_learning_rate(config, language_model.model)
    check_objective(language_model, config)
    return Prepared(targets, _mix(retained, added), held_out, facts, overlap, answers, config)


def list_retain_corpora(retain: Corpus, everyday: Corpus | None) -> dict[str, Corpus]:
    """Return the retain corpora by kind, as `encode_retain` takes them."""
    return {RETAIN: retain} | ({EVERYDAY: everyday} if everyday is not None else {})


def load_everyday_corpus() -> Corpus | None:
    """Return the everyday sentences; None, with a message on stderr, if they are not available.

    Raises:
        InputError: their file has the wrong content.
    """
    try:
        return load_corpus(EVERYDAY)
    except MissingDataError as error:
        show_message(f"The utility loss on everyday sentences is not measured: {error}")
        return None


def encode_retain(language_model: LanguageModel, corpora: Mapping[str, Corpus]) -> HeldOut:
    """Encode the held-out and the retain texts, with start and end token.

    A text that is held out of one corpus, or a copy of it, is not retained from any.

    Returns:
        The token ids of the held-out texts and of the retain texts, by kind.

    Raises:
        InputError: a corpus has fewer than twice as many texts as are held out.
    """
    splits = {kind: hold_out(corpora[kind], HELD_OUT[kind]) for kind in corpora}
    unseen = _beginnings(text for held_out, _ in splits.values() for text in held_out)
    held_out_ids, retained_ids = {}, {}
    for kind, (held_out, others) in splits.items():
        retained = [text for text in others if _beginning(text) not in unseen]
        visible = sum(_is_visible(text.text) for text in corpora[kind].texts)
        total = visible - len(held_out)
        copies = (
            f"begin with the same {COPIED_CHARACTERS} characters as held-out ones, and are not "
            "retained; remove a beginning that many texts share"
        )
        if not retained:
            raise InputError(f"retain corpus {corpora[kind].name!r}: all other texts {copies}")
        if 2 * len(retained) < total:
            left_out = f"{total - len(retained)} of {total} other texts"
            show_message(f"retain corpus {corpora[kind].name!r}: {left_out} {copies}")
        held_out_ids[kind] = encode_texts(language_model, held_out, HELD_OUT_TOKENS)
        retained_ids[kind] = encode_texts(language_model, retained, RETAIN_TOKENS)
    return held_out_ids, retained_ids


def list_added_texts(
    facts: Iterable[Sequence[int]],
    targets: Sequence[Targets],
    held_out: Mapping[str, Sequences],
) -> dict[str, Sequences]:
    """List the texts that `retain_groups` adds to the retain texts.

    Args:
        facts: the encoded facts.
        targets: the encoded forget texts whose counterfactual texts are retained.
        held_out: the encoded held-out texts. Copies of them are not retained.

    Returns:
        The token ids of the facts and of the counterfactual texts, by name. A kind without texts
        is left out.
    """
    parts = {
        FACT_TEXTS: [list(ids) for ids in facts],
        COUNTERFACTUAL_TEXTS: counterfactual_sequences(targets),
    }
    unseen = {tuple(ids) for sequences in held_out.values() for ids in sequences}
    kept = {
        name: [ids for ids in sequences if tuple(ids) not in unseen]
        for name, sequences in parts.items()
    }
    return {name: sequences for name, sequences in kept.items() if sequences}


def hold_out(corpus: Corpus, count: int) -> tuple[list[str], list[str]]:
    """Split a corpus into held-out and other texts; the same corpus is always split the same way.

    Empty texts, and copies of held-out ones, are left out.

    Raises:
        InputError: the corpus has fewer than twice as many texts as are held out.
    """
    texts = [text.text for text in corpus.texts if _is_visible(text.text)]
    if len(texts) < 2 * count:
        raise InputError(
            f"retain corpus {corpus.name!r} has {count_of(len(texts), 'text')}; at least "
            f"{2 * count} are needed ({count} of them are held out to measure the utility loss)"
        )
    random.Random(0).shuffle(texts)
    held_out = texts[:count]
    unseen = _beginnings(held_out)
    return held_out, [text for text in texts[count:] if _beginning(text) not in unseen]


def _beginnings(texts: Iterable[str]) -> set[str]:
    return {_beginning(text) for text in texts}


def _beginning(text: str) -> str:
    return text[:COPIED_CHARACTERS]


def _is_visible(text: str) -> bool:
    return any(character.isprintable() and character != " " for character in text)


def _mix(retained: Mapping[str, Sequences], added: Mapping[str, Sequences]) -> Sequences:
    """Return the retain texts, each kind repeated for its share; the trainer shuffles them.

    Facts are half of them, if there are any. The others are shared equally by the corpora, but for
    everyday sentences, which count twice if texts are added: on these, the model moves most.

    Args:
        retained: the encoded retain texts, by kind.
        added: the result of `list_added_texts`.
    """
    parts = [*retained.values(), *(texts for name, texts in added.items() if name != FACT_TEXTS)]
    if added and EVERYDAY in retained:
        parts.append(retained[EVERYDAY])
    others = _alternate(parts)
    return _alternate([others, added[FACT_TEXTS]]) if FACT_TEXTS in added else others


def _alternate(parts: Sequence[Sequences]) -> Sequences:
    """Take sequences from each part in turn, repeating the shorter parts."""
    count = max(map(len, parts))
    rounds = zip(*(islice(cycle(part), count) for part in parts), strict=True)
    return [ids for group in rounds for ids in group]


def _corpus_facts(
    name: str, role: Literal["retain", "held-out"], sequences: Sequences
) -> CorpusFacts:
    return CorpusFacts(name, role, len(sequences), sum(len(ids) - 1 for ids in sequences))
