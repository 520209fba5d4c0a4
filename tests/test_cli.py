"""The command line's promises: exit codes, one clear line, nothing half-written."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from fairforget.__main__ import main as run_command
from fairforget.cli import main
from fairforget.cli.commands import COMMANDS
from fairforget.cli.data import DATA_COMMANDS
from fairforget.cli.parser_errors import rephrase
from fairforget.cli.system_errors import describe_system_error
from fairforget.corpora import iter_corpus


def refused(capsys: pytest.CaptureFixture[str], *args: object) -> str:
    """The one line on stderr when a command refuses its input."""
    with pytest.raises(SystemExit) as exit_:
        main([str(arg) for arg in args])
    assert exit_.value.code == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1, lines
    return lines[0]


def written(tmp_path: Path, name: str, content: str | bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_no_such_model(tmp_path, capsys) -> None:
    line = refused(capsys, "evaluate", "no/such/model", "--output", tmp_path / "out")
    assert "'no/such/model'" in line
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("flag", ["--config", "--budget"])
def test_a_settings_file_is_utf_8(tmp_path, capsys, flag) -> None:
    path = written(tmp_path, "bad.yaml", "note: Grüße\n".encode("latin-1"))
    line = refused(capsys, "unlearn", "gpt2", "--output", tmp_path / "out", flag, path)
    assert "bad.yaml: " in line
    assert line.endswith("; save the file as UTF-8")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("empty.csv", "", "is empty"),
        ("header.csv", "text\n", "is empty"),
        ("other.csv", "sentence,label\nhello,1\n", "no `text` column; it has 'sentence', 'label'"),
        ("capital.csv", "Text,Domain\nhello,age\n", "or add ?text=Text"),
        ("latin.csv", "text\nGrüße\n".encode("latin-1"), "not UTF-8"),
        ("commas.csv", "text\nhello, world\n", "line 2: more fields"),
        ("blank.csv", 'text,id\n"",7\n', "line 2: `text` is missing"),
        ("spans.csv", 'text,spans\nHi,"[[0, 9]]"\n', "line 2: span 0:9 ends after the text"),
        ("order.csv", 'text,spans\nHello,"[[2, 4], [0, 3]]"\n', "line 2: span 0:3 overlaps"),
        (
            "half.jsonl",
            '{"text": "Hi", "spans": [[0, 0.9]]}\n',
            "write a list of [start, end]",
        ),
        (
            "word.jsonl",
            '{"text": "Hi", "mentions": [[0, 2, null]]}\n',
            "write a list of [start, end, neutral word, …]",
        ),
        (
            "one.jsonl",
            '{"text": "Hi", "mentions": [[0, 2]]}\n',
            "write a list of [start, end, neutral word, …]",
        ),
        ("nul.csv", b"text\nhel\x00lo\n", "line 2"),
        ("broken.jsonl", '{"text": "a"}\n{"text": \n', "line 2: not JSON"),
        ("list.jsonl", "[1]\n", "line 1: expected an object"),
        ("number.jsonl", '{"text": 3}\n', "line 1: `text`"),
        ("deep.jsonl", "[" * 100_000 + "\n", "line 1: not JSON"),
        ("torn.parquet", "PAR1 no", "not a readable Parquet file"),
        ("missing.csv", None, "no such file"),
        ("corpus.doc", "hello", "is unknown"),
        ("corpus.txt", "hello", "'after-mention' needs `mentions` with neutral words"),
    ],
)
@pytest.mark.usefixtures("little_data")
def test_bad_corpus(tmp_path, capsys, model, name, content, message) -> None:
    path = tmp_path / name if content is None else written(tmp_path, name, content)
    line = refused(capsys, "unlearn", model, "--forget", path, "--output", tmp_path / "out")
    assert message in line
    assert name in line
    assert "; " in line  # a remedy follows
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("steps: [1\n", "config.yaml"),
        ("stepz: 3\n", "config.yaml: unknown setting stepz; did you mean steps?"),
        ("steps: many\n", "config.yaml: steps is 'many'; give a whole number"),
        (
            "selection: every\n",
            "config.yaml: selection is 'every'; choose from spans, mention-to-span",
        ),
        ("steps: 3\nbudget:\n", "budget is empty"),
        ("budget:\n  max_alpha:\n", "config.yaml: budget.max_alpha is null; give a value"),
        ("budget: 1\n", "budget is 1; give its settings"),
        ("budget: [1.02, 1.02]\n", "budget is [1.02, 1.02]; give its settings"),
        ("budget: 1%\n", "budget is '1%'; give its settings: --budget.perplexity"),
        (
            "forget: [gender, race]\n",
            "forget is ['gender', 'race']; give one comma-separated string",
        ),
        ("model: 2024\n", "config.yaml: model is 2024; give a string, in quotes if"),
        ("dtype: 16\n", "config.yaml: dtype is 16; give a string, in quotes if"),
        ("device: true\n", "config.yaml: device is True; give a string"),
        ("push_to_hub: {a: 1}\n", "config.yaml: push_to_hub is {'a': 1}; give a string"),
        ("objective: null\n", "config.yaml: objective is null; give a value, or remove it"),
        ("objective:\n", "config.yaml: objective is null; give a value, or remove it"),
        ("", "config.yaml is empty; write one setting per line"),
        ("# none\n", "config.yaml is empty; write one setting per line"),
        ("- a\n", "config.yaml contains no settings, but '- a'; write one setting"),
        ("steps 3\n", "config.yaml contains no settings, but 'steps 3'"),
        ("3: 4\n", "config.yaml: 3 on line 1 is not the name of a setting"),
        ("?\n: 4\n", "config.yaml: null on line 1 is not the name of a setting"),
        ("? {seed: 1}\n: 4\n", "config.yaml: a mapping on line 1 is not the name of a setting"),
        ("? [seed, 1]\n: 4\n", "config.yaml: a sequence on line 1 is not the name of a setting"),
        ("steps: 3\nseed: 1\nsteps: 4\n", "config.yaml: steps is set twice, on lines 1 and 3;"),
        ("{seed: 1, seed: 1}\n", "config.yaml: seed is set twice, on lines 1 and 1"),
        ("budget:\n  movement: 1\n  movement: 2\n", "config.yaml: movement is set twice"),
        ("a: &x [*x]\n", "config.yaml is nested too deeply, or refers to itself"),
    ],
)
def test_bad_config(tmp_path, capsys, model, content, message) -> None:
    path = written(tmp_path, "config.yaml", content)
    line = refused(capsys, "unlearn", model, "--output", tmp_path / "out", "--config", path)
    assert message in line
    assert not (tmp_path / "out").exists()


def test_a_config_with_aliases_of_aliases_is_refused_before_it_is_expanded(
    tmp_path, capsys, model
) -> None:
    levels = [
        "&a [x]",
        *(f"&{name} [{', '.join([f'*{of}'] * 25)}]" for of, name in pairwise("abcd")),
    ]
    content = "forget:\n" + "".join(f"- {level}\n" for level in levels)
    path = written(tmp_path, "config.yaml", content)
    line = refused(capsys, "unlearn", model, "--output", tmp_path / "out", "--config", path)
    assert "config.yaml expands to more than 10,000 values because of its YAML aliases" in line
    few = written(tmp_path, "few.yaml", "forget:\n- &a [x]\n- [*a, *a]\n")
    line = refused(capsys, "unlearn", model, "--output", tmp_path / "out", "--config", few)
    assert "few.yaml: forget is [['x'], [['x'], ['x']]]; give one" in line


@pytest.mark.parametrize(
    "args",
    [
        ("typed", "--seed", "3", "--config", "CONFIG"),
        ("typed", "--seed=3", "--config=CONFIG"),
        ("--config", "CONFIG", "typed", "--seed", "3"),
        ("typed", "--seed", "3", "--conf", "CONFIG"),
        ("typed", "--seed", "3", "--json", "--config", "CONFIG"),
    ],
)
def test_what_is_typed_wins_over_a_file(tmp_path, monkeypatch, args) -> None:
    written(tmp_path, "CONFIG", "model: filed\nseed: 2\nsteps: 7\n")
    settings, model = parsed(monkeypatch, tmp_path, *args)
    assert (model, settings.seed, settings.steps) == ("typed", 3, 7)


def test_what_is_typed_wins_over_a_file_with_a_budget(tmp_path, monkeypatch) -> None:
    written(tmp_path, "CONFIG", "budget:\n  max_alpha: 2\n  movement: 0.5\n  perplexity: 1.2\n")
    written(tmp_path, "BUDGET", "max_alpha: 3\nperplexity: 1.5\n")
    typed = ("--budget.max-alpha", "4", "--budget", "BUDGET", "--config", "CONFIG")
    settings, _ = parsed(monkeypatch, tmp_path, "m", *typed)
    budget = settings.budget
    assert (budget.max_alpha, budget.perplexity, budget.movement) == (4, 1.5, 0.5)


def test_a_path_in_a_file_may_begin_with_a_tilde(tmp_path, monkeypatch) -> None:
    calls: list[Any] = []
    monkeypatch.setattr("fairforget.cli.unlearn.run", lambda *args, **_: calls.append(args))
    monkeypatch.setenv("HOME", str(tmp_path))
    main(["unlearn", "m", "--config", str(written(tmp_path, "c.yaml", "output: ~/out\n"))])
    assert calls[0][2] == tmp_path / "out"


def test_a_config_that_is_no_file(tmp_path, capsys) -> None:
    for name, message in (
        (tmp_path, f"--config {tmp_path} is a directory; give the path of a YAML file"),
        (tmp_path / "none.yaml", f"--config {tmp_path}/none.yaml: no such file; check the path"),
        ("", "--config is empty; give the path of a YAML file"),
    ):
        line = refused(capsys, "unlearn", "m", "--output", tmp_path / "out", "--config", name)
        assert message in line


def test_of_several_configs_the_wrong_one_is_named(tmp_path, capsys) -> None:
    first, second, budget = (
        written(tmp_path, name, content)
        for name, content in (
            ("first.yaml", "seed: 1\n"),
            ("second.yaml", "stepz: 3\n"),
            ("budget.yaml", "max_alpha: high\n"),
        )
    )
    command = ("unlearn", "m", "--output", tmp_path / "out", "--config", first)
    missing = tmp_path / "none.yaml"
    assert f"--config {missing}: no such file" in refused(capsys, *command, "--config", missing)
    assert "second.yaml: unknown setting stepz" in refused(capsys, *command, "--config", second)
    second.write_text("batch_size: few\n")
    assert "second.yaml: batch_size is 'few'" in refused(capsys, *command, "--config", second)
    line = refused(capsys, *command, "--budget", budget)
    assert "budget.yaml: budget.max_alpha is 'high'" in line


def test_characters_that_the_output_cannot_encode_are_escaped(tmp_path) -> None:
    copy = f"gguf/{'0a' * 16}-6-5.24"
    (tmp_path / copy).mkdir(parents=True)
    written(tmp_path, f"{copy}/config.json", "{}")
    written(tmp_path, f"{copy}.source", "α.gguf")
    ended = subprocess.run(
        [sys.executable, "-m", "fairforget", "data", "cache"],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1", "FAIRFORGET_CACHE": str(tmp_path)},
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"\\u03b1.gguf" in ended.stdout


def test_an_output_that_is_not_a_path(tmp_path, capsys) -> None:
    path = written(tmp_path, "c.yaml", "output: 5\n")
    line = refused(capsys, "unlearn", "m", "--config", path)
    assert f"{path}: output is a value of type int; give a string, in quotes" in line
    assert line == refused(capsys, "unlearn", "m", "--output", tmp_path / "out", "--config", path)
    assert "no such file" in refused(capsys, "unlearn", "m", "--config", tmp_path / "none.yaml")
    assert line[:60] in refused(capsys, "select", "edos", "--config", path)


def test_a_setting_with_a_dash_is_unknown_in_a_file(tmp_path, capsys) -> None:
    path = written(tmp_path, "c.yaml", "dry-run: true\n")
    line = refused(capsys, "select", "edos", "--config", path)
    assert f"{path}: unknown setting dry-run; did you mean dry_run?" in line


def parsed(monkeypatch: pytest.MonkeyPatch, directory: Path, *args: str) -> Any:
    """Settings and model of `unlearn`, called in a directory."""
    calls: list[Any] = []
    monkeypatch.setattr("fairforget.cli.unlearn.run", lambda *args, **_: calls.append(args))
    monkeypatch.chdir(directory)
    main(["unlearn", *args, "--output", "out"])
    return calls[0][:2]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--outptu", "x"], "unknown flag --outptu; did you mean --output?"),
        (["--objective", "forgetting"], "objective 'forgetting' is unknown; choose from ascent"),
        (["--budget", "1"], "budget is '1'; give its settings: --budget.perplexity"),
        (["--budget", "nofile.yaml"], "--budget nofile.yaml: no such file; check the path"),
        (["--budget", '{"x": 1}'], "the command line: unknown setting budget.x"),
        (["--seed="], "--seed is ''; give a whole number"),
        (["--budget.perplexity", "low"], "--budget.perplexity is 'low'; give a number"),
        (["--learning-rate", "low"], "--learning_rate is 'low'; give a number"),
        (["--budget.perplexity", "0.9"], "at least 1"),
        (["--steps", "0"], "max_steps (--steps) is 0"),
        (["--steps", str(10**20)], "max_steps (--steps) is 1"),
        (["--batch_size", str(10**20)], "it must be between 1 and 2,147,483,647"),
        (["--beta", "1"], "objective 'trait-kl' has no beta; remove it"),
        (["--objective", "npo", "--gamma", "1"], "objective 'npo' has no gamma"),
        (["--objective", "npo", "--beta", "0"], "more than 0"),
        (["--objective", "task-vector", "--retain_loss", "nll"], "--retain_loss none or kl"),
        (["--retain_per_forget", "0"], "--retain_loss none"),
        (["--retain_per_forget", "1e12"], "between 0 and 1,000"),
        (["--seed", "-1"], "seed is -1; it must be between 0 and"),
        (["--seed", "4294967296"], "seed is 4294967296"),
        (
            ["--counterfactual", "groups", "--objective", "ascent"],
            "counterfactual 'groups' has no effect",
        ),
        (["--benchmarks", "iq"], "'iq'"),
        (["--device", "abacus"], "device 'abacus' is unknown; this machine has cpu"),
        (["--benchmarks", "stereoset:iq"], "no option 'iq'; choose from intrasentence"),
        (["--dtype", "float8"], "float8"),
        (["--start_token", "<none>"], "<none>"),
        (["--forget", "builtin:sports"], "sports"),
        (["--retain", "builtin:gender", "--forget", "wikipedia"], "none of its"),
        (["--retain", "builtin:gender", "--forget", "builtin:age,wikipedia"], "none of its"),
        (["--forget", ","], "forget is empty"),
        (["--forget", "builtin:age,pronouns,builtin:age"], "'builtin:age' is listed twice"),
        (["--forget", ",".join(["builtin:gender"] * 40)], "'builtin:gender' is listed twice"),
    ],
)
def test_bad_flags(tmp_path, capsys, model, args, message) -> None:
    line = refused(capsys, "unlearn", model, "--output", tmp_path / "out", *args)
    assert message in line


@pytest.mark.parametrize(
    ("args", "message"),
    [
        ([], "choose from demo, unlearn, evaluate"),
        (["unlern", "gpt2"], "unknown command 'unlern'; did you mean unlearn?"),
        (["frobnicate"], "unknown command 'frobnicate'; choose from demo"),
        (["data"], "choose from list, fetch"),
        (["data", "fetsh"], "unknown command 'data fetsh'; did you mean fetch?"),
        (["data", "help"], "unknown command 'data help'; choose from list"),
        (["evaluate"], "missing arguments: MODEL, --output (see fairforget evaluate --help)"),
        (["evaluate", "m", "--config"], "argument --config: expected one argument"),
        (["unlearn", "m", "--output", "o", "--budget"], "argument --budget: expected one argument"),
        (["data", "fetch"], "missing arguments: NAME (see fairforget data fetch --help)"),
        (
            ["rerun", "no"],
            "no is not a record.json; give the file in the run's directory, such as no/record.json",
        ),
        (["compare", "a", "b"], "a/record.json cannot be read: No such file or directory; give"),
        (["explore", __file__], "test_cli.py is a file; give a directory that fairforget wrote"),
        (
            ["unlearn", "m", "--forget", "#mine.csv"],
            "'#mine.csv' would be read as a comment; begin",
        ),
        (["evaluate", "m", "--start_token=##"], "'##' would be read as a comment; begin it with"),
    ],
)
def test_half_a_command(capsys, args, message) -> None:
    assert message in refused(capsys, *args)


def test_messages_of_every_command_can_be_rephrased() -> None:
    commands = {n: c for n, c in COMMANDS.items() if callable(c)} | DATA_COMMANDS
    for command in commands.values():
        message = rephrase('Parser key "no": is wrong value: 1', command, [])
        assert message == 'Parser key "no": is wrong value: 1'


def test_a_column_that_is_misspelt_is_named(tmp_path, capsys) -> None:
    texts = [*iter_corpus(str(written(tmp_path, "posts.csv", "text,span\nIt rains.,[]\n")))]
    assert len(texts) == 1
    assert "the column `span` is not used; if it holds spans" in capsys.readouterr().err
    given = str(written(tmp_path, "given.csv", "text,spans,span,day\nIt rains.,[],[],1\n"))
    assert [*iter_corpus(given)]
    assert not capsys.readouterr().err


def test_output_of_something_else_is_left_alone(tmp_path, capsys, model) -> None:
    (tmp_path / "mine.txt").write_text("precious")
    line = refused(capsys, "evaluate", model, "--output", tmp_path)
    assert "not empty" in line
    assert [p.name for p in tmp_path.iterdir()] == ["mine.txt"]
    assert "is a file" in refused(capsys, "evaluate", model, "--output", tmp_path / "mine.txt")


def test_pickled_weights_are_refused(tmp_path, capsys, model) -> None:
    (tmp_path / "config.json").write_bytes((Path(model) / "config.json").read_bytes())
    (tmp_path / "pytorch_model.bin").write_bytes(b"\x80\x04N.")
    line = refused(capsys, "evaluate", tmp_path, "--output", tmp_path / "out")
    assert "pickled" in line
    assert "safetensors" in line


def _retain(tmp_path: Path) -> Path:
    rows = "\n".join(f'{{"text": "The river has {n} bridges and a mill."}}' for n in range(200))
    return written(tmp_path, "retain.jsonl", rows)


@pytest.mark.slow
def test_unlearn_resumes_and_finishes_once(tmp_path, capsys, model) -> None:
    args = [
        *("unlearn", model, "--output", str(tmp_path / "out"), "--steps", "2"),
        *("--retain", str(_retain(tmp_path)), "--forget", "builtin:race"),
    ]
    main(args)
    first = (tmp_path / "out" / "record.json").read_bytes()
    assert (tmp_path / "out" / "model" / "model.safetensors").exists()
    assert not (tmp_path / "out" / "checkpoints").exists()
    main(args)  # nothing left to do
    assert (tmp_path / "out" / "record.json").read_bytes() == first
    capsys.readouterr()
    assert "steps 2, not 3" in refused(capsys, *args[:5], "3", *args[6:])


@pytest.mark.parametrize(
    ("package", "flags"),
    [("jinja2", ["--benchmarks", "stereoset"]), ("peft", ["--lora_rank", "4"])],
)
def test_a_missing_package_is_reported_first(
    tmp_path, capsys, monkeypatch, model, package, flags
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SystemExit) as ended:
        main(["unlearn", str(model), "--output", str(tmp_path / "out"), *flags])
    assert ended.value.code == 2
    remedy = f"needs {package}: in the clone of FairForget, pip install '.["
    assert remedy in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_help_has_the_whole_description_of_a_command(capsys) -> None:
    with pytest.raises(SystemExit):
        main(["data", "verify", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "Verify the files on this machine against their hashes. Exit status 2 if" in shown
    assert "Args" not in shown


@pytest.mark.parametrize("command", ["unlearn", "leaderboard"])
def test_help_names_types_as_the_reference_does(command: str, capsys) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert not [word for word in ("<class", "Literal[", "Optional[", "default: )") if word in shown]
    assert "(required, type: Path)" in shown
    assert shown.count("Path to a configuration file.") == 1


def test_help_names_every_command(capsys) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    shown = capsys.readouterr().out
    assert all(command in shown for command in ("demo", "unlearn", "evaluate", "report"))


class Interrupt:
    """An import that the user interrupts."""

    def find_spec(self, name: str, *_: object) -> None:
        if name == "fairforget.cli":
            raise KeyboardInterrupt


def test_the_imports_can_be_interrupted(monkeypatch, capsys) -> None:
    monkeypatch.delitem(sys.modules, "fairforget.cli")
    monkeypatch.setattr(sys, "meta_path", [Interrupt(), *sys.meta_path])
    with pytest.raises(SystemExit) as stop:
        run_command()
    assert stop.value.code == 130
    assert capsys.readouterr().err == "fairforget: interrupted\n"


def test_the_version(capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert not stop.value.code
    assert capsys.readouterr().out == f"fairforget {version('fairforget')}\n"


def test_a_bug_while_a_system_error_is_handled_is_not_described_as_one() -> None:
    """The command would end as if the user had given a wrong file."""
    error = FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), "a.csv")
    for bug in (KeyError("a"), TypeError("a")):
        bug.__context__ = error
        assert describe_system_error(bug) is None
    wrapped = ValueError("could not be read")
    wrapped.__context__ = error
    assert describe_system_error(wrapped) == "a.csv: No such file or directory"
    wrapped.__suppress_context__ = True
    assert describe_system_error(wrapped) is None


def test_a_cache_that_cannot_be_written_names_its_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "home" / "cache"
    monkeypatch.setenv("FAIRFORGET_CACHE", str(cache))

    def describe(path: Path) -> str | None:
        error = PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return describe_system_error(error)

    for path in (cache.parent, cache, cache / "gguf" / "a"):
        assert describe(path) == (
            f"{path}: Permission denied; set FAIRFORGET_CACHE to a writable directory"
        )
    assert "choose another directory" in (describe(tmp_path / "out") or "")


@pytest.mark.parametrize(
    ("command", "resumed"), [("evaluate", True), ("unlearn", True), ("select", False)]
)
def test_only_commands_that_resume_say_so(command: str, resumed: bool, monkeypatch, capsys) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("fairforget.cli.auto_cli", interrupt)
    with pytest.raises(SystemExit) as stop:
        main([command, "x"])
    assert stop.value.code == 130
    assert ("the same command continues" in capsys.readouterr().err) == resumed


def test_an_argument_that_is_not_utf8_is_refused_before_any_work(capsys) -> None:
    line = refused(capsys, "evaluate", "mod\udce8le.gguf")
    assert "argument 'mod\\udce8le.gguf' is not valid UTF-8" in line
