"""StereoSet's scores of an objective's target, before any training.

A counterfactual objective trains towards a distribution that the frozen original model already
gives: what it predicts after a neutral word, or a mixture of that and what it predicts after the
group. Scoring sentences with this distribution shows what the objective could reach if training
reached its target everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from transformers import PreTrainedModel

from fairforget.benchmarks.measurement import Row
from fairforget.benchmarks.sentences import sentence_scores
from fairforget.benchmarks.stereoset.neutral import neutral_item
from fairforget.benchmarks.stereoset.scores import Scored, make_rows
from fairforget.corpora.text import Mention, Text
from fairforget.data.stereoset import VERSIONS, Item
from fairforget.forward.evaluation_mode import evaluation_mode
from fairforget.forward.packing import pack, supports_tree_attention
from fairforget.forward.padding import group_by_length
from fairforget.forward.split_forward import can_split, hidden_or_logits, logits_at
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.causal import BATCH_TOKENS
from fairforget.scoring.progress import Progress
from fairforget.selection.words import split_words
from fairforget.statistics.jackknife import Floats
from fairforget.targets import encode_targets

ORIGINAL = "original"
"""Name of the scores of the model itself."""
LOGITS = 1 << 24
"""Logits of one chunk of the head: positions × vocabulary."""
Positions = npt.NDArray[np.intp]
TargetFunction = Callable[[Tensor, Tensor], Tensor]
"""log p [n, vocabulary] after the group and after the neutral word → log q [n, vocabulary]."""


@dataclass(frozen=True, slots=True)
class _Paired:
    """A sentence and its neutral version, and the positions in both that the group can reach."""

    number: int
    """Number of the sentence; an item has three."""
    texts: tuple[Sequence[int], Sequence[int]]
    """Token ids of both, each up to the last of these positions."""
    positions: tuple[Positions, Positions]
    """Aligned positions of target tokens in both."""

    @property
    def item(self) -> int:
        """Number of the item."""
        return self.number // len(VERSIONS)

    @property
    def longest(self) -> int:
        """Tokens of the longer text."""
        return max(map(len, self.texts))

    def before(self, side: int) -> Positions:
        """Return the positions that predict the target tokens, in one of the two texts."""
        return self.positions[side] - 1


def score_items(
    language_model: LanguageModel,
    items: Sequence[Item],
    targets: Mapping[str, TargetFunction],
    *,
    progress: Progress = lambda done, total: None,
) -> dict[str, list[Row]]:
    """Score items with target distributions, as `make_rows` does for a model.

    Args:
        language_model: the original, causal model. Dropout is disabled; its mode is restored.
        items: intrasentence items. Those without a neutral version are left out.
        targets: by name.
        progress: called with the number of sentences scored since the last call, and in total.

    Returns:
        `ORIGINAL`, the model without change, and each target → one row per item. The neutral
        variants are scored by the model itself, because a target leaves texts that name no group
        as they are; so are the few unrelated versions that have no neutral version.

    Raises:
        InputError: a sentence has no tokens, or more than the model's context length.
    """
    variants = [(item, neutral) for item in items if (neutral := neutral_item(item))]
    originals = [item for item, _ in variants]
    pairs = [pair for item, neutral in variants for pair in _list_pairs(item, neutral)]
    paired = [
        aligned for n, pair in enumerate(pairs) if (aligned := _pair(language_model, n, *pair))
    ]
    total = 5 * len(originals) + len(paired)
    score = partial(
        sentence_scores,
        language_model,
        protocol="bos",
        progress=lambda done, _: progress(done, total),
    )
    names = [f"stereoset item {item.id}, {version}" for item in originals for version in VERSIONS]
    scores = score([text for text, _ in pairs], names=names)
    neutral_scores = score(
        [text for _, neutral in variants for text in neutral.sentences[:2]],
        names=[f"{name}, neutral" for n, name in enumerate(names) if n % 3 < 2],
    )
    neutral_log_ratios = -np.diff(neutral_scores.total.reshape(-1, 2))[:, 0]
    lengths = scores.lengths.reshape(-1, 3)[:, :2].astype(np.float64)
    tokens = {name: [each.astype(np.float64) for each in scores.tokens] for name in targets}
    _replace_scores(
        language_model.model, paired, targets, tokens, lambda done: progress(done, total)
    )
    means = {name: np.array([each.mean() for each in arrays]) for name, arrays in tokens.items()}
    return {
        name: make_rows(originals, Scored(mean.reshape(-1, 3), lengths, neutral_log_ratios))
        for name, mean in {ORIGINAL: scores.mean, **means}.items()
    }


def _list_pairs(item: Item, neutral: Item) -> list[tuple[str, str]]:
    """Return each sentence of an item with its neutral version; the unrelated one if it has one."""
    unrelated = item.sentences[2]
    other = neutral_item(replace(item, sentences=(unrelated, unrelated, unrelated)))
    return [
        *zip(item.sentences[:2], neutral.sentences[:2], strict=True),
        (unrelated, other.sentences[0] if other else unrelated),
    ]


def _pair(language_model: LanguageModel, number: int, text: str, neutral: str) -> _Paired | None:
    """Align a sentence with its neutral version; None if the group reaches no token."""
    encoded = encode_targets(
        language_model.tokenizer,
        Text("", text, mentions=find_changes(text, neutral)),
        start_id=language_model.start_id,
        selection="after-mention",
        counterfactual=True,
        max_length=language_model.longest_input + 1,  # the last token is no input
    )
    if encoded is None:
        return None
    ((neutral_ids, mask),) = encoded.counterfactuals
    return _Paired(
        number, (encoded.ids, neutral_ids), (np.flatnonzero(encoded.mask), np.flatnonzero(mask))
    )


def find_changes(text: str, other: str) -> tuple[Mention, ...]:
    """Return the words of a text that another text replaces, each with its replacement.

    A word that is only dropped or added is replaced together with the word before it, or at the
    start of the text with the word after it: "The Russian man" → "The man" replaces "The Russian"
    by "The". So the word that follows a dropped adjective is not part of the change.
    """
    old, new = (list(split_words(each)) for each in (text, other))
    matcher = SequenceMatcher(
        None,
        [text[word.start : word.end] for word in old],
        [other[word.start : word.end] for word in new],
        autojunk=False,
    )
    changes: list[tuple[int, int, int, int]] = []
    for tag, first, last, new_first, new_last in matcher.get_opcodes():
        if tag == "equal":
            continue
        if first == last or new_first == new_last:
            if first and new_first:
                first, new_first = first - 1, new_first - 1
            else:
                last, new_last = last + 1, new_last + 1
        if changes and first < changes[-1][1]:  # both need the one word between them
            first, _, new_first, _ = changes.pop()
        changes.append((first, last, new_first, new_last))
    mentions = tuple(
        Mention(
            old[first].start,
            old[last - 1].end,
            (other[new[new_first].start : new[new_last - 1].end],),
        )
        for first, last, new_first, new_last in changes
    )
    if mentions and Text("", text, mentions=mentions).counterfactual().text != other:
        # what is between words differs, too
        start, end = mentions[0].start, mentions[-1].end
        if other.startswith(text[:start]) and other.endswith(text[end:]):
            replaced = other[start : len(other) - (len(text) - end)]
            mentions = (Mention(start, end, (replaced,)),)
    return mentions


def _replace_scores(
    model: PreTrainedModel,
    sentences: Sequence[_Paired],
    targets: Mapping[str, TargetFunction],
    results: Mapping[str, Sequence[Floats]],
    advance: Callable[[int], None],
) -> None:
    """Replace token scores by log q at the positions that the group can reach.

    Args:
        model: the original model.
        sentences: with their aligned positions.
        targets: by name.
        results: target → token scores of every sentence, which are changed.
        advance: called with the number of sentences done.
    """
    if not sentences:
        return
    size = max(1, LOGITS // (2 * model.config.get_text_config().vocab_size))
    with evaluation_mode(model), torch.inference_mode():
        trees = supports_tree_attention(model, max(each.longest for each in sentences))
        split = trees or can_split(model)  # trees are tested split
        for group in _group_by_item(sentences):
            texts = [text for sentence in group for text in sentence.texts]
            (batch,) = pack(texts, trees=trees)
            inputs = {name: value.to(model.device) for name, value in batch.inputs.items()}
            outputs = hidden_or_logits(model, split=split, **inputs).flatten(0, 1)
            head = partial(logits_at, model) if split else _keep
            places = dict(batch.members)
            rows = [
                np.stack([places[2 * n + side][sentence.before(side)] for side in (0, 1)])
                for n, sentence in enumerate(group)
            ]
            tokens = [np.asarray(each.texts[0])[each.positions[0]] for each in group]
            log_probs = _target_log_probs(
                head, outputs, np.hstack(rows), np.concatenate(tokens), targets, size
            )
            ends = np.cumsum([len(each) for each in tokens])[:-1]
            for name, values in log_probs.items():
                for sentence, part in zip(group, np.split(values, ends), strict=True):
                    results[name][sentence.number][sentence.before(0)] = part
            advance(len(group))


def _group_by_item(sentences: Sequence[_Paired]) -> Iterator[list[_Paired]]:
    """Split sentences into batches; versions of an item share a prefix and stay together."""
    lengths: dict[int, int] = {}
    for each in sentences:
        lengths[each.item] = max(each.longest, lengths.get(each.item, 0))
    ordered = sorted(sentences, key=lambda each: (lengths[each.item], each.number))
    return group_by_length(ordered, lambda each: 2 * lengths[each.item], BATCH_TOKENS)


def _target_log_probs(
    head: Callable[[Tensor], Tensor],
    outputs: Tensor,
    rows: Positions,
    tokens: npt.NDArray[np.int64],
    targets: Mapping[str, TargetFunction],
    size: int,
) -> dict[str, Floats]:
    """Return log q of tokens, by target.

    Args:
        head: rows of `outputs` → logits [n, vocabulary].
        outputs: [places, …] of the body, or already logits.
        rows: [2, n] the rows that predict each token after the group and after the neutral word.
        tokens: [n] token ids.
        targets: by name.
        size: pairs of rows for which the head runs at once.
    """
    log_probs = {name: np.empty(len(tokens)) for name in targets}
    # versions of an item share positions: run the head once for each pair of them
    pairs, which = np.unique(rows, axis=1, return_inverse=True)
    which = which.reshape(-1)
    for first in range(0, pairs.shape[1], size):
        chunk = torch.from_numpy(pairs[:, first : first + size].reshape(-1)).to(outputs.device)
        group, neutral = head(outputs[chunk]).float().log_softmax(-1).chunk(2)
        inside = np.flatnonzero((which >= first) & (which < first + size))
        row = torch.from_numpy(which[inside] - first).to(outputs.device)
        token = torch.from_numpy(tokens[inside]).to(outputs.device)
        for name, target in targets.items():
            log_probs[name][inside] = target(group, neutral)[row, token].cpu().double().numpy()
    return log_probs


def _keep(logits: Tensor) -> Tensor:
    return logits
