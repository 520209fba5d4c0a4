import json
from dataclasses import replace
from pathlib import Path

import pytest

from fairforget.benchmarks import find_judge
from fairforget.benchmarks.perplexity import split_corpus
from fairforget.benchmarks.stereoset.scores import aggregate
from fairforget.comparison.compare import Comparison, compare
from fairforget.comparison.paired import compare_items
from fairforget.records.evaluation import Evaluation, read_evaluation
from fairforget.records.paths import ITEMS
from fairforget.records.records import (
    EXCEEDED,
    NOT_USED_UP,
    NOTED,
    HarmfulWordFacts,
    ModelFacts,
    MovementFacts,
)
from fairforget.report.before_after import BeforeAfter, before_after, from_comparison
from fairforget.report.cell_words import describe_cell
from fairforget.report.contents import read_unlearning
from fairforget.report.evaluation_headline import evaluation_headline
from fairforget.report.headline import Headline, change_headline
from fairforget.report.run_headline import describe_weights, run_headline
from tests.report.runs import write_evaluation, write_unlearning


def headline(directory: Path, trained: list[str]) -> Headline:
    run = read_unlearning(directory)
    assert run.before is not None
    assert run.after is not None
    return change_headline(before_after(run.before, run.after), trained, {"perplexity": 1.004})


def test_headline_has_the_change_the_cost_and_the_other_domains(tmp_path: Path) -> None:
    found = headline(write_unlearning(tmp_path, shift=0.2), ["profession"])
    assert found.title.startswith("Profession bias fell, at ")
    text = " ".join(found.sentences)
    assert "The profession stereotype score fell from " in text
    assert "95 % interval of the change [−" in text
    assert "Perplexity on wikitext2 rose by 0.3 % (worse)." in text
    assert "Domains that were not forgotten: undecided for gender and religion." in text
    assert found.cautions == []


def test_headline_names_every_forgotten_domain(tmp_path: Path) -> None:
    found = headline(write_unlearning(tmp_path, shift=0.2), ["profession", "gender"])
    assert found.title.startswith("Profession bias fell, at ")
    text = " ".join(found.sentences)
    assert "Other forgotten domains: undecided for gender. Domains that were not" in text
    assert "Domains that were not forgotten: undecided for religion." in text


def test_lost_language_ability_without_an_interval_is_a_caution(tmp_path: Path) -> None:
    write_unlearning(tmp_path)
    record = tmp_path / "after" / "record.json"
    found = json.loads(record.read_text())
    for scores in found["results"]["stereoset"]["domains"].values():
        scores["lms"] = 20.0
    record.write_text(json.dumps(found))
    for part in ("before", "after"):
        (tmp_path / part / ITEMS).unlink()
    assert "lost much of its language ability" in headline(tmp_path, ["gender"]).cautions[0]


@pytest.mark.parametrize(
    ("shift", "words"),
    [(0.2, "towards the stereotype than away from it"), (-0.5, "away from the stereotype than")],
)
def test_flips_in_the_other_direction_are_named(tmp_path: Path, shift: float, words: str) -> None:
    run = read_unlearning(write_unlearning(tmp_path, shift=shift))
    assert run.before
    assert run.after
    change = before_after(run.before, run.after).domain("stereoset", "profession")
    assert change
    assert change.paired
    assert change.verdict != "undecided"
    swapped = replace(change.paired, gained=change.paired.lost, lost=change.paired.gained)
    changes = BeforeAfter({"stereoset": [replace(change, paired=swapped)]}, [])
    found = change_headline(changes, ["profession"])
    assert found.title.startswith("Undecided")
    assert f"undecided, because more pairs flipped {words}" in found.sentences[0]


def test_the_headline_is_about_a_benchmark_that_has_the_trained_domain(tmp_path: Path) -> None:
    """StereoSet has no items about disability; CrowS-Pairs has."""
    run = read_unlearning(write_unlearning(tmp_path))
    assert run.before
    assert run.after
    changes = before_after(run.before, run.after)
    (pairs,) = changes.single("crows_pairs")
    changes.benchmarks["crows_pairs"].append(replace(pairs, domain="disability"))
    for trained, benchmark in (("disability", "CrowS-Pairs"), ("race", "StereoSet")):
        found = change_headline(changes, [trained])
        assert f"({benchmark}; 95 % interval of the change" in found.sentences[0]


def test_no_change_is_undecided(tmp_path: Path) -> None:
    found = headline(write_unlearning(tmp_path, shift=0.0), ["gender"])
    assert found.title == "Undecided: gender bias may or may not have changed"
    assert "stayed at 65.0, because no preference changed" in found.sentences[0]


def test_an_undecided_domain_does_not_hide_the_total(tmp_path: Path) -> None:
    found = headline(write_unlearning(tmp_path, shift=0.2), ["religion"])
    assert found.title == "Undecided for religion; over all domains, bias fell"
    assert found.sentences[1].startswith("The stereotype score over all domains fell from ")


def test_too_few_terms_are_undecided(tmp_path: Path) -> None:
    found = headline(write_unlearning(tmp_path, shift=0.5), ["religion"])
    assert "undecided, because there are too few target terms (3)." in found.sentences[0]


def test_too_few_clusters_have_the_name_that_the_benchmark_gives_them() -> None:
    """Of DecodingTrust, statements about one topic are a cluster; and a single one is one too."""
    judge = find_judge("decoding_trust")
    assert judge
    for topics, words in ((4, "too few topics (4)"), (1, "too few topics (1)")):
        sides = [
            [
                {"id": f"{topic}-{n}", "domain": "gender", "topic": str(topic), "group": "women"}
                | {"score_agreement": (n - shift) / 9}
                | {"score_agreement_others": 0.0, "agreed_others": 0.0}
                for topic in range(topics)
                for n in range(9)
            ]
            for shift in (0, 6)
        ]
        cells = compare_items("decoding_trust", judge, *sides)
        facts = ModelFacts("tiny", 1, "float32", "<s>")
        changes = from_comparison(Comparison(facts, facts, tuple(cells), {}, (), ()))
        assert words in change_headline(changes, ["gender"]).sentences[0]
        assert describe_cell(cells[0]) == "undecided (too few topics)"


def test_more_bias_is_not_hidden(tmp_path: Path) -> None:
    found = headline(write_unlearning(tmp_path, shift=-0.5), ["gender"])
    assert found.title.startswith("Gender bias rose")


def test_a_broken_model_gets_a_caution(tmp_path: Path) -> None:
    found = headline(write_unlearning(tmp_path, shift=0.2, perplexity=60.0), ["profession"])
    assert "at a large cost to language modelling" in found.title
    assert "broken" in found.cautions[0]


def with_perplexities(directory: Path, shift: float, values: dict[str, float]) -> Evaluation:
    """An evaluation with perplexities by benchmark, with options."""
    evaluation = read_evaluation(write_evaluation(directory, shift=shift))
    del evaluation.record.results["perplexity"]
    for name, value in values.items():
        words, corpus = split_corpus(name.split(":")[1:])
        evaluation.record.results[name] = {
            "protocol": "bias-bench" if "bias-bench" in words else "stride",
            "corpus": corpus or "wikitext2",
            "value": value,
        }
    return evaluation


SAME_CORPUS = {"perplexity": (28.9, 40.0), "perplexity:bias-bench": (30.0, 30.3)}


@pytest.mark.parametrize("stored", [False, True])
@pytest.mark.parametrize(
    ("perplexities", "texts"),
    [
        (SAME_CORPUS, ["wikitext2 (stride)", "wikitext2 (bias-bench)"]),
        (
            {
                "perplexity": (28.9, 40.0),
                "perplexity:en/a.txt": (9, 9),
                "perplexity:de/a.txt": (1, 1),
            },
            ["wikitext2", "a.txt (file 1)", "a.txt (file 2)"],
        ),
        (
            {"perplexity:10%": (28.9, 40.0), "perplexity:bias-bench:10%": (30.0, 30.3)},
            ["wikitext2 (stride, first 10 %)", "wikitext2 (bias-bench, first 10 %)"],
        ),
        ({"perplexity:bias-bench:10%": (28.9, 40.0)}, ["wikitext2"]),
    ],
)
def test_no_perplexity_hides_another(
    tmp_path: Path, perplexities: dict[str, tuple[float, float]], texts: list[str], stored: bool
) -> None:
    sides = [
        with_perplexities(tmp_path / str(n), 0.2 * n, {k: v[n] for k, v in perplexities.items()})
        for n in (0, 1)
    ]
    changes = from_comparison(compare(*sides)) if stored else before_after(*sides)
    assert [p.corpus for p in changes.perplexity] == texts
    found = change_headline(changes, ["all"])
    assert "at a large cost to language modelling" in found.title
    assert f"Perplexity on {texts[0]} rose by 38.4 % (worse)." in " ".join(found.sentences)
    assert all(f"Perplexity on {text} " in " ".join(found.sentences) for text in texts)


def test_a_domain_that_no_benchmark_has_falls_back_to_all(tmp_path: Path) -> None:
    found = headline(write_unlearning(tmp_path, shift=0.2), ["species"])
    assert found.title.startswith("Bias fell")
    assert "over all domains fell" in found.sentences[0]


def test_without_items_the_change_is_undecided(tmp_path: Path) -> None:
    write_unlearning(tmp_path, shift=0.2)
    (tmp_path / "after" / "items.parquet").unlink()
    found = headline(tmp_path, ["gender"])
    assert found.title.startswith("Undecided")
    assert "there is no interval" in found.sentences[0]


@pytest.mark.parametrize(
    ("alpha", "words"),
    [
        (0.0, "the original weights were kept (α = 0)"),
        (1.0, "the trained weights were kept (α = 1)"),
        (0.25, "the weights were interpolated to α = 0.250, within the budget"),
        (1.5, "the weights were extrapolated to α = 1.500, within the budget"),
    ],
)
def test_the_headline_of_a_run_says_what_was_done(tmp_path: Path, alpha: float, words: str) -> None:
    run = read_unlearning(write_unlearning(tmp_path))
    assert run.before
    assert run.after
    budget = replace(run.record.budget, alpha=alpha)
    assert describe_weights(budget) == words
    above = describe_weights(replace(budget, reached=budget.asked + 0.01))
    assert above == words.removesuffix(", within the budget")
    rounded = describe_weights(replace(budget, note=f"{NOT_USED_UP}{NOTED}{EXCEEDED}movement"))
    assert rounded == above
    record = replace(run.record, budget=budget, method={**run.record.method, "steps": 60})
    changes = before_after(run.before, run.after)
    found = run_headline(record, changes, ["gender"])
    done, *others, sure = found.sentences
    assert done == f"tiny was trained for 60 steps with npo, and {words}."
    nothing = "Nothing was unlearned: the original weights were kept"
    assert (found.title == nothing) == (alpha == 0)
    assert others == change_headline(changes, ["gender"]).sentences
    assert sure == (
        "One run (seed 0), without a control; intervals cover the choice of items only."
    )


def test_the_headline_of_a_run_says_how_far_the_model_moved(tmp_path: Path) -> None:
    run = read_unlearning(write_unlearning(tmp_path))
    assert run.before
    assert run.after
    moved = {"retain": MovementFacts(0.02, 0.006), "everyday": MovementFacts(0.02, 0.0191)}
    words = HarmfulWordFacts(0.0, -9.0, -9.1, -0.1, -0.2, -0.15, 120)
    budget = replace(run.record.budget, movements=moved, harmful_words=words)
    changes = before_after(run.before, run.after)
    *_, distance, harm, _ = run_headline(
        replace(run.record, budget=budget), changes, ["gender"]
    ).sentences
    assert distance == (
        "The mean KL divergence from the original model, in nats per token, is 0.006 on held-out "
        "retain text and 0.019 on everyday sentences."
    )
    assert "of harmful words after a group changed by −0.100 nats" in harm
    assert "the part that the group adds by +0.050 (no intervals)" in harm


def test_a_run_without_a_seed_or_items_has_neither_in_its_headline(tmp_path: Path) -> None:
    write_unlearning(tmp_path)
    (tmp_path / "after" / "items.parquet").unlink()
    run = read_unlearning(tmp_path)
    assert run.before
    assert run.after
    record = replace(run.record, method={"objective": "ascent", "steps": 1})
    found = run_headline(record, before_after(run.before, run.after), ["gender"])
    assert found.sentences[0].startswith("tiny was trained for 1 step with ascent, and ")
    assert found.sentences[-1] == "One run, without a control."


@pytest.mark.parametrize(
    ("shift", "title"),
    [
        (-1.0, "tiny prefers the stereotype"),
        (0.3, "Undecided whether tiny prefers stereotypes"),
        (1.5, "tiny prefers the anti-stereotype"),
    ],
)
def test_headline_of_one_evaluation(tmp_path: Path, shift: float, title: str) -> None:
    evaluation = read_evaluation(write_evaluation(tmp_path, shift=shift), without_items=True)
    found = evaluation_headline("tiny", evaluation.record.results)
    assert found.title == title
    assert "50 % means no preference" in found.sentences[0]
    assert "Its perplexity on wikitext2 is 28.90." in found.sentences


def test_a_mean_over_terms_is_not_called_a_share_of_pairs() -> None:
    """One pair of a term, and none of the 99 of another: 50 % on average, but 1 % of pairs."""
    rows = [
        {"id": str(n), "domain": "gender", "term": term, "score_stereotype": score}
        | {"score_anti_stereotype": 0.0, "score_unrelated": -9.0}
        for n, (term, score) in enumerate([("a", 1.0), *[("b", -1.0)] * 99])
    ]
    results = {"stereoset": {"protocol": "bos", "domains": aggregate(rows)}}
    sentence, lms, *_ = evaluation_headline("tiny", results).sentences
    assert sentence.startswith(
        "On average over target terms, the stereotype is more likely than the anti-stereotype in "
        "50.0 % of StereoSet pairs"
    )
    assert lms.startswith("On average over target terms, it prefers a meaningful sentence")
    pairs = {"crows_pairs": {"domains": {"all": {"stereotype": 50.0}}}}
    (sentence,) = evaluation_headline("tiny", pairs).sentences
    assert sentence.startswith("The stereotype is more likely than the anti-stereotype in 50.0 %")
