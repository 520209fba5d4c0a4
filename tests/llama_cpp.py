"""llama.cpp, through a binding that its package has compiled: its tokens and log-probabilities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


def tokens(path: Path, text: str) -> list[int]:
    """A text's tokens, with those that the file says frame it; special ones may be written out."""
    binding = pytest.importorskip("llama_cpp_py_sync")
    with binding.Llama(str(path), n_ctx=64, n_threads=1) as model:
        return list(model.tokenize(text, parse_special=True))


def log_probs(path: Path, ids: list[int]) -> np.ndarray:
    """[token, vocabulary] log-probabilities of what follows each token, in nats."""
    binding = pytest.importorskip("llama_cpp_py_sync")
    exact = {"type_k": "f32", "type_v": "f32", "flash_attn_type": 0}
    with binding.Llama(str(path), n_ctx=256, n_threads=1, **exact) as model:
        library = model._lib  # the binding's own functions keep only the last token's
        batch = library.llama_batch_init(len(ids), 0, 1)
        batch.n_tokens = len(ids)
        for index, token in enumerate(ids):
            batch.token[index], batch.pos[index] = token, index
            batch.n_seq_id[index], batch.seq_id[index][0], batch.logits[index] = 1, 0, 1
        assert library.llama_decode(model._ctx, batch) == 0
        count = len(ids) * model.n_vocab
        logits = np.array(model._ffi.unpack(library.llama_get_logits(model._ctx), count))
        library.llama_batch_free(batch)
    logits = logits.reshape(len(ids), -1)
    return logits - np.logaddexp.reduce(logits, axis=-1, keepdims=True)
