"""The whole measurement on a tiny model: fine-tune, relearn, quantise, perturb, compare."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from fairforget import Budget, DurabilityRecord, compare, debias, durability, read_corpus
from fairforget.attacks import evaluations
from fairforget.attacks.evaluations import AttackPlan, load_attacked
from fairforget.attacks.fine_tuning import CONSTANT, EvaluationCallback
from fairforget.attacks.plan import (
    DEFAULTS,
    PERTURBATION,
    SETTINGS,
    Condition,
    benchmarks_of,
    plan_conditions,
)
from fairforget.attacks.texts import relearning_corpus, relearning_texts
from fairforget.cli import main
from fairforget.errors import InputError
from fairforget.generation.engine import generate
from fairforget.methods.method import MethodOptions
from fairforget.methods.training import train_on
from fairforget.models.fingerprint import describe_model
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model
from fairforget.records.paths import RECORD
from fairforget.records.records import CorpusFacts, UnlearningRecord
from fairforget.records.store import read_record
from fairforget.settings import DurabilitySettings

from ..models import save_tiny, tiny_model
from ..report.runs import write_unlearning
from ..stereoset_file import write_items

FREE = Budget(perplexity=9, everyday_perplexity=9, movement=None, harmful_log_prob=None)
TRAINING = {"steps": 4, "batch_size": 4, "learning_rate": 1e-2, "budget": FREE, "device": "cpu"}
LITTLE = {"steps": "1,2", "batch_size": 2, "types": "q4_0", "perturbations": "typos"}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model, a run on it, a control, and a run on another model."""
    root = tmp_path_factory.mktemp("runs")
    (root / "texts.csv").write_text(
        "text\n" + "".join(f"It rains on day {n}.\n" for n in range(300))
    )
    for family in ("llama", "gpt2"):
        save_tiny(family, root / family)
    write_items(root / "items.jsonl", subject="Women are", count=8)

    def run(name: str, family: str, **settings: Any) -> None:
        debias(
            str(root / family),
            forget="builtin:gender",
            retain=str(root / "texts.csv"),
            output_dir=root / name,
            **TRAINING | settings,
        )

    run("run", "llama", objective="ascent")
    run("control", "llama", objective="ascent", selection="random", steps=2)
    run("other", "gpt2")
    return root


def measure(root: Path, output: Path, run: str = "run", **settings: Any) -> DurabilityRecord:
    attacks = settings.get("attacks", DEFAULTS.attacks).split(",")
    little = {"ordinary": str(root / "texts.csv"), **LITTLE}
    unused = {name for name, of in SETTINGS.items() if {*of}.isdisjoint(attacks)}
    return durability(
        root / run,
        output_dir=output,
        benchmarks=f"stereoset:{root / 'items.jsonl'}",
        device="cpu",
        **{name: value for name, value in little.items() if name not in unused} | settings,
    )


@pytest.mark.slow
@pytest.mark.usefixtures("little_data")
def test_a_run_under_every_attack(runs: Path, tmp_path: Path, capsys) -> None:
    output = tmp_path / "out"
    record = measure(runs, output, controls=str(runs / "control"))
    conditions = {(e.attack, e.strength) for e in record.effects}
    trained = {(attack, n) for attack in ("fine-tuning", "relearning") for n in ("1", "2")}
    assert conditions == {
        ("none", ""),
        *trained,
        ("quantization", "q4_0"),
        ("perturbation", "typos"),
    }
    assert set(record.runs) == {"debiased", "control"}
    assert record.domains == ["gender", "all"]
    assert record.settings["relearn"] == "builtin:gender"
    assert_effects_are_those_of_compare(record, output)
    # every attack starts from the model's own weights
    weights = {
        json.loads(path.read_text())["model"]["weights"] for path in output.glob(f"*/*/{RECORD}")
    }
    assert len(weights) == 3 * (len(conditions) - 1)  # perturbed sentences change no weights
    page = (output / "report.html").read_text()
    assert "relearning, 2 steps" in page
    assert "sentences: typos" in page
    assert "relearning, 2 steps" in str(record)
    # only the missing evaluation is measured again
    before = {path: path.stat().st_mtime_ns for path in output.glob(f"*/*/{RECORD}")}
    shutil.rmtree(output / "debiased" / "relearning-2")
    as_lists = {"steps": [1, 2], "types": ["q4_0"], "perturbations": ("typos",)}
    again = measure(runs, output, controls=[runs / "control"], **as_lists)
    assert again.effects == record.effects
    kept = [path for path in before if path.parent.name != "relearning-2"]
    assert all(path.stat().st_mtime_ns == before[path] for path in kept)


@pytest.mark.usefixtures("little_data")
def test_controls_are_added_to_a_measurement(runs: Path, tmp_path: Path) -> None:
    output = tmp_path / "out"
    alone = measure(runs, output, attacks="quantization")
    before = {path: path.stat().st_mtime_ns for path in output.glob(f"*/*/{RECORD}")}
    both = measure(runs, output, attacks="quantization", controls=str(runs / "control"))
    assert all(path.stat().st_mtime_ns == time for path, time in before.items())
    without = [replace(e, excess={}) for e in both.effects if e.run == "debiased"]
    assert without == alone.effects
    assert {e.run for e in both.effects} == {"debiased", "control"}
    other = tmp_path / "control"
    shutil.copytree(runs / "run", other)
    with pytest.raises(InputError, match=r"^the model of control has changed since the run"):
        measure(runs, output, attacks="quantization", controls=str(other))


def assert_effects_are_those_of_compare(record: DurabilityRecord, output: Path) -> None:
    (benchmark,) = {e.benchmark for e in record.effects}
    for name in ("none", "relearning-2", "quantization-q4_0"):
        cells = compare(output / "original" / name, output / "control" / name).cells
        attack, _, strength = name.rpartition("-")
        expected = {(c.benchmark, c.measure, c.domain): c for c in cells}
        found = [
            e
            for e in record.effects
            if (e.run, e.attack, e.strength)
            == ("control", attack or "none", strength.replace("none", ""))
        ]
        assert len(found) == len(expected)
        for effect in found:
            cell = expected[benchmark, effect.measure, effect.domain]
            assert cell.distance is not None
            assert effect.original.value == pytest.approx(cell.score.before)
            assert effect.result.value == pytest.approx(cell.score.after)
            assert effect.change.value == pytest.approx(cell.distance.delta)
            assert effect.change.ci == pytest.approx(cell.distance.ci)


@pytest.mark.slow
@pytest.mark.usefixtures("little_data")
def test_the_command(runs: Path, tmp_path: Path, capsys) -> None:
    shutil.copytree(runs / "run", tmp_path / "run")
    command = ["durability", str(tmp_path / "run"), "--attacks", "quantization", "--device", "cpu"]
    command += ["--types", "q8_0", "--benchmarks", f"stereoset:{runs / 'items.jsonl'}"]
    main(command)
    shown = capsys.readouterr().out
    assert "quantised to q8_0" in shown
    assert f"Written: {tmp_path / 'run' / 'durability' / 'durability.json'}" in shown
    main([*command, "--json"])
    record = json.loads(capsys.readouterr().out)
    assert record["kind"] == "durability"
    main(["report", str(tmp_path / "run" / "durability")])
    with pytest.raises(SystemExit):
        main([*command, "--types", "q4_0"])
    assert "contains a run with types 'q8_0', not 'q4_0'" in capsys.readouterr().err


def test_evaluations_on_the_way_change_no_training() -> None:
    """After n steps the weights and the text are the same, whether the training goes on or not."""
    written: dict[int, object] = {}
    texts = [f"It rains on day {n}." for n in range(9)]

    def train(steps: int, at: list[int]) -> dict[int, torch.Tensor]:
        language_model = tiny_model("llama")
        found = {}

        def note(step: int) -> None:
            assert not language_model.model.training
            written[step] = generate(language_model, ["It rains"])
            found[step] = next(language_model.model.parameters()).detach().clone()

        options = MethodOptions(steps=steps, batch_size=2, learning_rate=1e-2)
        callback = EvaluationCallback({step: partial(note, step) for step in at})
        train_on(language_model, texts, options, "Training", [callback], **CONSTANT)
        assert generate(language_model, ["It rains"]) == written[steps]
        return found

    long, short = train(4, [1, 2, 4]), train(2, [2])
    assert long.keys() == {1, 2, 4}
    assert torch.equal(long[2], short[2])
    assert not torch.equal(long[2], long[4])


def test_a_record_without_a_forget_corpus_is_refused(tmp_path: Path) -> None:
    record = read_record(write_unlearning(tmp_path, measured=False) / RECORD, UnlearningRecord)
    assert relearning_corpus(record) == "builtin"
    with pytest.raises(InputError, match="the record of the run has no forget corpus; unlearn"):
        relearning_corpus(replace(record, corpora=[]))


@pytest.mark.slow
def test_texts_that_were_unlearned_are_not_relearned(runs: Path, tmp_path: Path) -> None:
    record = read_record(runs / "run" / RECORD, UnlearningRecord)
    unlearned = {text.text for text in read_corpus("builtin:gender")}
    texts = relearning_texts("builtin:gender", [record], 0)
    assert len(texts) > 100
    assert unlearned.isdisjoint(texts)
    assert texts != relearning_texts("builtin:gender", [record], 1)
    file = tmp_path / "same.csv"
    file.write_text("text\n" + "".join(f'"{text}"\n' for text in sorted(unlearned)[:5]))
    with pytest.raises(InputError, match="all of its texts were unlearned"):
        relearning_texts(str(file), [record], 0)
    moved = replace(record, corpora=[CorpusFacts("gone.csv", "forget", 9, 9)])
    with pytest.raises(
        InputError, match=r"because corpus gone\.csv: no .*; relearn 'builtin' instead"
    ):
        relearning_texts(str(file), [moved], 0)
    assert relearning_texts("builtin:gender", [moved], 0)  # no file has built-in texts
    two = replace(record, corpora=[CorpusFacts("pronouns", "forget", 9, 9), *record.corpora])
    with pytest.raises(InputError, match="all of its texts were unlearned"):
        relearning_texts(str(file), [two], 0)


def test_bfloat16_weights_are_attacked_in_float32(tmp_path: Path) -> None:
    """Most updates of bfloat16 weights would be lost to rounding."""
    path = save_tiny("llama", tmp_path / "llama")
    kept = load_model(path, dtype="bfloat16", device="cpu")
    recorded = describe_model(kept)
    for texts, dtype in (({"relearning": ["It rains."]}, "float32"), ({}, "bfloat16")):
        plan = AttackPlan(DurabilitySettings(), [], texts)
        found = load_attacked(path, plan=plan, recorded=recorded, device="cpu")
        assert describe_model(found) == replace(recorded, dtype=dtype)
        for new, old in zip(found.model.parameters(), kept.model.parameters(), strict=True):
            assert torch.equal(new, old.to(new.dtype))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"attacks": "fire"}, "attacks: 'fire' is unknown; choose from fine-tuning, relearning"),
        ({"steps": "10,x"}, "steps: 'x' is not a whole number of at least 1"),
        ({"steps": "0"}, "steps: '0' is not a whole number"),
        ({"steps": "5,5"}, "steps: '5' is listed twice"),
        ({"steps": "010,10"}, "steps: '10' is listed twice"),
        ({"steps": ","}, "steps is empty"),
        (
            {"learning_rate": 0.0},
            "learning_rate is 0, so the attacks would not change the model; give a number",
        ),
        (
            {"attacks": "quantization", "steps": "5"},
            "steps has no effect without the attack fine-tuning or relearning; omit it, or add",
        ),
        (
            {"attacks": "fine-tuning,quantization", "relearn": "dghs"},
            "relearn has no effect without the attack relearning",
        ),
        ({"types": "q2_k"}, "types: 'q2_k' is unknown; choose from q8_0"),
        ({"perturbations": "rot13"}, "perturbations: 'rot13' is unknown"),
        ({"benchmarks": "crows_pairs"}, "'perturbation' needs the benchmark stereoset"),
        ({"benchmarks": "stereoset:typos"}, "'perturbation' needs the benchmark stereoset"),
        (
            {"benchmarks": "stereoset:bias-bench", "perturbations": "typos,reported"},
            "with intrasentence items and the protocol bos for 'reported'; add it",
        ),
    ],
)
def test_bad_settings(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        plan_conditions(DurabilitySettings(**settings))


def test_a_context_perturbs_only_the_protocol_that_has_one() -> None:
    names = ["stereoset", "stereoset:bias-bench", "crows_pairs"]
    assert [*benchmarks_of(Condition(PERTURBATION, "typos"), names)] == names[:2]
    assert benchmarks_of(Condition(PERTURBATION, "reported"), names) == {
        "stereoset": "stereoset:reported"
    }


@pytest.mark.slow
@pytest.mark.usefixtures("little_data")
def test_bad_runs(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "out"
    with pytest.raises(InputError, match="started from other weights than"):
        measure(runs, out, controls=str(runs / "other"))
    (tmp_path / "text.csv").write_text("text\nIt rains.\n")
    perplexity = f"perplexity:{tmp_path / 'text.csv'}"
    with pytest.raises(InputError, match="has no bias score in single domains; remove it"):
        durability(runs / "run", output_dir=out, benchmarks=perplexity, attacks="quantization")
    with pytest.raises(
        InputError, match=r"llama has no record\.json; give the output directory of"
    ):
        measure(runs, out, "llama")
    with pytest.raises(InputError, match="benchmarks is empty"):
        durability(runs / "run", output_dir=out, benchmarks="", attacks="quantization")
    for settings in ({"batch_size": 0}, {"learning_rate": -1.0}, {"seed": -1}):
        with pytest.raises(InputError, match=next(iter(settings))):
            measure(runs, out, **settings)
        assert not out.exists()
    (tmp_path / "debiased").mkdir()
    with pytest.raises(InputError, match="is taken; rename the directory"):
        measure(runs, out, controls=str(tmp_path / "debiased"))
    with pytest.raises(
        InputError,
        match=r"controls: '.*run' is already the debiased run or another control; choose a run",
    ):
        measure(runs, out, controls=str(runs / "run"))

    def fail(language_model: LanguageModel, *_: object) -> None:
        raise InputError("it cannot be measured")

    monkeypatch.setattr(evaluations, "evaluate_into", fail)
    with pytest.raises(InputError, match="it cannot be measured"):
        measure(runs, out)
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.usefixtures("little_data")
def test_a_directory_of_seeds(runs: Path, tmp_path: Path) -> None:
    seeds = tmp_path / "seeds"
    for seed in ("0", "1"):
        shutil.copytree(runs / "run", seeds / seed)
        edit_record(seeds / seed, seed=int(seed))
    corpora = json.loads((seeds / "1" / RECORD).read_text())["corpora"]
    changed = [corpus | {"texts": corpus["texts"] + 1} for corpus in corpora]
    edit_record(seeds / "1", part="", corpora=changed)  # as with random target tokens
    (seeds / "0-evaluation").mkdir()  # has a record, but no model
    (seeds / "0-evaluation" / RECORD).write_text("{}")
    out, settings = tmp_path / "out", {"attacks": "quantization", "device": "cpu"}
    settings |= {"types": "q4_0", "benchmarks": f"stereoset:{runs / 'items.jsonl'}"}
    record = durability(seeds, output_dir=out, **settings)
    one = durability(runs / "run", output_dir=tmp_path / "one", **settings)
    assert len(record.runs["debiased"]) == 2
    assert [e.result.value for e in record.effects] == [e.result.value for e in one.effects]
    assert (out / "debiased" / "1" / "none" / RECORD).exists()
    assert "mean of 2 seeds" in (out / "report.html").read_text()

    edit_record(seeds / "1", seed=0)
    with pytest.raises(InputError, match=r"0 and .*1 have the same seed \(0\); runs in one"):
        durability(seeds, output_dir=tmp_path / "new", **settings)
    edit_record(seeds / "1", seed=1, learning_rate=1.0)
    with pytest.raises(InputError, match=r"1 differs from .*0 in learning_rate; runs"):
        durability(seeds, output_dir=tmp_path / "new", **settings)
    edit_record(seeds / "1", seed=1, learning_rate=TRAINING["learning_rate"])
    edit_record(seeds / "1", part="budget", max_alpha=9.0)
    with pytest.raises(InputError, match=r"1 differs from .*0 in budget; runs"):
        durability(seeds, output_dir=tmp_path / "new", **settings)
    (seeds / "2").mkdir()
    (seeds / "2" / "settings.json").write_text('{"command": "unlearn"}')  # not finished
    with pytest.raises(InputError, match=r"2 has no record\.json; give the output directory of"):
        durability(seeds, output_dir=tmp_path / "new", **settings)
    with pytest.raises(InputError, match=r"out has no record\.json; give the output directory of"):
        durability(tmp_path / "out", output_dir=tmp_path / "new", **settings)


def edit_record(run: Path, part: str = "method", **changed: object) -> None:
    record = json.loads((run / RECORD).read_text())
    (record[part] if part else record).update(changed)
    (run / RECORD).write_text(json.dumps(record))


@pytest.mark.slow
@pytest.mark.usefixtures("little_data")
def test_models_that_changed(runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Evaluations of different models must not be compared."""
    for name in ("llama", "run"):
        shutil.copytree(runs / name, tmp_path / name)
    record = json.loads((tmp_path / "run" / RECORD).read_text())
    record["model"]["source"] = str(tmp_path / "llama")
    (tmp_path / "run" / RECORD).write_text(json.dumps(record))
    shutil.copy(runs / "items.jsonl", tmp_path / "items.jsonl")
    short = {"attacks": "quantization", "output": tmp_path / "out"}
    measure(tmp_path, **short)
    with monkeypatch.context() as patch:
        patch.setattr("fairforget.experiments.output.VERSIONS", {"torch": "0.1"})
        with pytest.raises(InputError, match="contains a run with versions"):
            measure(tmp_path, **short)
    shutil.copytree(runs / "control" / "model", tmp_path / "run" / "model", dirs_exist_ok=True)
    with pytest.raises(InputError, match="the model of debiased has changed since"):
        measure(tmp_path, **short)
    save_tiny("llama", tmp_path / "llama", seed=1)
    with pytest.raises(InputError, match="is not the model that the run started from"):
        measure(tmp_path, tmp_path / "new", attacks="quantization")


@pytest.mark.slow
@pytest.mark.usefixtures("little_data")
def test_no_benchmark_is_trained_on(runs: Path, tmp_path: Path) -> None:
    rows = [{"id": f"stereoset:{n}", "text": f"Women are late {n}."} for n in range(9)]
    file = tmp_path / "seen.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)))
    for setting in ("relearn", "ordinary"):
        with pytest.raises(InputError, match="would be evaluated on its training data"):
            measure(runs, tmp_path / "out", **{setting: str(file)})
