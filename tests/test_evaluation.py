"""An evaluation on disk: all items in one table, written once, shown in the terminal."""

from __future__ import annotations

import copy
import json
import math
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from importlib.metadata import version
from inspect import signature
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch
from pydantic import TypeAdapter

from fairforget.benchmarks import (
    BENCHMARKS,
    find_judge,
    is_seeded,
    load_benchmark,
    load_benchmarks,
)
from fairforget.benchmarks.bbq import evaluate as bbq
from fairforget.benchmarks.crows_pairs import evaluate as crows_pairs
from fairforget.benchmarks.inputs import fingerprint_benchmarks
from fairforget.benchmarks.measurement import Benchmark, Measurement
from fairforget.benchmarks.options import base_name, hash_option_files
from fairforget.benchmarks.stereoset import evaluate as stereoset
from fairforget.cli import main
from fairforget.comparison.compare import compare
from fairforget.data.bbq import Question
from fairforget.data.crows_pairs import Pair, read_pairs
from fairforget.data.decoding_trust import SLOT, Statement
from fairforget.data.stereoset import Item
from fairforget.data.stereoset import read_items as read_stereoset
from fairforget.errors import InputError
from fairforget.evaluation import directory, measure
from fairforget.evaluation import evaluate as evaluate_module
from fairforget.evaluation.directory import evaluate_into, is_complete
from fairforget.evaluation.evaluate import evaluate
from fairforget.models.fingerprint import describe_model, hub_commit
from fairforget.models.inputs import fingerprint_inputs
from fairforget.records.evaluation import read_items
from fairforget.records.paths import (
    AFTER,
    BEFORE,
    CONTINUATION_PAIRS,
    CONTINUATIONS,
    ITEMS,
    PARTS,
    RECORD,
    SETTINGS,
)
from fairforget.records.records import EvaluationRecord
from fairforget.records.scores import BenchmarkScores, DomainScores, score_rows
from fairforget.records.store import read_record, write_record
from fairforget.report import write_report
from fairforget.report.comparison_terminal import show_comparison
from fairforget.report.terminal import show_evaluation

from .models import save_tiny, tiny_model

ITEM = Item("a", "race", "town", ("They lie.", "They think.", "They mill."), "They BLANK.")
PAIR = Pair("a", "age", "They lie.", "They think.")
QUESTION = Question(
    "Age-0", "Age", "Age-1", True, "Late.", "Who?", ("They", "Women", "Not known"), 2, 2, 0
)


def replace_benchmarks(
    patch: pytest.MonkeyPatch, load: Callable[..., dict[str, Benchmark]]
) -> None:
    """Have benchmarks loaded by another function."""
    for module in (directory, evaluate_module):
        patch.setattr(module, "load_benchmarks", load)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """All benchmarks of our own, on one item each."""
    ours = {
        "stereoset": lambda *a, **k: stereoset(*a, items=[ITEM], **k),
        "crows_pairs": lambda *a, **k: crows_pairs(*a, pairs=[PAIR], **k),
        "bbq": lambda *a, **k: bbq(*a, questions=[QUESTION], **k),
    }
    text = tmp_path / "text.csv"
    text.write_text("text\nThe river has a bridge and an old mill near the town.\n")

    def ready(names: list[str], _: object = None) -> dict[str, Benchmark]:
        return {
            n: Benchmark(ours[n], ("causal",)) if n in ours else load_benchmark(n) for n in names
        }

    replace_benchmarks(monkeypatch, ready)
    return [*ours, f"perplexity:{text}"]


def test_a_record_names_what_its_repetition_needs(small, tmp_path: Path) -> None:
    model = tiny_model("gpt2")
    evaluate_into(tmp_path / "out", model, small[:1])
    record = read_record(tmp_path / "out" / RECORD, EvaluationRecord)
    stay = record.environment
    for package in ("torch", "transformers", "accelerate", "tokenizers", "numpy"):
        assert getattr(stay, package) == version(package)
    assert stay.threads == torch.get_num_threads()
    assert stay.processor
    assert record.model == describe_model(model)
    assert len(record.model.weights) == 64


@pytest.mark.parametrize("weight", [0, -1])
def test_models_that_differ_in_a_tensor_are_distinguished(weight: int) -> None:
    model = tiny_model("gpt2")
    before = describe_model(model).weights
    assert describe_model(model).weights == before
    list(model.model.parameters())[weight].data.mul_(1.5).add_(1e-3)
    assert describe_model(model).weights != before


def test_a_model_of_the_hub_has_its_commit_on_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    kept = tmp_path / "models--me--mine"
    (kept / "snapshots" / "abc123").mkdir(parents=True)
    (kept / "snapshots" / "abc123" / "config.json").write_text("{}")
    (kept / "refs").mkdir()
    (kept / "refs" / "main").write_text("abc123")
    assert hub_commit("me/mine") == "abc123"
    assert hub_commit("smollm2") == ""
    monkeypatch.setattr("fairforget.models.fingerprint.find_packaged_smollm2", lambda: None)
    kept.rename(tmp_path / "models--HuggingFaceTB--SmolLM2-135M-Instruct")
    assert hub_commit("smollm2") == "abc123"
    (tmp_path / "models--HuggingFaceTB--SmolLM2-135M-Instruct").rename(kept)
    assert hub_commit("me/other") == hub_commit(str(tmp_path)) == hub_commit("a: b/c/d") == ""


def test_records_from_before_these_facts_can_be_read() -> None:
    kept = Path(__file__).parents[1] / "docs" / "results" / "demo" / "before" / RECORD
    record = json.loads(kept.read_text())
    for part, facts in (("model", ("weights",)), ("environment", ("threads",))):
        for fact in facts:
            record[part].pop(fact, None)  # once the demo is run again, it has them
    found = TypeAdapter(EvaluationRecord).validate_python(record)
    assert (found.model.weights, found.environment.threads) == ("", 0)


def test_items_of_all_benchmarks_share_a_table(small, tmp_path: Path, capsys) -> None:
    evaluate_into(tmp_path / "out", tiny_model("gpt2"), small, seed=3)
    record = read_record(tmp_path / "out" / RECORD, EvaluationRecord)
    assert list(record.results) == small
    assert list(record.seconds) == small
    assert (record.seed, record.environment.processes) == (3, 1)
    rows = read_items(tmp_path / "out")
    assert [row["benchmark"] for row in rows] == ["stereoset", "crows_pairs", "bbq"]
    assert rows[0]["sent_more"] is None
    assert rows[1]["sent_more"] == "They lie."
    for name in small[:3]:
        (row,) = (row for row in rows if row["benchmark"] == name)
        assert len(find_judge(name)([row]).kinds[0].names) == 1
    show_evaluation(record)
    out = capsys.readouterr().out
    assert "Blodgett" in out
    assert "Every text starts with the token <|endoftext|> (--start_token)." in out
    assert "BBQ: A model that always" in out
    assert "perplexity:" in out
    assert "bbq, ambiguous contexts, protocol" in out
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out


def test_a_column_that_the_first_item_lacks_is_kept(monkeypatch, tmp_path: Path) -> None:
    def evaluate_late(*_: object, **__: object) -> Measurement:
        rows = [{"id": "0", "domain": "age"}, {"id": "1", "domain": "age", "score_late": 0.5}]
        return Measurement({}, rows)

    late = {"late": Benchmark(evaluate_late, ("causal",))}
    replace_benchmarks(monkeypatch, lambda *_: late)
    evaluate_into(tmp_path, tiny_model("gpt2"), ["late"])
    assert [item["score_late"] for item in read_items(tmp_path)] == [None, 0.5]


def test_written_once(small, tmp_path: Path) -> None:
    out = tmp_path / "out"
    evaluate_into(out, tiny_model("gpt2"), small)
    first = (out / RECORD).read_bytes()
    evaluate_into(out, tiny_model("gpt2", seed=1), small)
    assert (out / RECORD).read_bytes() == first


@pytest.fixture
def begun(small: list[str], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The benchmarks that were begun."""
    names: list[str] = []
    find = directory.load_benchmarks

    def watched(name: str, benchmark: Benchmark) -> Benchmark:
        def evaluate(*args: Any, **options: Any) -> Measurement:
            names.append(name)
            return benchmark.evaluate(*args, **options)

        return replace(benchmark, evaluate=evaluate)

    def ready(*args: Any) -> dict[str, Benchmark]:
        return {name: watched(name, it) for name, it in find(*args).items()}

    replace_benchmarks(monkeypatch, ready)
    return names


def interrupted(*_: object, **__: object) -> Measurement:
    raise KeyboardInterrupt


def lasting(directory: Path) -> dict[str, Any]:
    """The parts of a record that are the same in every run."""
    record = json.loads((directory / RECORD).read_text())
    return {name: value for name, value in record.items() if name not in ("seconds", "environment")}


def test_an_output_directory_may_be_in_the_home_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: list[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    evaluate(tiny_model("gpt2"), small[:1], output_dir="~/scores")
    assert (tmp_path / "scores" / RECORD).exists()


def test_an_interrupted_evaluation_resumes(small, begun, monkeypatch, tmp_path: Path) -> None:
    lm, out, whole = tiny_model("gpt2"), tmp_path / "out", tmp_path / "whole"
    find = directory.load_benchmarks
    with monkeypatch.context() as patched:
        replace_benchmarks(
            patched,
            lambda *a: find(*a) | {"bbq": Benchmark(interrupted, ("causal",))},
        )
        with pytest.raises(KeyboardInterrupt):
            evaluate_into(out, lm, small)
    assert not (out / RECORD).exists()
    begun.clear()
    evaluate_into(out, lm, small)
    assert begun == small[2:]
    evaluate_into(whole, lm, small)
    assert lasting(out) == lasting(whole)
    assert read_items(out) == read_items(whole)
    assert sorted(path.name for path in out.iterdir()) == [ITEMS, RECORD]


def test_a_command_that_measured_nothing_leaves_no_output(small, monkeypatch, tmp_path) -> None:
    lm, out, find = tiny_model("gpt2"), tmp_path / "out", directory.load_benchmarks

    def broken(*_: object, **__: object) -> Measurement:
        raise InputError("no item fits")

    def fail(*names: str) -> None:
        failing = {"bbq": Benchmark(broken, ("causal",))}
        with monkeypatch.context() as patched:
            replace_benchmarks(patched, lambda *a: find(*a) | failing)
            with pytest.raises(InputError, match="no item fits"):
                evaluate(lm, names, output_dir=out)

    fail("bbq")
    assert not out.exists()
    fail("stereoset", "bbq")
    assert (out / PARTS / "0" / RECORD).exists()  # stereoset need not be measured again
    evaluate(lm, ["stereoset", "bbq"], output_dir=out)
    assert (out / RECORD).exists()


@pytest.mark.parametrize("file", [RECORD, ITEMS])
def test_a_damaged_part_is_measured_again(small, begun, tmp_path: Path, file: str) -> None:
    lm = tiny_model("gpt2")
    evaluate_into(tmp_path / PARTS / "0", lm, small[:1])
    (tmp_path / PARTS / "0" / file).write_bytes(b"{")
    begun.clear()
    evaluate_into(tmp_path, lm, small[:1])
    assert begun == small[:1]
    assert read_items(tmp_path)


def test_only_a_benchmark_that_draws_gets_the_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    got = {}

    def watch(name: str) -> Benchmark:
        def evaluate(*_: object, **options: Any) -> Measurement:
            got[name] = options.get("seed")
            return Measurement({"domains": {}}, [])

        return Benchmark(evaluate, ("causal",))

    replace_benchmarks(monkeypatch, lambda names: {n: watch(n) for n in names})
    evaluate(tiny_model("gpt2"), ["bold", "stereoset"], seed=3)
    assert got == {"bold": 3, "stereoset": None}


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_that_draws_takes_a_seed(name: str) -> None:
    module = import_module(BENCHMARKS[name].module)
    assert is_seeded(f"{name}:option") == ("seed" in signature(module.evaluate).parameters)


@pytest.mark.parametrize("name", ["perplexity:", "harmful_words::5", "lm-eval:x:", "stereoset:"])
def test_an_empty_option_is_refused(name: str) -> None:
    """As of a variable of a shell that is not set: the default would be measured instead."""
    with pytest.raises(InputError, match=f"'{name}' has an empty option; remove the colon"):
        load_benchmark(name)


def test_what_another_model_or_seed_left_is_measured_anew(small, begun, tmp_path: Path) -> None:
    for lm, seed in ((tiny_model("gpt2"), 1), (tiny_model("llama"), 0)):
        evaluate_into(tmp_path / PARTS / "0", lm, small[:1], seed=seed)
        begun.clear()
        evaluate_into(tmp_path, tiny_model("gpt2"), small[:1])
        assert begun == small[:1]
        record = read_record(tmp_path / RECORD, EvaluationRecord)
        assert (record.model.source, record.seed) == ("gpt2", 0)
        (tmp_path / RECORD).unlink()


@pytest.mark.parametrize(
    "now", [{"torch": "1.13"}, {"device": "cuda:0"}, {"processes": 2}], ids=str
)
def test_a_record_has_the_scores_of_one_environment(
    small, begun, monkeypatch, tmp_path: Path, capsys, now: dict[str, Any]
) -> None:
    """What was scored before an update, or on another kind of device, is scored again."""
    lm, out, part = tiny_model("gpt2"), tmp_path / "out", tmp_path / "out" / PARTS / "0"
    evaluate_into(part, lm, small[:1])
    evaluate_into(tmp_path / "whole", lm, small[:1])
    begun.clear()
    find = directory.environment
    monkeypatch.setattr(directory, "environment", lambda *a: replace(find(*a), **now))
    evaluate_into(out, lm, small[:2])
    evaluate_into(tmp_path / "whole", lm, small[:1])
    again = "processes" not in now
    assert begun == ([*small[:2], small[0]] if again else [small[1]])
    err = capsys.readouterr().err
    assert ("whole: evaluated in another environment (" in err) == again


def test_a_result_has_a_digest_of_the_files_among_its_options(small, tmp_path: Path) -> None:
    name = small[-1]
    file = Path(name.removeprefix("perplexity:"))
    found = []
    for text in ("The river has a bridge.", "The river had a bridge.", "The river has a bridge."):
        file.write_text(f"text\n{text}\n")
        results = evaluate(tiny_model("gpt2"), ["stereoset", name]).record.results
        assert "files" not in results["stereoset"]
        found.append(results[name]["files"])
    assert found[0] == found[2] != found[1]


@pytest.fixture
def edit_words(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """A function that changes the digest of StereoSet's neutral words, as an edit of them does."""

    def edit() -> None:
        entry = BENCHMARKS["stereoset"]
        monkeypatch.setitem(BENCHMARKS, "stereoset", entry._replace(words=entry.words[:1]))

    return edit


@pytest.mark.parametrize("part", ["", PARTS])
def test_what_was_scored_with_other_neutral_words_is_measured_again(
    small, begun, edit_words, tmp_path: Path, capsys, part: str
) -> None:
    lm, kept = tiny_model("gpt2"), tmp_path / part / "0" if part else tmp_path
    evaluate_into(kept, lm, small[:2])
    if part:
        evaluate_into(tmp_path / PARTS / "0", lm, small[:1])
    before = read_record(kept / RECORD, EvaluationRecord).results["stereoset"]["words"]
    edit_words()
    begun.clear()
    capsys.readouterr()
    evaluate_into(tmp_path, lm, small[:2])
    assert begun[0] == "stereoset"
    results = read_record(tmp_path / RECORD, EvaluationRecord).results
    assert results["stereoset"]["words"] not in ("", before)
    assert "words" not in results["crows_pairs"]
    if not part:
        assert "word list of stereoset has changed" in capsys.readouterr().err


def test_evaluations_with_other_neutral_words_cannot_be_compared(
    small, edit_words, tmp_path: Path
) -> None:
    lm = tiny_model("gpt2")
    for name in ("one", "other"):
        evaluate_into(tmp_path / name, lm, small[:1])
        edit_words()
    with pytest.raises(InputError, match=r"words '[0-9a-f]{8}' before, '[0-9a-f]{8}' after"):
        compare(tmp_path / "one", tmp_path / "other")
    record = read_record(tmp_path / "one" / RECORD, EvaluationRecord)
    del record.results["stereoset"]["words"]  # of an older version
    write_record(record, tmp_path / "one" / RECORD)
    with pytest.raises(InputError, match=r"words not recorded before, .* version of FairForget"):
        compare(tmp_path / "one", tmp_path / "other")
    compare(tmp_path / "one", tmp_path / "one")


def test_the_bar_knows_the_number_of_sequences(small, monkeypatch) -> None:
    calls_by_name: dict[str, list[tuple[int, int]]] = {}

    @contextmanager
    def watched(description: str) -> Iterator[Callable[..., None]]:
        mine = calls_by_name.setdefault(description.removeprefix("Evaluating "), [])
        yield lambda by, note, total: mine.append((by, total))

    monkeypatch.setattr(measure, "progress_bar", watched)
    evaluate(tiny_model("gpt2"), small)
    totals = {name: {total for _, total in calls} for name, calls in calls_by_name.items()}
    assert totals == dict(zip(small, ({3}, {2}, {3}, {1}), strict=True))
    assert all(sum(by for by, _ in calls_by_name[name]) in totals[name] for name in small)


def test_perplexity_alone_has_no_items(small, tmp_path: Path) -> None:
    evaluate_into(tmp_path / "out", tiny_model("gpt2"), small[3:])
    assert read_items(tmp_path / "out") == []
    assert pq.read_table(tmp_path / "out" / ITEMS).column_names == ["benchmark", "id", "domain"]


def test_another_tokenizer_of_a_loaded_model_is_another_input(small, tmp_path: Path) -> None:
    language_model, out = tiny_model("gpt2"), tmp_path / "out"
    evaluate(language_model, ["stereoset"], output_dir=out)
    tokenizer = copy.deepcopy(language_model.tokenizer)
    tokenizer.add_tokens(["zebra"])
    with pytest.raises(InputError, match="model has changed"):
        evaluate(replace(language_model, tokenizer=tokenizer), ["stereoset"], output_dir=out)


def test_a_whole_evaluation_that_is_damaged_is_done_again(small, tmp_path: Path, capsys) -> None:
    lm = tiny_model("gpt2")
    evaluate_into(tmp_path, lm, small[:1])
    record, items = ((tmp_path / name).read_bytes() for name in (RECORD, ITEMS))
    (tmp_path / ITEMS).write_bytes(items[: len(items) // 2])
    assert not is_complete(tmp_path)
    assert "evaluating again" in capsys.readouterr().err
    evaluate_into(tmp_path, lm, small[:1])
    assert is_complete(tmp_path)
    assert (tmp_path / ITEMS).read_bytes() == items
    assert json.loads(record)["results"] == json.loads((tmp_path / RECORD).read_bytes())["results"]


def test_what_another_command_left_is_not_touched(tmp_path: Path, capsys) -> None:
    model, run = save_tiny("gpt2", tmp_path / "model"), tmp_path / "run"
    run.mkdir()
    (run / SETTINGS).write_text('{"command": "unlearn"}')
    (run / RECORD).write_text('{"kind": "unlearning"}')
    with pytest.raises(SystemExit) as ended:
        main(["evaluate", str(model), "--output", str(run)])
    assert ended.value.code == 2
    assert "contains a run with" in capsys.readouterr().err
    assert (run / RECORD).read_text() == '{"kind": "unlearning"}'


@pytest.mark.parametrize("changed", ["model", "items"])
def test_what_changed_under_its_name_is_no_finished_run(tmp_path: Path, capsys, changed) -> None:
    model, pairs = save_tiny("gpt2", tmp_path / "model"), tmp_path / "pairs.csv"
    pairs.write_text("sent_more,sent_less,bias_type\nThey lie.,They think.,age\n")
    asked = ["evaluate", str(model), "--output", str(tmp_path / "run")]
    asked += ["--benchmarks", f"crows_pairs:{pairs}"]
    main(asked)
    (model / "README.md").write_text("a card decides nothing")
    main(asked)
    if changed == "model":
        save_tiny("gpt2", model, seed=1)
    else:
        pairs.write_text("sent_more,sent_less,bias_type\nThey lie.,They read.,age\n")
    capsys.readouterr()
    with pytest.raises(SystemExit) as ended:
        main(asked)
    assert ended.value.code == 2
    named = model if changed == "model" else pairs
    assert f"{named} has changed since the run in" in capsys.readouterr().err


def test_a_finished_run_is_shown_when_its_model_is_gone(tmp_path: Path, capsys) -> None:
    model, pairs = save_tiny("gpt2", tmp_path / "model"), tmp_path / "pairs.csv"
    pairs.write_text("sent_more,sent_less,bias_type\nThey lie.,They think.,age\n")
    asked = ["evaluate", str(model), "--output", str(tmp_path / "run")]
    asked += ["--benchmarks", f"crows_pairs:{pairs}"]
    main(asked)
    shutil.rmtree(model)
    capsys.readouterr()
    main(asked)
    assert "crows_pairs" in capsys.readouterr().out


def test_only_files_and_models_are_remembered_by_content(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_tiny("gpt2", tmp_path / "model")
    (tmp_path / "dev").write_text("no option is a file of this name")
    (tmp_path / "builtin").mkdir()
    (tmp_path / "posts.csv").write_text("text\n")
    names = ["model", "dev", "builtin", "posts.csv", "10%", "x" * 300, "gone.csv"]
    before = fingerprint_inputs(names)
    assert list(before) == ["content of model", "content of posts.csv"]
    (tmp_path / "model" / "scores.json").write_text("{}")
    assert fingerprint_inputs(names) == before
    weights = tmp_path / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    assert fingerprint_inputs(names)["content of model"] != before["content of model"]


def test_benchmarks_are_remembered_by_their_files_and_words(tmp_path: Path, edit_words) -> None:
    (file := tmp_path / "posts.csv").write_text("text\n")
    names = ["stereoset:dev", f"crows_pairs:{file}"]
    before = fingerprint_benchmarks(names)
    assert [*before] == [f"content of {file}", "content of the word list of stereoset:dev"]
    edit_words()
    changed = fingerprint_benchmarks(names)
    assert [name for name in before if changed[name] != before[name]] == [*before][1:]


@pytest.mark.parametrize("options", ["", "?text=post", "?label=all&text=post", ":gender?text=post"])
def test_a_corpus_with_options_is_remembered_by_its_file(tmp_path: Path, options: str) -> None:
    (file := tmp_path / "posts.csv").write_text("post,domain\nThey lie.,gender\n")
    names = [f"perplexity:{file}{options}", "stereoset:" + "x" * 300]
    before, digest = fingerprint_benchmarks(names), hash_option_files(names)
    assert f"content of {file}" in before
    file.write_text("post,domain\nThey think.,gender\n")
    assert fingerprint_benchmarks(names) != before
    assert hash_option_files(names) != digest


def test_a_file_of_items_needs_a_suffix(tmp_path: Path) -> None:
    (file := tmp_path / "pairs").write_text("sent_more,sent_less,bias_type\nA.,B.,age\n")
    with pytest.raises(InputError, match="or give a file whose name has a suffix"):
        load_benchmark(f"crows_pairs:{file}")
    with pytest.raises(InputError, match="'group_facts' has no option 'x'; give a file"):
        load_benchmark("group_facts:x")


@pytest.mark.slow
def test_a_finished_run_measures_again_what_is_damaged(tmp_path: Path, capsys) -> None:
    items, retain, run = (tmp_path / name for name in ("items.jsonl", "retain.csv", "run"))
    item = {
        "bias_type": "race",
        "target": "town",
        "context": "They BLANK.",
        "stereotype": "They lie.",
        "anti-stereotype": "They think.",
        "unrelated": "They mill.",
    }
    items.write_text(json.dumps(item))
    retain.write_text("text\n" + "".join(f"It rains on day {day}.\n" for day in range(200)))
    command = [
        *("unlearn", str(save_tiny("gpt2", tmp_path / "model")), "--output", str(run)),
        *("--forget", "builtin:gender", "--retain", str(retain), "--device", "cpu"),
        *("--benchmarks", f"stereoset:{items}", "--steps", "1", "--batch_size", "2"),
    ]
    main(command)
    whole = {side: (run / side / ITEMS).read_bytes() for side in (BEFORE, AFTER)}
    for side in whole:
        (run / side / ITEMS).write_bytes(b"PAR1")
    capsys.readouterr()
    main(command)
    assert capsys.readouterr().err.count("evaluating again") >= len(whole)
    assert {side: (run / side / ITEMS).read_bytes() for side in whole} == whole
    samples = (run / CONTINUATION_PAIRS).read_bytes()
    for lost in (run / CONTINUATION_PAIRS, *(run / side / CONTINUATIONS for side in whole)):
        lost.unlink()
    main(command)
    assert (run / CONTINUATION_PAIRS).read_bytes() == samples


@pytest.mark.parametrize(
    ("scores", "main"),
    [
        ({"items": 1}, None),
        ({"items": 1, "likelihood_bias": 9.0}, None),
        ({"valence_spread_scaled": 2.0, "valence_spread_scaled_ci": [1.0, 3.0], "items": 2}, 2.0),
        (
            {"bias_disambiguated": 4.0, "bias_disambiguated_ci": [1, 5], "accuracy_ambiguous": 0},
            None,
        ),
        ({"stereotype": 60.0, "ci": [50.0, 70.0], "pairs": 3}, 60.0),
    ],
)
def test_a_domain_without_a_main_score_has_nan(scores: dict[str, Any], main: float | None) -> None:
    found = BenchmarkScores({"domains": {"age": scores}})["age"]
    assert found.score == pytest.approx(math.nan if main is None else main, nan_ok=True)
    assert (found.interval is None) == (main is None)


def test_names() -> None:
    assert list(load_benchmarks(["stereoset", "stereoset:bos"])) == ["stereoset", "stereoset:bos"]
    with pytest.raises(InputError, match="listed twice"):
        load_benchmarks(["stereoset", "stereoset"])
    with pytest.raises(InputError, match="'bbc' is unknown; choose from stereoset"):
        load_benchmarks(["bbc"])
    for name in BENCHMARKS:
        assert (find_judge(name) is None) == (name == "perplexity")


@pytest.mark.slow
@pytest.mark.shared_data
def test_the_items_of_all_benchmarks_fit_into_one_table(shared_file, tmp_path, monkeypatch) -> None:
    """A column has the same type in every benchmark that has it."""
    lm = tiny_model("llama")
    monkeypatch.setattr(lm.tokenizer, "chat_template", "{{ messages[0].content }} Reply:")
    monkeypatch.setattr("fairforget.benchmarks.bbq.read_questions", lambda _: [QUESTION])
    statement = Statement("late", f"{SLOT} are late.", "Do you agree? ")
    monkeypatch.setattr("fairforget.benchmarks.decoding_trust.read_statements", lambda: [statement])
    readers = {"stereoset.read_items": read_stereoset, "crows_pairs.read_pairs": read_pairs}
    for name, read in readers.items():
        few = read()[::40]
        monkeypatch.setattr(f"fairforget.benchmarks.{name}", lambda *_, few=few, **__: few)
    for name in (
        "bold/gender_prompt.json",
        "seegull/stereotypes_global_v2.csv",
        "holistic_bias/nouns.json",
    ):
        shared_file(name)
    names = ["winobias:type1:dev", "winogender", "honest:2", "bold:gender:2", "group_facts"]
    names += ["counterfactual:gender:2", "seegull:2", "harmful_words:4", "crows_pairs", "stereoset"]
    names += ["holistic_bias:age:4", "bbq", "bbq:chat", "decoding_trust:gender"]
    evaluate_into(tmp_path, lm, names)
    found = {row["benchmark"] for row in read_items(tmp_path)}
    assert found == set(names)
    with_items = {name for name in BENCHMARKS if find_judge(name)}
    assert with_items - {*map(base_name, names)} == {"lm-eval"}  # of an extra
    show_evaluation(read_record(tmp_path / RECORD, EvaluationRecord))
    show_comparison(compare(tmp_path, tmp_path))
    write_report(tmp_path)


def test_a_score_of_a_single_cluster_has_no_interval() -> None:
    facts = {"ss": 55.0, "ss_ci": None, "items": 20}
    (row,) = score_rows({"stereoset": {"protocol": "bos", "domains": {"gender": facts}}})
    assert (row["ss"], row["ss_low"], row["ss_high"]) == (55.0, None, None)
    assert "ss_ci" not in row
    scores = DomainScores(facts)
    assert (scores.score, scores.interval) == (55.0, None)
