"""The speed of scoring, compared with the ways in which published code scores sentences.

StereoSet and, if its file is available, CrowS-Pairs, on SmolLM2-135M. The baselines are slow, so
they score a random sample of the sentences, and their time is scaled to all of them. All ways are
measured alternately; the ratios are medians over the turns.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

import torch
from torch.profiler import ProfilerActivity, profile

from bench.memory import peak_megabytes
from bench.peak import peak_seconds, work
from fairforget.data.crows_pairs import read_pairs
from fairforget.data.stereoset import read_items
from fairforget.errors import InputError
from fairforget.forward.linear_head import COLUMNS
from fairforget.forward.packing import ROW_NODES
from fairforget.forward.prefix_rows import build_prefix_rows
from fairforget.machine.allocator import keep_freed_memory
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model
from fairforget.scoring.causal import BATCH_TOKENS, HEAD_ROWS, token_log_probs

TURNS = 3
SAMPLE = 300
PADDED_BATCH = 32

Sequences = list[list[int]]


def measure() -> dict[str, float | int | str]:
    """Run the benchmark; several minutes."""
    lm = load_model("smollm2", device="cpu")
    sequences, benchmarks = sentences(lm)
    sample = random.Random(0).sample(sequences, SAMPLE)
    scale = len(sequences) / SAMPLE
    rows = list(build_prefix_rows(sequences, ROW_NODES))
    nodes = sum(len(row.tokens) for row in rows)

    per_sentence, padded, shares, engine_seconds = [], [], [], []
    token_log_probs(lm.model, sample)
    for _ in range(TURNS):
        peak = peak_seconds(
            lm.model, nodes, nodes, batch=BATCH_TOKENS, head_batch=(HEAD_ROWS, COLUMNS)
        )
        engine = seconds(lambda: token_log_probs(lm.model, sequences))
        one_by_one = scale * seconds(lambda: score_one_by_one(lm, sample))
        in_batches = scale * seconds(lambda: score_padded(lm, sample))
        per_sentence.append(one_by_one / engine)
        padded.append(in_batches / engine)
        shares.append(peak / engine)
        engine_seconds.append(engine)

    figures: dict[str, float | int | str] = {
        "benchmarks": benchmarks,
        "sentences": len(sequences),
        "speedup_per_sentence": statistics.median(per_sentence),
        "speedup_padded": statistics.median(padded),
        "peak_share": statistics.median(shares),
        "seconds": statistics.median(engine_seconds),
        "gflops": work(lm.model, nodes, nodes) / statistics.median(engine_seconds) / 1e9,
        "tokens_of_sentences": sum(map(len, sequences)),
        "tokens_computed": nodes,
        "threads": torch.get_num_threads(),
        **profile_shares(lm, sequences[:1500]),
    }
    for items in (250, 2000):
        elapsed, megabytes = map(float, run_in_new_process(items))
        figures[f"milliseconds_per_item_{items}"] = 1000 * elapsed / items
        figures[f"peak_megabytes_{items}"] = megabytes
    return figures


def profile_shares(lm: LanguageModel, sequences: Sequences) -> dict[str, float]:
    """Return each operation's share of the time. Only matrix products can reach the peak rate."""
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        token_log_probs(lm.model, sequences)
    events = profiler.key_averages()
    total = sum(event.self_cpu_time_total for event in events)

    def share(*operators: str) -> float:
        return float(sum(e.self_cpu_time_total for e in events if e.key in operators) / total)

    shares = {
        "share_of_matrix_products": share("aten::mm", "aten::addmm"),
        "share_of_attention": share(
            "aten::_scaled_dot_product_flash_attention_for_cpu", "aten::bmm", "aten::baddbmm"
        ),
        "share_of_normalising": share(
            "aten::logsumexp", "aten::sub", "aten::sub_", "aten::exp_", "aten::amax", "aten::log_"
        ),
    }
    return shares | {"share_of_all_else": 1 - sum(shares.values())}


def sentences(lm: LanguageModel) -> tuple[Sequences, str]:
    """Return every sentence of the available benchmarks, with start token, and their names."""
    texts = [text for item in read_items() for text in item.sentences]
    names = "stereoset"
    try:
        pairs = read_pairs()
        texts += [text for pair in pairs for text in (pair.sent_more, pair.sent_less)]
        names += "+crows_pairs"
    except InputError:  # its file is downloaded, or in FAIRFORGET_DATA
        pass
    return [
        [lm.start_id, *ids] for ids in lm.tokenizer(texts, add_special_tokens=False)["input_ids"]
    ], names


def seconds(run: Callable[[], object]) -> float:
    """Return how long `run` takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


@torch.inference_mode()
def score_one_by_one(lm: LanguageModel, sequences: Sequence[Sequence[int]]) -> None:
    """Score one sentence per forward pass, as the benchmarks' own code does."""
    for sequence in sequences:
        ids = torch.tensor([sequence])
        log_probs = lm.model(input_ids=ids).logits.float().log_softmax(-1)
        log_probs[0, :-1].gather(1, ids[0, 1:, None]).mean().item()


@torch.inference_mode()
def score_padded(lm: LanguageModel, sequences: Sequence[Sequence[int]]) -> None:
    """Score right-padded batches of 32 sentences of similar length, with full logits."""
    ordered = sorted(sequences, key=len)
    for start in range(0, len(ordered), PADDED_BATCH):
        batch = ordered[start : start + PADDED_BATCH]
        width = len(batch[-1])
        ids = torch.tensor([[*s, *[0] * (width - len(s))] for s in batch])
        mask = torch.arange(width) < torch.tensor([[len(s)] for s in batch])
        logits = lm.model(input_ids=ids, attention_mask=mask.long()).logits
        log_probs = logits.float().log_softmax(-1)
        log_probs[:, :-1].gather(2, ids[:, 1:, None]).sum().item()


def run_in_new_process(items: int) -> list[str]:
    """Return seconds and peak megabytes of scoring `items` StereoSet items."""
    process = subprocess.run(
        [sys.executable, "-m", "bench.scoring", str(items)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ,
    )
    return process.stdout.split()


if __name__ == "__main__":
    keep_freed_memory()
    model = load_model("smollm2", device="cpu")
    items = read_items()[: int(sys.argv[1])]
    encoded = model.tokenizer(
        [text for item in items for text in item.sentences], add_special_tokens=False
    )["input_ids"]
    elapsed = seconds(lambda: token_log_probs(model.model, [[model.start_id, *e] for e in encoded]))
    print(elapsed, peak_megabytes())
