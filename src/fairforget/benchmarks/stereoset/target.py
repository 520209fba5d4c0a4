"""StereoSet's scores of an objective's target, before any training.

A counterfactual objective trains towards a distribution that the frozen original model already
gives: a mixture of its predictions after the group and after a neutral word. Scoring sentences with
this distribution tells what the objective could reach if training reached its target everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fairforget.benchmarks.measurement import Row
from fairforget.benchmarks.sentences import Floats32
from fairforget.benchmarks.stereoset.neutral import neutral_item
from fairforget.benchmarks.stereoset.scores import Scored, make_rows
from fairforget.corpora.text import Mention, Text
from fairforget.data.stereoset import Item
from fairforget.forward.packing import pack, supports_tree_attention
from fairforget.forward.split_forward import hidden_states, logits_at
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.causal import token_log_probs
from fairforget.selection.words import split_words
from fairforget.statistics import Floats
from fairforget.training.targets import Targets, encode_targets

SENTENCES = 48
"""Sentences in a forward pass, each with its counterfactual text."""
Positions = Sequence[int] | npt.NDArray[np.intp]
Target = Callable[[Tensor, Tensor], Tensor]
"""log p [n, vocabulary] after the group and after the neutral word → log q [n, vocabulary]."""


@dataclass(frozen=True, slots=True)
class _Paired:
    """A sentence's token ids, and the positions that the group can influence, in both texts."""

    ids: Sequence[int]
    positions: Positions = ()
    neutral_ids: Sequence[int] = ()
    neutral_positions: Positions = ()

    @property
    def both_positions(self) -> tuple[Positions, Positions]:
        """The aligned positions in the sentence and in its neutral variant."""
        return self.positions, self.neutral_positions


def score_targets(
    language_model: LanguageModel,
    items: Sequence[Item],
    targets: Mapping[str, Target],
    *,
    progress: Callable[[int], None] = lambda sentences: None,
) -> dict[str, list[Row]]:
    """Score items with target distributions, as `make_rows` does for a model.

    Args:
        language_model: the original, causal model.
        items: intrasentence items. Those without a neutral variant are left out.
        targets: by name.
        progress: called with the number of sentences scored since the last call.

    Returns:
        By target, one row per item. The neutral variants are scored by the model itself, because a
        target leaves texts that name no group as they are.
    """
    variants = [(item, neutral) for item in items if (neutral := neutral_item(item))]
    kept = [item for item, _ in variants]
    pairs = [pair for item, neutral in variants for pair in _list_pairs(item, neutral)]
    sentences = [_pair(language_model, *pair) for pair in pairs]
    scores = token_log_probs(language_model.model, [sentence.ids for sentence in sentences])
    neutral_scores = token_log_probs(
        language_model.model,
        [
            _encode(language_model, text)
            for _, neutral in variants
            for text in neutral.sentences[:2]
        ],
    )
    neutral_totals = np.array([values.sum(dtype=np.float64) for values in neutral_scores])
    neutral_log_ratios = -np.diff(neutral_totals.reshape(-1, 2))[:, 0]
    lengths = np.array([len(values) for values in scores], np.float64).reshape(-1, 3)[:, :2]
    replaced = _replace_scores(language_model, sentences, scores, targets, progress)
    return {
        name: make_rows(
            kept,
            Scored(
                np.array([values.mean() for values in each]).reshape(-1, 3),
                lengths,
                neutral_log_ratios,
            ),
        )
        for name, each in replaced.items()
    }


def _list_pairs(item: Item, neutral: Item) -> list[tuple[str, str]]:
    """Return each sentence of an item with its neutral variant; the unrelated one if it has one."""
    unrelated = item.sentences[2]
    other = neutral_item(replace(item, sentences=(unrelated, unrelated, unrelated)))
    return [
        *zip(item.sentences[:2], neutral.sentences[:2], strict=True),
        (unrelated, other.sentences[0] if other else unrelated),
    ]


def _encode(language_model: LanguageModel, text: str) -> list[int]:
    ids = language_model.tokenizer(text, add_special_tokens=False)["input_ids"]
    return [language_model.start_id, *ids]


def _pair(language_model: LanguageModel, text: str, neutral: str) -> _Paired:
    """Align a sentence with its neutral variant."""
    encoded: Targets | None = None
    if mentions := find_changes(text, neutral):
        encoded = encode_targets(
            language_model.tokenizer,
            Text("", text, mentions=mentions),
            start_id=language_model.start_id,
            selection="after-mention",
            counterfactual=True,
        )
    ids = _encode(language_model, text)
    if encoded is None:
        return _Paired(ids)
    ((neutral_ids, mask),) = encoded.counterfactuals
    return _Paired(ids, np.flatnonzero(encoded.mask), neutral_ids, np.flatnonzero(mask))


def find_changes(text: str, other: str) -> tuple[Mention, ...]:
    """Return the words of a text that another text replaces, each with its replacement."""
    old, new = (list(split_words(each)) for each in (text, other))
    matcher = SequenceMatcher(
        None,
        [text[word.start : word.end] for word in old],
        [other[word.start : word.end] for word in new],
        autojunk=False,
    )
    mentions = []
    for tag, first, last, new_first, new_last in matcher.get_opcodes():
        if tag == "equal":
            continue
        if first == last or new_first == new_last:
            return ()
        mentions.append(
            Mention(
                old[first].start,
                old[last - 1].end,
                (other[new[new_first].start : new[new_last - 1].end],),
            )
        )
    return tuple(mentions)


@torch.inference_mode()
def _replace_scores(
    language_model: LanguageModel,
    sentences: Sequence[_Paired],
    scores: Sequence[Floats32],
    targets: Mapping[str, Target],
    progress: Callable[[int], None],
) -> dict[str, list[Floats]]:
    """Return, by target, the sentences' token scores with log q where the group has influence."""
    model = language_model.model
    results = {name: [values.astype(np.float64) for values in scores] for name in targets}
    affected = [number for number, sentence in enumerate(sentences) if len(sentence.positions)]
    longest = max((len(ids) for s in sentences for ids in (s.ids, s.neutral_ids)), default=0)
    trees = supports_tree_attention(model, longest)
    for first in range(0, len(affected), SENTENCES):
        part = affected[first : first + SENTENCES]
        texts = [list(ids) for n in part for ids in (sentences[n].ids, sentences[n].neutral_ids)]
        (batch,) = pack(texts, trees=trees)
        places = dict(batch.members)
        inputs = {name: value.to(model.device) for name, value in batch.inputs.items()}
        hidden = hidden_states(model, **inputs).flatten(0, 1)
        for index, number in enumerate(part):
            sentence = sentences[number]
            before, neutral_before = (np.asarray(p) - 1 for p in sentence.both_positions)
            rows = np.concatenate(
                [places[2 * index][before], places[2 * index + 1][neutral_before]]
            )
            logits = logits_at(model, hidden[torch.from_numpy(rows).to(model.device)])
            group, neutral = logits.float().log_softmax(-1).chunk(2)
            tokens = torch.tensor(sentence.ids)[before + 1].to(model.device)[:, None]
            for name, target in targets.items():
                values = target(group, neutral).gather(1, tokens)[:, 0]
                results[name][number][before] = values.double().cpu().numpy()
        progress(len(part))
    return results
