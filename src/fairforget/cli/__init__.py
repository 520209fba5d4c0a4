"""The command line: each command is a typed function in its own file."""

from __future__ import annotations

import inspect
import io
import logging
import os
import sys
import traceback
from dataclasses import is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, Namespace, auto_cli

from fairforget.cli.arguments import CONFIG, SETTINGS_FILES, expand_flags, flag_values
from fairforget.cli.commands import find_command, list_commands, select_components
from fairforget.cli.help_formatter import HelpFormatter
from fairforget.cli.parser_errors import find_null, rephrase
from fairforget.cli.settings_file import check_settings_file
from fairforget.cli.system_errors import describe_system_error
from fairforget.errors import InputError
from fairforget.exit_status import BAD_INPUT, INTERRUPTED, UNFORESEEN
from fairforget.files.home import expand_home
from fairforget.machine.allocator import keep_freed_memory
from fairforget.redaction import redact
from fairforget.terminal.messages import print_stderr

_arguments: list[str] = []
RESUMED = [
    [name]
    for name in ("demo", "evaluate", "unlearn", "rerun", "transfer", "leaderboard", "durability")
]
"""Commands whose output directory keeps what is finished."""
CONTINUES = (
    "; with --output, the same command continues after the last finished benchmark, continuation "
    "or checkpoint"
)


class OneLineParser(ArgumentParser):
    """Reports an error in one line, without the usage message."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print the message and exit with status 2."""
        # the YAML reader does not know the file name
        message = " ".join(message.replace('"<unicode string>"', _config() or "the file").split())
        path, command = find_command(_arguments)
        if callable(command):
            message = rephrase(message, command, _arguments)
        elif "subcommand" in message:
            message = list_commands(path, command, _arguments[len(path) :])
        _fail(f"{message} (see {' '.join(['fairforget', *path])} --help)")

    def format_help(self, *args: Any) -> str:
        """Return the help with the whole description of a command, not only its first sentence."""
        self.formatter_class = HelpFormatter
        _, command = find_command(_arguments)
        if callable(command):
            self.description = (inspect.getdoc(command) or "").partition("\n\nArgs:")[0]
        return str(super().format_help(*args))

    def parse_args(self, *args: Any, **options: Any) -> Any:
        """Parse as the base class does, after a check of the files with settings."""
        try:
            for argument in _arguments:
                value = argument.partition("=")[2] if argument.startswith("--") else argument
                if value.lstrip().startswith("#"):  # YAML, as which values are read
                    self.error(f"{value!r} would be read as a comment; begin it with another sign")
            for flag in SETTINGS_FILES:
                for value in flag_values(_arguments, flag):
                    if Path(value).is_file():
                        check_settings_file(Path(value))
            return super().parse_args(*args, **options)
        except RecursionError:
            self.error(f"{CONFIG} {_config()} is nested too deeply, or refers to itself")

    def instantiate(self, namespace: Namespace, *args: Any, **options: Any) -> Any:
        """Instantiate as the base class does; an empty group of settings is an error."""
        for name in self.groups or ():
            value = namespace.get(name, {})
            if value is None:
                self.error(f"{name} is empty; give its settings or remove it")
            if not isinstance(value, Namespace | dict) and not is_dataclass(value):
                self.error(f"{name} is {value!r}; give its settings by name")
        _, command = find_command(_arguments)
        if callable(command) and (null := find_null(command, dict(namespace.items()))):
            self.error(f'Parser key "{null}": is null')
        result = super().instantiate(namespace, *args, **options)
        for name, value in vars(result).items():
            if isinstance(value, Path):
                result[name] = expand_home(value)
        return result


def _config() -> str | None:
    """Return the first file of `--config`, if any."""
    return next(iter(flag_values(_arguments, CONFIG)), None)


def _is_error(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR


def main(args: list[str] | None = None) -> None:
    """Run a command; it exits with 0 or a status of `fairforget.exit_status`."""
    global _arguments
    _arguments = expand_flags(sys.argv[1:] if args is None else args)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if isinstance(sys.stdout, io.TextIOWrapper):  # an encoding may lack characters such as "α"
        sys.stdout.reconfigure(errors="backslashreplace")
    # DeepSpeed, if installed, warns on stdout, which is for results
    logging.getLogger("DeepSpeed").addFilter(_is_error)
    keep_freed_memory()
    try:
        _check_encoding(_arguments)
        auto_cli(
            select_components(*find_command(_arguments)),
            args=_arguments,
            parser_class=OneLineParser,
            prog="fairforget",
            description="Make language models unlearn social bias, and measure the effect. "
            "To start: fairforget demo. Documentation: docs/pages/index.md.",
            version=version("fairforget"),
        )
        sys.stdout.flush()  # an error while exiting would have no message
    except InputError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        print_stderr(
            f"fairforget: interrupted{CONTINUES if find_command(_arguments)[0] in RESUMED else ''}"
        )
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        if (cause := describe_system_error(error)) is not None:
            _fail(cause)
        print_stderr(redact(traceback.format_exc()).rstrip())
        sys.exit(UNFORESEEN)
    finally:
        _discard_unread_output()


def _check_encoding(arguments: list[str]) -> None:
    """Check that the arguments can be written to a record.

    Raises:
        InputError: one has bytes that are not UTF-8, as a file name can.
    """
    for argument in arguments:
        try:
            argument.encode()
        except UnicodeEncodeError:
            raise InputError(
                f"argument {argument!r} is not valid UTF-8, so no record could name it; rename the "
                "file"
            ) from None


def _discard_unread_output() -> None:
    """Discard output that nobody reads, as with `| head`: it would change the exit status."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _fail(message: str) -> NoReturn:
    print_stderr(f"fairforget: {redact(message)}")
    sys.exit(BAD_INPUT)
