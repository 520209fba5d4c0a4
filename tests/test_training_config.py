"""Settings of training, and when it stops: what needs no model."""

from __future__ import annotations

import math
from types import SimpleNamespace

import pytest

from fairforget.errors import InputError
from fairforget.training.budget_search import PerplexityConstraint
from fairforget.training.early_stopping import Pace, UtilityEarlyStopping
from fairforget.training.from_settings import default_forget
from fairforget.training.method import describe_method
from fairforget.training.progress import TrainingProgress

from .run_unlearning import config


def test_each_objective_has_a_default_selection(tmp_path) -> None:
    assert config(tmp_path).selection == "after-mention"
    assert config(tmp_path, objective="counterfactual-kl").selection == "mention-to-span"
    assert config(tmp_path, context="both").selection == "spans"
    assert config(tmp_path, objective="ascent").selection == "spans"


@pytest.mark.parametrize(
    ("options", "corpora"),
    [
        ({"objective": "trait-kl"}, "builtin,pronouns"),
        ({"objective": "counterfactual-kl"}, "builtin,pronouns"),
        ({"objective": "counterfactual-kl", "selection": "spans"}, "builtin"),
        ({"objective": "counterfactual-excess"}, "builtin"),
        ({"objective": "ascent"}, "builtin"),
        ({"objective": "ascent", "selection": "all"}, "builtin"),
    ],
)
def test_pronouns_are_unlearned_by_default_where_they_can_be_compared(
    tmp_path, options, corpora
) -> None:
    assert default_forget(config(tmp_path, **options)) == corpora


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"objective": "ascent", "beta": 1.0}, "'ascent' has no beta"),
        ({"objective": "npo", "gamma": 1.0}, "'npo' has no gamma"),
        ({"objective": "npo", "beta": 0.0}, "beta is 0.0"),
        ({"objective": "npo", "beta": math.nan}, "beta is nan"),
        ({"objective": "simnpo", "gamma": math.inf}, "gamma is inf"),
        ({"objective": "simnpo", "gamma": -1.0}, "gamma is -1.0"),
    ],
)
def test_constants_that_no_loss_takes(tmp_path, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        config(tmp_path, **options)


def test_constants_are_recorded_where_they_are_not_the_published(tmp_path) -> None:
    """So that runs from before there was a choice keep their names."""
    plain = describe_method(config(tmp_path, objective="simnpo"))
    assert not {"beta", "gamma"} & plain.keys()
    assert describe_method(config(tmp_path, objective="simnpo", beta=2.5, gamma=0.0)) == plain
    chosen = describe_method(config(tmp_path, objective="simnpo", beta=0.1, gamma=0.5))
    assert chosen == {**plain, "beta": 0.1, "gamma": 0.5}


def test_task_vectors_retain_nothing_that_they_would_unlearn(tmp_path) -> None:
    with pytest.raises(InputError, match="choose --retain_loss none or kl"):
        config(tmp_path, objective="task-vector", retain_loss="nll")
    for retain_loss in ("none", "kl"):
        config(tmp_path, objective="task-vector", retain_loss=retain_loss)


def test_retaining_nothing_must_be_requested(tmp_path) -> None:
    with pytest.raises(InputError, match="--retain_loss none"):
        config(tmp_path, retain_per_forget=0)
    with pytest.raises(InputError, match=r"retain_loss_weight is 0, .* --retain_loss none"):
        config(tmp_path, retain_loss_weight=0)
    config(tmp_path, retain_per_forget=0, retain_loss_weight=0, retain_loss="none")
    with pytest.raises(InputError, match=r"objective 'none' .* leaves nothing to train"):
        config(tmp_path, objective="none", retain_loss="none")


def test_a_learning_rate_of_0_trains_nothing(tmp_path) -> None:
    with pytest.raises(InputError, match="learning_rate is 0; it must be above 0"):
        config(tmp_path, learning_rate=0)


def test_weights_before_interpolation_are_not_uploaded(tmp_path) -> None:
    with pytest.raises(InputError, match="before interpolation"):
        config(tmp_path, push_to_hub=True)


@pytest.mark.parametrize("setting", ["save_only_model", "ignore_data_skip"])
def test_what_would_make_a_resumed_run_another_is_refused(tmp_path, setting: str) -> None:
    with pytest.raises(InputError, match="would differ from an uninterrupted one"):
        config(tmp_path, **{setting: True})


@pytest.mark.parametrize(
    ("ratios", "stops"),
    [
        ([1.0, 1.07], False),
        ([1.07, 1.0, 1.07], False),
        ([1.0, 1.07, 1.07], True),
        ([1.07, 1.07, 1.0], False),
        ([math.nan, math.nan], True),
        ([], False),
    ],
)
def test_training_stops_when_patience_ends(ratios, stops) -> None:
    constraint = PerplexityConstraint(lambda: 8.0, allowed=1.01)
    stopping = UtilityEarlyStopping(
        {"perplexity": constraint}, lambda _: None, pace=Pace(every=5, patience=2)
    )
    history = [row for ratio in ratios for row in ({"loss": 1.0}, {"perplexity_ratio": ratio})]
    assert stopping.has_stopped(history) is stops


def test_the_bar_shows_losses_and_utility_loss(tmp_path) -> None:
    notes: list[str] = []
    bar = TrainingProgress(lambda by=1, note="", total=None: notes.append(note))
    ascent, fine_tuning = (SimpleNamespace(objective=name) for name in ("ascent", "none"))
    for args, logs in (
        (ascent, {"perplexity_ratio": 1.0041, "everyday_perplexity_ratio": 1.02}),
        (ascent, {"forget": 2.0, "likelihood": 0.0125}),
        (fine_tuning, {"forget": 0.0, "retain": 3.1, "likelihood": 0.0125}),
    ):
        bar.on_log(args, None, None, logs=logs)  # type: ignore[arg-type]
    assert notes == [
        "perplexity × 1.004, everyday_perplexity × 1.020",
        "forget 2.000 nats, p of targets 0.013, perplexity × 1.004, everyday_perplexity × 1.020",
        "loss 3.100 nats, perplexity × 1.004, everyday_perplexity × 1.020",
    ]


@pytest.mark.parametrize("variable", ["ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED"])
def test_one_process_shards_nothing(tmp_path, monkeypatch, variable: str) -> None:
    monkeypatch.setattr("fairforget.training.sharding._is_set", variable.__eq__)
    with pytest.raises(InputError, match="but there is one; raise --num_processes, or run the"):
        config(tmp_path)
