"""A whole leaderboard of stub methods on a tiny model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from fairforget.budget import Budget
from fairforget.cli import main
from fairforget.errors import InputError
from fairforget.leaderboards.leaderboard import leaderboard
from fairforget.leaderboards.record import LeaderboardRecord, Row
from fairforget.leaderboards.within_budget import copy_original
from fairforget.methods import METHODS, Method, MethodOptions
from fairforget.methods.erasure import untie_head
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model
from fairforget.training.limits import NO_MOVEMENT

from ..models import save_tiny
from ..stereoset_file import write_items

HERE = __name__
NOISE = 0.3
APPLIED: list[str] = []


def add_noise(language_model: LanguageModel, options: MethodOptions) -> LanguageModel:
    """So much noise in all weights that the perplexity rises."""
    APPLIED.append(f"noise {options.seed}")
    generator = torch.Generator().manual_seed(options.seed)
    with torch.no_grad():
        for weight in language_model.model.parameters():
            weight += NOISE * torch.randn(weight.shape, generator=generator)
    return language_model


def change_nothing(language_model: LanguageModel, options: MethodOptions) -> LanguageModel:
    APPLIED.append("nothing")
    return language_model


def refuse(language_model: LanguageModel, options: MethodOptions) -> LanguageModel:
    raise InputError("this family has no dropout; leave the method out")


noise = Method("noise", add_noise, "Nobody 2020", "adds noise", max_alpha=2.0)
nothing = Method("nothing", change_nothing, "", "", change="inference", is_seeded=False)
refused = Method("refused", refuse, "", "", is_seeded=False)


def lack_package() -> None:
    raise InputError("the method lacking needs a package")


lacking = Method("lacking", change_nothing, "", "", check_installed=lack_package)


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> None:
    addresses = {name: f"{HERE}:{name}" for name in ("noise", "nothing", "refused", "lacking")}
    monkeypatch.setattr(METHODS, "addresses", addresses)
    APPLIED.clear()


@pytest.fixture
def items(tmp_path: Path) -> str:
    return str(write_items(tmp_path / "items.jsonl", subject="It is", count=12))


def compare_stubs(model: str, items: str, output: Path, **settings: Any) -> LeaderboardRecord:
    return leaderboard(
        output_dir=output,
        models=model,
        methods=settings.pop("methods", "noise,nothing,refused"),
        benchmarks=settings.pop("benchmarks", f"stereoset:{items}"),
        **{"device": "cpu", **settings},
    )


@pytest.mark.slow
@pytest.mark.usefixtures("stubs", "little_data")
def test_methods_side_by_side(model: str, items: str, tmp_path: Path) -> None:
    output = tmp_path / "board"
    record = compare_stubs(model, items, output, seeds=2)
    rows = {(row.method, row.seed, row.cost): row for row in record.rows}
    costs = ("published", "equal")
    assert set(rows) == {
        ("original", 0, "published"),
        ("nothing", 0, "published"),
        *(("noise", seed, cost) for seed in (0, 1) for cost in costs),
    }
    check_costs(rows[("noise", 0, "published")], rows[("noise", 0, "equal")])
    benchmark = f"stereoset:{items}"
    unchanged = rows[("nothing", 0, "published")]
    assert unchanged.scores == rows[("original", 0, "published")].scores
    assert unchanged.slowdown > 0
    (failure,) = record.failed
    assert "no dropout" in failure.error
    ss = {
        (e.method, e.cost): e
        for e in record.effects
        if (e.benchmark, e.measure, e.domain) == (benchmark, "ss", "all")
    }
    assert ss["nothing", "published"].change.value == 0
    assert ss["nothing", "published"].verdict == "undecided"
    mean = sum(rows["noise", s, "published"].scores[benchmark]["all"].value for s in (0, 1)) / 2
    assert ss["noise", "published"].after.value == pytest.approx(mean)
    assert ss["noise", "published"].seeds == 2
    page = (output / "report.html").read_text()
    assert "Within the budget" in page
    assert "this family has no dropout" in page
    assert "noise" in str(record)

    once = [*APPLIED]
    same = {"device": "cpu:0", "trust_remote_code": True}
    again = compare_stubs(model, items, output, seeds=3, methods="noise,nothing", **same)
    assert APPLIED[len(once) :] == ["noise 2"]  # all else is finished
    assert [row for row in again.rows if row.seed < 2] == record.rows
    found = json.loads((output / "leaderboard.json").read_text())
    assert {"model", "method", "seed", "cost"} <= found["rows"][0].keys()
    assert {"value", "ci"} == found["rows"][0]["scores"][benchmark]["gender"].keys()


@pytest.mark.slow
@pytest.mark.usefixtures("little_data")
def test_masked_models(items: str, tmp_path: Path) -> None:
    models = [str(save_tiny(family, tmp_path / family)) for family in ("bert", "roberta")]
    changing = ("fine-tuning", "sentence-debias", "trait-kl")
    record = leaderboard(
        output_dir=tmp_path / "board",
        models=models,
        methods=[*changing, "prompt"],
        benchmarks=f"stereoset:{items}",
        seeds=1,
        steps=2,
        batch_size=2,
        device="cpu",
    )
    costs = ("published", "equal")
    assert {(row.model, row.method, row.cost) for row in record.rows} == {
        (model, method, cost)
        for model in models
        for method, cost in (
            ("original", "published"),
            *((method, cost) for method in changing for cost in costs),
        )
    }
    equal = [row for row in record.rows if row.cost == "equal"]
    assert all(max(row.ratios.values()) <= 1.01 for row in equal)
    assert all(row.movement is not None and 0 < row.movement <= 0.02 for row in equal)
    assert all("method prompt needs a causal model" in it.error for it in record.failed)
    assert len(record.failed) == len(models)


@pytest.mark.slow
@pytest.mark.usefixtures("stubs", "little_data")
def test_the_budget_limits_the_movement(model: str, items: str, tmp_path: Path) -> None:
    budget = Budget(9.0, 9.0, movement=0.005, harmful_log_prob=None)
    record = compare_stubs(model, items, tmp_path / "board", seeds=1, budget=budget)
    (equal,) = (row for row in record.rows if row.cost == "equal")
    assert 0 < equal.alpha < 1
    assert equal.movement is not None
    assert 0.003 < equal.movement <= 0.005


@pytest.mark.slow
@pytest.mark.usefixtures("stubs", "little_data")
def test_a_movement_that_cannot_be_measured_is_noted(
    model: str, items: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairforget.training.limits.record_original", lambda *_: None)
    record = compare_stubs(model, items, tmp_path / "board", seeds=1)
    (equal,) = (row for row in record.rows if row.cost == "equal")
    assert NO_MOVEMENT in equal.note
    assert equal.movement is None


def check_costs(published: Row, equal: Row) -> None:
    """Noise costs more than is allowed, so only a part of it stays."""
    assert max(published.ratios.values()) > 1.01
    assert max(equal.ratios.values()) <= 1.01
    assert 0 < equal.alpha < 1
    assert published.movement is None
    assert equal.movement is not None
    assert 0 < equal.movement <= 0.02


@pytest.mark.slow
@pytest.mark.usefixtures("little_data")
def test_a_method_at_inference_writes_what_is_scored(model: str, tmp_path: Path) -> None:
    benchmark = "counterfactual:gender:2"
    record = leaderboard(
        models=model, methods="prompt", benchmarks=benchmark, output_dir=tmp_path, device="cpu"
    )
    assert not record.failed
    changes = [e.change.value for e in record.effects if e.method == "prompt"]
    assert any(changes)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"methods": "noise,other"}, "methods: 'other' is unknown; choose from noise, nothing"),
        ({"methods": "noise,noise"}, "methods: 'noise' is listed twice"),
        ({"methods": ""}, "methods is empty"),
        ({"benchmarks": ""}, "benchmarks is empty; give at least one"),
        ({"methods": "noise,lacking"}, "the method lacking needs a package"),
        ({"seeds": 0}, "seeds is 0"),
        ({"seeds": 10**20}, "it must be between 1 and 1000"),
        ({"domain": "gendr"}, "domain 'gendr' is unknown; choose from gender, race"),
        ({"steps": 0}, "steps is 0; it must be more than 0"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"learning_rate": -1.0}, "learning_rate is -1.0"),
        ({"budget": Budget()}, "budget.harmful_log_prob has no effect"),
        ({"dtype": "bfloat16"}, "dtype bfloat16 is too coarse: methods that continue training"),
    ],
)
@pytest.mark.usefixtures("stubs")
def test_wrong_settings_are_refused(
    model: str, items: str, tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        compare_stubs(model, items, tmp_path / "board", **settings)


@pytest.mark.usefixtures("stubs")
def test_runs_on_the_gpus_of_a_cluster_must_ask_for_them(
    model: str, items: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairforget.machine.devices.accelerators", lambda: {"cuda": 1})
    with pytest.raises(InputError, match="--gpus_per_run"):
        compare_stubs(model, items, tmp_path / "board", device=None, cluster="ray")
    assert not (tmp_path / "board").exists()


@pytest.mark.usefixtures("stubs")
def test_a_model_under_two_names_is_refused(model: str, items: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="are the same model; list it once"):
        compare_stubs(f"{model},{model}/", items, tmp_path / "board")
    assert not (tmp_path / "board").exists()


@pytest.mark.slow
@pytest.mark.usefixtures("stubs", "little_data")
def test_the_command_reports_failed_runs(
    model: str, items: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "board.yaml"
    config.write_text(f"models: {model}\nmethods: refused\nbenchmarks: 'stereoset:{items}'\n")
    output = tmp_path / "board"
    with pytest.raises(SystemExit) as ended:
        main(["leaderboard", "--config", str(config), "--output", str(output), "--device", "cpu"])
    assert ended.value.code == 1
    assert "refused-seed0" in capsys.readouterr().out


def save_debiased(model: str, directory: Path, *, untied: bool = False) -> str:
    """Save a model with other weights, and maybe with an output head of its own."""
    language_model = load_model(model, device="cpu")
    if untied:
        untie_head(language_model)
    add_noise(language_model, MethodOptions())
    language_model.model.save_pretrained(directory)
    language_model.tokenizer.save_pretrained(directory)
    return str(directory)


@pytest.mark.slow
@pytest.mark.parametrize("untied", [False, True])
@pytest.mark.usefixtures("stubs", "little_data")
def test_a_model_debiased_by_other_means_is_a_method(
    model: str, items: str, tmp_path: Path, *, untied: bool
) -> None:
    given, output = str(tmp_path / "given"), tmp_path / "board"
    save_debiased(model, Path(given), untied=untied)
    record = compare_stubs(model, items, output, seeds=2, methods=given)
    assert [(row.method, row.cost) for row in record.rows] == [
        ("original", "published"),
        (given, "published"),
        (given, "equal"),
    ]
    _, published, equal = record.rows
    alone = compare_stubs(given, items, tmp_path / "alone", methods="nothing").rows[0]
    assert published.scores == alone.scores
    check_costs(published, equal)
    assert {e.method for e in record.effects} == {given}
    assert not any("another seed" in text for text in str(record).splitlines())
    page = (output / "report.html").read_text()
    assert "weights given to the leaderboard" in page
    assert "It is not known on which data the weights of" in page
    names = {path.name for path in (output / "runs").iterdir()}
    compare_stubs(model, items, output, seeds=2, methods=given)
    assert {path.name for path in (output / "runs").iterdir()} == names  # all is finished
    save_debiased(given, Path(given))
    compare_stubs(model, items, output, seeds=2, methods=given)
    assert len({path.name for path in (output / "runs").iterdir()}) == 1 + len(names)


@pytest.mark.usefixtures("stubs")
def test_given_weights_must_fit_the_model(model: str, items: str, tmp_path: Path) -> None:
    other = str(save_tiny("gpt2", tmp_path / "other"))
    output = tmp_path / "board"
    with pytest.raises(InputError, match=r"shape or presence of .*; give a model that differs"):
        compare_stubs(model, items, output, methods=f"nothing,{other}")
    given = save_debiased(model, tmp_path / "given")
    tokenizer = Path(given) / "tokenizer.json"
    rules = json.loads(tokenizer.read_text())
    tokenizer.write_text(json.dumps(rules | {"normalizer": {"type": "Lowercase"}}))
    with pytest.raises(InputError, match="its tokenizer differs from that of model"):
        compare_stubs(model, items, output, methods=given)
    tokenizer.write_text(json.dumps(rules))
    config = Path(given) / "config.json"
    settings = json.loads(config.read_text())
    config.write_text(
        json.dumps(
            settings
            | {"rms_norm_eps": 0.5, "use_cache": False, "attention_dropout": 0.1, "tool": 1}
        )
    )
    with pytest.raises(InputError, match=r"in the configuration \(rms_norm_eps\); give a model"):
        compare_stubs(model, items, output, methods=given)
    with pytest.raises(InputError, match="missing/model"):
        compare_stubs(model, items, output, methods="./missing/model")
    assert not output.exists()


@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_a_tied_head_is_copied_under_its_own_name(family: str, tmp_path: Path) -> None:
    language_model = load_model(str(save_tiny(family, tmp_path)), device="cpu")
    copies = copy_original(language_model)
    head = language_model.model.get_output_embeddings().weight
    names = [
        n for n, w in language_model.model.named_parameters(remove_duplicate=False) if w is head
    ]
    assert names
    for name in names:
        assert torch.equal(copies[name], head)
        assert copies[name].data_ptr() != head.data_ptr()
