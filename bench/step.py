"""A training step against the same step with full logits over full padded sequences.

Ascent on the targets of 16 posts and KL retention on 4 Wikipedia passages, on SmolLM2-135M and on
a randomly initialised model with a vocabulary of 256,000. The posts are real where EDOS is at hand
(FAIRFORGET_DATA), else built-in texts; of each post two neighbouring words are the targets, drawn
at random, about as many as a text of the paper's corpus has.
"""

from __future__ import annotations

import csv
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

from bench.memory import megabytes_of
from bench.padded_step import padded_step
from fairforget.corpora import Span, Text, read_corpus
from fairforget.forward.linear import is_faster
from fairforget.machine.allocator import keep_freed_memory
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model
from fairforget.training.batches import Example
from fairforget.training.config import UnlearningConfig
from fairforget.training.preparation import RETAIN_TOKENS
from fairforget.training.targets import Targets, encode_targets
from fairforget.training.trainer import UnlearningTrainer

TEXTS, RETAINED = 16, 4
TURNS = 3


def measure() -> dict[str, float | int | str]:
    """Run it; a few minutes."""
    figures: dict[str, float | int | str] = {"corpus": posts()[0]}
    for name, suffix in (("smollm2", ""), ("256k", "_256k")):
        turns = [one_turn(name) for _ in range(TURNS)]
        for figure in ("time_ratio", "memory_ratio", "seconds", "padded_seconds", "megabytes"):
            figures[figure + suffix] = statistics.median(turn[figure] for turn in turns)
        figures["loss_difference" + suffix] = max(turn["difference"] for turn in turns)
    return figures | {
        "linear_layers": "oneDNN" if is_faster() else "torch",  # in both steps
        "threads": torch.get_num_threads(),
    }


def one_turn(model: str) -> dict[str, float]:
    """Both steps, each in a process of its own: seconds, megabytes, loss."""
    found = {}
    for way in ("ours", "padded"):
        ran = subprocess.run(
            [sys.executable, "-m", "bench.step", model, way],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ,
        )
        found[way] = [float(part) for part in ran.stdout.split()[-3:]]
    (seconds, memory, loss), (padded_seconds, padded_memory, padded_loss) = found.values()
    return {
        "time_ratio": seconds / padded_seconds,
        "memory_ratio": memory / padded_memory,
        "seconds": seconds,
        "padded_seconds": padded_seconds,
        "megabytes": memory,
        "difference": abs(loss - padded_loss),
    }


def posts() -> tuple[str, list[Text]]:
    """The name of the corpus, and its texts with two words marked."""
    path = Path(os.environ.get("FAIRFORGET_DATA", ".")) / "edos" / "edos_labelled_aggregated.csv"
    if path.is_file():
        with path.open(encoding="utf-8", newline="") as file:
            texts = [row["text"] for row in csv.DictReader(file) if row["label_sexist"] == "sexist"]
        name = "edos"
    else:
        texts, name = [text.text for text in read_corpus("builtin:gender")], "builtin"
    generator = random.Random(0)
    marked = []
    for number, text in enumerate(generator.sample(texts, 200)):
        words = text.split()
        if len(words) > 3:
            first = generator.randrange(1, len(words) - 1)
            start = text.index(words[first])
            end = text.find(words[first + 1], start) + len(words[first + 1])
            marked.append(Text(str(number), text, spans=(Span(start, end),)))
    return name, marked


def vocabulary_of_256k() -> transformers.PreTrainedModel:
    """A Llama of four narrow layers under a very wide head."""
    torch.manual_seed(0)
    return transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            vocab_size=256_000,
            hidden_size=256,
            intermediate_size=1024,
            num_hidden_layers=4,
            num_attention_heads=4,
        )
    )


def samples(lm: LanguageModel) -> tuple[list[Example], list[tuple[list[int], list[bool]]]]:
    """One step's worth; and the forget texts whole, which the padded step runs over."""
    chosen: list[Targets] = []
    whole = []
    for text in posts()[1]:
        targets = encode_targets(lm.tokenizer, text, start_id=lm.start_id)
        if targets and len(chosen) < TEXTS:
            chosen.append(targets)
            ids = [lm.start_id, *lm.tokenizer(text.text, add_special_tokens=False)["input_ids"]]
            whole.append((ids, [*targets.mask, *[False] * (len(ids) - len(targets.mask))]))
    passages = lm.tokenizer(
        [text.text for text in read_corpus("wikipedia")[:RETAINED]],
        add_special_tokens=False,
        truncation=True,
        max_length=RETAIN_TOKENS - 1,
    )["input_ids"]
    retain = [[lm.start_id, *ids] for ids in passages]
    return [Example(t, tuple(retain[i : i + 1])) for i, t in enumerate(chosen)], whole


def our_step(lm: LanguageModel, batch: list[Example]) -> Callable[[], float]:
    """Forward and backward as UnlearningTrainer does them."""
    trainer = UnlearningTrainer(
        lm.model,
        UnlearningConfig(tempfile.mkdtemp(), objective="ascent", use_cpu=True),
        [sample.forget for sample in batch],
        [ids for sample in batch for ids in sample.retain],
        processing_class=lm.tokenizer,
    )
    collate: Any = trainer.data_collator  # a Collator, which takes samples
    collated = collate(batch)
    _, counts = trainer.get_batch_samples(iter([collated]), 1, torch.device("cpu"))

    def step() -> float:
        with trainer._losses_as_forward(lm.model):
            loss = trainer.compute_loss(lm.model, collated, num_items_in_batch=counts)
            loss.backward()
        return loss.item()

    return step


def main(name: str, way: str) -> None:
    """Print seconds, megabytes and loss of one step."""
    keep_freed_memory()
    lm = load_model("smollm2", device="cpu")
    if name == "256k":
        lm = LanguageModel(vocabulary_of_256k(), lm.tokenizer, name, "causal", lm.start_token)
    batch, whole = samples(lm)
    step = (
        our_step(lm, batch)
        if way == "ours"
        else padded_step(lm.model, whole, [list(ids) for sample in batch for ids in sample.retain])
    )
    for parameter in lm.model.parameters():  # gradients are the same for both: not counted
        parameter.grad = torch.ones_like(parameter)
    loss = step()  # what is made once is made here
    megabytes = megabytes_of(step)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    print(min(times), megabytes, loss)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
