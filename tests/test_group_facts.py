"""Facts about groups: the package's own, their scores, wrong files."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from fairforget.benchmarks import (
    find_domain_judge,
    find_judge,
    hash_words,
    load_benchmark,
    load_benchmarks,
)
from fairforget.benchmarks.degenerate import find_warnings
from fairforget.benchmarks.group_facts import Fact, evaluate, judge, read_facts
from fairforget.benchmarks.measurement import compute_scores
from fairforget.comparison.compare import Comparison
from fairforget.comparison.gate import find_violations
from fairforget.comparison.paired import compare_items
from fairforget.corpora.builtin.lexicon import DOMAINS
from fairforget.corpora.overlap import benchmark_sentences, measure_overlap
from fairforget.errors import InputError
from fairforget.records.records import EvaluationRecord, ModelFacts
from fairforget.report.comparison_terminal import show_comparison
from fairforget.report.other_benchmarks import cells_table
from fairforget.report.terminal import show_evaluation
from fairforget.statistics.jackknife import FEWEST_CLUSTERS

from .models import tiny_model

HEADER = "domain,group,prompt,right,wrong\n"
LINE = "religion,Muslims,Muslims worship in a,mosque,synagogue\n"
FACTS = [
    Fact("a", "nationality", "Dutch", "Most Dutch people are", "kind", "late"),
    Fact("b", "nationality", "Thais", "The river of the Thais has a", "bridge near", "mill"),
    Fact("c", "profession", "poets", "Poets are", "kind", "kind"),
]

TINY = ModelFacts("tiny", 1, "float32", "<s>")


def row(right: float, wrong: float = -5.0, group: str = "a") -> dict[str, object]:
    return {"id": group, "domain": "d", "group": group, "sum_right": right, "sum_wrong": wrong}


def test_the_facts() -> None:
    facts = read_facts()
    assert len(facts) >= 200
    assert len({fact.id for fact in facts}) == len(facts)
    assert {fact.domain for fact in facts} <= {*DOMAINS, "profession"}
    groups = {(fact.domain, fact.group) for fact in facts}
    assert min(Counter(domain for domain, _ in groups).values()) >= FEWEST_CLUSTERS
    for fact in facts:
        assert 1 <= len(fact.right.split()) <= 3
        assert fact.right.isascii()
        assert fact.prompt[0].isupper()


@pytest.mark.shared_data
@pytest.mark.parametrize("benchmark", ["crows_pairs", "winobias"])
def test_no_fact_is_a_sentence_of_a_benchmark(shared_file, benchmark: str) -> None:
    shared_file("crows_pairs/crows_pairs_anonymized.csv")
    texts = [f"{fact.prompt} {fact.right}." for fact in read_facts()]
    assert measure_overlap("facts", texts, benchmark, benchmark_sentences(benchmark)).shared == 0


def test_continuations_are_scored_after_the_prompt() -> None:
    lm = tiny_model("llama")
    measured = evaluate(lm, facts=FACTS)
    item = measured.items[1]
    prompt, answer = (
        lm.tokenizer(text)["input_ids"] for text in (FACTS[1].prompt, f" {FACTS[1].right}")
    )
    with torch.no_grad():
        ids = torch.tensor([[lm.start_id, *prompt, *answer]])
        table = lm.model(input_ids=ids).logits[0].log_softmax(-1)
    alone = sum(table[len(prompt) + i, token].item() for i, token in enumerate(answer))
    assert item["sum_right"] == pytest.approx(alone, abs=1e-3)
    domains = measured.result["domains"]
    assert list(domains) == ["nationality", "profession", "all"]
    assert domains["all"]["facts"] == domains["all"]["groups"] == 3
    assert domains["profession"]["ties"] == 1
    assert domains["profession"]["accuracy"] == 0  # a tie is not right
    mean = np.mean([item["sum_right"] for item in measured.items])
    assert domains["all"]["fact_log_prob"] == pytest.approx(mean)
    (doubt,) = find_warnings({"group_facts": measured.result})
    assert "1 of 3 items are ties" in doubt


def test_groups_are_clusters_not_facts() -> None:
    rows = [row(-1.0, group="a")] * 5 + [row(-9.0, group="b")] * 5
    scores = compute_scores(judge(rows))
    t = 12.7062  # of one degree of freedom; the standard error is 4
    assert scores["fact_log_prob"] == (-5.0, pytest.approx((-5 - 4 * t, -5 + 4 * t)))
    assert scores["accuracy"] == (50.0, (0.0, 100.0))
    assert len(judge(rows).kinds[0].names) == 2


def test_it_has_no_bias_score() -> None:
    assert judge([row(-1.0)]).unbiased_scores == {}
    assert find_domain_judge("group_facts") is None
    assert find_judge("group_facts") is judge


def test_a_fall_is_shown_with_its_interval_and_can_fail_a_comparison(capsys) -> None:
    before = [row(-4.0 - n % 3, group=str(n)) for n in range(12)]
    after = [
        {**item, "sum_right": item["sum_right"] - 0.1 - n / 100} for n, item in enumerate(before)
    ]
    cells = compare_items("group_facts", judge, before, after)
    (cell,) = (cell for cell in cells if cell.domain == "all")
    change = cell.beside["fact_log_prob"]
    assert (cell.measure, cell.verdict) == ("accuracy", "undecided")
    assert change.delta == pytest.approx(-0.155)
    assert change.ci is not None
    assert change.ci[0] < -0.155 < change.ci[1] < -0.1
    comparison = Comparison(TINY, TINY, tuple(cells), {}, (), ())
    assert find_violations(comparison, "group_facts.all.fact_log_prob < -0.05")
    assert not find_violations(comparison, "group_facts.all.fact_log_prob < -0.2")
    show_comparison(comparison)
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    shown = f"-0.155 [{change.ci[0]:+.3f}, {change.ci[1]:+.3f}]"
    (line,) = (line for line in out.splitlines() if "all" in line and shown in line)
    assert line.split(shown)[1].strip() == ""  # neither p nor verdict
    rows = cells_table("group_facts", cells).rows
    assert "−0.155" in {getattr(content, "number", "").replace("+", "") for content in rows[-1]}


def test_the_table_of_scores(capsys) -> None:
    measured = evaluate(tiny_model("gpt2"), facts=FACTS)
    show_evaluation(EvaluationRecord(TINY, {"group_facts": measured.result}, None, {}, 0))  # type: ignore[arg-type]
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert f"{measured.result['domains']['all']['fact_log_prob']:.3f} [" in out


@pytest.mark.real_model
def test_the_real_model_knows_what_belongs_to_a_religion(smollm2) -> None:
    facts = [fact for fact in read_facts() if fact.domain == "religion"]
    scores = evaluate(smollm2, facts=facts).result["domains"]["religion"]
    assert scores["facts"] == 43
    assert scores["fact_log_prob"] == pytest.approx(-2.234, abs=0.005)
    assert scores["accuracy"] == pytest.approx(97.7, abs=0.1)


def test_a_file_of_facts(tmp_path: Path) -> None:
    path = tmp_path / "facts.csv"
    path.write_text(HEADER + LINE)
    (fact,) = read_facts(path)
    assert fact == Fact(
        "religion-1", "religion", "Muslims", "Muslims worship in a", "mosque", "synagogue"
    )
    benchmark = load_benchmark(f"group_facts:{path}")
    assert len(benchmark.evaluate(tiny_model("gpt2")).items) == 1


def test_masked_models_and_unknown_options(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'group_facts' needs a causal model"):
        load_benchmarks(["group_facts"], tiny_model("bert"))
    with pytest.raises(InputError, match="'group_facts' has no option 'religion'"):
        load_benchmark("group_facts:religion")
    with pytest.raises(InputError, match=r"nothing\.csv: No such file"):
        load_benchmark(f"group_facts:{tmp_path / 'nothing.csv'}")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no facts found"),
        (HEADER, "no facts found"),
        (HEADER.replace("right", "answer") + LINE, "line 2: column 'right' is missing or empty"),
        (HEADER + LINE.replace("mosque", " "), "line 2: column 'right' is missing or empty"),
        (HEADER + LINE + LINE, "line 3: the prompt 'Muslims worship in a' occurs twice"),
        (HEADER + LINE.replace("mosque", "synagogue"), "line 2: right and wrong are both 'syna"),
        (HEADER + LINE.replace("mosque,", ""), "line 2"),
        (HEADER + LINE.replace("religion,", "all,"), "line 2: domain 'all' is the name of the"),
    ],
)
def test_malformed_files_are_a_one_line_error(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "facts.csv"
    path.write_text(content)
    with pytest.raises(InputError, match=message) as error:
        read_facts(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_only_files_that_are_used_count() -> None:
    """An edited fact or built-in text must not make results outdated that do not depend on it."""
    assert hash_words("group_facts")
    assert not hash_words("group_facts:mine.csv")
    assert hash_words("harmful_words:9") == hash_words("harmful_words:builtin:gender")
    assert not hash_words("harmful_words:hatecheck:9")
