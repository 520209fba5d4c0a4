"""Run by `accelerate launch` in test_distributed.py: a few steps, the losses written to a file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from accelerate import PartialState

from fairforget.corpora import Text
from fairforget.corpora.builtin import builtin_texts
from fairforget.models import load_model
from fairforget.preparation import Corpus
from fairforget.trainer import UnlearningConfig
from fairforget.unlearning import unlearn


def main(model: str, output: str, batch: int) -> None:
    language_model = load_model(model, device="cpu")
    retain = [Text(str(n), f"The river number {n} has a bridge and a mill.") for n in range(200)]
    record = unlearn(
        language_model,
        Corpus("gender", builtin_texts("gender", limit=64)),
        Corpus("rivers", retain),
        UnlearningConfig(
            output_dir=str(Path(output).parent / "checkpoints"),
            max_steps=5,
            per_device_train_batch_size=batch,
            learning_rate=1e-2,
            warmup_steps=0,
            logging_steps=1,
            save_strategy="no",
            use_cpu=True,
            optim="sgd",
        ),
    )
    if PartialState().is_main_process:
        Path(output).write_text(
            json.dumps(
                {
                    "processes": record.environment.processes,
                    "how": PartialState().distributed_type.value,
                    "rows": [
                        [row["loss"], row["forget"], row["retain"]]
                        for row in record.history
                        if "loss" in row
                    ],
                    "reached": record.budget.reached,
                }
            )
        )


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
