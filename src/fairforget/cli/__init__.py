"""The command line: typed functions are the commands, one file each."""

from __future__ import annotations

import errno
import os
import sys
from typing import NoReturn

from jsonargparse import ArgumentParser, auto_cli

from fairforget.cli.compare import compare_command
from fairforget.cli.demo import demo_command
from fairforget.cli.evaluate import evaluate_command
from fairforget.cli.explore import explore_command
from fairforget.cli.report import report_command
from fairforget.cli.unlearn import unlearn_command
from fairforget.errors import InputError

# Named unlike the library: the parser looks names up in the package, which would load torch.
COMMANDS = {
    "demo": demo_command,
    "unlearn": unlearn_command,
    "evaluate": evaluate_command,
    "compare": compare_command,
    "report": report_command,
    "explore": explore_command,
}
BAD_INPUT, INTERRUPTED = 2, 130


class OneLineParser(ArgumentParser):
    """Tells what is wrong in one line, without the usage."""

    def error(self, message: str, ex: Exception | None = None) -> NoReturn:
        """Print the message and exit with status 2."""
        if "--config" in sys.argv[:-1]:  # the YAML reader does not know the name of its file
            path = sys.argv[sys.argv.index("--config") + 1]
            message = message.replace('"<unicode string>"', path)
        _fail(" ".join(message.split()) + f" (see {self.prog.split(' [')[0]} --help)")


def main(args: list[str] | None = None) -> None:
    """Run a command; exits with 0 done, 2 bad input, 130 interrupted."""
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        auto_cli(
            COMMANDS,  # type: ignore[arg-type]
            args=args,
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
        if (cause := _system_fault(error)) is None:
            raise
        _fail(cause)


def _system_fault(error: BaseException) -> str | None:
    """One line for what the operating system refused, or None for a fault of the program."""
    if isinstance(error, OSError) and error.errno is not None:
        return f"{error.filename or 'a file'}: {error.strerror}"
    if (full := os.strerror(errno.ENOSPC)) in str(error):  # safetensors passes the text only
        return f"{full}; free some and run the same command again"
    return _system_fault(error.__cause__) if error.__cause__ else None


def _fail(message: str) -> NoReturn:
    print(f"fairforget: {message}", file=sys.stderr)
    sys.exit(BAD_INPUT)
