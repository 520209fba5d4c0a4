"""The command line: each command is a typed function in its own file."""

from __future__ import annotations

import errno
import inspect
import logging
import os
import sys
import traceback
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from itertools import chain, islice, pairwise
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, Namespace, auto_cli

from fairforget.cli.compare import compare_command
from fairforget.cli.data import DATA_COMMANDS
from fairforget.cli.demo import demo_command
from fairforget.cli.durability import durability_command
from fairforget.cli.evaluate import evaluate_command
from fairforget.cli.explore import explore_command
from fairforget.cli.export import export_command
from fairforget.cli.flags import SETTINGS
from fairforget.cli.help_formatter import HelpFormatter
from fairforget.cli.leaderboard import leaderboard_command
from fairforget.cli.parser_errors import find_null, rephrase
from fairforget.cli.report import report_command
from fairforget.cli.rerun import rerun_command
from fairforget.cli.score_target import score_target_command
from fairforget.cli.select import select_command
from fairforget.cli.settings_file import check_settings_file
from fairforget.cli.transfer import transfer_command
from fairforget.cli.unlearn import unlearn_command
from fairforget.errors import InputError, suggest
from fairforget.exit_status import BAD_INPUT, INTERRUPTED, UNFORESEEN
from fairforget.machine.allocator import keep_freed_memory
from fairforget.redaction import redact

HELP = "_help"
# Functions end in _command: the parser looks names up in the package, which would load torch.
COMMANDS = {
    "demo": demo_command,
    "unlearn": unlearn_command,
    "evaluate": evaluate_command,
    "compare": compare_command,
    "score-target": score_target_command,
    "transfer": transfer_command,
    "leaderboard": leaderboard_command,
    "durability": durability_command,
    "report": report_command,
    "rerun": rerun_command,
    "explore": explore_command,
    "export": export_command,
    "select": select_command,
    "data": {
        HELP: "List, fetch and verify corpora and benchmarks; manage the cache.",
        **DATA_COMMANDS,
    },
}
FIRST_ARGUMENT: dict[Any, str] = {
    DATA_COMMANDS["verify"]: "--name",
    DATA_COMMANDS["clear-cache"]: "--kind",
}
"""Command → the flag that can be omitted before its first argument."""
REMEDIES = {
    errno.ENOSPC: "free some space and run the same command again",
    errno.EMFILE: "raise the limit (ulimit -n) and run the same command again",
    errno.ENFILE: "close other programs and run the same command again",
    errno.ENOMEM: "free some memory, or choose a smaller model or --batch_size",
    errno.EROFS: "choose another directory",
    errno.EACCES: "choose another directory, or change its permissions",
}
"""System error → remedy."""
NO_MEMORY = ("not enough memory", "out of memory", "alloc_cpu", "bad_alloc", "start new thread")
"""How libraries report that memory ran out."""
CONFIG = "--config"
SETTINGS_FILES = (CONFIG, "--budget")
"""Flags whose value is a file with settings; the second is for a group of them."""
_arguments: list[str] = []


class OneLineParser(ArgumentParser):
    """Reports an error in one line, without the usage message."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print the message and exit with status 2."""
        config = _flag_value(CONFIG)
        # the YAML reader does not know the file name
        message = " ".join(message.replace('"<unicode string>"', config or "the file").split())
        path, command = _find_command(_arguments)
        if callable(command):
            message = rephrase(message, command, _arguments, config)
        elif "subcommand" in message:
            message = _list_commands(path, command)
        _fail(f"{message} (see {' '.join(['fairforget', *path])} --help)")

    def format_help(self, *args: Any) -> str:
        """Return the help with the whole description of a command, not only its first sentence."""
        self.formatter_class = HelpFormatter
        _, command = _find_command(_arguments)
        if callable(command):
            self.description = (inspect.getdoc(command) or "").partition("\n\nArgs:")[0]
        return str(super().format_help(*args))

    def parse_args(self, *args: Any, **options: Any) -> Any:
        """Parse as the base class does, after a check of the files with settings."""
        try:
            for flag in SETTINGS_FILES:
                for value in _flag_values(flag):
                    if Path(value).is_file():
                        check_settings_file(Path(value))
            return super().parse_args(*args, **options)
        except RecursionError:
            self.error(f"{CONFIG} {_flag_value(CONFIG)} is nested too deeply, or refers to itself")

    def instantiate(self, namespace: Namespace, *args: Any, **options: Any) -> Any:
        """Instantiate as the base class does; an empty group of settings is an error."""
        for name in self.groups or ():
            value = namespace.get(name, {})
            if value is None:
                self.error(f"{name} is empty; give its settings or remove it")
            if not isinstance(value, Namespace | dict) and not is_dataclass(value):
                self.error(f"{name} is {value!r}; give its settings by name")
        _, command = _find_command(_arguments)
        if callable(command) and (null := find_null(command, dict(namespace.items()))):
            self.error(f'Parser key "{null}": is null')
        result = super().instantiate(namespace, *args, **options)
        for name, value in vars(result).items():
            if isinstance(value, Path):
                # a path's own method fails if there is no such user
                result[name] = Path(os.path.expanduser(value))  # noqa: PTH111
        return result


def _is_error(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR


def main(args: list[str] | None = None) -> None:
    """Run a command; it exits with 0 or a status of `fairforget.exit_status`."""
    global _arguments
    _arguments = _expand_flags(sys.argv[1:] if args is None else args)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # DeepSpeed, if installed, warns on stdout, which is for results
    logging.getLogger("DeepSpeed").addFilter(_is_error)
    keep_freed_memory()
    try:
        auto_cli(
            _select_components(*_find_command(_arguments)),
            args=_arguments,
            parser_class=OneLineParser,
            prog="fairforget",
            description="Make language models unlearn social bias, and measure the effect.",
            version=version("fairforget"),
        )
        sys.stdout.flush()  # an error while exiting would have no message
    except InputError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        print(
            "fairforget: interrupted; the same command continues after the last finished "
            "benchmark, continuation or checkpoint",
            file=sys.stderr,
        )
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        if (cause := _system_error(error)) is not None:
            _fail(cause)
        print(redact(traceback.format_exc()), end="", file=sys.stderr)
        sys.exit(UNFORESEEN)
    finally:
        _discard_unread_output()


def _discard_unread_output() -> None:
    """Discard output that nobody reads, as with `| head`: it would change the exit status."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _expand_flags(arguments: list[str]) -> list[str]:
    """Rewrite arguments for the parser.

    `--fail-if` to `--fail_if`, `--json` to `--json true`, `verify edos` to `verify --name edos`;
    files with settings come first, because a later value replaces an earlier one.
    """
    arguments = [_replace_dashes(argument) for argument in arguments]
    path, command = _find_command(arguments)
    if not callable(command):
        return arguments
    rest = arguments[len(path) :]
    if command in FIRST_ARGUMENT and rest and not rest[0].startswith("-"):
        arguments = [*path, FIRST_ARGUMENT[command], *rest]
    types = dict(command.__annotations__)
    if command in SETTINGS:
        types |= {f.name: f.type for f in fields(SETTINGS[command])}
    switches = {f"--{name}" for name, kind in types.items() if kind in (bool, "bool")}
    expanded = []
    for argument, following in pairwise([*arguments, ""]):
        expanded.append(argument)
        if argument in switches and following.lower() not in ("true", "false"):
            expanded.append("true")
    return [*path, *_move_files_first(expanded[len(path) :], types)]


def _move_files_first(arguments: list[str], names: Iterable[str]) -> list[str]:
    """Move files with settings before all other arguments: `--config`, then `--budget`.

    Args:
        arguments: those after the words that name the command.
        names: of the command's other flags.
    """
    files: dict[str, list[str]] = {flag: [] for flag in SETTINGS_FILES}
    others = []
    rest = iter(arguments)
    for argument in rest:
        word, equals, value = argument.partition("=")
        flag = CONFIG if _abbreviates_config(word, names) else word
        if flag not in files:
            others.append(argument)
        elif equals:
            files[flag] += [f"{flag}={value}"]
        elif following := [*islice(rest, 1)]:
            files[flag] += [flag, *following]
        else:
            others.append(flag)  # its value is missing, which the parser reports
    return [*chain(*files.values()), *others]


def _abbreviates_config(word: str, names: Iterable[str]) -> bool:
    """Return whether the parser takes an argument for `--config`: it accepts a unique beginning."""
    begins = len(word) > len("--") and CONFIG.startswith(word)
    return begins and not any(f"--{name}".startswith(word) for name in names)


def _find_command(arguments: list[str]) -> tuple[list[str], Any]:
    """Return the leading words that name a command or a group, and what they name."""
    node: Any = COMMANDS
    for index, name in enumerate(arguments):
        if callable(node) or name not in node or name == HELP:
            return arguments[:index], node
        node = node[name]
    return arguments, node


def _select_components(path: list[str], command: Any) -> Any:
    """Return `COMMANDS` with only the named command: building all parsers takes much longer."""
    if not callable(command):
        return COMMANDS
    for name in reversed(path):
        command = {name: command}
    return command


def _list_commands(path: list[str], known: dict[str, Any]) -> str:
    """Return the message for words that do not name a command."""
    known = {name: it for name, it in known.items() if name != HELP}
    choice = f"choose from {', '.join(known)}"
    unknown = _arguments[len(path) :]
    if not unknown:
        return choice
    meant = suggest(unknown[0], known) or f"; {choice}"
    return f"unknown command {' '.join([*path, unknown[0]])!r}{meant}"


def _replace_dashes(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument[2:].partition("=")
    return f"--{name.replace('-', '_')}{equals}{value}"


def _flag_value(flag: str) -> str | None:
    return next(iter(_flag_values(flag)), None)


def _flag_values(flag: str) -> list[str]:
    values = []
    for argument, following in pairwise([*_arguments, ""]):
        if argument == flag:
            values.append(following)
        elif argument.startswith(f"{flag}="):
            values.append(argument.partition("=")[2])
    return values


def _system_error(error: BaseException) -> str | None:
    """Return a one-line message for an operating-system error; None for any other error."""
    if isinstance(error, OSError) and error.errno is not None:
        remedy = f"; {REMEDIES[error.errno]}" if error.errno in REMEDIES else ""
        return f"{error.filename or 'a file'}: {error.strerror}{remedy}"
    text = str(error)
    if isinstance(error, MemoryError) or any(words in text.lower() for words in NO_MEMORY):
        return f"{os.strerror(errno.ENOMEM)}; {REMEDIES[errno.ENOMEM]}"
    for number, remedy in REMEDIES.items():  # libraries pass on only the text
        if os.strerror(number) in text:
            return f"{os.strerror(number)}; {remedy}"
    cause = error.__cause__ or error.__context__
    return _system_error(cause) if cause else None


def _fail(message: str) -> NoReturn:
    print(f"fairforget: {redact(message)}", file=sys.stderr)
    sys.exit(BAD_INPUT)
