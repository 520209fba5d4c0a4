"""Every results page is what its script generates from the records in docs/results."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import replace
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree

import pytest

from fairforget.benchmarks import crows_pairs, harmful_words, stereoset, winobias
from fairforget.benchmarks.measurement import Row, estimate_scores
from fairforget.budget import STUDY_BUDGET
from fairforget.corpora import read_corpus
from fairforget.corpora.builtin import builtin_texts, group_terms
from fairforget.corpora.corpus import Corpus
from fairforget.data.crows_pairs import Pair
from fairforget.data.stereoset import Item
from fairforget.models.fingerprint import model_identity
from fairforget.models.language_model import LanguageModel
from fairforget.training.limits import CHECK_TEXTS
from fairforget.training.line_search import TOLERANCE
from fairforget.transfer_study import plan
from fairforget.transfer_study.plan import StudyRun
from fairforget.transfer_study.runs import compute_digests, forget_corpus
from tests.models import tiny_model
from tests.mutants import ENOUGH

from .blocks import ROOT

DOCS = ROOT / "docs"
RESULTS, PAGES = DOCS / "results", DOCS / "pages" / "results"
ABILITY = "leaderboard-ability"
"""A leaderboard whose tables are on the page of another."""
LEADERBOARDS = sorted({it.parent.name for it in RESULTS.glob("*/leaderboard.json")} - {ABILITY})
STUDIES = [path.parent.name for path in sorted(RESULTS.glob("*/study.json"))]
SCORES = sorted(path.stem[6:] for path in DOCS.glob("score_*.py"))
MOST_FINDINGS, MOST_WORDS, MOST_ROWS = 5, 250, 6


@pytest.mark.parametrize("name", sorted(path.stem for path in DOCS.glob("*.py")))
def test_a_script_can_be_imported(name: str, script) -> None:
    assert script(name).__doc__


def _page(name: str) -> str:
    return (PAGES / f"{name}.md").read_text(encoding="utf-8")


def _check_files(files: dict[str, str]) -> None:
    for name, content in files.items():
        assert (PAGES / name).read_text(encoding="utf-8") == content, name
        assert not re.search(r"\{\w+[\[.(]", content), "a string lacks its f"


@pytest.mark.parametrize("name", SCORES)
def test_a_page_is_generated_from_its_results(name: str, script) -> None:
    page = script(f"score_{name}").PAGE
    assert page.results_path == RESULTS / f"{name}.json"
    _check_files(page.render(page.load()))


def test_the_page_of_a_step_uses_every_result(script) -> None:
    page = script("score_step").PAGE
    used: set[str] = set()

    class Watched(dict[str, object]):
        def __getitem__(self, name: str) -> object:
            used.add(name)
            return super().__getitem__(name)

    results = page.load()
    page.render(Watched(results))
    assert used == {*results}


@pytest.mark.parametrize("name", STUDIES)
def test_the_page_of_a_study_is_generated_from_its_record(name: str, script) -> None:
    _check_files(script("publish_study").render_study(name))


@pytest.mark.parametrize("name", [*SCORES, *STUDIES])
def test_a_page_opens_with_a_picture_or_small_table_and_at_most_five_findings(name: str) -> None:
    opening = _page(name).partition("\n## ")[0].splitlines()
    _, title, question, *content = [line for line in opening if line]
    assert title.startswith("# ")
    assert "?" in question
    findings = "\n".join(content).split("\n- ")
    first = findings.pop(0).splitlines()
    if first[0].startswith("!["):
        assert len(first) == 1
        assert f"]({name}.svg)" in first[0]
    else:
        assert all(line.startswith("|") for line in first)
        assert len(first) <= 2 + MOST_ROWS
    assert 1 <= len(findings) <= MOST_FINDINGS
    for finding in map(_join_lines, findings):
        assert finding.endswith(".")
        assert not re.search(r"[.!?]\s+[A-Z`*]", finding), f"more than one sentence: {finding}"


def _join_lines(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("name", STUDIES)
def test_a_reading_is_short_and_its_numbers_are_in_the_tables(name: str) -> None:
    reading = (RESULTS / name / "reading.md").read_text(encoding="utf-8")
    words = [word for word in reading.split() if any(map(str.isalnum, word))]
    assert len(words) <= MOST_WORDS
    page = _page(name)
    tables = "\n".join(line for line in page.splitlines() if line.startswith("|"))
    in_tables = set(re.findall(r"\d+\.\d+", tables))
    findings = reading.partition("\n## ")[0]
    assert all(line.startswith(("- ", "  ")) for line in findings.splitlines() if line)
    assert set(re.findall(r"\d+\.\d+", findings)) <= in_tables


FORMER_GROUPS = {
    **dict.fromkeys(("nonreligious", "nondisabled"), "none"),
    **dict.fromkeys(("middle_aged", "middle_class"), "middle"),
}


FORMER_TOKENIZER = "0c7446d62c8855e4f1a69b9f4530a19f1a75e1252adbb291795a5d2e37ed0820"
"""Digest of SmolLM2's tokenizer when the runs were archived: it did not split off digits."""


def forget_with_former_groups(run: StudyRun) -> Corpus:
    """The forget corpus as it was when the runs were archived."""
    corpus = forget_corpus(run)
    texts = (replace(it, group=FORMER_GROUPS.get(it.group or "", it.group)) for it in corpus.texts)
    return replace(corpus, texts=tuple(texts))


@pytest.mark.real_model
def test_transfer_finds_the_archived_runs_of_a_study(
    smollm2: LanguageModel, tmp_path: Path, script, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their names depend on all settings; with other names, it would repeat the runs."""
    study = RESULTS / "study-recipe"
    script("run_archive").restore_runs(study / "runs.tar.xz", tmp_path)
    versions = json.loads((tmp_path / "settings.json").read_text(encoding="utf-8"))["versions"]
    monkeypatch.setattr(plan, "VERSIONS", versions)
    # the runs are older than the search on few texts, the neutral words, the scattered weights of
    # the fingerprint and the pre-tokenizer of the file, so they are not found by their names of
    # today
    monkeypatch.setattr("fairforget.transfer_study.runs.hash_words", lambda name: "")
    monkeypatch.setattr("fairforget.transfer_study.runs.SEARCH", (CHECK_TEXTS, TOLERANCE))
    monkeypatch.setattr("fairforget.transfer_study.runs.forget_corpus", forget_with_former_groups)
    record = json.loads((study / "study.json").read_text(encoding="utf-8"))
    settings = record["settings"]
    crossed = {name: settings.pop(name) for name in ("forget", "objectives", "controls", "seeds")}
    for name in ("margin", "margin_continuous"):
        settings.pop(name)
    budget = replace(STUDY_BUDGET, **settings.pop("budget"))
    benchmarks = tuple(settings.pop("benchmarks"))
    recipe = plan.Recipe(**settings, budget=budget, benchmarks=benchmarks)
    runs = plan.plan_runs(recipe, **crossed)
    former = {"weights": record["model"]["weights"], "tokenizer": FORMER_TOKENIZER}
    model = model_identity(smollm2) | former
    digests = compute_digests(runs, model)
    names = {run.name(digests[run]) for run in runs}
    assert names == {path.name for path in (tmp_path / "runs").iterdir()}


def test_an_archive_keeps_scores_and_no_texts(script) -> None:
    items = [
        Item(str(n), "race", term, (f"{term} a.", f"{term} b.", "No."), "BLANK")
        for n, term in enumerate(["Iraqi men are", "Iran is", "Jihad is"])
    ]
    items = [replace(item, term=item.term.split()[0]) for item in items]
    model = tiny_model("gpt2")
    pairs = [Pair("0", "age", "Women lie.", "Men lie."), Pair("1", "age", "They lie.", "I lie.")]
    texts = [text for text in builtin_texts("gender") if text.mentions and text.spans][:3]
    harmful = harmful_words.evaluate(model, texts=texts, corpus="builtin")
    occupations = [winobias.Pair("0", "type1", "dev", "guard", "cook", "She cooks", "He cooks")]
    for benchmark, name, rows in (
        (stereoset, "stereoset:test", stereoset.evaluate(model, items=items).items),
        (crows_pairs, "crows_pairs", crows_pairs.evaluate(model, pairs=pairs).items),
        (harmful_words, "harmful_words", harmful.items),
        (winobias, "winobias", winobias.evaluate(model, pairs=occupations).items),
    ):
        kept = [script("run_archive").strip_item({"benchmark": name, **row}) for row in rows]
        assert [script("run_archive").strip_item(row) for row in kept] == kept
        assert not any("." in str(v) for row in kept for v in row.values() if isinstance(v, str))
        before, after = (benchmark.judge(part) for part in (rows, kept))
        for old, new in zip(before.kinds, after.kinds, strict=True):
            assert old.sums.tolist() == new.sums.tolist()  # so are all scores
        assert before.unbiased_scores == after.unbiased_scores


def test_every_picture_belongs_to_a_page() -> None:
    shown = [
        name
        for page in PAGES.glob("*.md")
        for name in re.findall(r"\]\((\w\S*\.svg)\)", page.read_text(encoding="utf-8"))
    ]
    assert sorted(path.name for path in PAGES.iterdir() if path.suffix != ".md") == sorted(shown)
    for name in shown:
        ElementTree.parse(PAGES / name)


def test_a_dot_plot_draws_values_and_intervals_to_scale(script) -> None:
    plot = script("dot_plot")
    rows = [[plot.Mark(0.0, "ring", (-1.0, 1.0)), plot.Mark(2.0, "cross")], [plot.Mark(4.0)]]
    svg = plot.dot_plot(["a & b", "c"], [plot.Panel("d", rows, 0.0)], {"ring": "e"})
    picture = ElementTree.fromstring(svg)
    circles = [float(e.get("cx", "")) for e in picture.findall(".//{*}circle")][:2]
    (interval,) = (e for e in picture.findall(".//{*}line") if e.get("stroke-width") == "2")
    low, high = float(interval.get("x1", "")), float(interval.get("x2", ""))
    assert (low + high) / 2 == pytest.approx(circles[0], abs=0.1)
    assert circles[1] - circles[0] == pytest.approx(2 * (high - low), abs=0.2)


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-0.07, 0.17), (56.6, 57.8), (3, 3), (-11, 2)])
def test_ticks_are_few_and_enclose_the_values(low: float, high: float, script) -> None:
    ticks = script("dot_plot").axis_ticks(low, high)
    assert 2 <= len(ticks) <= 6
    assert ticks[0] <= low + 1e-9
    assert ticks[-1] >= high - 1e-9


@pytest.mark.parametrize("name", LEADERBOARDS)
def test_the_page_of_a_leaderboard_is_generated_from_its_record(name: str, script) -> None:
    _check_files(script("publish_leaderboard").render_leaderboard(name))


def test_every_result_has_a_page_and_every_page_its_results() -> None:
    suites = {"faults", "fuzz", "mutants"}  # for SECURITY.md and CONTRIBUTING.md
    results = {path.stem for path in RESULTS.glob("*.json")} - suites
    pages = {path.stem for path in PAGES.glob("*.md")} - {"index"}
    assert pages == results | set(STUDIES) | set(LEADERBOARDS)
    assert all(f"({page}.md)" in _page("index") for page in pages)


@pytest.mark.processes
def test_the_security_page_has_the_results_of_the_last_runs() -> None:
    ran = subprocess.run(
        [sys.executable, "docs/fill_security.py", "--check"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert not ran.returncode, ran.stderr


def test_contributing_gives_the_last_mutation_test() -> None:
    last = json.loads((RESULTS / "mutants.json").read_text())
    for key in ("killed", "mutants"):
        assert last[key] == sum(counts[key] for counts in last["modules"].values())
    assert last["share"] == round(last["killed"] / last["mutants"], 3) >= ENOUGH
    drawn = f"of {last['mutants']:,} mutants, drawn at random from"
    numbers = f"{last['killed']:,} were killed ({last['share']:.1%})"
    assert drawn in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert numbers.replace("%", " %") in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")


def test_the_results_of_the_suites_are_listed(tmp_path: Path, script) -> None:
    lines = script("fill_security").lines
    assert lines(tmp_path).count("has not been recorded yet") == 2
    commands = {"unlearn": 150, "select": 50}
    faults = {"kills": 200, "resumed": 127, "finished": 127, "seconds": 198.2, "commands": commands}
    (tmp_path / "faults.json").write_text(json.dumps(faults))
    part = {"inputs": 1500, "wrong": 0, "seconds": 60.0, "readers": {"csv": 1000, "bbq": 500}}
    (tmp_path / "fuzz.json").write_text(json.dumps({"random": part}))
    assert "`make fuzz` has not been recorded yet" in lines(tmp_path)
    (tmp_path / "fuzz.json").write_text(json.dumps({"random": part, "led": part}))
    assert lines(tmp_path).splitlines() == [
        "- `make faults`: 200 kills of 2 commands, some in the same run; 127 of 127 resumed runs "
        "finished as if not interrupted, with nothing lost (3 min 18 s).",
        "- `make fuzz`: 1,500 random inputs, 1,500 coverage-guided inputs; 0 of 2 readers failed "
        "(2 min 0 s).",
    ]


def test_a_counterfactual_item_keeps_all_but_its_term(script) -> None:
    sentences = ("Iraq is far.", "In Iraq, iraq and IRAQIS.", "No Eiraq.")
    item = Item("1", "race", "Iraq", sentences, "BLANK")
    replaced = script("counterfactual_items").replace_term(item, "person")
    assert replaced.sentences == ("Person is far.", "In Person, person and Person.", "No Eiraq.")
    assert (replaced.id, replaced.domain, replaced.term) == (item.id, item.domain, item.term)


@pytest.mark.slow
def test_alternative_texts_survive_writing_and_reading(
    tmp_path: Path, script, monkeypatch: pytest.MonkeyPatch
) -> None:
    module = script("alternative_texts")
    some = list(islice(module._split_sentences(), 10_000))  # all take 20 seconds
    monkeypatch.setattr(module, "_split_sentences", lambda: some)
    short, mixed = module.short_texts(), module.mixed_texts()
    assert {text.domain for text in short} == set(module.SHORT_DOMAINS)
    assert mixed[::2] == builtin_texts(limit=module.MIXED_TEXTS)
    for text in mixed[1::2]:  # one span, the last word, after every mention
        assert text.mentions[-1].end < text.spans[0].start
        assert not set(text.text[text.spans[0].end :]) - set('.!?" ')
    domains = [text.domain in ("gender", "profession", "age") for text in mixed[1::2]]
    assert sum(domains) > 0.9 * len(domains)
    path = tmp_path / "texts.jsonl"
    module.write_texts([*short, *mixed], path)
    for text, read in zip([*short, *mixed], read_corpus(str(path)), strict=True):
        assert (text.text, text.spans, text.mentions) == (read.text, read.spans, read.mentions)


def test_the_distance_from_the_target(script) -> None:
    module, texts = script("target_distance"), script("gap_texts")
    terms = [*group_terms("religion"), *texts.unnamed_terms()]
    model = tiny_model("llama")
    group = texts.template_texts(terms, 40, seed=0)
    neutral = [  # the neutral word is the group's own, so nothing is left to learn
        replace(
            text,
            mentions=tuple(
                replace(it, neutral=(text.text[it.start : it.end],)) for it in text.mentions
            ),
        )
        for text in group
    ]
    target = module.TargetDistance(model, {"group": group, "neutral": neutral})
    rows = target.rows(model)
    assert [row["domain"] for row in rows] == ["group"] * 40 + ["neutral"] * 40
    assert len({row["cluster"] for row in rows}) == 40  # every term once per round
    assert {row["cluster"] for row in rows} <= {term.singular for term in terms}
    assert rows[0]["tokens"] > 0

    def mean(rows: list[Row], score: str = module.DISTANCE) -> float:
        return estimate_scores(module.judge_distance(rows))[score].value

    assert mean(rows[40:]) == pytest.approx(0, abs=1e-7)
    assert mean(rows[:40]) > 1e-6
    tokens = sum(row["tokens"] for row in rows[:40])
    total = sum(row[module.DISTANCE] for row in rows[:40])
    assert mean(rows[:40]) == pytest.approx(total / tokens)
    dependence = module.DEPENDENCE  # of the original, the same
    assert mean(rows[:40], dependence) == pytest.approx(mean(rows[:40]))
    other = target.rows(tiny_model("llama", seed=1))
    assert mean(other[:40]) > 2 * mean(other[:40], dependence)  # far from this original's target
    assert mean(other[40:], dependence) == pytest.approx(0, abs=1e-7)


def test_texts_about_terms_that_training_does_not_name(tmp_path: Path, script) -> None:
    module = script("gap_texts")
    terms = module.unnamed_terms()
    assert {term.domain for term in terms} == set(module.UNNAMED)
    assert not {t.plural for t in terms} & {t.plural for t in module.named_terms()}
    model = tiny_model("llama")
    texts = [
        *module.template_texts(terms, 30, seed=0),
        *module.stem_texts(model, terms, 30, seed=0),
        *module.own_texts(model, 20),
    ]
    for text in texts[:60]:
        words = {text.text[mention.start : mention.end].lower() for mention in text.mentions}
        assert words
        forms = [(t.plural.lower(), t.singular.lower()) for t in terms if t.group == text.group]
        assert all(
            word in plural or word in singular for plural, singular in forms for word in words
        )
        assert re.search("person|people", text.counterfactual().text, re.IGNORECASE)
    for text, original in zip(texts[60:], builtin_texts(limit=20), strict=True):
        start = original.spans[0].start
        assert text.text.startswith(original.text[:start].rstrip())
        assert text.mentions
        assert not text.spans
    script("alternative_texts").write_texts(texts, tmp_path / "texts.jsonl")
    read = read_corpus(str(tmp_path / "texts.jsonl"))
    assert [(t.text, t.domain) for t in read] == [(t.text, t.domain) for t in texts]
    assert [(t.spans, t.mentions) for t in read] == [(t.spans, t.mentions) for t in texts]
