"""What a page that this library writes may do: run its own script, show its own style, no more.

And what a text on it may not: turn the direction of what stands after it.
"""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

_OVERRIDES = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def page_policy(script: str, style: str) -> str:
    """A content security policy that names one script and one style by their hashes.

    What a corpus or a model says can then neither run nor load anything, even if it became markup.
    """
    return (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def without_overrides(value: Any) -> Any:
    """Text without the characters that would turn the direction of what stands after it."""
    return _OVERRIDES.sub("\N{REPLACEMENT CHARACTER}", value) if type(value) is str else value


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
