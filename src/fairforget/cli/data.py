"""`fairforget data`: list, fetch and verify corpora and benchmarks; list and clear the cache."""

from __future__ import annotations

from fairforget.terminal.messages import count_of


def list_command(*, json: bool = False) -> None:
    """List corpora and benchmarks with licence, citation, domains, location and verification.

    Args:
        json: Print JSON and nothing else.
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
            print(f"    to download missing files: fairforget data fetch {entry.name}")


def fetch_command(name: str) -> None:
    """Download and verify the missing files of a corpus or benchmark.

    Args:
        name: Corpus or benchmark, as named by `fairforget data list`.
    """
    from fairforget.corpora.inventory import comes_with_package, fetch_files

    if comes_with_package(name):
        print(f"Built in: {name} needs no files")
        return
    for path in fetch_files(name):
        print(f"Available: {path}")


def verify_command(name: str = "") -> None:
    """Verify the files on this machine against their hashes.

    Exit status 2 if a file differs, or if the named corpus or benchmark has no file on this
    machine.

    Args:
        name: Corpus or benchmark to verify, with or without `--name` before it. Default: all.
    """
    from fairforget.corpora.inventory import comes_with_package, verify_files
    from fairforget.errors import InputError

    if comes_with_package(name):
        print(f"Built in: {name} needs no files")
        return
    wrong = count = 0
    for count, result in enumerate(verify_files(name), 1):  # noqa: B007
        wrong += bool(result.problem)
        print(f"{'WRONG' if result.problem else 'OK'}: {result.path} {result.problem}".rstrip())
    if wrong:
        raise InputError(
            f"files that differ from the catalogue: {wrong}, marked WRONG; the remedy is beside "
            "each"
        )
    if not count and name:
        raise InputError(
            f"dataset {name!r} has no file on this machine; run `fairforget data fetch {name}`"
        )
    if not count:
        print("This machine has none of the files in the catalogue.")


def overlap_command(
    corpus: str,
    *,
    benchmarks: str = "stereoset,stereoset:intersentence,crows_pairs",
    ngram: int = 8,
    json: bool = False,
) -> None:
    """Search a corpus for benchmark sentences by shared word n-grams.

    Args:
        corpus: CORPUS[:DOMAIN], or a .csv, .jsonl, .parquet or .txt file.
        benchmarks: Benchmarks, comma-separated.
        ngram: Length of a shared n-gram in words; a shorter sentence must equal a whole text.
        json: Print JSON and nothing else.
    """
    import json as json_
    from dataclasses import asdict

    from fairforget.benchmarks import benchmark_names
    from fairforget.corpora import iter_corpus
    from fairforget.corpora.overlap import benchmark_sentences, measure_overlap
    from fairforget.errors import InputError

    names = benchmark_names(benchmarks)
    if not names:
        raise InputError("--benchmarks is empty; give at least one, such as stereoset")
    texts = [text.text for text in iter_corpus(corpus)]
    overlaps = [
        measure_overlap(
            corpus,
            texts,
            name,
            benchmark_sentences(name),
            ngram=ngram,
        )
        for name in names
    ]
    if json:
        rows = [{**asdict(one), "share": one.share, "warning": one.warning} for one in overlaps]
        print(json_.dumps(rows, indent=1))
        return
    for one in overlaps:
        print(f"{one.benchmark}: {one.shared} of {one.items} sentences ({100 * one.share:.2f} %)")
        for example in one.examples:
            print(f"    {example}")
        if one.warning:
            print(f"    Warning: {one.warning}")


def cache_command(*, json: bool = False) -> None:
    """List the contents of the cache: converted GGUF files, downloads and LLM answers.

    The cache is in $FAIRFORGET_CACHE if it is set, otherwise in $XDG_CACHE_HOME/fairforget, or in
    ~/.cache/fairforget if neither is set.
    `data clear-cache` clears it.

    Args:
        json: Print JSON and nothing else.
    """
    import json as json_
    from dataclasses import asdict

    from fairforget.data.cache import list_cache
    from fairforget.data.locate import cache_directory

    entries = list_cache()
    if json:
        print(json_.dumps([asdict(entry) for entry in entries], indent=1))
        return
    for entry in entries:
        print(f"{entry.kind}: {entry.about}")
        print(f"    {entry.path}, {_size(entry.bytes)} in {count_of(entry.files, 'file')}")
    print(f"Total in {cache_directory()}: {_size(sum(entry.bytes for entry in entries))}")


def clear_cache_command(kind: str = "gguf") -> None:
    """Delete contents of the cache; by default only converted GGUF files.

    Args:
        kind: gguf: converted copies of GGUF files; data: downloaded datasets; llm: answers for
            `select --method llm`; all. May be given without `--kind`.
    """
    from fairforget.data.cache import clear_cache

    deleted = clear_cache(kind)
    for entry in deleted:
        print(f"Deleted: {entry.path} ({entry.about}), {_size(entry.bytes)}")
    if not deleted:
        print("Nothing to delete")


def _size(count: int) -> str:
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


DATA_COMMANDS = {
    "list": list_command,
    "fetch": fetch_command,
    "verify": verify_command,
    "overlap": overlap_command,
    "cache": cache_command,
    "clear-cache": clear_cache_command,
}
