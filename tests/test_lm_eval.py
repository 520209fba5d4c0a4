"""lm-eval on a loaded model, with a small task; skipped if it is not installed."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path

import pytest
import torch

from fairforget.benchmarks import (
    BENCHMARKS,
    find_domain_judge,
    find_judge,
    lm_eval,
    load_benchmark,
)
from fairforget.benchmarks.inputs import fingerprint_benchmarks
from fairforget.benchmarks.lm_eval import judge
from fairforget.benchmarks.options import list_files
from fairforget.errors import InputError
from fairforget.methods.erasure import untie_head

from .models import tiny_model

installed = pytest.mark.skipif(
    importlib.util.find_spec("lm_eval") is None, reason="the extra `harness` is not installed"
)

TASK = """\
task: rivers
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
output_type: multiple_choice
test_split: test
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{label}}}}"
doc_to_choice: "{{{{choices}}}}"
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
metadata: {{version: 1.0}}
"""


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    data = tmp_path / "rivers.jsonl"
    rows = [("The river has a", ["bridge", "lie"], 0), ("They are", ["mill", "late"], 1)] * 3
    data.write_text(
        "\n".join(
            json.dumps({"question": question, "choices": choices, "label": label})
            for question, choices, label in rows
        )
    )
    path = tmp_path / "rivers.yaml"
    path.write_text(TASK.format(data=data))
    return path


@installed
def test_a_task_is_recorded_with_its_items(task: Path) -> None:
    benchmark = load_benchmark(f"lm-eval:{task}")
    measured = benchmark.evaluate(tiny_model("gpt2"))
    share = measured.result["metrics"]["rivers"]["acc"]
    assert measured.result["protocol"].startswith("lm-eval 0.4")
    assert len(measured.items) == 6
    assert judge(measured.items).verdicts.mean() == pytest.approx(share)
    assert len(load_benchmark(f"lm-eval:{task}:50%").evaluate(tiny_model("gpt2")).items) == 3


@installed
@pytest.mark.parametrize("longest", [64, 4])
def test_continuations_are_scored_as_by_lm_eval(longest: int) -> None:
    """Also where a text is longer than what the model can read."""
    from lm_eval.models.huggingface import HFLM

    lm = tiny_model("llama")
    harness = HFLM(pretrained=lm.model, tokenizer=lm.tokenizer, max_length=longest, batch_size=2)
    requests = [
        (("", ""), [1, 5, 6, 7], [8, 9]),
        (("", ""), [1, 5, 6, 7], [10]),
        (("", ""), [1, 3, 2, 9, 11], [4, 4, 2, 12]),
        (("", ""), [1], [7, 3]),
    ]
    expected = harness._loglikelihood_tokens(requests, disable_tqdm=True)
    found = lm_eval._score_continuations(lm.model, longest, requests, disable_tqdm=True)
    for (log_prob, is_greedy), (theirs, their_greedy) in zip(found, expected, strict=True):
        assert log_prob == pytest.approx(theirs, abs=1e-4)
        assert is_greedy == their_greedy


@pytest.mark.parametrize(("context", "continuation"), [([1, 2], []), ([1], [5] * 5), ([], [5])])
def test_a_continuation_that_cannot_be_scored_is_refused(
    context: list[int], continuation: list[int]
) -> None:
    requests = [(("", ""), [1, 2], [3]), (("", ""), context, continuation)]
    with pytest.raises(ValueError, match="must have 1 to 4 tokens"):
        lm_eval._score_continuations(tiny_model("llama").model, 4, requests)


@installed
def test_a_model_keeps_its_mode_and_its_untied_head(task: Path) -> None:
    model = tiny_model("gpt2")
    untie_head(model)
    model.model.config.tie_word_embeddings = True  # as in some published checkpoints
    head = model.model.get_output_embeddings()
    with torch.no_grad():
        head.weight += 1
    expected = head.weight.clone()
    model.model.train()
    load_benchmark(f"lm-eval:{task}").evaluate(model)
    assert model.model.training
    assert torch.equal(model.model.get_output_embeddings().weight, expected)
    assert "tie_weights" not in vars(model.model)


@installed
def test_a_model_without_finite_predictions_has_no_accuracy(task: Path) -> None:
    model = tiny_model("gpt2")
    with torch.no_grad():
        model.model.get_output_embeddings().weight.fill_(torch.nan)
    with pytest.raises(InputError, match="a log-likelihood is not a number"):
        load_benchmark(f"lm-eval:{task}").evaluate(model)


@installed
def test_an_error_of_a_task_is_one_line(task: Path, monkeypatch) -> None:
    def fail(**_: object) -> None:
        raise KeyError("question")

    monkeypatch.setattr("lm_eval.simple_evaluate", fail)
    with pytest.raises(InputError, match="cannot be run: 'question'; choose another"):
        load_benchmark(f"lm-eval:{task}").evaluate(tiny_model("gpt2"))


@installed
def test_nothing_is_printed_outside_a_git_repository(
    task: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(task.parent)
    load_benchmark(f"lm-eval:{task}").evaluate(tiny_model("gpt2"))
    assert capfd.readouterr() == ("", "")


@installed
def test_an_unknown_task(task: Path) -> None:
    with pytest.raises(InputError, match="'nosuchtask' cannot be loaded"):
        load_benchmark("lm-eval:nosuchtask").evaluate(tiny_model("gpt2"))


@installed
def test_a_task_that_lm_eval_refuses(task: Path, monkeypatch) -> None:
    def refused(**_: object) -> None:
        raise ValueError("Attempted to run task: humaneval which is marked as unsafe.")

    monkeypatch.setattr("lm_eval.simple_evaluate", refused)
    with pytest.raises(InputError, match=r"cannot be run: Attempted .* unsafe"):
        load_benchmark(f"lm-eval:{task}").evaluate(tiny_model("gpt2"))


@pytest.mark.parametrize("name", ["task", "TASK.YAML", "task.yaml.txt"])
def test_code_in_a_file_that_rerun_would_not_notice_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / name).write_text("task: rivers\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    for file in (tmp_path / name, f"~/{name}"):
        with pytest.raises(InputError, match="is a file; give the name of a task, or a"):
            load_benchmark(f"lm-eval:{file}")


def test_one_task_at_a_time() -> None:
    for name in ("lm-eval", "lm-eval:a:b", "lm-eval:a:10%:20%"):
        with pytest.raises(InputError, match="takes one task"):
            load_benchmark(name)


def test_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(InputError, match=r"pip install '\.\[harness\]'"):
        load_benchmark("lm-eval:hellaswag")


def test_only_ability_and_harm_have_no_bias_score() -> None:
    assert judge([{"id": "1", "correct": True}]).unbiased_scores == {}
    without = ["lm-eval", "harmful_words", "group_facts", "honest", "bold", "counterfactual"]
    without += ["holistic_bias"]
    assert [find_domain_judge(f"{name}:rivers") for name in without] == [None] * 7
    others = [name for name in BENCHMARKS if name not in without]
    assert all(find_domain_judge(name) is find_judge(name) for name in others)


def test_files_that_a_task_file_uses_are_part_of_it(tmp_path: Path) -> None:
    """An edited function or document must not leave an old result in place."""
    path = tmp_path / "mine.yaml"
    path.write_text("include: base.yaml\nprocess_docs: !function helpers.shorten\ntask: [part]\n")
    (tmp_path / "base.yaml").write_text("dataset_kwargs: {data_files: data/items.jsonl}\n")
    (tmp_path / "data").mkdir()
    for name in ("helpers.py", "part.yaml", "data/items.jsonl", "items.json", "notes.txt"):
        (tmp_path / name).write_text("1")
    used = list_files([f"lm-eval:{path}", f"lm-eval:{path}", "perplexity"])
    assert sorted(Path(name).name for name in used) == [
        *("base.yaml", "helpers.py", "items.jsonl", "mine.yaml", "part.yaml")
    ]
    before = fingerprint_benchmarks([f"lm-eval:{path}"])
    (tmp_path / "helpers.py").write_text("2")
    assert fingerprint_benchmarks([f"lm-eval:{path}"]) != before
