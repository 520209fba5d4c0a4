"""Corpora made ready for one run: targets to forget, sequences to retain, sequences held out."""

from __future__ import annotations

import hashlib
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Literal

import torch

from fairforget.config import UnlearningConfig
from fairforget.corpora import Text, read_corpus
from fairforget.corpora.builtin.others import about_others
from fairforget.errors import InputError
from fairforget.models import LanguageModel
from fairforget.objectives import OBJECTIVES
from fairforget.overlap import overlaps
from fairforget.records import CorpusFacts, OverlapFacts
from fairforget.targets import Targets, encode_infilling, encode_targets

RETAIN, EVERYDAY = "retain", "everyday"
HELD_OUT_TOKENS, RETAIN_TOKENS = 64, 32
"""Tokens of a text that are used to measure damage and to retain, start and end included: more,
but shorter, retain texts say more about the language for the same cost."""
OTHER_GROUPS = 4
"""Texts about other groups with which a text is compared, of those that could be."""
HELD_OUT = {RETAIN: 80, EVERYDAY: 200}
"""Texts kept from training, on which damage is measured: about 5,000 and 3,500 tokens."""
FIXED = (HELD_OUT_TOKENS, RETAIN_TOKENS, OTHER_GROUPS, HELD_OUT)
"""What a run's result depends on and nobody chooses."""

Sequences = list[list[int]]


@dataclass(frozen=True, slots=True)
class Corpus:
    """Texts with the name that the record gives them."""

    name: str
    texts: Sequence[Text]
    domain: str | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a run sees."""

    targets: list[Targets]
    retain: Sequences
    """Token ids, start token included: of `retain` and of everyday sentences, in turn."""
    held_out: dict[str, Sequences]
    """By corpus: `retain`, and `everyday` where there is one."""
    facts: list[CorpusFacts] = field(default_factory=list)
    overlap: list[OverlapFacts] = field(default_factory=list)
    """What the forget corpus shares with benchmarks."""

    def fingerprint(self) -> str:
        """The same for the same data in the same order, and for no other."""
        content = repr((self.targets, self.retain)).encode()
        return hashlib.sha256(content).hexdigest()


def prepare(
    language_model: LanguageModel,
    forget: Corpus,
    retain: Corpus,
    config: UnlearningConfig,
    *,
    everyday: Corpus | None = None,
) -> Prepared:
    """Tokenise all corpora and mark what is to be unlearned; arguments as for `unlearn`.

    Raises:
        InputError: a corpus without targets, too few retain texts, or a model in float16.
    """
    check_trainable(language_model.model.dtype)
    by_text = encode_forget(language_model, forget, config)
    targets = [target for found in by_text for target in found]
    held_out, kept = encode_retain(language_model, retain, HELD_OUT[RETAIN])
    prepared = Prepared(targets, kept, {RETAIN: held_out})
    tokens = sum(target.count for target in targets)
    texts = sum(map(bool, by_text))
    prepared.facts.append(CorpusFacts(forget.name, "forget", texts, tokens, forget.domain))
    prepared.facts.extend((_facts(retain, "retain", kept), _facts(retain, "held-out", held_out)))
    if everyday is not None:
        held_out_too, kept_too = encode_retain(language_model, everyday, HELD_OUT[EVERYDAY])
        prepared.held_out[EVERYDAY] = held_out_too
        prepared.facts.append(_facts(everyday, "retain", kept_too))
        prepared.facts.append(_facts(everyday, "held-out", held_out_too))
        prepared.retain[:] = _interleaved(kept, kept_too)
    for shared in overlaps(forget.name, [text.text for text in forget.texts]):
        prepared.overlap.append(shared.facts)
        if shared.warning:
            print(f"Warning: {shared.warning}", file=sys.stderr)
    return prepared


def check_trainable(dtype: str | torch.dtype | None) -> None:
    """Refuse a number type whose range is too small to train in.

    Raises:
        InputError: it is float16.
    """
    if dtype in ("float16", torch.float16):
        raise InputError("dtype float16 cannot be trained; choose float32 or bfloat16")


def everyday_corpus() -> Corpus | None:
    """Everyday sentences, where their data is on this machine; says so on stderr where not."""
    try:
        return Corpus(EVERYDAY, read_corpus(EVERYDAY))
    except InputError as error:
        print(f"Damage is not measured on everyday sentences: {error}", file=sys.stderr)
        return None


def encode_forget(
    language_model: LanguageModel, forget: Corpus, config: UnlearningConfig
) -> list[list[Targets]]:
    """What is to be unlearned of each text: nothing, the text, or in context `both` each span.

    Raises:
        InputError: nothing of any text; says what the objective and selection need.
    """
    neutral = OBJECTIVES[config.objective].reference == "neutral text"
    groups = neutral and config.reference == "groups"
    selection = config.selection
    assert selection is not None
    both = config.context == "both" and language_model.kind == "causal"
    if both and selection != "harmful":
        raise InputError(
            f"context 'both' asks for the harmful words; selection {selection!r} has none"
        )

    def encoded(text: Text) -> list[Targets]:
        others = about_others(text, OTHER_GROUPS, seed=config.seed) if groups else []
        if groups and not others:
            return []
        if both:
            return encode_infilling(
                language_model.tokenizer,
                text,
                start_id=language_model.start_id,
                neutral=neutral,
                others=others,
            )
        target = encode_targets(
            language_model.tokenizer,
            text,
            start_id=language_model.start_id,
            end_id=language_model.end_id,
            selection=selection,
            neutral=neutral,
            others=others,
            seed=config.seed,
        )
        return [target] if target else []

    found = [encoded(text) for text in forget.texts]
    if not any(found):
        needs = {"all": "texts", "after-mention": "`mentions`", "to-harm": "`mentions`"}.get(
            selection, "`spans`"
        )
        also = " and `mentions`" if neutral and needs != "`mentions`" else ""
        also += " with neutral words" if neutral else ""
        also += ", each a term of the built-in lexicon" if groups else ""
        raise InputError(
            f"forget corpus {forget.name!r}: no text has a target; objective "
            f"{config.objective!r} with selection {selection!r} needs {needs}{also}"
        )
    return found


def encode_retain(
    language_model: LanguageModel, retain: Corpus, held_out: int
) -> tuple[Sequences, Sequences]:
    """Token ids of the held-out and of the other texts, start and end token included.

    Raises:
        InputError: fewer than twice as many texts as are held out.
    """
    texts = [text.text for text in retain.texts]
    if len(texts) < 2 * held_out:
        raise InputError(
            f"retain corpus {retain.name!r} has {len(texts)} texts; "
            f"at least {2 * held_out} are needed ({held_out} of them to measure the damage)"
        )
    random.Random(0).shuffle(texts)
    end = [] if language_model.end_id is None else [language_model.end_id]
    # not cut by the tokenizer: it would be saved with the model, and go on cutting
    encoded = language_model.tokenizer(texts, add_special_tokens=False)["input_ids"]
    filled = [ids for ids in encoded if ids]

    def cut(sequences: Sequences, tokens: int) -> Sequences:
        longest = tokens - 1 - len(end)
        return [[language_model.start_id, *ids[:longest], *end] for ids in sequences]

    return cut(filled[:held_out], HELD_OUT_TOKENS), cut(filled[held_out:], RETAIN_TOKENS)


def _interleaved(first: list[list[int]], second: list[list[int]]) -> list[list[int]]:
    """As many of either, in turn, the shorter one over again."""
    count = max(len(first), len(second))
    pairs = zip(islice(cycle(first), count), islice(cycle(second), count), strict=True)
    return [ids for pair in pairs for ids in pair]


def _facts(
    corpus: Corpus, role: Literal["retain", "held-out"], ids: list[list[int]]
) -> CorpusFacts:
    return CorpusFacts(corpus.name, role, len(ids), sum(len(i) - 1 for i in ids))
