"""The command line: typed functions are the commands, one file each."""

from __future__ import annotations

import errno
import logging
import os
import sys
import traceback
from dataclasses import is_dataclass
from itertools import pairwise
from typing import Any, NoReturn

from jsonargparse import ArgumentParser, Namespace, auto_cli

from fairforget.cli.compare import compare_command
from fairforget.cli.data import DATA_COMMANDS
from fairforget.cli.demo import demo_command
from fairforget.cli.evaluate import evaluate_command
from fairforget.cli.explore import explore_command
from fairforget.cli.mistakes import reworded
from fairforget.cli.report import report_command
from fairforget.cli.rerun import rerun_command
from fairforget.cli.select import select_command
from fairforget.cli.transfer import transfer_command
from fairforget.cli.unlearn import unlearn_command
from fairforget.errors import InputError
from fairforget.machine.allocator import keep_freed_memory
from fairforget.redaction import redact

HELP = "_help"
# Named unlike the library: the parser looks names up in the package, which would load torch.
COMMANDS = {
    "demo": demo_command,
    "unlearn": unlearn_command,
    "evaluate": evaluate_command,
    "compare": compare_command,
    "transfer": transfer_command,
    "report": report_command,
    "rerun": rerun_command,
    "explore": explore_command,
    "select": select_command,
    "data": {HELP: "Corpora and benchmarks: what there is, and where.", **DATA_COMMANDS},
}
UNFORESEEN, BAD_INPUT, INTERRUPTED = 1, 2, 130
REMEDIES = {
    errno.ENOSPC: "free some and run the same command again",
    errno.EMFILE: "raise the limit (ulimit -n) and run the same command again",
    errno.ENFILE: "close other programs and run the same command again",
    errno.ENOMEM: "free some, or choose a smaller model or --batch_size",
    errno.EROFS: "choose another place",
    errno.EACCES: "choose another place, or change its permissions",
}
"""What to do about what the operating system refuses."""
NO_MEMORY = ("not enough memory", "out of memory", "alloc_cpu", "bad_alloc", "start new thread")
"""How libraries say that there is no memory."""
_arguments: list[str] = []


class OneLineParser(ArgumentParser):
    """Tells what is wrong in one line, without the usage."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print the message and exit with status 2."""
        config = _value_of("--config")
        # the YAML reader does not know the name of its file
        message = " ".join(message.replace('"<unicode string>"', config or "the file").split())
        path, called = _format_settings(_arguments)
        if callable(called):
            message = reworded(message, called, _arguments, config)
        elif "subcommand" in message:
            message = _which(path, called)
        _fail(f"{message} (see {' '.join(['fairforget', *path])} --help)")

    def parse_args(self, *args: Any, **options: Any) -> Any:
        """As the library's; a settings file without an end is an error."""
        try:
            return super().parse_args(*args, **options)
        except RecursionError:
            self.error(
                f"--config {_value_of('--config')} is nested too deeply, or refers to itself"
            )

    def instantiate(self, namespace: Namespace, *args: Any, **options: Any) -> Any:
        """As the library's; a group of settings that is empty or none is refused."""
        for name in self.groups or ():
            value = namespace.get(name, {})
            if value is None:
                self.error(f"{name} is empty; give its settings, or leave it out")
            if not isinstance(value, Namespace | dict) and not is_dataclass(value):
                self.error(f"{name} is {value!r}; give its settings, each by its name")
        return super().instantiate(namespace, *args, **options)


def _is_error(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.ERROR


def main(args: list[str] | None = None) -> None:
    """Run a command; exits with 0 done, 1, 2 bad input, 130 interrupted.

    1 is a condition of `compare --fail-if` that holds, a figure that differs in `rerun`, a run of
    `transfer` that failed, or an unforeseen fault.
    """
    global _arguments
    _arguments = _flags_spelt_out(sys.argv[1:] if args is None else args)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    # DeepSpeed, where it is installed, warns on stdout, which is for what a command found
    logging.getLogger("DeepSpeed").addFilter(_is_error)
    keep_freed_memory()
    try:
        auto_cli(
            COMMANDS,  # type: ignore[arg-type]
            args=_arguments,
            parser_class=OneLineParser,
            prog="fairforget",
            description="Makes language models forget social bias, and measures what that does.",
        )
    except InputError as error:
        _fail(str(error))
    except KeyboardInterrupt:
        print("fairforget: interrupted; the same command goes on from here", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:
        sys.exit(0)
    except Exception as error:
        config = _value_of("--config")
        if config and isinstance(error, UnicodeDecodeError):
            _fail(f"--config {config}: {error.reason}; save the file as UTF-8")
        if (cause := _system_error(error)) is not None:
            _fail(cause)
        print(redact(traceback.format_exc()), end="", file=sys.stderr)
        sys.exit(UNFORESEEN)


def _flags_spelt_out(arguments: list[str]) -> list[str]:
    """Flags as the parser wants them: `--fail-if` as `--fail_if`, `--json` as `--json true`."""
    arguments = [_replace_dashes(argument) for argument in arguments]
    _, command = _format_settings(arguments)
    if not callable(command):
        return arguments
    switches = {
        f"--{name}" for name, kind in command.__annotations__.items() if kind in (bool, "bool")
    }
    spelt = []
    for argument, following in pairwise([*arguments, ""]):
        spelt.append(argument)
        if argument in switches and following.lower() not in ("true", "false"):
            spelt.append("true")
    return spelt


def _format_settings(arguments: list[str]) -> tuple[list[str], Any]:
    """The first words, as far as they name something, and what: a command, or several by name."""
    found: Any = COMMANDS
    for place, name in enumerate(arguments):
        if callable(found) or name not in found or name == HELP:
            return arguments[:place], found
        found = found[name]
    return arguments, found


def _which(path: list[str], known: dict[str, Any]) -> str:
    """What to say to words that are no whole command."""
    choice = f"choose from {', '.join(name for name in known if name != HELP)}"
    unknown = _arguments[len(path) :]
    return f"there is no command {' '.join([*path, unknown[0]])!r}; {choice}" if unknown else choice


def _replace_dashes(argument: str) -> str:
    if not argument.startswith("--"):
        return argument
    name, equals, value = argument[2:].partition("=")
    return f"--{name.replace('-', '_')}{equals}{value}"


def _value_of(flag: str) -> str | None:
    for argument, following in pairwise([*_arguments, ""]):
        if argument == flag:
            return following
        if argument.startswith(f"{flag}="):
            return argument.partition("=")[2]
    return None


def _system_error(error: BaseException) -> str | None:
    """One line for what the operating system refused, or None for a fault of the program."""
    if isinstance(error, OSError) and error.errno is not None:
        remedy = f"; {REMEDIES[error.errno]}" if error.errno in REMEDIES else ""
        return f"{error.filename or 'a file'}: {error.strerror}{remedy}"
    text = str(error)
    if isinstance(error, MemoryError) or any(words in text.lower() for words in NO_MEMORY):
        return f"{os.strerror(errno.ENOMEM)}; {REMEDIES[errno.ENOMEM]}"
    for number, remedy in REMEDIES.items():  # libraries pass the text only
        if os.strerror(number) in text:
            return f"{os.strerror(number)}; {remedy}"
    cause = error.__cause__ or error.__context__
    return _system_error(cause) if cause else None


def _fail(message: str) -> NoReturn:
    print(f"fairforget: {redact(message)}", file=sys.stderr)
    sys.exit(BAD_INPUT)
