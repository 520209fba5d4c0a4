"""Log-probabilities of the marked tokens of texts, from causal and masked models alike."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import accumulate, pairwise

import numpy as np

from fairforget.machine.processes import map_distributed
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.causal import Floats32, token_log_probs
from fairforget.scoring.masked import mask_one_at_a_time, masked_log_probs
from fairforget.scoring.progress import Progress
from fairforget.targets import Marked


def marked_log_probs(
    language_model: LanguageModel, marked: Sequence[Marked], *, progress: Progress | None = None
) -> list[Floats32]:
    """Return log p of the marked tokens of each text, in nats.

    A causal model predicts a token from those before it, a masked model from all others. Several
    processes share the texts if torch's process group is set up, and all return the same values.

    Args:
        language_model: causal or masked.
        marked: texts with start token, and with end token for a masked model.
        progress: called as for `token_log_probs`.

    Returns:
        A float32 array [marked tokens] per text.
    """
    if language_model.kind == "masked":
        mask_id = language_model.tokenizer.mask_token_id
        places = [np.flatnonzero(mask).tolist() for _, mask in marked]
        texts = [
            text
            for (ids, _), positions in zip(marked, places, strict=True)
            for text in mask_one_at_a_time(ids, positions, mask_id)
        ]
        values = masked_log_probs(language_model.model, texts, progress=progress)
        ends = accumulate(map(len, places), initial=0)
        return [
            np.concatenate([np.zeros(0, np.float32), *values[start:end]])
            for start, end in pairwise(ends)
        ]
    score = partial(token_log_probs, language_model.model, progress=progress)
    log_probs = map_distributed(score, [ids for ids, _ in marked], key=lambda ids: ids)
    return [
        values[np.array(mask[1:], dtype=bool)]
        for values, (_, mask) in zip(log_probs, marked, strict=True)
    ]
