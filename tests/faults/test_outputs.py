"""The output directory: one process at a time, and nothing of a dead one in the way."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from fairforget.cli import main
from fairforget.errors import InputError
from fairforget.files.atomic import atomic_write, write_atomically
from fairforget.records.outputs import check_output, open_output, release_output
from fairforget.records.paths import CHECKPOINTS, LOCK, RUN_MARK, SETTINGS

from ..models import save_tiny

HOLD = """
import sys, time
from pathlib import Path
from fairforget.records.outputs import open_output
open_output(Path(sys.argv[1]), {"command": "evaluate"})
print("held", flush=True)
time.sleep(600)
"""
COMMAND = {"command": "evaluate"}


@pytest.fixture
def holder(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that is at work in `out`."""
    out = str(tmp_path / "out")
    with subprocess.Popen([sys.executable, "-c", HOLD, out], stdout=-1, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


@pytest.mark.processes
def test_a_second_process_is_refused_until_the_first_dies(holder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is in use by another process; wait until it ends"):
        open_output(tmp_path / "out", COMMAND)
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    open_output(tmp_path / "out", COMMAND)


@pytest.mark.processes
def test_other_settings_are_reported_before_the_lock(holder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="contains a run with command 'evaluate', not 'unlearn'"):
        open_output(tmp_path / "out", {"command": "unlearn"})


def test_what_a_dead_process_left_is_cleared_away(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for name in (LOCK, ".fairforget-settings.json-abcd1234"):
        (out / name).touch()
    open_output(out, COMMAND)  # it is as good as new
    assert sorted(path.name for path in out.iterdir()) == [LOCK, SETTINGS]
    (out / "before").mkdir()
    (out / ".fairforget-model-abcd1234").mkdir()
    (out / ".fairforget-model-abcd1234" / "weights").touch()
    (out / "before" / ".fairforget-record.json-abcd1234").touch()
    (out / "before" / ".mine").touch()
    open_output(out, COMMAND)
    assert not (out / ".fairforget-model-abcd1234").exists()
    assert [path.name for path in (out / "before").iterdir()] == [".mine"]


def test_an_output_without_a_result_is_removed(tmp_path: Path) -> None:
    out = tmp_path / "out"
    open_output(out, COMMAND)
    (out / "before" / "parts").mkdir(parents=True)
    (out / CHECKPOINTS).mkdir()
    (out / CHECKPOINTS / RUN_MARK).touch()  # training wrote no checkpoint
    release_output(out)
    assert not out.exists()
    open_output(out, {"command": "unlearn"})  # other settings are not in its way
    (out / "before").mkdir()
    (out / "before" / "record.json").touch()
    release_output(out)
    kept = [SETTINGS, "before"]
    assert sorted(path.name for path in out.iterdir() if path.name != LOCK) == sorted(kept)
    release_output(out)  # a second time, and without a lock
    assert (out / "before" / "record.json").exists()


def test_a_directory_of_the_user_stays(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    open_output(out, COMMAND)
    release_output(out)
    assert list(out.iterdir()) == []
    open_output(out, COMMAND)
    (out / "mine").symlink_to(tmp_path, target_is_directory=True)
    release_output(out)
    assert (out / SETTINGS).exists()
    assert (out / "mine").is_symlink()


@pytest.mark.parametrize("content", ["", "{", "[]", "[" * 10_000])
def test_damaged_settings(tmp_path: Path, content: str) -> None:
    (tmp_path / SETTINGS).write_text(content)
    with pytest.raises(InputError, match="is damaged; choose another --output"):
        open_output(tmp_path, COMMAND)


def test_a_file_is_whole_or_not_there(tmp_path: Path) -> None:
    path = tmp_path / "record.json"
    path.write_text("earlier")

    def broken() -> None:
        with atomic_write(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        broken()
    assert path.read_text() == "earlier"
    (tmp_path / ".fairforget-record.json-abcd1234").write_text("of a dead process")
    with atomic_write(path) as file:
        file.write(b"later")
        assert path.read_text() == "earlier"
        with atomic_write(path) as other:  # one at work is left alone
            other.write(b"other")
    assert path.read_text() == "later"
    assert [p.name for p in tmp_path.iterdir()] == ["record.json"]


def test_threads_that_write_the_same_file_do_not_disturb_each_other(tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: write_atomically(path, b"%d" % number), range(400)))
    assert path.read_bytes() in {b"%d" % number for number in range(400)}
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_and_its_file_is_replaced(tmp_path: Path) -> None:
    link, file = tmp_path / "link.json", tmp_path / "real" / "record.json"
    link.symlink_to(file)
    for content in (b"first", b"second"):
        with atomic_write(link) as opened:
            opened.write(content)
        assert link.is_symlink()
        assert file.read_bytes() == content
    assert [path.name for path in file.parent.iterdir()] == ["record.json"]


def test_only_a_regular_file_is_replaced(tmp_path: Path) -> None:
    os.mkfifo(pipe := tmp_path / "pipe")
    for path in (pipe, tmp_path):
        with pytest.raises(InputError, match="is not a regular file"), atomic_write(path):
            pass
    assert pipe.is_fifo()
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


@pytest.mark.slow
@pytest.mark.usefixtures("little_data")
@pytest.mark.parametrize(
    ("command", "first"),
    [
        (["unlearn", "--forget", "builtin:gender"], "fairforget.debiasing.pipeline.evaluate_into"),
        (["transfer", "--forget", "gender"], "fairforget.transfer_study.study.evaluate_into"),
        (["leaderboard", "--methods", "prompt"], "fairforget.leaderboards.leaderboard.do_runs"),
    ],
)
def test_a_command_that_fails_first_leaves_no_output(
    tmp_path: Path, monkeypatch, capsys, command: list[str], first: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise InputError("it cannot be measured")

    monkeypatch.setattr(first, fail)
    model = str(save_tiny("llama", tmp_path / "model"))
    retain = tmp_path / "retain.csv"
    retain.write_text("text\n" + "".join(f"It rains on day {day}.\n" for day in range(200)))
    given = ["--models", model] if command[0] == "leaderboard" else [model, "--retain", str(retain)]
    measured = shutil.copyfile(retain, tmp_path / "measured.csv")
    options = ["--benchmarks", f"perplexity:{measured},stereoset", "--device", "cpu"]
    with pytest.raises(SystemExit) as ended:
        main([*command, *given, *options, "--output", str(tmp_path / "out")])
    assert ended.value.code == 2
    assert "it cannot be measured" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("output", ["org/model", "org/model/out"])
def test_an_output_must_not_take_the_name_of_the_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, output: str
) -> None:
    """The command could not be repeated: the model would be looked for in the directory."""
    monkeypatch.chdir(tmp_path)
    for models in ([], ["org"], ["org/model-2"]):
        check_output(tmp_path / "other", models)
        check_output(Path("org/model"), [name for name in models if name != "org"])
    check_output(Path("smollm2"), ["smollm2"])
    with pytest.raises(InputError, match="would create a local directory 'org/model'"):
        check_output(Path(output), ["smollm2", "org/model"])
    (tmp_path / "org" / "model").mkdir(parents=True)  # a local model, and a directory in it
    check_output(Path(output), ["org/model"])


def test_spaces_in_lists_do_not_count(tmp_path: Path) -> None:
    out = tmp_path / "out"
    open_output(out, {"steps": "10, 50", "text": "a, b"}, lists=["steps"])
    open_output(out, {"steps": "10,50", "text": "a, b"}, lists=["steps"])
    for other in ({"steps": "10,5"}, {"steps": 10}, {"text": "a,b"}):
        with pytest.raises(InputError, match="contains a run with"):
            open_output(out, {"steps": "10,50", "text": "a, b"} | other, lists=["steps"])
    with pytest.raises(InputError, match="contains a run with steps '10, 50', not None"):
        open_output(out, {"text": "a, b"}, lists=["steps"])
    release_output(out)
