"""What users import, and that looking at the help does not load torch."""

from __future__ import annotations

import subprocess
import sys

import fairforget


def test_every_public_name_is_there() -> None:
    for name in fairforget.__all__:
        assert getattr(fairforget, name) is not None
    assert sorted(fairforget.__all__) == list(fairforget.__all__)


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import contextlib, io, sys, fairforget.cli\n"
        "with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):\n"
        "    fairforget.cli.main(['unlearn', '--help'])\n"
        "print([m for m in ('torch', 'transformers', 'pyarrow', 'pydantic') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"
