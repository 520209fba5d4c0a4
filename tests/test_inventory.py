"""`fairforget data`: what there is, where, and whether it is right; what a benchmark shares."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairforget.cli import main
from fairforget.corpora import SOURCES
from fairforget.corpora.inventory import fetch_files, list_data_sets, verify_files
from fairforget.corpora.overlap import (
    BENCHMARK_SENTENCES,
    benchmark_sentences,
    measure_overlap,
)
from fairforget.data.catalogue import CATALOGUE
from fairforget.errors import InputError


def test_the_inventory_has_every_corpus_and_data_set(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("FAIRFORGET_DATA", str(tmp_path))
    monkeypatch.setenv("FAIRFORGET_CACHE", str(tmp_path))
    entries = {entry.name: entry for entry in list_data_sets()}
    assert len(entries) == len(list_data_sets()), "a name is there twice"
    assert set(SOURCES) <= set(entries)
    assert {"crows_pairs", "bbq", "winobias"} <= set(entries)
    assert entries["stereoset-intersentence"].use == "benchmark"
    assert entries["dghs"].options == ("round", "level")
    assert "not on this machine (put https://" in entries["dghs"].files[0].where
    assert not entries["dghs"].files[0].here
    assert entries["builtin"].files[0].here
    assert all(entry.licence and entry.files for entry in entries.values())
    assert {source.data for source in SOURCES.values() if source.data} <= set(CATALOGUE)


def test_every_missing_file_is_listed_with_its_location(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("FAIRFORGET_DATA", str(tmp_path))
    monkeypatch.setenv("FAIRFORGET_CACHE", str(tmp_path / "cache"))
    (bbq,) = (entry for entry in list_data_sets() if entry.name == "bbq")
    listed = {file.where for file in bbq.files}
    assert len(listed) == 12
    for name, folder in (("Age.jsonl", "data"), ("additional_metadata.csv", "supplemental")):
        url = f"https://raw.githubusercontent.com/nyu-mll/BBQ/main/{folder}/{name}"
        assert any(f"put {url} at $FAIRFORGET_DATA/bbq/{name} or" in line for line in listed)


def test_a_wrong_file_is_listed_and_reported_by_verify(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("FAIRFORGET_DATA", str(tmp_path))
    path = tmp_path / "hatecheck" / "test_suite_cases.csv"
    path.parent.mkdir()
    path.write_text("nothing of the kind")
    assert [bool(verdict.problem) for verdict in verify_files("hatecheck")] == [True]
    with pytest.raises(SystemExit) as exit_:
        main(["data", "verify", "--name", "hatecheck"])
    assert exit_.value.code == 2
    out, err = capsys.readouterr()
    assert "WRONG: hatecheck" in out
    assert "files that differ from the catalogue: 1, marked WRONG" in err
    main(["data", "list", "--json"])
    listed = {entry["name"]: entry for entry in json.loads(capsys.readouterr().out)}
    assert "has unexpected content" in listed["hatecheck"]["files"][0]["where"]


def test_verify_reports_that_there_is_nothing(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("FAIRFORGET_DATA", str(tmp_path))
    monkeypatch.setenv("FAIRFORGET_CACHE", str(tmp_path / "cache"))
    with pytest.raises(SystemExit) as exit_:
        main(["data", "verify", "dghs"])
    assert exit_.value.code == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert "dataset 'dghs' has no file on this machine; run `fairforget data fetch dghs`" in err


@pytest.mark.parametrize(
    "command",
    [["fetch", "builtin"], ["verify", "builtin"], ["verify", "--name", "builtin"]],
)
def test_what_is_built_in_needs_neither(command: list[str], capsys) -> None:
    main(["data", *command])
    assert capsys.readouterr().out == "Built in: builtin needs no files\n"


DGHS = "Dynamically Generated Hate Dataset v0.2.3.csv"


def test_one_data_set_is_verified_and_no_other(tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("FAIRFORGET_DATA", str(tmp_path))
    monkeypatch.setenv("FAIRFORGET_CACHE", str(tmp_path / "cache"))
    for folder, name in (("hatecheck", "test_suite_cases.csv"), ("dghs", DGHS)):
        path = tmp_path / folder / name
        path.parent.mkdir()
        path.write_text("nothing of the kind")
    with pytest.raises(SystemExit):
        main(["data", "verify", "hatecheck"])
    out, _ = capsys.readouterr()
    assert out.startswith("WRONG: hatecheck")
    assert out.count("\n") == 1
    for wrong, message in (
        (["verify", "nothing"], "'nothing' is unknown"),
        (["verify", "edos", "dghs"], "dghs"),
    ):
        with pytest.raises(SystemExit) as exit_:
            main(["data", *wrong])
        assert exit_.value.code == 2
        assert message in capsys.readouterr().err


def test_what_is_not_in_the_catalogue() -> None:
    for ask in (verify_files, fetch_files):
        with pytest.raises(InputError, match="'nothing' is unknown"):
            list(ask("nothing"))
    with pytest.raises(InputError, match="the sentences of benchmark 'iq' are unknown"):
        benchmark_sentences("iq")


def test_overlap_counts_sentences_that_share_words_in_a_row() -> None:
    sentences = [
        "The quick brown fox jumps over the lazy dog today.",
        "Short one!",
        "Nothing of the kind is to be found in there, I say.",
    ]
    texts = ["He said: the quick, brown fox JUMPS over the lazy dog.", "short one", "nothing of"]
    found = measure_overlap("mine", texts, "bench", sentences)
    assert (found.items, found.shared) == (3, 2)
    assert found.examples == tuple(sentences[:2])
    assert "2 of 3 sentences of bench" in found.warning
    assert "share 8 consecutive words with mine, or are shorter and equal one" in found.warning
    assert measure_overlap("mine", texts, "bench", sentences, ngram=10).shared == 1
    inside = ["It is a short one, I say, and nothing more is to be said.", "a short one"]
    assert measure_overlap("mine", inside, "bench", sentences).shared == 0
    assert (
        measure_overlap("mine", inside, "bench", sentences, ngram=2).shared == 2
    )  # "short one", "I say"
    assert measure_overlap("mine", ["", "?!"], "bench", ["...", *sentences]).shared == 0
    none = measure_overlap("mine", [], "bench", sentences)
    assert (none.share, none.warning) == (0, "")


@pytest.mark.parametrize("ngram", ["0", "-3"])
def test_an_ngram_has_words(capsys, monkeypatch, ngram: str) -> None:
    monkeypatch.setattr(
        "fairforget.corpora.overlap.benchmark_sentences", lambda name: ("They lie.",)
    )
    with pytest.raises(SystemExit) as exit_:
        main(["data", "overlap", "builtin", "--benchmarks", "stereoset", "--ngram", ngram])
    assert exit_.value.code == 2
    out, err = capsys.readouterr()
    assert (out, "set it to at least 1" in err) == ("", True)


def test_stereotypes_and_their_counterparts_are_looked_for(tmp_path: Path, monkeypatch) -> None:
    path = tmp_path / "items.jsonl"
    versions = {"stereotype": "She wept.", "anti-stereotype": "She won.", "unrelated": "It rains."}
    item = {"target": "girl", "bias_type": "gender", "context": "A girl ran.", **versions}
    path.write_text(
        "".join(
            json.dumps({**item, "type": task}) + "\n" for task in ("intrasentence", "intersentence")
        )
    )
    monkeypatch.setattr("fairforget.data.stereoset.find_file", lambda *_: path)
    for name in ("stereoset", "stereoset:intersentence"):
        assert list(BENCHMARK_SENTENCES[name].read()) == ["She wept.", "She won."]


@pytest.mark.shared_data
def test_forget_corpora_share_nothing_with_the_benchmarks(shared_file, capsys) -> None:
    shared_file("hatecheck/test_suite_cases.csv")
    shared_file("crows_pairs/crows_pairs_anonymized.csv")
    for corpus in ("builtin", "hatecheck"):
        main(["data", "overlap", corpus, "--benchmarks", "crows_pairs", "--json"])
        (found,) = json.loads(capsys.readouterr().out)
        assert (found["shared"], found["warning"]) == (0, "")
