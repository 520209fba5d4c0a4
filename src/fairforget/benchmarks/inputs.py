"""Fingerprints of what the scores of benchmarks depend on."""

from __future__ import annotations

from collections.abc import Iterable

from fairforget.benchmarks import hash_words
from fairforget.benchmarks.options import list_files
from fairforget.models.inputs import fingerprint_inputs
from fairforget.records.outputs import CONTENT


def fingerprint_benchmarks(names: Iterable[str]) -> dict[str, str]:
    """`fingerprint_inputs` of benchmarks: files given as options, and the words they come with.

    Args:
        names: of benchmarks, with options.
    """
    names = list(names)
    words = {
        f"{CONTENT}the word list of {name}": digest
        for name in names
        if (digest := hash_words(name))
    }
    return fingerprint_inputs(list_files(names)) | words
