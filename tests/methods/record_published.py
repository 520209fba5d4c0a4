"""Record what published implementations of debiasing methods compute: published.json.

python -m tests.methods.record_published NULLSPACE_PROJECTION BIAS_BENCH SELF_DEBIASING

Run it in the root of the repository, with scikit-learn and tqdm installed. The three arguments are
checkouts of github.com/shauli-ravfogel/nullspace_projection, McGill-NLP/bias-bench and
timoschick/self-debiasing. Their code runs on the inputs below; only its numbers and texts are kept.
"""

from __future__ import annotations

import ast
import importlib.util
import json
import sys
import types
from pathlib import Path
from typing import Any

import numpy as np
import torch

PUBLISHED = Path(__file__).with_name("published.json")
SETS, GROUPS, SIZE, ROUNDS = 100, 3, 10, 2
HELD_OUT = 20
"""Sets that test INLP's classifiers."""
VOCABULARY = 12
DIGITS = 8
SENTENCES = (
    "he met his mother and two kings",
    "the actor and his sons met an actress",
    "she asked a policeman and three businesswomen",
    "my uncles know the prince and his wife",
    "the chairman thanked a spokeswoman himself",
    "the grandsons and granddaughters are males and females",
    "the river has an old mill",
)
"""Words are separated by spaces, because Bias Bench knows no punctuation."""


def make_states() -> torch.Tensor:
    """Fixed states [SETS, GROUPS, SIZE], in which the groups differ."""
    rng, scale = np.random.default_rng(7), np.linspace(0.5, 3, SIZE)
    shared, own = rng.normal(size=(SETS, 1, SIZE)), rng.normal(size=(SETS, GROUPS, SIZE))
    return torch.from_numpy(scale * (shared + own) + 2 * rng.normal(size=(1, GROUPS, SIZE)))


def make_logits() -> torch.Tensor:
    """Fixed logits [3, VOCABULARY]: of a text alone, and after two descriptions."""
    rng = np.random.default_rng(8)
    return torch.from_numpy(2 * rng.normal(size=(3, VOCABULARY))).float()


def run_inlp(checkout: Path, train: np.ndarray, test: np.ndarray) -> np.ndarray:
    """The projection of Ravfogel et al.'s code, with logistic regressions without intercepts."""
    from sklearn.linear_model import LogisticRegression

    sys.path.insert(0, str(checkout))
    debias = importlib.import_module("src.debias")
    labels = [np.tile(np.arange(GROUPS), len(part)) for part in (train, test)]
    matrix, _, _ = debias.get_debiasing_projection(
        LogisticRegression,
        {"fit_intercept": False, "tol": 1e-10, "max_iter": 100_000},
        num_classifiers=ROUNDS,
        input_dim=SIZE,
        is_autoregressive=True,
        min_accuracy=0,
        X_train=train.reshape(-1, SIZE),
        Y_train=labels[0],
        X_dev=test.reshape(-1, SIZE),
        Y_dev=labels[1],
    )
    return np.asarray(matrix)


def run_sentence_debias(checkout: Path, states: torch.Tensor) -> np.ndarray:
    """The direction that Bias Bench computes for three groups.

    Its model is replaced by one that returns the states, as those of texts of one token.
    """
    module = _load(checkout / "bias_bench" / "debias" / "sentence_debias.py")

    class Inputs(dict[str, torch.Tensor]):
        def to(self, _: Any) -> Inputs:
            return self

    def tokenizer(texts: list[str], **_: Any) -> Inputs:
        ids = torch.tensor([[int(text)] for text in texts])
        return Inputs(input_ids=ids, attention_mask=torch.ones_like(ids))

    class Model:
        def to(self, _: Any) -> None:
            pass

        def __call__(self, input_ids: torch.Tensor, **_: Any) -> dict[str, torch.Tensor]:
            return {"last_hidden_state": states.flatten(0, 1)[input_ids].clone()}

    data = [
        {f"r{group + 1}_example": str(GROUPS * number + group) for group in range(GROUPS)}
        for number in range(SETS)
    ]
    direction = module.compute_race_subspace(data, Model(), tokenizer, batch_size=SETS)
    return np.asarray(direction, np.float64)


def run_self_debias(checkout: Path, logits: torch.Tensor) -> np.ndarray:
    """The rescaled log-probabilities of Schick et al.'s code."""
    import transformers

    names = ("GenerationMixin", "SampleOutput", "SampleEncoderDecoderOutput")
    stub = types.ModuleType("transformers.generation_utils")  # transformers 4.4 had it
    for name in (*names, "SampleDecoderOnlyOutput"):
        setattr(stub, name, type(name, (), {}))
    sys.modules[stub.__name__] = stub
    assert transformers
    module = _load(checkout / "generation.py")
    processor = module.SelfDebiasingLogitsProcessor(num_debiasing_prefixes=len(logits) - 1)
    return np.asarray(processor(None, logits.clone())[0], np.float64)


def run_cda(checkout: Path, sentences: tuple[str, ...]) -> dict[str, str]:
    """Sentence → its counterfactual version by Bias Bench, for those that have one.

    The function is nested in another one, so it is compiled alone.
    """
    path = checkout / "experiments" / "run_clm.py"
    name = "gender_counterfactual_augmentation"
    (function,) = (
        node
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef) and node.name == name
    )
    outputs: list[str] = []

    class Tokenizer:
        def decode(self, text: str) -> str:
            return text

        def __call__(self, texts: list[str], **_: Any) -> None:
            outputs.extend(texts)

    words = json.loads((checkout / "data" / "bias_attribute_words.json").read_bytes())["gender"]
    scope: dict[str, Any] = {"tokenizer": Tokenizer()}
    module = ast.Module([function], type_ignores=[])
    exec(compile(module, str(path), "exec"), scope)
    scope[name]({"input_ids": list(sentences)}, bias_attribute_words=words)
    return dict(zip(outputs[1::2], outputs[::2], strict=True))


def _load(path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def split_states(states: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """States to train and to test, scaled and centred as `inlp.projection` does with seed 0."""
    scaled = (states / states.square().mean().sqrt()).numpy()
    order = np.random.default_rng(0).permutation(len(scaled))
    test, train = scaled[order[:HELD_OUT]], scaled[order[HELD_OUT:]]
    mean = train.mean((0, 1))
    return train - mean, test - mean


def main() -> None:
    """Run the published code and write its outputs."""
    inlp, bias_bench, self_debiasing = map(Path, sys.argv[1:])
    states = make_states()
    arrays = {
        "inlp": run_inlp(inlp, *split_states(states)),
        "sentence_debias": run_sentence_debias(bias_bench, states),
        "self_debias": run_self_debias(self_debiasing, make_logits()),
    }
    outputs = {name: np.round(array, DIGITS).tolist() for name, array in arrays.items()}
    outputs["cda"] = run_cda(bias_bench, SENTENCES)
    PUBLISHED.write_text(json.dumps(outputs, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
