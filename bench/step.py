"""A training step, compared with the same step on padded sequences with full logits.

Ascent on the targets of 16 posts and a KL retain loss on 4 Wikipedia passages, on SmolLM2-135M and
on a randomly initialised model with a vocabulary of 256,000. The posts are those of EDOS if it is
available (FAIRFORGET_DATA), else built-in texts. The targets of a post are two neighbouring words,
drawn at random: about as many as in a text of the paper's corpus.
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
from fairforget.machine.allocator import keep_freed_memory
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model
from fairforget.targets import Targets, encode_targets
from fairforget.training.config import UnlearningConfig
from fairforget.training.examples import Example
from fairforget.training.preparation import RETAIN_TOKENS
from fairforget.training.trainer import UnlearningTrainer

TEXTS, RETAINED = 16, 4
TURNS = 3


def measure() -> dict[str, float | int | str]:
    """Run the benchmark; a few minutes."""
    figures: dict[str, float | int | str] = {"corpus": posts()[0]}
    for name, suffix in (("smollm2", ""), ("256k", "_256k")):
        turns = [one_turn(name) for _ in range(TURNS)]
        for figure in ("time_ratio", "memory_ratio", "seconds", "padded_seconds", "megabytes"):
            figures[figure + suffix] = statistics.median(turn[figure] for turn in turns)
        figures["loss_difference" + suffix] = max(turn["difference"] for turn in turns)
    return figures | {"threads": torch.get_num_threads()}


def one_turn(model: str) -> dict[str, float]:
    """Run both steps, each in a new process, and compare seconds, megabytes and loss."""
    figures = {}
    for way in ("ours", "padded"):
        process = subprocess.run(
            [sys.executable, "-m", "bench.step", model, way],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ,
        )
        figures[way] = [float(part) for part in process.stdout.split()[-3:]]
    (seconds, memory, loss), (padded_seconds, padded_memory, padded_loss) = figures.values()
    return {
        "time_ratio": seconds / padded_seconds,
        "memory_ratio": memory / padded_memory,
        "seconds": seconds,
        "padded_seconds": padded_seconds,
        "megabytes": memory,
        "difference": abs(loss - padded_loss),
    }


def posts() -> tuple[str, list[Text]]:
    """Return the name of the corpus, and its texts with two words marked."""
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


def build_256k_model() -> transformers.PreTrainedModel:
    """Return a Llama with four narrow layers and a very wide head."""
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


def load_examples(lm: LanguageModel) -> tuple[list[Example], list[tuple[list[int], list[bool]]]]:
    """Return the examples of one step, and the untruncated forget texts for the padded step."""
    forget: list[Targets] = []
    untruncated = []
    for text in posts()[1]:
        targets = encode_targets(lm.tokenizer, text, start_id=lm.start_id)
        if targets and len(forget) < TEXTS:
            forget.append(targets)
            ids = [lm.start_id, *lm.tokenizer(text.text, add_special_tokens=False)["input_ids"]]
            untruncated.append((ids, [*targets.mask, *[False] * (len(ids) - len(targets.mask))]))
    passages = lm.tokenizer(
        [text.text for text in read_corpus("wikipedia")[:RETAINED]],
        add_special_tokens=False,
        truncation=True,
        max_length=RETAIN_TOKENS - 1,
    )["input_ids"]
    retain = [[lm.start_id, *ids] for ids in passages]
    return [Example(t, tuple(retain[i : i + 1])) for i, t in enumerate(forget)], untruncated


def our_step(lm: LanguageModel, examples: list[Example]) -> Callable[[], float]:
    """Return a step: forward and backward pass as in UnlearningTrainer."""
    trainer = UnlearningTrainer(
        lm.model,
        UnlearningConfig(tempfile.mkdtemp(), objective="ascent", use_cpu=True),
        [example.forget for example in examples],
        [ids for example in examples for ids in example.retain],
        processing_class=lm.tokenizer,
    )
    collate: Any = trainer.data_collator
    batch = collate(examples)
    _, counts = trainer.get_batch_samples(iter([batch]), 1, torch.device("cpu"))

    def step() -> float:
        with trainer._losses_as_forward(lm.model):
            loss = trainer.compute_loss(lm.model, batch, num_items_in_batch=counts)
            loss.backward()
        return loss.item()

    return step


def main(name: str, way: str) -> None:
    """Print the seconds, megabytes and loss of one step."""
    keep_freed_memory()
    lm = load_model("smollm2", device="cpu")
    if name == "256k":
        lm = LanguageModel(build_256k_model(), lm.tokenizer, name, "causal", lm.start_token)
    examples, untruncated = load_examples(lm)
    retain = [list(ids) for example in examples for ids in example.retain]
    ours = way == "ours"
    step = our_step(lm, examples) if ours else padded_step(lm.model, untruncated, retain)
    for parameter in lm.model.parameters():  # both steps need gradients: not counted
        parameter.grad = torch.ones_like(parameter)
    loss = step()  # warm-up
    megabytes = megabytes_of(step)
    times = []
    for _ in range(3):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    print(min(times), megabytes, loss)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
