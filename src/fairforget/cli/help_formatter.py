"""Types and defaults in `--help`, as in the reference of the commands."""

from __future__ import annotations

import re
from argparse import Action

from jsonargparse import DefaultHelpFormatter

SIMPLER = (
    (re.compile(r"<class '(?:\w+\.)*(\w+)'>"), r"\1"),
    (re.compile(r"Optional\[(.*)\](?=, default|\)$)"), r"\1 | null"),
    (re.compile(r", default: (?=\)$)"), ", default: empty"),
)
"""What the parser writes → what the reference of the commands writes."""
CONFIG_FILE = "Path to a configuration file."
"""The parser's help of `--config`, and of a group of settings."""
LITERAL = re.compile(r"Literal\[([^\]]*)\]")


class HelpFormatter(DefaultHelpFormatter):
    """Writes `Path` for `<class 'Path'>`, and `a | b` for `Literal['a', 'b']`."""

    def _expand_help(self, action: Action) -> str:
        text = super()._expand_help(action)
        if text == CONFIG_FILE and action.dest != "config":
            return "Path to a file with these settings."
        return simplify_types(text)


def simplify_types(text: str) -> str:
    """Return the help of a flag with simpler types.

    Examples:
        >>> simplify_types("Ends. (type: Optional[Literal['a', 'b']], default: null)")
        'Ends. (type: a | b | null, default: null)'
    """
    for pattern, replacement in SIMPLER:
        text = pattern.sub(replacement, text)
    return LITERAL.sub(lambda names: names[1].replace("'", "").replace(", ", " | "), text)
