"""The plan of a leaderboard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files

import pytest

from fairforget.budget import Budget
from fairforget.files.digest import hash_packaged
from fairforget.leaderboards import plan
from fairforget.machine import devices
from fairforget.methods import METHODS
from fairforget.settings import LeaderboardSettings

SETTINGS = LeaderboardSettings(models="tiny", methods="cda", benchmarks="stereoset", device="cpu")
RUN = plan.MethodRun("tiny", "cda", 0, SETTINGS)
IDENTITY = {"weights": "a", "configuration": "b", "tokenizer": "c"}
IDENTITIES = {RUN.model: IDENTITY}


def name(**settings: object) -> str:
    return replace(RUN, settings=replace(SETTINGS, **settings)).name(IDENTITIES)


def test_a_run_is_reused_only_if_its_result_is_the_same() -> None:
    known = RUN.name(IDENTITIES)
    assert known.startswith("tiny-cda-seed0-")
    for shared in (
        {"seeds": 5},
        {"methods": "cda,dropout"},
        {"cluster": "ray"},
        {"device": "cpu:0"},
        {"trust_remote_code": True},
    ):
        assert name(**shared) == known
    others = [
        name(domain="gender"),
        name(steps=3),
        name(batch_size=3),
        name(learning_rate=1e-3),
        name(budget=Budget(1.02, movement=None, harmful_log_prob=None)),
        name(dtype="bfloat16"),
        name(start_token="<s>"),
        replace(RUN, seed=1).name(IDENTITIES),
        replace(RUN, method="dropout").name(IDENTITIES),
        RUN.name({RUN.model: IDENTITY | {"weights": "other"}}),
    ]
    assert len({known, *others}) == 1 + len(others)


def test_spaces_in_a_list_of_benchmarks_make_no_other_run() -> None:
    assert name(benchmarks="stereoset, crows_pairs ,") == name(benchmarks="stereoset,crows_pairs")
    assert name(benchmarks="stereoset,crows_pairs") != name(benchmarks="crows_pairs,stereoset")


def test_only_the_kind_of_device_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "accelerators", lambda: {"cuda": 2})
    names = {device: name(device=device) for device in ("cpu", "cuda", "cuda:0", "cuda:1")}
    assert len({names.pop("cpu"), *names.values()}) == 2


def test_only_runs_of_a_method_with_its_own_package_depend_on_its_version(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So the package can be installed, and the method added, later."""
    leace = replace(RUN, method="leace")
    known = [run.name(IDENTITIES) for run in (RUN, leace)]
    monkeypatch.setattr(plan, "installed_version", lambda package: f"another {package}")
    found = [run.name(IDENTITIES) for run in (RUN, leace)]
    assert found[0] == known[0]
    assert found[1] != known[1]


@pytest.mark.parametrize(
    ("constant", "value"),
    [
        ("fairforget.leaderboards.plan.RATES", (1.0, 1.0)),
        ("fairforget.leaderboards.plan.FACT_CONSTANTS", ()),
        ("fairforget.objectives.inputs.LOSS_CONSTANTS", ()),
        ("fairforget.objectives.inputs.hash_trait_words", lambda: "other words"),
    ],
)
def test_only_the_default_of_unlearn_depends_on_its_learning_rate_losses_and_trait_words(
    constant: str, value: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So changing them does not repeat the runs of all other methods."""
    runs = {method: replace(RUN, method=method) for method in ("cda", "ascent", "trait-kl")}
    known = {method: run.name(IDENTITIES) for method, run in runs.items()}
    monkeypatch.setattr(constant, value)
    changed = {method for method, run in runs.items() if run.name(IDENTITIES) != known[method]}
    assert changed == {"trait-kl"}


def test_all_methods_that_change_weights_depend_on_the_constants_of_training(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs = {method: replace(RUN, method=method) for method in (plan.ORIGINAL, *METHODS)}
    known = {method: run.name(IDENTITIES) for method, run in runs.items()}
    monkeypatch.setattr(plan, "CONSTANTS", ())
    changed = {method for method, run in runs.items() if run.name(IDENTITIES) != known[method]}
    assert changed == {name for name, method in METHODS.items() if method.change == "weights"}


@pytest.mark.parametrize(
    ("file", "methods"),
    [
        (
            "corpora/builtin/groups.toml",
            {
                *("cda", "inlp", "sentence-debias", "leace"),
                *("ascent", "npo", "task-vector", "trait-kl"),
            },
        ),
        ("methods/swapping/gender.toml", {"cda", "inlp", "sentence-debias", "leace"}),
        ("selection/identity.toml", {"inlp", "sentence-debias", "leace"}),
        ("corpora/builtin/attributes.toml", {"ascent", "npo", "task-vector", "trait-kl"}),
        ("corpora/builtin/facts.toml", {"trait-kl"}),
        ("corpora/builtin/pronouns.toml", {"trait-kl"}),
    ],
)
def test_only_runs_of_methods_that_use_a_word_list_depend_on_it(
    file: str, methods: set[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert files("fairforget").joinpath(file).is_file()
    runs = {method: replace(RUN, method=method) for method in (plan.ORIGINAL, *METHODS)}
    known = {method: run.name(IDENTITIES) for method, run in runs.items()}

    def hash_others(package: str, names: Sequence[str]) -> str:
        return "of other words" if file in names else hash_packaged(package, names)

    monkeypatch.setattr(plan, "hash_packaged", hash_others)
    assert {name for name, run in runs.items() if run.name(IDENTITIES) != known[name]} == methods


def test_runs_without_everyday_sentences_are_others(monkeypatch: pytest.MonkeyPatch) -> None:
    known = RUN.name(IDENTITIES)
    monkeypatch.setattr(plan, "load_everyday_corpus", lambda: None)
    plan.measures_everyday.cache_clear()
    try:
        assert RUN.name(IDENTITIES) != known
    finally:
        plan.measures_everyday.cache_clear()


def test_a_run_with_given_weights_depends_on_them() -> None:
    run = replace(RUN, method="out/model")
    names = [run.name(IDENTITIES | {"out/model": {"weights": it}}) for it in ("a", "b")]
    assert names[0].startswith("tiny-model-seed0-")
    assert names[0] != names[1]
