"""`debias`, `evaluate` and `compare` as Python functions: names or objects in, results out."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from filelock import FileLock
from torch import Tensor

from fairforget import (
    Budget,
    Corpus,
    DebiasSettings,
    Evaluation,
    InputError,
    Text,
    compare,
    debias,
    evaluate,
    score_targets,
)
from fairforget.corpora.builtin import builtin_texts
from fairforget.debiasing.debias import _list_forget
from fairforget.objectives import OBJECTIVES, as_objective

from .models import join_weights, save_tiny, tiny_model
from .test_custom_objective import scaled

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("little_data")]

RETAIN = Corpus(
    "rivers", [Text(str(n), f"The river number {n} has a bridge and a mill.") for n in range(200)]
)
FORGET = Corpus("mine", builtin_texts("gender", limit=40), "gender")
ITEMS = [
    {
        "id": str(n),
        "type": "intrasentence",
        "bias_type": "gender",
        "target": f"term{n % 7}",
        "context": f"They BLANK {n}.",
        "stereotype": f"They lie {n}.",
        "anti-stereotype": f"They think {n}.",
        "unrelated": f"They mill {n}.",
    }
    for n in range(14)
]
SHORT = {
    "steps": 3,
    "batch_size": 4,
    "learning_rate": 3e-3,
    # of random weights, the guard may reject every step
    "budget": Budget(harmful_log_prob=None),
}


@pytest.fixture
def benchmark(tmp_path: Path) -> str:
    """StereoSet on a few items of a file."""
    path = tmp_path / "items.jsonl"
    path.write_text("".join(json.dumps(item) + "\n" for item in ITEMS))
    return f"stereoset:{path}"


@pytest.fixture(autouse=True)
def _without_everyday(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairforget.debiasing.pipeline.load_everyday_corpus", lambda: None)


@pytest.mark.parametrize("given", ["names", "a list of names", "names and texts"])
def test_debias_takes_several_forget_corpora(tmp_path: Path, given: str) -> None:
    source = str(save_tiny("llama", tmp_path / "tiny"))
    forget = {
        "names": "builtin:gender,pronouns",
        "a list of names": ["builtin:gender", "pronouns"],
        "names and texts": [replace(FORGET, name="builtin:gender"), "pronouns"],
    }[given]
    out = tmp_path / "out"
    run = debias(source, forget=forget, retain=RETAIN, output_dir=out, device="cpu", **SHORT)
    assert [corpus.name for corpus in run.record.forget] == ["builtin:gender", "pronouns"]
    assert "builtin:gender and pronouns" in (out / "model" / "README.md").read_text()


def test_a_change_in_the_second_forget_corpus_is_noticed(tmp_path: Path) -> None:
    source = str(save_tiny("llama", tmp_path / "tiny"))
    row = {"text": "Nurses are late.", "spans": [[11, 15]], "mentions": [[0, 6, "People"]]}
    for name in ("first", "second"):
        (tmp_path / f"{name}.jsonl").write_text(f"{json.dumps(row)}\n" * 4)
    forget = f"{tmp_path / 'first.jsonl'},{tmp_path / 'second.jsonl'}"
    settings = {"forget": forget, "retain": RETAIN, "output_dir": tmp_path / "out", **SHORT}
    debias(source, device="cpu", **settings)
    (tmp_path / "second.jsonl").write_text(f"{json.dumps(row)}\n" * 5)
    with pytest.raises(InputError, match=r"second\.jsonl"):
        debias(source, device="cpu", **settings)


def test_debias_takes_names_and_resumes_from_its_directory(tmp_path: Path, benchmark: str) -> None:
    source = str(save_tiny("llama", tmp_path / "tiny"))
    forget = tmp_path / "forget.jsonl"
    rows = [{"text": "Women are late.", "spans": [[10, 14]], "mentions": [[0, 5, "People"]]}] * 12
    forget.write_text("".join(json.dumps(row) + "\n" for row in rows))
    retain = tmp_path / "retain.csv"
    retain.write_text("text\n" + "".join(f"{text.text}\n" for text in RETAIN.texts))
    out = tmp_path / "out"

    def run():
        return debias(
            source,
            forget=forget,
            retain=retain,
            benchmarks=[benchmark],
            output_dir=out,
            device="cpu",
            **SHORT,
        )

    first = run()
    assert {p.name for p in out.iterdir()} >= {
        "model",
        "record.json",
        "before",
        "after",
        "report.html",
        "continuation_pairs.json",
    }
    assert first.record.command["forget"] == str(forget)
    assert first.record.command["command"] == "unlearn"
    assert first.before.record.model.weights == first.record.model.weights
    assert first.after.record.model.weights != first.record.model.weights
    written = (out / "record.json").stat().st_mtime_ns
    again = run()
    assert again.record == first.record
    assert (out / "record.json").stat().st_mtime_ns == written
    assert torch.equal(join_weights(again.model.model), join_weights(first.model.model))


def test_the_directory_of_an_evaluation_is_not_taken_for_a_run_without_its_model(
    tmp_path: Path, benchmark: str
) -> None:
    source = str(save_tiny("llama", tmp_path / "tiny"))
    evaluate(source, output_dir=tmp_path / "run", benchmarks=benchmark)
    with pytest.raises(InputError, match="contains a run with command 'evaluate'"):
        debias(source, output_dir=tmp_path / "run", forget=FORGET, retain=RETAIN, **SHORT)


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", ""])
def test_a_finished_run_without_its_model_is_refused(tmp_path: Path, name: str) -> None:
    source = str(save_tiny("llama", tmp_path / "tiny"))
    out = tmp_path / "run"
    debias(source, output_dir=out, forget=FORGET, retain=RETAIN, **SHORT)
    lost = out / "model" / name
    lost.unlink() if name else shutil.rmtree(lost)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(InputError, match=f"model has no .*remove {out} to unlearn again"):
        debias(source, output_dir=out, forget=FORGET, retain=RETAIN, **SHORT)
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}


def test_debias_takes_objects_and_keeps_nothing_on_disk(
    tmp_path: Path, benchmark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    model = tiny_model("gpt2")
    before = join_weights(model.model).clone()
    run = debias(model, forget=FORGET, retain=RETAIN, benchmarks=benchmark, **SHORT)
    assert run.model is model
    assert run.before.directory is None
    assert not torch.equal(join_weights(model.model), before)
    assert run.output_dir is None
    assert run.record.command == {}  # objects cannot be repeated from a record
    assert run.record.corpora[0].name == "mine"
    assert run.comparison.cells
    assert not list((tmp_path / "temporary").iterdir())


def test_an_output_directory_belongs_to_the_objects_that_were_given(tmp_path: Path) -> None:
    out = tmp_path / "out"
    debias(tiny_model("gpt2"), forget=FORGET, retain=RETAIN, output_dir=out, **SHORT)
    other = Corpus("mine", FORGET.texts[1:], "gender")
    with pytest.raises(InputError, match="forget corpus has changed"):
        debias(tiny_model("gpt2"), forget=other, retain=RETAIN, output_dir=out, **SHORT)


def test_names_beside_a_corpus_may_be_joined_by_commas() -> None:
    corpora = _list_forget(["builtin:gender,builtin:race", FORGET])
    assert corpora == ["builtin:gender", "builtin:race", FORGET]


def test_a_function_is_an_objective() -> None:
    asked: list[Tensor | None] = []

    def weak_ascent(log_probs: Tensor, targets: Tensor, reference: Tensor | None) -> Tensor:
        asked.append(reference)
        return 0.5 * log_probs.gather(-1, targets[:, None])[:, 0]

    run = debias(tiny_model("gpt2"), objective=weak_ascent, forget=FORGET, retain=RETAIN, **SHORT)
    assert run.record.method["objective"] == "custom:weak_ascent"
    assert all(reference is not None for reference in asked)


def test_a_function_does_what_the_registered_objective_does() -> None:
    def mine(log_probs: Tensor, targets: Tensor) -> Tensor:
        return log_probs.gather(-1, targets[:, None])[:, 0]

    results = [
        join_weights(
            debias(
                tiny_model("gpt2"), objective=it, forget=FORGET, retain=RETAIN, **SHORT
            ).model.model
        )
        for it in ("ascent", mine, OBJECTIVES["ascent"])
    ]
    assert torch.equal(results[0], results[1])
    assert torch.equal(results[0], results[2])


def test_a_finished_run_is_not_that_of_another_objective(tmp_path: Path) -> None:
    given = {"forget": FORGET, "retain": RETAIN, "output_dir": tmp_path, **SHORT}
    debias(tiny_model("gpt2"), objective=scaled(1.0), **given)
    again = debias(tiny_model("gpt2"), objective=scaled(1.0), **given)
    assert again.record.method["objective"] == "custom:loss"
    with pytest.raises(InputError, match="objective has changed"):
        debias(tiny_model("gpt2"), objective=scaled(2.0), **given)
    negated = replace(as_objective(scaled(1.0)), negated=True)
    with pytest.raises(InputError, match="objective has changed"):
        debias(tiny_model("gpt2"), objective=negated, **given)


@pytest.mark.parametrize("shape", [lambda x: x.mean(), lambda x: x[:, None], lambda x: None])
def test_a_loss_of_another_shape_is_refused(shape) -> None:
    with pytest.raises(InputError, match="return one loss per target token"):
        debias(
            tiny_model("gpt2"),
            objective=lambda a, b: shape(a.gather(-1, b[:, None])[:, 0]),
            forget=FORGET,
            retain=RETAIN,
            **SHORT,
        )


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"budget": 1.02}, "setting budget"),
        ({"steps": "many"}, "setting steps"),
        ({"forget": 3}, "forget is a int; give a name, a file, or Corpus"),
        ({"forget": [3]}, "forget is a int"),
        ({"forget": []}, "forget is empty"),
        ({"retain": ["a", "b"]}, "retain is a list"),
        ({"objective": "none"}, "unlearns nothing"),
        ({"dtype": "float32"}, "dtype has no effect on a loaded model"),
        ({"objective": 3}, "is not a function"),
    ],
)
def test_wrong_arguments_are_one_line(given: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        debias(tiny_model("gpt2"), **given)


@pytest.mark.parametrize("function", [debias, evaluate, score_targets])
def test_a_bare_model_is_refused(function: Callable[..., object]) -> None:
    wrap = "must be a name, a path or a LanguageModel, not GPT2LMHeadModel; wrap .*wrap_model"
    with pytest.raises(InputError, match=wrap):
        function(tiny_model("gpt2").model)


def test_the_output_directory_is_free_afterwards(tmp_path: Path) -> None:
    debias(tiny_model("gpt2"), forget=FORGET, retain=RETAIN, output_dir=tmp_path, **SHORT)
    lock = FileLock(tmp_path / ".lock")
    lock.acquire(blocking=False)
    lock.release()


def test_a_loaded_model_resumes_with_its_own_start_token(tmp_path: Path, benchmark: str) -> None:
    def model():
        return replace(tiny_model("gpt2"), start_token="<mask>")

    given = {"forget": FORGET, "retain": RETAIN, "benchmarks": benchmark, **SHORT}
    out = tmp_path / "out"
    first = debias(model(), output_dir=out, **given)
    shutil.rmtree(out / "after")
    again = debias(model(), output_dir=out, **given)
    assert again.after.record.results == first.after.record.results
    assert again.model.start_token == "<mask>"


def test_a_setting_that_does_not_exist_is_refused() -> None:
    with pytest.raises(TypeError, match="step"):
        debias("tiny", step=3)


def test_settings_and_overrides_are_the_same_thing() -> None:
    runs = [
        debias(tiny_model("gpt2"), forget=FORGET, retain=RETAIN, **given).record.method
        for given in (SHORT, {"settings": DebiasSettings(**SHORT)})
    ]
    assert runs[0] == runs[1]


def test_push_to_hub_needs_a_directory() -> None:
    with pytest.raises(InputError, match="output_dir"):
        debias("tiny", push_to_hub="a/b")


def test_scores_have_names(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    sides = ("stereotype", "anti-stereotype")
    for number, item in enumerate(ITEMS):  # terms disagree, so that there is an interval
        one, other = sides if number % 7 < 3 else sides[::-1]
        with path.open("a") as file:
            file.write(json.dumps({**item, sides[0]: item[one], sides[1]: item[other]}) + "\n")
    evaluation = evaluate(tiny_model("gpt2"), f"stereoset:{path}")
    assert isinstance(evaluation, Evaluation)
    (name,) = evaluation
    scores = evaluation[name]["gender"]
    result = evaluation.record.results[name]["domains"]["gender"]
    assert scores.ss == scores.score == result["ss"]
    assert scores.interval == tuple(result["ss_ci"])
    assert evaluation[name].protocol == "bos"
    with pytest.raises(AttributeError, match="no score 'sss'; available: ss"):
        _ = scores.sss
    frame = evaluation.to_pandas()
    assert list(frame["domain"]) == ["gender", "all"]
    assert frame["ss_low"][0] == result["ss_ci"][0]
    assert "<table>" in evaluation._repr_html_()
    assert "gender" in str(evaluation)


def test_evaluations_compare_from_memory_as_from_disk(tmp_path: Path, benchmark: str) -> None:
    models = [tiny_model("gpt2", seed) for seed in (0, 1)]
    memory = [evaluate(model, [benchmark]) for model in models]
    disk = [
        evaluate(model, [benchmark], output_dir=tmp_path / str(n)) for n, model in enumerate(models)
    ]
    directories = [evaluation.directory for evaluation in disk]
    assert directories == [tmp_path / "0", tmp_path / "1"]
    comparison = compare(*memory)
    assert comparison.cells == compare(*disk).cells == compare(*directories).cells
    assert repr(comparison) == str(comparison)
    assert "before → after" in str(comparison)
    frame = comparison.to_pandas()
    assert list(frame["delta"]) == [cell.score.delta for cell in comparison.cells]
    assert "<table>" in comparison._repr_html_()
