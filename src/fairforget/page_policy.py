"""Protect HTML pages against the texts they contain: content policy, bidirectional overrides."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

_OVERRIDES = re.compile(r"[\u202a-\u202e\u2066-\u2069]")


def page_policy(script: str, style: str) -> str:
    """Return a content security policy that allows one script and one style, by their hashes.

    Texts of a corpus or a model can then neither run nor load anything, even if they became markup.
    """
    return (
        f"default-src 'none'; script-src '{_digest(script)}'; style-src '{_digest(style)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def without_overrides(value: Any) -> Any:
    """Return text without bidirectional overrides, which would reorder the text after them."""
    return _OVERRIDES.sub("\N{REPLACEMENT CHARACTER}", value) if type(value) is str else value


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
