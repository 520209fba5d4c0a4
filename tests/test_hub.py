"""Pushing to a stand-in for the hub: everything arrives in one commit, or nothing is lost."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairforget.cli import main
from fairforget.errors import InputError
from fairforget.models.loading import load_model
from fairforget.models.locate import SMOLLM2_HUB, _is_to_be_downloaded
from fairforget.models.push import check_push, push_to_hub

from .hub import Hub, hub
from .models import save_tiny

TOKEN = "hf_notARealTokenButLongEnoughToLookLikeOne"


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    from huggingface_hub import constants

    with hub() as state:
        monkeypatch.setattr(constants, "ENDPOINT", state.url)
        monkeypatch.setattr("huggingface_hub._commit_api.is_xet_available", lambda: False)
        monkeypatch.setenv("HF_TOKEN", TOKEN)
        monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda _: None)
        yield state


@pytest.fixture
def run(tmp_path: Path) -> Path:
    for name, content in {
        "model/config.json": "{}",
        "model/README.md": "---\nlibrary_name: transformers\n---\n",
        "model/model.safetensors": "weights" * 1000,
        "model/.hidden": "mine",
        "record.json": '{"kind": "unlearning"}',
        "before/record.json": "{}",
        "after/record.json": "{}",
        "after/items.parquet": "hateful text",
        "checkpoints/x": "",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    return tmp_path


def tree(directory: Path) -> dict[Path, bytes]:
    return {p: p.read_bytes() for p in directory.rglob("*") if p.is_file()}


def test_model_card_and_records_arrive(stand_in: Hub, run: Path) -> None:
    url = push_to_hub(run, "me/fair")
    assert url == f"{stand_in.url}/me/fair/commit/{'0' * 40}"
    assert stand_in.files["me/fair"].keys() == {
        "config.json",
        "README.md",
        "model.safetensors",
        "record.json",
        "before/record.json",
        "after/record.json",
    }
    assert stand_in.files["me/fair"]["model.safetensors"] == b"weights" * 1000
    assert stand_in.tokens == {f"Bearer {TOKEN}"}
    assert sum("/commit/" in path for path in stand_in.paths) == 1
    assert push_to_hub(run, "fair")  # of one's own, and there already
    assert stand_in.repos == {"me/fair"}


def test_nothing_of_an_earlier_run_is_left(stand_in: Hub, run: Path) -> None:
    weights = run / "model" / "model.safetensors"
    push_to_hub(run, "me/fair")
    stand_in.files["me/fair"]["notes/record.json"] = b"mine"
    stand_in.files["me/fair"]["adapter_model.safetensors"] = b"mine"
    for folder in ("before", "after"):
        (run / folder / "record.json").unlink()
    shards = [f"model-0000{n}-of-00002.safetensors" for n in (1, 2)]
    for name in shards:
        weights.with_name(name).write_text(name)
    weights.with_name("model.safetensors.index.json").write_text("{}")
    weights.unlink()
    push_to_hub(run, "me/fair")
    others = {"config.json", "README.md", "record.json"}
    others |= {"notes/record.json", "adapter_model.safetensors"}  # a person's
    assert stand_in.files["me/fair"].keys() == {*shards, "model.safetensors.index.json", *others}
    for path in weights.parent.glob("model*"):
        path.unlink()
    weights.write_text("weights")
    push_to_hub(run, "me/fair")
    assert stand_in.files["me/fair"].keys() == {"model.safetensors", *others}
    assert sum("/commit/" in path for path in stand_in.paths) == 3


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_an_incomplete_model_is_not_pushed(stand_in: Hub, run: Path, name: str) -> None:
    (run / "model" / name).unlink()
    with pytest.raises(InputError, match=r"model has no .*; put the model back"):
        push_to_hub(run, "me/fair")
    assert stand_in.paths == []


@pytest.mark.parametrize(
    ("part", "status"),
    [
        *[
            ("create", 401),
            ("create", 503),
            ("tree", 500),
            ("preupload", 403),
            ("batch", 500),
            ("/lfs/", 500),
        ],
        *[("commit", 500), ("commit", 413)],
    ],
)
def test_a_failing_hub_costs_nothing(
    stand_in: Hub,
    run: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    part: str,
    status: int,
) -> None:
    before = tree(run)
    stand_in.failing[part] = status
    with caplog.at_level(logging.DEBUG), pytest.raises(InputError) as caught:
        push_to_hub(run, "me/fair")
    message = str(caught.value)
    assert "\n" not in message
    assert str(status) in message or "rror" in message
    assert str(run) in message
    assert "me/fair" in message
    assert tree(run) == before
    assert stand_in.files == {}
    shown = capfd.readouterr()
    for text in (message, caplog.text, shown.out, shown.err):
        assert TOKEN not in text
    stand_in.failing.clear()
    push_to_hub(run, "me/fair")
    assert len(stand_in.files["me/fair"]) == 6


def test_no_hub_at_all(stand_in: Hub, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(InputError, match="cannot be reached"):
        push_to_hub(run, "me/fair")


@pytest.mark.parametrize("name", ["a/b/c", "", "-x", "../up", "a b", "x" * 97, "me/--", "a;b"])
def test_names_are_checked_before_any_work(name: str, stand_in: Hub) -> None:
    with pytest.raises(InputError, match="OWNER/NAME"):
        check_push(name)
    assert stand_in.paths == []


def test_without_a_token_it_says_how_to_get_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairforget.models.push.get_token", lambda: None)
    with pytest.raises(InputError, match="hf auth login"):
        check_push("me/fair")


@pytest.mark.slow
def test_unlearn_pushes_and_a_failing_hub_leaves_all_here(
    stand_in: Hub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    retain = tmp_path / "retain.jsonl"
    retain.write_text("".join(f'{{"text": "Bridge {n} is old."}}\n' for n in range(200)))
    args = [
        *("unlearn", str(save_tiny("llama", tmp_path / "tiny"))),
        *("--output", str(tmp_path / "out"), "--steps", "1", "--retain", str(retain)),
        *("--forget", "builtin:race", "--json", "true"),
    ]
    capsys.readouterr()  # saving a model imports DeepSpeed, which the command alone silences
    stand_in.failing["commit"] = 403
    with pytest.raises(SystemExit) as exit_:
        main([*args, "--push_to_hub", "me/fair"])
    assert exit_.value.code == 2
    shown = capsys.readouterr()
    assert TOKEN not in shown.out + shown.err
    assert shown.err.strip().splitlines()[-1].startswith("fairforget: --push_to_hub me/fair: ")
    assert json.loads(shown.out)["record"]["kind"] == "unlearning"
    kept = tree(tmp_path / "out")
    stand_in.failing.clear()
    main([*args, "--push_to_hub", "me/fair"])
    assert tree(tmp_path / "out") == kept
    files = stand_in.files["me/fair"]
    assert files["model.safetensors"] == kept[tmp_path / "out" / "model" / "model.safetensors"]
    assert b"It was not evaluated" in files["README.md"]
    with pytest.raises(SystemExit):
        main([*args, "--push_to_hub", "no/such/name"])
    assert "OWNER/NAME" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "offline", "announced"),
    [
        ("no-one/no-model", False, "no-one/no-model"),
        ("smollm2", False, SMOLLM2_HUB),
        ("no-one/no-model", True, None),
        ("no such model", False, None),
    ],
)
def test_a_download_is_announced(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name, offline, announced
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", offline)
    monkeypatch.setattr("fairforget.models.locate.find_package", lambda _: None)

    def fail(*_: object, **__: object) -> None:
        raise OSError("couldn't connect")

    monkeypatch.setattr("transformers.AutoConfig.from_pretrained", fail)
    with pytest.raises(InputError):
        load_model(name, device="cpu")
    message = f"Downloading model '{announced}' from the Hugging Face Hub …\n" if announced else ""
    assert capsys.readouterr().err == message


def test_a_cached_model_is_not_announced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With its weights in the cache; the configuration alone comes before an interruption."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    snapshot = tmp_path / "models--me--mine/snapshots/0"
    (tmp_path / "models--me--mine/refs").mkdir(parents=True)
    (tmp_path / "models--me--mine/refs/main").write_text("0")
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    assert _is_to_be_downloaded("me/mine")
    (snapshot / "model.safetensors").write_text("")
    assert not _is_to_be_downloaded("me/mine")
