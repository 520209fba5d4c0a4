"""`fairforget data`: the corpora and benchmarks, where they are and whether they are right."""

from __future__ import annotations


def list_command(*, json: bool = False) -> None:
    """List corpora and benchmarks: licence, citation, domains, where found, how verified.

    Args:
        json: Print JSON, and nothing else.
    """
    import json as json_
    from dataclasses import asdict

    from fairforget.inventory import inventory

    entries = inventory()
    if json:
        print(json_.dumps([asdict(entry) for entry in entries], indent=1))
        return
    for entry in entries:
        print(f"{entry.name} ({entry.use}): {entry.about}")
        if entry.domains:
            print(f"    domains: {', '.join(entry.domains)}")
        if entry.options:
            print(f"    options: {', '.join(entry.options)}")
        print(f"    licence: {entry.licence}{entry.citation and '; '}{entry.citation}")
        for file in entry.files:
            size = f", {file.bytes / 1e6:.1f} MB" if file.bytes is not None else ""
            print(f"    {file.where}{size}; verified by {file.verified_by}")


def fetch_command(name: str) -> None:
    """Fetch the files of a corpus or benchmark that are not on this machine; verified.

    Args:
        name: As `fairforget data list` shows it.
    """
    from fairforget.inventory import fetch_files

    for path in fetch_files(name):
        print(f"Here: {path}")


def verify_command(name: str = "") -> None:
    """Check the files on this machine against their hashes.

    Args:
        name: Of one corpus or benchmark; by default all.
    """
    from fairforget.errors import InputError
    from fairforget.inventory import verify_files

    faults = 0
    for result in verify_files(name):
        faults += bool(result.fault)
        print(f"{'WRONG' if result.fault else 'right'}: {result.path} {result.fault}".rstrip())
    if faults:
        raise InputError(f"{faults} files are not what the catalogue says; see above")


def overlap_command(
    corpus: str,
    *,
    benchmarks: str = "stereoset,stereoset:intersentence,crows_pairs",
    ngram: int = 8,
    json: bool = False,
) -> None:
    """Look for sentences of benchmarks in a corpus: shared runs of words.

    Args:
        corpus: CORPUS[:DOMAIN], or a .csv, .jsonl or .parquet file.
        benchmarks: Names, separated by commas.
        ngram: Words in a row that must agree.
        json: Print JSON, and nothing else.
    """
    import json as json_
    from dataclasses import asdict

    from fairforget.corpora import iter_corpus
    from fairforget.overlap import benchmark_sentences, overlap

    found = [
        overlap(
            corpus,
            (text.text for text in iter_corpus(corpus)),
            name,
            benchmark_sentences(name),
            ngram=ngram,
        )
        for name in (part.strip() for part in benchmarks.split(","))
    ]
    if json:
        rows = [{**asdict(one), "share": one.share, "warning": one.warning} for one in found]
        print(json_.dumps(rows, indent=1))
        return
    for one in found:
        print(f"{one.benchmark}: {one.shared} of {one.items} sentences ({100 * one.share:.2f} %)")
        for example in one.examples:
            print(f"    {example}")
        if one.warning:
            print(f"    Warning: {one.warning}")


DATA_COMMANDS = {
    "list": list_command,
    "fetch": fetch_command,
    "verify": verify_command,
    "overlap": overlap_command,
}
