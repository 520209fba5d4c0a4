"""Corpora made ready for one run: targets to forget, sequences to retain, sequences held out."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Literal

import torch

from fairforget.benchmarks.overlap import measure_overlaps
from fairforget.corpora import Text, read_corpus
from fairforget.corpora.builtin.other_groups import swap_groups
from fairforget.errors import InputError
from fairforget.files.digest import hash_values
from fairforget.models.language_model import LanguageModel
from fairforget.records.records import CorpusFacts, OverlapFacts
from fairforget.terminal.messages import show_message
from fairforget.training.config import UnlearningConfig
from fairforget.training.targets import (
    BY_MENTION,
    BY_SPAN,
    Targets,
    encode_infilling,
    encode_targets,
)

RETAIN, EVERYDAY = "retain", "everyday"
HELD_OUT_TOKENS, RETAIN_TOKENS = 64, 32
"""Tokens of a text that are used to measure damage and to retain, start and end included: more,
but shorter, retain texts say more about the language for the same cost."""
OTHER_GROUPS = 4
"""Texts about other groups with which a text is compared, of those that could be."""
LONGEST_TEXT = 256
"""Tokens of a text to forget, at most; fewer where the model takes fewer."""
HELD_OUT = {RETAIN: 80, EVERYDAY: 200}
"""Texts kept from training, on which damage is measured: about 5,000 and 3,500 tokens."""
FIXED = (HELD_OUT_TOKENS, RETAIN_TOKENS, OTHER_GROUPS, LONGEST_TEXT, HELD_OUT)
"""What a run's result depends on and nobody chooses."""

Sequences = list[list[int]]
HeldOut = tuple[dict[str, Sequences], dict[str, Sequences]]
"""Token ids of the held-out texts and of those to retain, by kind."""


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
    facts: list[CorpusFacts]
    overlap: list[OverlapFacts]
    """What the forget corpus shares with benchmarks."""

    def fingerprint(self) -> str:
        """The same for the same data in the same order, and for no other."""
        return hash_values((self.targets, self.retain))


def prepare(
    language_model: LanguageModel,
    forget: Corpus,
    retain: Corpus,
    config: UnlearningConfig,
    *,
    everyday: Corpus | None = None,
    kept: HeldOut | None = None,
) -> Prepared:
    """Tokenise all corpora and mark what is to be unlearned; arguments as for `unlearn`.

    `kept`: what `encode_retain` made of the same retain texts before.

    Raises:
        InputError: a corpus without targets, too few retain texts, or a model in float16 or with
            quantised weights.
    """
    check_training_dtype(language_model.model.dtype)
    _check_whole(language_model)
    if language_model.model.dtype == torch.bfloat16 and not config.lora_rank:
        show_message(
            f"Note: weights of bfloat16 hardly move by steps of {config.learning_rate:g}; train an "
            "adapter (lora_rank), or float32 weights, with mixed precision if that is too slow"
        )
    by_text = encode_forget(language_model, forget, config)
    targets = [target for found in by_text for target in found]
    tokens = sum(target.count for target in targets)
    facts = [CorpusFacts(forget.name, "forget", sum(map(bool, by_text)), tokens, forget.domain)]
    others = list_retain_corpora(retain, everyday)
    held_out, rest = kept or encode_retain(language_model, others)
    for kind, corpus in others.items():
        facts.append(_facts(corpus, "retain", rest[kind]))
        facts.append(_facts(corpus, "held-out", held_out[kind]))
    shared = measure_overlaps(forget.name, [text.text for text in forget.texts])
    for warning in filter(None, (found.warning for found in shared)):
        show_message(f"Warning: {warning}")
    overlap = [found.facts for found in shared]
    return Prepared(targets, _in_turn([*rest.values()]), held_out, facts, overlap)


def list_retain_corpora(retain: Corpus, everyday: Corpus | None) -> dict[str, Corpus]:
    """What is retained, by kind, for `encode_retain`."""
    return {RETAIN: retain} | ({EVERYDAY: everyday} if everyday is not None else {})


def check_training_dtype(dtype: str | torch.dtype | None) -> None:
    """Refuse a number type whose range is too small to train in.

    Raises:
        InputError: it is float16.
    """
    if dtype in ("float16", torch.float16):
        raise InputError("dtype float16 cannot be trained; choose float32 or bfloat16")


def _check_whole(language_model: LanguageModel) -> None:
    """Refuse weights that are packed into a few bits: small steps are lost in them."""
    packed = getattr(language_model.model.config, "quantization_config", None)
    if packed is not None:
        facts = packed if isinstance(packed, dict) else packed.to_dict()
        how = facts.get("quant_method", "unknown")
        raise InputError(
            f"model {language_model.source!r} is quantised ({how}); "
            "unlearn the model that it was made from, and quantise the result"
        )


def load_everyday_corpus() -> Corpus | None:
    """Everyday sentences, where their data is on this machine; says so on stderr where not."""
    try:
        return Corpus(EVERYDAY, read_corpus(EVERYDAY))
    except InputError as error:
        show_message(f"Damage is not measured on everyday sentences: {error}")
        return None


def encode_forget(
    language_model: LanguageModel, forget: Corpus, config: UnlearningConfig
) -> list[list[Targets]]:
    """What is to be unlearned of each text: nothing, the text, or in context `both` each span.

    Raises:
        InputError: nothing of any text; says what the objective and selection need.
    """
    counterfactual = config.load_objective().needs_counterfactual
    groups = counterfactual and config.counterfactual == "groups"
    selection = config.selection
    assert selection is not None
    longest = min(LONGEST_TEXT, language_model.longest_input)
    both = config.context == "both" and language_model.kind == "causal"
    if both and selection != "spans":
        raise InputError(
            f"context 'both' asks for the harmful words; selection {selection!r} has none"
        )

    def encoded(text: Text) -> list[Targets]:
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

    found = [encoded(text) for text in forget.texts]
    if (count := sum(map(bool, found))) < len(found):
        told = (
            f"forget corpus {forget.name!r}: {count or 'none'} of its {len(found)} texts have a "
            f"target; {_needed(config, longest)}"
        )
        if not count:
            raise InputError(told)
        show_message(f"Note: {told}")
    return found


def _needed(config: UnlearningConfig, longest: int) -> str:
    """What a text must have so that something of it is unlearned."""
    counterfactual = config.load_objective().needs_counterfactual
    needs = ["`spans`"] if config.selection in BY_SPAN else []
    if counterfactual or config.selection in BY_MENTION:
        also = ", each a term of the built-in lexicon" if config.counterfactual == "groups" else ""
        needs.append(f"`mentions`{' with neutral words' if counterfactual else ''}{also}")
    return (
        f"objective {config.objective!r} with selection {config.selection!r} needs "
        f"{' and '.join(needs) or 'words'}, within {longest} tokens"
    )


def encode_retain(language_model: LanguageModel, corpora: Mapping[str, Corpus]) -> HeldOut:
    """Token ids of the held-out and of the other texts, by kind, start and end token included.

    A text that is held out of one corpus, or a copy of it, is retained of none.

    Raises:
        InputError: of a corpus, fewer than twice as many texts as are held out.
    """
    end = [] if language_model.end_id is None else [language_model.end_id]
    parted = {kind: _parted(language_model, corpora[kind], HELD_OUT[kind]) for kind in corpora}
    unseen = {text for measured, _ in parted.values() for text, _ in measured}

    def cut(sequences: Sequences, tokens: int) -> Sequences:
        longest = min(tokens, language_model.longest_input) - 1 - len(end)
        return [[language_model.start_id, *ids[:longest], *end] for ids in sequences]

    held_out, kept = {}, {}
    for kind, (measured, others) in parted.items():
        held_out[kind] = cut([ids for _, ids in measured], HELD_OUT_TOKENS)
        kept[kind] = cut([ids for text, ids in others if text not in unseen], RETAIN_TOKENS)
        if not kept[kind]:
            raise InputError(
                f"retain corpus {corpora[kind].name!r}: nothing is left to retain; all of its "
                "texts are held out to measure the damage, or are copies of such"
            )
    return held_out, kept


def _parted(
    language_model: LanguageModel, corpus: Corpus, held_out: int
) -> tuple[list[tuple[str, list[int]]], list[tuple[str, list[int]]]]:
    """The texts that are held out, always the same, and the others, with their bare token ids."""
    texts = [text.text for text in corpus.texts]
    if len(texts) < 2 * held_out:
        raise InputError(
            f"retain corpus {corpus.name!r} has {len(texts)} texts; "
            f"at least {2 * held_out} are needed ({held_out} of them to measure the damage)"
        )
    random.Random(0).shuffle(texts)
    # not cut by the tokenizer: it would be saved with the model, and go on cutting
    encoded = language_model.tokenizer(texts, add_special_tokens=False)["input_ids"]
    filled = [(text, ids) for text, ids in zip(texts, encoded, strict=True) if ids]
    return filled[:held_out], filled[held_out:]


def _in_turn(parts: Sequence[Sequences]) -> Sequences:
    """As many of each, in turn, the shorter ones over again."""
    count = max(map(len, parts))
    turns = zip(*(islice(cycle(part), count) for part in parts), strict=True)
    return [ids for turn in turns for ids in turn]


def _facts(
    corpus: Corpus, role: Literal["retain", "held-out"], ids: list[list[int]]
) -> CorpusFacts:
    return CorpusFacts(corpus.name, role, len(ids), sum(len(i) - 1 for i in ids))
