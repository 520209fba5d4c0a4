"""The command line: `fairforget`, or `python -m fairforget`."""

from __future__ import annotations

import sys

from fairforget.exit_status import INTERRUPTED


def main() -> None:
    """Run the command line; importing it takes a while, and can be interrupted too."""
    try:
        from fairforget.cli import main as run

        run()
    except KeyboardInterrupt:
        print("fairforget: interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
