"""`fairforget data`: the corpora and benchmarks, where they are and whether they are right."""

from __future__ import annotations

from fairforget.cli.lists import split_required


def list_command(*, json: bool = False) -> None:
    """List corpora and benchmarks: licence, citation, domains, where found, how verified.

    Args:
        json: Print JSON, and nothing else.
    """
    import json as json_
    from dataclasses import asdict

    from fairforget.corpora.inventory import list_data_sets

    entries = list_data_sets()
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
        if any(file.fetched for file in entry.files):
            print(f"    `fairforget data fetch {entry.name}` fetches what is not here")


def fetch_command(name: str) -> None:
    """Fetch the files of a corpus or benchmark that are not on this machine; verified.

    Args:
        name: As `fairforget data list` shows it.
    """
    from fairforget.corpora.inventory import fetch_files, is_built_in

    if is_built_in(name):
        print(f"Built in: {name} needs no files")
        return
    for path in fetch_files(name):
        print(f"Here: {path}")


def verify_command(name: str = "") -> None:
    """Check the files on this machine against their hashes.

    Status 2 if one is wrong, or if none of those that were asked for is here.

    Args:
        name: Of one corpus or benchmark; by default all.
    """
    from fairforget.corpora.inventory import is_built_in, verify_files
    from fairforget.errors import InputError

    if is_built_in(name):
        print(f"Built in: {name} needs no files")
        return
    faults = count = 0
    for count, result in enumerate(verify_files(name), 1):  # noqa: B007
        faults += bool(result.problem)
        print(f"{'WRONG' if result.problem else 'right'}: {result.path} {result.problem}".rstrip())
    if faults:
        raise InputError(f"{faults} files are not what the catalogue says; see above")
    if not count and name:
        raise InputError(
            f"data {name!r}: no file of it is on this machine; "
            f"`fairforget data fetch {name}` fetches what can be fetched"
        )
    if not count:
        print("No file of the catalogue is on this machine.")


def overlap_command(
    corpus: str,
    *,
    benchmarks: str = "stereoset,stereoset:intersentence,crows_pairs",
    ngram: int = 8,
    json: bool = False,
) -> None:
    """Look for sentences of benchmarks in a corpus: shared runs of words.

    Args:
        corpus: CORPUS[:DOMAIN], or a .csv, .jsonl, .parquet or .txt file.
        benchmarks: Names, separated by commas.
        ngram: Words in a row that must agree; a shorter sentence must be a text of the corpus.
        json: Print JSON, and nothing else.
    """
    import json as json_
    from dataclasses import asdict

    from fairforget.benchmarks.overlap import benchmark_sentences, measure_overlap
    from fairforget.corpora import iter_corpus

    found = [
        measure_overlap(
            corpus,
            (text.text for text in iter_corpus(corpus)),
            name,
            benchmark_sentences(name),
            ngram=ngram,
        )
        for name in split_required(benchmarks, "benchmarks", "stereoset")
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
