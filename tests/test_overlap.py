"""Overlap of forget corpora with benchmarks: recorded, warned about, or an error."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairforget.benchmarks.unseen import check_unseen, training_corpora
from fairforget.cli import main
from fairforget.corpora import Text, overlap
from fairforget.corpora.corpus import Corpus
from fairforget.corpora.overlap import LENGTH, measure_overlaps
from fairforget.errors import InputError
from fairforget.models.loading import load_model
from fairforget.records.environment import environment
from fairforget.records.paths import MODEL, RECORD
from fairforget.records.records import BudgetFacts, CorpusFacts, ModelFacts, UnlearningRecord
from fairforget.records.store import write_record
from fairforget.training.config import UnlearningConfig
from fairforget.training.preparation import prepare

from .models import save_tiny

SENTENCES = ["They lie and they are bad drivers, I think.", *(f"Sentence {n}." for n in range(49))]


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with one benchmark, which has those sentences."""
    monkeypatch.setenv("FAIRFORGET_DATA", str(tmp_path))
    monkeypatch.setenv("FAIRFORGET_CACHE", str(tmp_path / "cache"))
    known = {
        "mine": overlap._Sentences("stereoset", lambda: iter(SENTENCES)),
        "absent": overlap._Sentences("crows_pairs", lambda: pytest.fail("it is not here")),
    }
    monkeypatch.setattr(overlap, "BENCHMARK_SENTENCES", known)
    monkeypatch.setattr(overlap, "find_local_file", lambda file: "stereoset" in file.path or None)
    monkeypatch.setattr(overlap, "benchmark_sentences", lambda name: tuple(known[name].read()))
    return tmp_path


def test_only_benchmarks_on_this_machine_are_compared(places: Path) -> None:
    (found,) = measure_overlaps("corpus", ["sentence 3", "they lie and they are bad drivers I"])
    assert (found.benchmark, found.items, found.shared) == ("mine", 50, 2)
    assert found.facts.share == 0.04
    assert found.facts.ngram == LENGTH
    assert "2 of 50 sentences of mine share 8 consecutive words with corpus" in found.warning


@pytest.mark.parametrize("shared", [True, False])
def test_overlap_is_recorded_with_a_warning(places: Path, capsys, shared: bool) -> None:
    text = SENTENCES[0] if shared else "They are bad drivers."
    model = load_model(save_tiny("llama", places / "tiny"))
    rivers = [Text(str(n), f"The river number {n} has a bridge and a mill.") for n in range(200)]
    prepared = prepare(
        model,
        Corpus("corpus", [Text("t", text)]),
        Corpus("rivers", rivers),
        UnlearningConfig(str(places / "out"), objective="ascent", selection="all", use_cpu=True),
    )
    (facts,) = prepared.overlap
    assert (facts.benchmark, facts.share) == ("mine", 0.02 if shared else 0)
    assert ("Warning: 1 of 50 sentences of mine" in capsys.readouterr().err) == shared


def test_training_on_a_benchmarks_items_excludes_it() -> None:
    for corpus in ("stereoset-intersentence", "stereoset-intersentence:race?split=dev"):
        with pytest.raises(InputError, match="'stereoset:dev': corpus"):
            check_unseen(["perplexity", "stereoset:dev"], corpora=[corpus])
    check_unseen(["crows_pairs", "perplexity"], corpora=["stereoset-intersentence"])
    check_unseen(["stereoset:test"], corpora=["stereoset-intersentence"])
    check_unseen(["stereoset"], corpora=["hatecheck:women"])


def test_perplexity_of_texts_that_were_trained_on_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("text\nThe river has a bridge.\n")
    for benchmark, corpus in (
        ("perplexity:wikipedia:1%", "wikipedia"),
        (f"perplexity:{file}", f"{file}?text=text"),
    ):
        with pytest.raises(InputError, match=f"'{benchmark}': corpus"):
            check_unseen([benchmark], corpora=[corpus])
    check_unseen(["perplexity:10%:bias-bench", "perplexity:everyday"], corpora=["wikipedia"])
    # the benchmark is the test split, the corpus the validation split
    check_unseen(["perplexity", "perplexity:wikitext2:10%"], corpora=["wikitext2"])


def test_another_split_of_a_corpus_is_not_what_was_trained_on(tmp_path: Path) -> None:
    file = tmp_path / "posts.csv"
    file.write_text("text,split\nA river.,train\nA hill.,test\n")
    for corpus, option in (
        (str(file), "split-is"),
        ("dghs", "split"),
        ("hub:Salesforce/wikitext", "split"),
    ):
        trained = [f"{corpus}?{option}=train,dev"]
        check_unseen([f"perplexity:{corpus}?{option}=test"], corpora=trained)
        for measured in (f"{option}=train", f"{option}=test,dev", "label=all"):
            with pytest.raises(InputError, match="contains its items"):
                check_unseen([f"perplexity:{corpus}?{measured}"], corpora=trained)


def test_a_corpus_of_a_record_that_became_unreadable_is_no_error(tmp_path: Path, capsys) -> None:
    file = tmp_path / "posts.csv"
    file.write_text("id,text\n1,a,b\n")
    leave_run(tmp_path / "run", "gpt2", f"{file}?id=id")
    model = str(tmp_path / "run" / MODEL)
    check_unseen(["stereoset"], models=[model])
    (line,) = capsys.readouterr().err.splitlines()
    assert "of this model cannot be read (" in line
    assert line.endswith("), so it is not checked for items of benchmarks")
    with pytest.raises(InputError, match="contains its items"):
        check_unseen([f"crows_pairs:{file}"], models=[model])


def test_the_packaged_model_is_no_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    leave_run(Path("smollm2"), "smollm2", "wikipedia")
    check_unseen(["perplexity:wikipedia"], models=["smollm2"])
    with pytest.raises(InputError, match="contains its items"):
        check_unseen(["perplexity:wikipedia"], models=["./smollm2/model"])


@pytest.fixture
def items(tmp_path: Path) -> Path:
    """A file that `select` made of items of StereoSet, with another name for the column of ids."""
    path = tmp_path / "spans.csv"
    path.write_text("number,text\nmine:1,hello\nstereoset:intersentence-0002,They are late.\n")
    return path


def test_a_benchmarks_items_are_recognised_in_a_file(items: Path) -> None:
    with pytest.raises(InputError, match="benchmark 'stereoset': corpus"):
        check_unseen(["crows_pairs", "stereoset"], corpora=[f"{items}?id=number"])
    check_unseen(["crows_pairs", "perplexity"], corpora=[f"{items}?id=number"])
    check_unseen(["stereoset"], corpora=[str(items)])  # without ids, nobody can know
    check_unseen(["stereoset"], corpora=[str(items.with_name("missing.csv"))])


def test_a_file_of_items_is_recognised_by_its_path(
    items: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(items.parent)
    with pytest.raises(InputError, match="contains its items"):
        check_unseen([f"crows_pairs:{items}"], corpora=["./spans.csv?text=sent_more"])
    other = items.with_name("other.csv")
    other.write_text("number,text\nmine:1,hello\n")  # whatever precedes the colon
    check_unseen(
        ["crows_pairs:spans.csv", "harmful_words:spans.csv"], corpora=["other.csv?id=number"]
    )


@pytest.mark.parametrize("corpus", ["stereoset-intersentence:race", "file"])
def test_a_model_trained_on_a_benchmarks_items_is_not_evaluated_on_it(
    items: Path, tmp_path: Path, capsys, corpus: str
) -> None:
    run, again = tmp_path / "run", tmp_path / "again"
    forgot = f"{items}?id=number" if corpus == "file" else corpus
    leave_run(run, "gpt2", "builtin:gender", forgot)
    leave_run(again, str(run / MODEL), "builtin:age")
    for model in (run / MODEL, again / MODEL):
        output = str(tmp_path / "measured")
        with pytest.raises(SystemExit) as exit_:
            main(["evaluate", str(model), "--benchmarks", "stereoset:dev", "--output", output])
        assert exit_.value.code == 2
        assert f"'stereoset:dev': corpus {forgot!r} contains its" in capsys.readouterr().err
        assert not Path(output).exists()
    assert list(training_corpora(str(again / MODEL))) == [
        *("builtin:age", "wikipedia"),
        *("builtin:gender", forgot, "wikipedia"),
    ]
    args = ["--benchmarks", "stereoset", "--output", str(tmp_path / "out")]
    for command in (
        ["unlearn", str(again / MODEL), "--forget", "builtin:race"],
        ["leaderboard", "--models", f"gpt2,{again / MODEL}", "--methods", "cda"],
    ):
        with pytest.raises(SystemExit):
            main([*command, *args])
        assert "contains its items" in capsys.readouterr().err
        assert not (tmp_path / "out").exists()


def test_a_benchmarks_items_are_recognised_among_retain_texts(
    items: Path, tmp_path: Path, capsys
) -> None:
    retained = f"{items}?id=number"
    leave_run(tmp_path / "run", "gpt2", "builtin:gender", retained=retained)
    for args in (
        ["evaluate", str(tmp_path / "run" / MODEL)],
        ["unlearn", "gpt2", "--retain", retained],
        ["transfer", "gpt2", "--retain", retained],
    ):
        output = tmp_path / "out"
        with pytest.raises(SystemExit):
            main([*args, "--benchmarks", "stereoset", "--output", str(output)])
        assert f"corpus {retained!r} contains its items" in capsys.readouterr().err
        assert not output.exists()


def test_a_corpus_that_is_not_found_cannot_be_checked(items: Path, tmp_path: Path, capsys) -> None:
    missing, texts = tmp_path / "missing.csv", tmp_path / "missing.txt"
    leave_run(tmp_path / "run", "gpt2", f"{items}?id=number", str(missing), str(texts))
    model = str(tmp_path / "run" / MODEL)
    assert len(list(training_corpora(model))) == 4
    check_unseen(["harmful_words:hatecheck"], models=[model])
    (line,) = capsys.readouterr().err.splitlines()
    assert str(missing) in line
    assert line.endswith(
        "of this model was not found, so it is not checked for items of benchmarks"
    )


def test_a_model_without_a_record_has_no_training_corpora(tmp_path: Path) -> None:
    (tmp_path / MODEL).mkdir()
    assert list(training_corpora("gpt2")) == list(training_corpora(str(tmp_path / MODEL))) == []
    for content in ("{}", '{"kind": "evaluation"}', "no JSON"):
        (tmp_path / RECORD).write_text(content)
        assert list(training_corpora(str(tmp_path / MODEL))) == []
    leave_run(tmp_path, str(tmp_path / MODEL), "builtin")  # whose original is itself
    assert list(training_corpora(str(tmp_path / MODEL))) == ["builtin", "wikipedia"]


def leave_run(directory: Path, source: str, *forgot: str, retained: str = "wikipedia") -> None:
    """The output of a run that unlearned these corpora, without the weights."""
    (directory / MODEL).mkdir(parents=True, exist_ok=True)
    record = UnlearningRecord(
        model=ModelFacts(source, 1, "float32", "<s>"),
        method={},
        corpora=[
            *(CorpusFacts(name, "forget", 1, 1) for name in forgot),
            CorpusFacts(retained, "retain", 1, 1),
            CorpusFacts(retained, "held-out", 1, 1),
        ],
        budget=BudgetFacts(1.03, 1.0, 20.0, 1.0, alpha=1.0),
        history=[],
        environment=environment("cpu"),
    )
    write_record(record, directory / RECORD)
