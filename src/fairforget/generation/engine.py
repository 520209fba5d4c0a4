"""Continuations of many prompts by one model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import torch
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from fairforget.forward.evaluation_mode import evaluation_mode
from fairforget.forward.generation_settings import no_generation_settings
from fairforget.forward.padding import pad, supports_batches, supports_padding
from fairforget.generation.chat import render_messages
from fairforget.generation.decoding import Continuation, Decoding
from fairforget.generation.finite import RefuseNaN
from fairforget.generation.journal import Batches, write_missing
from fairforget.generation.sampling import GumbelNoise, noise_seed
from fairforget.generation.served import ServedModel
from fairforget.machine.processes import map_distributed
from fairforget.models import Kind
from fairforget.models.language_model import LanguageModel, check_length
from fairforget.scoring.progress import NotedProgress

AnyModel = LanguageModel | ServedModel
GENERATIVE_KINDS: tuple[Kind, ...] = ("causal", "served")
"""Kinds of model that can continue a prompt."""
BATCH_ROWS = 64
"""Continuations that are written at a time."""


@dataclass(frozen=True, slots=True)
class _Row:
    ids: list[int]
    """The prompt, with all special tokens."""
    seed: int


def generate(
    language_model: AnyModel,
    prompts: Sequence[str],
    decoding: Decoding | None = None,
    *,
    batch_rows: int = BATCH_ROWS,
    progress: NotedProgress | None = None,
) -> list[list[Continuation]]:
    """Continue prompts with transformers' `generate`, in batches of similar length.

    The batches are left-padded. If that changes the model's predictions (`supports_padding`), the
    prompts of a batch have equal lengths, or are continued one at a time (`supports_batches`).

    A repeated call gives the same tokens. A sampled continuation depends on its prompt, its draw
    and the seed, and not on the other prompts, their order, the batch size or the number of
    processes; nor does a greedy one. This holds up to rounding: in another batch, the logits of
    SmolLM2-135M change by up to 6e-5 in float32, so one of 24 sampled continuations differed, at
    two tokens 6e-6 nats apart. In bfloat16, four did.

    Within `journal.keep_continuations`, finished batches are kept and not generated again. The
    remaining batches are those of an uninterrupted call, so the result is bit for bit the same,
    unless a batch was saved only in part, or the number of processes has changed.

    Args:
        language_model: a causal model, or a served one, for which see `ServedModel.generate`.
        prompts: each follows the start token, or is a message in the chat template.
        decoding: by default, 24 greedy tokens.
        batch_rows: continuations that are written at a time.
        progress: called with the number of continuations written since the last call, and in
            total; the note is the speed.

    Returns:
        [prompts][draws] continuations. Those that are empty or reach the limit are included.

    Raises:
        InputError: the model is masked; a chat template is asked for and there is none; or a prompt
            leaves no room for the new tokens.
    """
    decoding = decoding or Decoding()
    if isinstance(language_model, ServedModel):
        return language_model.generate(prompts, decoding, progress)
    language_model.need_causal("text generation")
    encoded = encode_prompts(language_model, prompts, chat=decoding.chat)
    check_length(
        language_model,
        [len(ids) + decoding.tokens for ids in encoded],
        [f"prompt {prompt[:40]!r} with {decoding.tokens} new tokens" for prompt in prompts],
    )
    draws = decoding.draws
    rows = [
        _Row(ids, noise_seed(prompt, draw, decoding.seed))
        for prompt, ids in zip(prompts, encoded, strict=True)
        for draw in range(draws)
    ]
    write = partial(_write, language_model, decoding=decoding, batch_rows=batch_rows)
    written = map_distributed(
        lambda share: write_missing(share, decoding, write, progress),
        rows,
        key=lambda row: row.ids,
    )
    return [written[i : i + draws] for i in range(0, len(written), draws)]


def encode_prompts(
    language_model: LanguageModel, prompts: Sequence[str], *, chat: bool = False
) -> list[list[int]]:
    """The token ids of prompts.

    Raises:
        InputError: `chat`, and the tokenizer has no chat template, or one that fails or leaves out
            a prompt.
    """
    tokenizer = language_model.tokenizer
    if not prompts:
        return []
    if not chat:
        start = language_model.start_id
        encoded = tokenizer(list(prompts), add_special_tokens=False)["input_ids"]
        return [[start, *ids] for ids in encoded]
    texts = render_messages(tokenizer, prompts, language_model.source)
    return [list(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"]]


def _write(
    language_model: LanguageModel, rows: Sequence[_Row], decoding: Decoding, batch_rows: int
) -> Batches:
    """Continue rows in this process."""
    model = language_model.model
    with evaluation_mode(model):
        for group in _group_rows(model, rows):
            for first in range(0, len(group), batch_rows):
                batch = group[first : first + batch_rows]
                outputs = _write_batch(language_model, [rows[i] for i in batch], decoding)
                yield [*zip(batch, outputs, strict=True)]


def _group_rows(model: PreTrainedModel, rows: Sequence[_Row]) -> list[list[int]]:
    """Return the indices of rows that can share a batch.

    The longest are the first, so that too large a batch fails at once.
    """
    order = sorted(range(len(rows)), key=lambda i: -len(rows[i].ids))
    if len(rows) < 2 or supports_padding(model, "left"):
        return [order]
    if supports_batches(model):
        return [[*group] for _, group in groupby(order, lambda i: len(rows[i].ids))]
    return [[i] for i in order]


@torch.inference_mode()
def _write_batch(
    language_model: LanguageModel, rows: Sequence[_Row], decoding: Decoding
) -> list[Continuation]:
    tokenizer, model = language_model.tokenizer, language_model.model
    inputs = pad([row.ids for row in rows], side="left")
    ends = _end_ids(language_model, chat=decoding.chat)
    config = GenerationConfig(
        max_new_tokens=decoding.tokens,
        do_sample=False,  # the noise samples
        num_beams=1,
        use_cache=True,
        eos_token_id=sorted(ends) or None,
        pad_token_id=language_model.start_id,
    )
    processors: list[LogitsProcessor] = [RefuseNaN(language_model.source)]
    if decoding.temperature:
        processors.append(GumbelNoise([row.seed for row in rows], decoding.temperature))
    with no_generation_settings(model):
        written = model.generate(  # type: ignore[operator]
            **{name: values.to(model.device) for name, values in inputs.items()},
            generation_config=config,
            logits_processor=LogitsProcessorList(processors),
            synced_gpus=False,  # each process has the whole model, and rows of its own
        )
    continuations = []
    new = written[:, inputs["input_ids"].shape[1] :].tolist()
    for row, ids in zip(rows, new, strict=True):
        length = next((n for n, token in enumerate(ids) if token in ends), len(ids))
        text = _decode_continuation(tokenizer, row.ids, ids[:length])
        continuations.append(Continuation(text, length, length < len(ids)))
    return continuations


def _decode_continuation(
    tokenizer: PreTrainedTokenizerBase, prompt: Sequence[int], ids: Sequence[int]
) -> str:
    """Return the text of new tokens; some tokenizers drop a space before it if they are alone."""
    before, whole, alone = (
        str(tokenizer.decode(part, skip_special_tokens=True))
        for part in ([*prompt], [*prompt, *ids], [*ids])
    )
    return whole[len(before) :] if whole.startswith(before) else alone


def _end_ids(language_model: LanguageModel, *, chat: bool) -> set[int]:
    """The tokens that end a text: end tokens, and outside of a chat the start of another text."""
    tokenizer, config = language_model.tokenizer, language_model.model.generation_config
    known = config.eos_token_id if config else None
    ends = {known} if isinstance(known, int) else set(known or ())
    if tokenizer.eos_token_id is not None:  # the end of a turn may be in the tokenizer alone
        ends.add(tokenizer.eos_token_id)
    if not chat and language_model.start_id in tokenizer.all_special_ids:
        ends.add(language_model.start_id)
    return ends
