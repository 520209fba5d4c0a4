"""A small masked model, trained here, unlearns: docs/results/masked.json and .md.

python docs/score_masked.py            twenty minutes on one core; goes on where it stopped
python docs/score_masked.py --table    only the tables, from the results that are there

To be called in the root of the repository. It shows the way of a masked model from end to end, and
not how well a large one would do: the model has four layers, and has read what is on this machine.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

from tokenizers import BertWordPieceTokenizer
from transformers import (
    BertConfig,
    BertForMaskedLM,
    BertTokenizerFast,
    DataCollatorForLanguageModeling,
    Trainer,
    TrainingArguments,
    set_seed,
)

from fairforget.cli import main as fairforget
from fairforget.corpora import read_corpus
from fairforget.models import load_model
from fairforget.records import MODEL, RECORD, EvaluationRecord, UnlearningRecord, read_record
from harm import harm

ROOT = Path(__file__).resolve().parents[1]
RESULTS, RUNS = ROOT / "docs" / "results" / "masked.json", Path("runs") / "masked"
BASE = RUNS / "base"
READ = ("boolq", "everyday", "edos", "builtin")
"""What the small model is trained on."""
VOCABULARY, LENGTH = 8000, 64
STEPS, TEXTS = 4000, 64
FORGET, UNSEEN = "builtin:gender", "hatecheck:gender"
"""What is unlearned, and texts with other sentences about the same group."""
SEEDS = 3
BENCHMARKS = STEREOSET, CROWS = "stereoset", "crows_pairs"
ROWS = {
    "ascent": ("ascent", "harmful"),
    "ascent, random words": ("ascent", "random"),
    "neutral": ("neutral", "harmful"),
    "neutral, random words": ("neutral", "random"),
}
"""Row of the table -> objective and selection."""

Found = dict[str, Any]


def train_base() -> None:
    """The small model: BERT's shape and training, but for its size."""
    if (BASE / "config.json").exists():
        return
    set_seed(0)
    texts = [text.text for name in READ for text in read_corpus(name)]
    random.Random(0).shuffle(texts)
    pieces = BertWordPieceTokenizer()
    pieces.train_from_iterator(texts, vocab_size=VOCABULARY)
    tokenizer = BertTokenizerFast(tokenizer_object=pieces._tokenizer, model_max_length=LENGTH)
    model = BertForMaskedLM(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=256,
            num_hidden_layers=4,
            num_attention_heads=4,
            intermediate_size=1024,
            max_position_embeddings=LENGTH,
        )
    )
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir=str(RUNS / "training"),
            max_steps=STEPS,
            per_device_train_batch_size=TEXTS,
            learning_rate=5e-4,
            warmup_steps=200,
            logging_steps=200,
            train_sampling_strategy="group_by_length",
            save_strategy="no",
            report_to="none",
            use_cpu=True,
        ),
        train_dataset=[tokenizer(text, truncation=True) for text in texts],
        data_collator=DataCollatorForLanguageModeling(tokenizer),
    )
    trainer.train()
    model.save_pretrained(BASE)
    tokenizer.save_pretrained(BASE)


def measured() -> Found:
    """Train, do the runs that are not done, and read what they left."""
    train_base()
    runs: dict[str, list[Found]] = {}
    for (row, (objective, selection)), seed in product(ROWS.items(), range(SEEDS)):
        output = RUNS / f"{objective}-{selection}-{seed}"
        fairforget(
            [
                *("unlearn", str(BASE), "--output", str(output), "--forget", FORGET),
                *("--objective", objective, "--selection", selection, "--seed", str(seed)),
                *("--steps", "60", "--batch_size", "16", "--learning_rate", "1e-4"),
                *("--budget.perplexity", "1.03", "--budget.everyday", "1.03"),
                *("--benchmarks", ",".join(BENCHMARKS)),
            ]
        )
        budget = read_record(output / RECORD, UnlearningRecord).budget
        runs.setdefault(row, []).append(
            {
                **scores(output / MODEL, output / "after"),
                "perplexity": budget.reached,
                "alpha": budget.alpha,
                "note": budget.note,
            }
        )
    original = {**scores(BASE, output / "before"), "perplexity": 1.0, "alpha": 0.0, "note": ""}
    return {
        "perplexity": budget.before,
        "parameters": load_model(str(BASE), device="cpu").parameters,
        "original": original,
        "runs": runs,
    }


def scores(model: Path, evaluation: Path) -> Found:
    """What a model expects of the harmful words, and its scores."""
    loaded = load_model(str(model), device="cpu")
    results = read_record(evaluation / RECORD, EvaluationRecord).results
    found = {name: harm(loaded, name, texts=300) for name in (FORGET, UNSEEN)}
    stereoset = results[STEREOSET]["domains"]
    return {
        "harm": {name: values[0] for name, values in found.items()},
        "association": {name: values[1] for name, values in found.items()},
        "ss": stereoset["gender"]["ss"],
        "lms": stereoset["all"]["lms"],
        "crows_pairs": results[CROWS]["domains"]["gender"]["stereotype"],
    }


def last() -> Found:
    """The results that are there."""
    found: Found = json.loads(RESULTS.read_text(encoding="utf-8"))
    return found


def table(found: Found) -> str:
    """The results as Markdown."""
    return "\n".join(lines(found))


def lines(found: Found) -> Iterator[str]:
    """Of the page."""
    seen, unseen = FORGET.partition(":")[0], UNSEEN.partition(":")[0]
    yield from (
        "<!-- made by docs/score_masked.py; do not edit by hand -->",
        "# A masked model",
        "",
        f"A BERT of {found['parameters'] / 1e6:.1f} million parameters, trained by the script on "
        f"{', '.join(f'`{name}`' for name in READ)} ({STEPS} steps of {TEXTS} texts; perplexity of "
        f"hidden words {found['perplexity']:.1f}), unlearns `{FORGET}`: mask a target, predict it "
        "from both sides. Perplexity at most × 1.03. Means over "
        f"{SEEDS} seeds ± their standard deviation.",
        "",
        f"*Harm*: mean log p of the harmful tokens, in nats, of `{FORGET}`, and of `{UNSEEN}`: "
        "its sentences were not unlearned. *Association*: by how much more than in the same "
        "sentence about people. SS and CrowS-Pairs: gender. LMS: all.",
        "",
        f"| | harm, {seen} | harm, {unseen} | association, {seen} | association, {unseen} | SS | "
        "LMS | CrowS-Pairs | perplexity | α |",
        "|---|---|---|---|---|---|---|---|---|---|",
        _row("original", [found["original"]]),
        *(_row(name, runs) for name, runs in found["runs"].items()),
        "",
        "A model so small knows little of stereotypes (see LMS: 50 is chance), so its bias scores "
        "say little; that the harmful words and their tie to the group go down, says that the "
        "method reaches a masked model.",
        "",
    )


def _row(name: str, runs: Sequence[Found]) -> str:
    columns = [
        *(
            [run[kind][corpus] for run in runs]
            for kind in ("harm", "association")
            for corpus in (FORGET, UNSEEN)
        ),
        *([run[score] for run in runs] for score in ("ss", "lms", "crows_pairs")),
    ]
    cells = [
        *(_cell(values, 2) for values in columns[:4]),
        *(_cell(values, 1) for values in columns[4:]),
        _cell([run["perplexity"] for run in runs], 3),
        _cell([run["alpha"] for run in runs], 2),
    ]
    return f"| {name} | {' | '.join(cells)} |"


def _cell(values: Sequence[float], digits: int) -> str:
    spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{fmean(values):.{digits}f}{spread}"


def main() -> None:
    """Train, run, write, tabulate."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="run nothing")
    found = last() if parser.parse_args().table else measured()
    RESULTS.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    RESULTS.with_suffix(".md").write_text(table(found), encoding="utf-8")


if __name__ == "__main__":
    main()
