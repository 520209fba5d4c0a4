"""All commands by name, and how to find one."""

from __future__ import annotations

from typing import Any

from fairforget.cli.compare import compare_command
from fairforget.cli.data import DATA_COMMANDS
from fairforget.cli.demo import demo_command
from fairforget.cli.durability import durability_command
from fairforget.cli.evaluate import evaluate_command
from fairforget.cli.explore import explore_command
from fairforget.cli.export import export_command
from fairforget.cli.leaderboard import leaderboard_command
from fairforget.cli.report import report_command
from fairforget.cli.rerun import rerun_command
from fairforget.cli.score_target import score_target_command
from fairforget.cli.select import select_command
from fairforget.cli.transfer import transfer_command
from fairforget.cli.unlearn import unlearn_command
from fairforget.errors import suggest

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


def find_command(arguments: list[str]) -> tuple[list[str], Any]:
    """Return the leading words that name a command or a group, and what they name."""
    node: Any = COMMANDS
    for index, name in enumerate(arguments):
        if callable(node) or name not in node or name == HELP:
            return arguments[:index], node
        node = node[name]
    return arguments, node


def select_components(path: list[str], command: Any) -> Any:
    """Return `COMMANDS` with only the named command: building all parsers takes much longer."""
    if not callable(command):
        return COMMANDS
    for name in reversed(path):
        command = {name: command}
    return command


def list_commands(path: list[str], known: dict[str, Any], unknown: list[str]) -> str:
    """Return the message for words that do not name a command.

    Args:
        path: the words that name a group of commands.
        known: what the group contains.
        unknown: the words after them.
    """
    known = {name: it for name, it in known.items() if name != HELP}
    choice = f"choose from {', '.join(known)}"
    if not unknown:
        return choice
    meant = suggest(unknown[0], known) or f"; {choice}"
    return f"unknown command {' '.join([*path, unknown[0]])!r}{meant}"
