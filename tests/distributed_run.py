"""Run by `accelerate launch` in test_distributed.py: a few steps, the losses written to a file."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from accelerate import PartialState
from accelerate.state import AcceleratorState

from fairforget.corpora import Text
from fairforget.corpora.builtin import builtin_texts
from fairforget.models.loading import load_model
from fairforget.models.saving import save_model
from fairforget.training import unlearn as unlearning
from fairforget.training.budget import Budget
from fairforget.training.config import UnlearningConfig
from fairforget.training.preparation import Corpus
from tests.run_unlearning import unlearn

RETAIN = [Text(str(n), f"The river number {n} has a bridge and a mill.") for n in range(200)]


def main(model: str, output: Path, batch: int, options: dict[str, object], cut: bool) -> None:
    """Unlearn; `cut` stops where the landing would begin, as if the run had been killed."""
    language_model = load_model(model, device="cpu")
    if cut:
        unlearning.interpolate_to_budget = lambda *_, **__: os._exit(0)
    record = unlearn(
        language_model,
        Corpus("gender", builtin_texts("gender", limit=64)),
        Corpus("rivers", RETAIN),
        UnlearningConfig(
            **{
                "output_dir": str(output / "checkpoints"),
                "max_steps": 5,
                "per_device_train_batch_size": batch,
                "learning_rate": 1e-2,
                "warmup_steps": 0,
                "logging_steps": 1,
                "save_strategy": "no",
                "use_cpu": True,
                "optim": "sgd",
                **options,
            }
        ),
        budget=Budget(perplexity=1.5),
    )
    if PartialState().is_main_process:
        save_model(language_model, output / "model")
        found = {
            "processes": record.environment.processes,
            "how": AcceleratorState().distributed_type.value,
            "rows": [
                [row["loss"], row["forget"], row["retain"]]
                for row in record.history
                if "loss" in row
            ],
            "looks": [row["perplexity_ratio"] for row in record.history if len(row) == 2],
            "budget": [record.budget.trained, record.budget.reached, record.budget.alpha],
        }
        (output / "found.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main(
        sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), json.loads(sys.argv[4]), "cut" in sys.argv
    )
