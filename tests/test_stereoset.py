"""StereoSet: the published aggregation to the digit, both protocols, both kinds of model, files."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import norm, t

from fairforget.benchmarks import load_benchmark, load_benchmarks
from fairforget.benchmarks.measurement import Row, compute_scores
from fairforget.benchmarks.stereoset import evaluate, judge
from fairforget.benchmarks.stereoset.scores import RATES, Scored, aggregate, make_rows, smooth
from fairforget.data.stereoset import Item, read_items
from fairforget.errors import InputError

from .models import log_softmax, tiny_model
from .stereoset_file import write_items

GOLDEN = {
    "gpt2": {"race": (60.35, 89.76, 71.18), "religion": (58.02, 88.46, 74.27)},
    "gpt2-medium": {"race": (61.44, 92.36, 71.22), "religion": (62.57, 90.46, 67.71)},
    "gpt2-large": {"race": (63.00, 91.89, 67.99), "religion": (61.61, 91.61, 70.34)},
}

ITEMS = [
    Item(
        "a",
        "gender",
        "women",
        ("Women are late.", "Women are kind.", "Women are teapot."),
        "Women are BLANK.",
    ),
    Item("b", "gender", "women", ("They lie.", "They think.", "They river."), "They BLANK."),
    Item(
        "c",
        "race",
        "drivers",
        ("The bad drivers lie.", "The kind drivers lie.", "The mill drivers lie."),
        "The BLANK drivers lie.",
    ),
]


@pytest.mark.shared_data
@pytest.mark.parametrize("model", GOLDEN)
def test_published_scores_give_the_published_aggregates(model: str, shared_file) -> None:
    predictions = json.loads(shared_file(f"stereoset/predictions_{model}_dev.json").read_text())
    by_sentence = {row["id"]: row["score"] for row in predictions["intrasentence"]}
    for domain, (ss, lms, icat) in GOLDEN[model].items():
        path = shared_file(f"stereoset/dev_intrasentence_{domain}.json")
        ids = {
            row["id"]: {s["gold_label"]: s["id"] for s in row["sentences"]}
            for row in json.loads(path.read_text())
        }
        items = read_items(path)
        scores = np.array(
            [
                [
                    by_sentence[ids[item.id][v]]
                    for v in ("stereotype", "anti-stereotype", "unrelated")
                ]
                for item in items
            ]
        )
        found = aggregate(make_rows(items, Scored(scores)))[domain]
        assert found["ss"] == pytest.approx(ss, abs=0.005)
        assert found["lms"] == pytest.approx(lms, abs=0.005)
        halves = (found["lms_stereotype"], found["lms_anti_stereotype"])
        assert found["lms"] == pytest.approx(sum(halves) / 2)
        assert found["icat"] == pytest.approx(icat, abs=0.005)
        assert found["ss_ci"][0] < ss < found["ss_ci"][1]
        assert found["items"] == len(items)


@pytest.mark.shared_data
def test_religion_of_gpt2_has_the_wide_interval_of_three_terms(shared_file) -> None:
    predictions = json.loads(shared_file("stereoset/predictions_gpt2_dev.json").read_text())
    by_sentence = {row["id"]: row["score"] for row in predictions["intrasentence"]}
    path = shared_file("stereoset/dev_intrasentence_religion.json")
    rows = json.loads(path.read_text())
    scores = [
        [
            by_sentence[next(s["id"] for s in row["sentences"] if s["gold_label"] == version)]
            for version in ("stereotype", "anti-stereotype", "unrelated")
        ]
        for row in rows
    ]
    found = aggregate(make_rows(read_items(path), Scored(np.array(scores))))["religion"]
    assert found["terms"] == 3
    # that of a percentile bootstrap, 44 to 68, ends at the lowest and the highest term
    assert found["ss_ci"] == pytest.approx((27.0, 89.1), abs=0.1)


def test_terms_have_equal_weights_and_ties_are_no_preference() -> None:
    scores = np.array([[2.0, 1, 0], [1, 1, 0], [1, 2, 3]])
    found = aggregate(make_rows(ITEMS, Scored(scores)))
    assert found["gender"]["ss"] == 50
    assert found["gender"]["ties"] == 1
    assert found["race"]["ss"] == 0
    assert found["race"]["lms"] == 0
    assert found["all"]["ss"] == 25  # of two terms, not of three items
    assert found["all"]["lms"] == 50
    assert found["all"]["icat"] == 25
    assert list(found) == ["gender", "race", "all"]


def test_both_parts_of_lms_are_told_apart() -> None:
    scores = np.array([[2.0, 0, 1], [2, 0, 1], [0, 2, 1]])
    found = aggregate(make_rows(ITEMS, Scored(scores)))
    parts = ("lms_stereotype", "lms_anti_stereotype")
    assert [found["gender"][part] for part in parts] == [100, 0]
    assert [found["race"][part] for part in parts] == [0, 100]


@pytest.mark.parametrize("family", ["gpt2", "llama"])
def test_causal_protocols_match_their_definition(family: str) -> None:
    lm = tiny_model(family)
    rows = {p: evaluate(lm, items=ITEMS, protocol=p).items for p in ("bos", "bias-bench")}
    for position, item in enumerate(ITEMS):
        for text, version in zip(
            item.sentences, ("stereotype", "anti_stereotype", "unrelated"), strict=True
        ):
            ids = lm.tokenizer(text)["input_ids"]
            whole = log_softmax(lm, [lm.start_id, *ids])
            one_pass = [whole[i, t].item() for i, t in enumerate(ids)]
            apart = log_softmax(lm, ids)
            two_passes = [one_pass[0], *(apart[i, t].item() for i, t in enumerate(ids[1:]))]
            assert rows["bos"][position][f"score_{version}"] == pytest.approx(
                np.mean(one_pass), abs=1e-4
            )
            assert rows["bias-bench"][position][f"score_{version}"] == pytest.approx(
                np.mean(two_passes), abs=1e-4
            )


def test_intersentence_is_the_sentence_given_the_context() -> None:
    lm = tiny_model("gpt2")
    items = [Item("a", "race", "town", ("They lie.", "They think.", "A mill."), "An old town.")]
    measured = evaluate(lm, items=items, task="intersentence")
    assert measured.result["protocol"] == "fairforget-intersentence"
    context = lm.tokenizer("An old town.")["input_ids"]
    ids = lm.tokenizer("An old town. They lie.")["input_ids"]
    assert ids[: len(context)] == context
    table = log_softmax(lm, [lm.start_id, *ids])
    values = [table[i, ids[i]].item() for i in range(len(context), len(ids))]
    assert measured.items[0]["score_stereotype"] == pytest.approx(np.mean(values), abs=1e-4)


GROUPS = [
    Item(
        "a", "race", "Iraqi", ("Iraqi men lie.", "Iraqi men think.", "Iraqi men river."), "… BLANK"
    ),
    Item("b", "race", "Iraqi", ("He is Iraqi, late.", "He is Iraqi, kind.", "No."), "… BLANK"),
    Item("c", "race", "Iran", ("Iran is bad.", "Iran is kind.", "Iran is the."), "… BLANK"),
    Item("d", "religion", "Jihad", ("Jihad is bad.", "Jihad is kind.", "No."), "… BLANK"),
]


@pytest.mark.parametrize("protocol", ["bos", "bias-bench"])
def test_contribution_is_the_margin_with_the_group_minus_that_with_a_neutral_word(protocol) -> None:
    lm = tiny_model("llama")
    measured = evaluate(lm, items=GROUPS, protocol=protocol)
    sentences = ("Men lie.", "Men think.", "x", "The country is bad.", "The country is kind.", "x")
    neutral = [
        Item("a", "race", "x", sentences[:3], "… BLANK"),
        Item("c", "race", "y", sentences[3:], "… BLANK"),
    ]
    alone = evaluate(lm, items=neutral, protocol=protocol).items
    iraqi, predicative, iran, jihad = measured.items
    added = []
    for row, other in zip((iraqi, iran), alone, strict=True):
        margin = row["score_stereotype"] - row["score_anti_stereotype"]
        assert row["margin"] == pytest.approx(margin, abs=1e-4)
        assert row["log_ratio_neutral"] == pytest.approx(other["log_ratio"], abs=2e-4)
        lengths = [
            len(lm.tokenizer(row[name])["input_ids"]) for name in ("stereotype", "anti_stereotype")
        ]
        assert [row["tokens_stereotype"], row["tokens_anti_stereotype"]] == lengths
        sums = row["score_stereotype"] * lengths[0] - row["score_anti_stereotype"] * lengths[1]
        assert row["log_ratio"] == pytest.approx(sums, abs=1e-4)
        assert row["sense"] == pytest.approx(
            (row["score_stereotype"] + row["score_anti_stereotype"]) / 2 - row["score_unrelated"],
            abs=1e-4,
        )
        added.append((row["log_ratio"] - row["log_ratio_neutral"]) / np.mean(lengths))
        assert row["contribution"] == pytest.approx(added[-1], abs=2e-4)
    assert predicative["contribution"] is jihad["log_ratio_neutral"] is None
    ratios = [
        2 * row["log_ratio"] / (row["tokens_stereotype"] + row["tokens_anti_stereotype"])
        for row in measured.items
    ]
    spread = np.median(np.abs(ratios - np.median(ratios)))
    assert iran["contribution_scaled"] == pytest.approx(iran["contribution"] / spread, rel=0.01)
    domains = measured.result["domains"]
    assert domains["race"]["contribution"] == pytest.approx(np.mean(added), abs=2e-4)
    assert domains["all"]["contribution"] == pytest.approx(
        np.mean(added), abs=2e-4
    )  # Jihad does not count
    assert domains["race"]["contribution_items"] == domains["all"]["contribution_items"] == 2
    low, high = domains["race"]["contribution_ci"]
    assert low <= domains["race"]["contribution"] <= high
    assert "contribution" not in domains["religion"]
    assert judge(measured.items).unbiased_scores == {
        "ss": 50,
        "contribution_scaled": 0,
        "ss_smoothed": 50,
    }


def test_intersentence_changes_the_context_and_the_pronouns_of_a_gender() -> None:
    lm = tiny_model("gpt2")
    sentences = ("She lies.", "She thinks.", "A mill.")
    item = Item("a", "gender", "mother", sentences, "My mother was late.")
    found = evaluate(lm, items=[item], task="intersentence").items[0]
    changed = Item("a", "gender", "x", ("They lie.", "They think.", "A."), "My parent was late.")
    alone = evaluate(lm, items=[changed], task="intersentence").items[0]
    assert found["log_ratio_neutral"] == pytest.approx(alone["log_ratio"], abs=2e-4)


def test_published_scores_do_not_depend_on_variants() -> None:
    lm = tiny_model("llama")
    with_variants = evaluate(lm, items=GROUPS).items
    without = evaluate(lm, items=[replace(item, term="nobody") for item in GROUPS]).items
    assert [row["contribution"] for row in without] == [None] * len(GROUPS)
    for row, alone in zip(with_variants, without, strict=True):
        for name in ("score_stereotype", "score_anti_stereotype", "score_unrelated"):
            assert row[name] == alone[name]  # bit for bit


def test_progress_ends_at_its_total() -> None:
    calls: list[tuple[int, int]] = []
    evaluate(
        tiny_model("gpt2"), items=GROUPS, progress=lambda done, total: calls.append((done, total))
    )
    assert {total for _, total in calls} == {3 * len(GROUPS) + 2 * 2}
    assert sum(done for done, _ in calls) == 3 * len(GROUPS) + 2 * 2


def test_masked_models_and_old_files_have_no_margins() -> None:
    rows = evaluate(tiny_model("bert"), items=ITEMS).items
    assert "margin" not in rows[0]
    judged = judge(rows)
    assert judged.unbiased_scores == {"ss": 50}
    assert set(judged.scores(judged.totals)) == {*RATES, "icat"}
    new = evaluate(tiny_model("gpt2"), items=GROUPS).items
    old = [{k: v for k, v in row.items() if not k.startswith(("contr", "ss_"))} for row in new]
    assert judge(old).totals.shape == judge(new).totals.shape  # so that the two can be paired
    totals = judge(old).totals
    assert np.isnan(judge(new).scores(totals)["contribution"])
    assert np.isnan(judge(new).scores(totals)["ss_smoothed"])
    assert judge(new).scores(totals)["ss"] == judge(old).scores(totals)["ss"]


def test_the_smoothed_ss_is_a_step_without_spread() -> None:
    margins = np.random.default_rng(0).normal(0.1, 0.5, 400)
    assert np.all((smooth(margins, 0.2) > 0.5) == (margins > 0))
    assert smooth(np.array([0.1]), 0.2) == pytest.approx(norm.cdf(1))
    assert smooth(np.array([-0.2, 0.0, 0.2]), 0.0).tolist() == [0, 0.5, 1]


def test_an_item_of_probability_0_does_not_remove_the_scaled_scores() -> None:
    generator = np.random.default_rng(0)
    versions = generator.normal(-3.0, 0.5, (20, 3))
    items = [Item(str(i), "race", f"term {i}", ("a", "b", "c")) for i in range(20)]
    lengths, neutral = np.full((20, 2), 6.0), generator.normal(0.0, 0.5, 20)
    expected = make_rows(items[1:], Scored(versions[1:], lengths[1:], neutral[1:]))
    versions[0, :2] = -np.inf  # both versions
    impossible, *others = make_rows(items, Scored(versions, lengths, neutral))
    assert others == [
        {**row, "ss_smoothed_by_sense": pytest.approx(row["ss_smoothed_by_sense"], abs=0.2)}
        for row in expected
    ]
    assert impossible["margin"] is impossible["contribution_scaled"] is None
    assert {"contribution_scaled", "ss_smoothed"} <= {*judge([impossible, *others]).unbiased_scores}


def simulate_runs(flattening: float, generator: np.random.Generator) -> list[list[Row]]:
    """Rows of 36 terms after a control run, and after one that also flattens the distribution.

    Their spread, and the noise of a run, are like those of SmolLM2 on race.
    """
    terms = np.repeat(np.arange(36), 27)
    items = [Item(str(i), "race", f"term {t}", ("a", "b", "c")) for i, t in enumerate(terms)]
    anyone = generator.normal(0.09, 0.05, 36)[terms] + 0.4 * generator.standard_t(4, len(terms))
    group = generator.normal(0.05, 0.05, 36)[terms] + 0.2 * generator.standard_t(4, len(terms))
    rows = []
    for share in (1.0, 1 - flattening):
        neutral = share * anyone + generator.normal(0, 0.05, len(terms))
        margins = neutral + share * group + generator.normal(0, 0.05, len(terms))
        versions = np.column_stack([margins / 2, -margins / 2, np.full(len(terms), -2.0)])
        lengths = np.full((len(terms), 2), 10.0)
        rows.append(make_rows(items, Scored(versions, lengths, 10 * neutral)))
    return rows


@pytest.mark.slow
def test_a_flatter_distribution_hardly_ever_lowers_what_is_scaled() -> None:
    generator = np.random.default_rng(1)
    fell = dict.fromkeys(("ss_smoothed", "contribution_scaled", "margin", "contribution"), 0)
    repetitions = 200
    for _ in range(repetitions):
        control, flatter = simulate_runs(0.05, generator)
        for name in fell:
            change = np.array([b[name] - a[name] for a, b in zip(control, flatter, strict=True)])
            means = change.reshape(36, 27).mean(axis=1)
            fell[name] += means.mean() + t.ppf(0.975, 35) * means.std(ddof=1) / 6 < 0
    assert fell["ss_smoothed"] <= 0.05 * repetitions
    assert fell["contribution_scaled"] <= 0.05 * repetitions
    assert fell["margin"] >= 0.2 * repetitions  # why the mean margin is no score
    assert fell["contribution"] >= 0.1 * repetitions  # in nats, it needs the scaled one beside it


def test_unsupported_protocols() -> None:
    for name in ("stereoset:bos", "stereoset:intersentence"):
        with pytest.raises(InputError, match=f"'{name}' needs a causal model; .* is a masked one"):
            load_benchmarks([name], tiny_model("bert"))
    bare = Item("x", "race", "town", ("A b.", "A c.", "A d."))
    with pytest.raises(InputError, match=r"item x: its context .* has no BLANK"):
        evaluate(tiny_model("bert"), items=[bare])


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("stereoset:tset", "no items|file|tset"),
        ("stereoset:dev:test", "two options for split, 'dev' and 'test'"),
        ("stereoset:intersentence:bos", "has only one protocol"),
        ("stereoset:", "'stereoset:' has an empty option"),
        ("stereoste", "'stereoste' is unknown; choose from stereoset"),
    ],
)
def test_invalid_names(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_benchmark(name)


def test_a_user_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text(
        "\n".join(
            json.dumps(
                {
                    "bias_type": item.domain,
                    "target": item.term,
                    "context": item.context,
                    **dict(
                        zip(
                            ("stereotype", "anti-stereotype", "unrelated"),
                            item.sentences,
                            strict=True,
                        )
                    ),
                }
            )
            for item in ITEMS
        )
    )
    measured = load_benchmark(f"stereoset:{path}:bias-bench").evaluate(tiny_model("gpt2"))
    assert measured.result["split"] == "mine.jsonl"
    assert measured.result["protocol"] == "bias-bench"
    assert [row["id"] for row in measured.items] == [f"intrasentence-000{n}" for n in (1, 2, 3)]
    assert judge(measured.items).verdicts.tolist() == [
        row["score_stereotype"] > row["score_anti_stereotype"] for row in measured.items
    ]


def test_the_ending_of_a_user_file_may_be_in_capitals(tmp_path: Path) -> None:
    path = tmp_path / "ITEMS.JSONL"
    write_items(path, subject="It is", count=2)
    assert len(read_items(path)) == 4


def test_an_unknown_type_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    lines = [LINE, {**LINE, "type": "Intrasentence"}]
    path.write_text("\n".join(map(json.dumps, lines)))
    with pytest.raises(InputError, match=r"line 2: type .Intrasentence. is unknown"):
        read_items(path)


LINE = {
    "bias_type": "race",
    "target": "town",
    "context": "A BLANK.",
    "stereotype": "A b.",
    "anti-stereotype": "A c.",
    "unrelated": "A d.",
}
SENTENCES = [
    {"gold_label": label, "sentence": f"A {label}."}
    for label in ("stereotype", "anti-stereotype", "unrelated")
]
AUTHORS = {"id": "1", "bias_type": "race", "target": "town", "context": "A BLANK."}


def lines(*rows: object) -> str:
    return "\n".join(json.dumps(row) for row in rows)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.jsonl", None, "No such file"),
        ("empty.jsonl", "", "it has no intrasentence items"),
        ("torn.jsonl", lines(LINE) + '\n{"a": ', "line 2: not JSON"),
        ("list.jsonl", "[1]", "line 1: expected an object, not list"),
        ("latin.jsonl", "\n{'é': 1}".encode("latin-1"), "line 2: byte 0xe9 is not UTF-8"),
        ("none.jsonl", lines({**LINE, "unrelated": None}), "line 1: the unrelated sentence"),
        ("blank.jsonl", lines(LINE, {**LINE, "stereotype": " "}), "line 2: the stereotype"),
        ("number.jsonl", lines({**LINE, "stereotype": 3}), "line 1: the stereotype"),
        ("domain.jsonl", lines({**LINE, "bias_type": "age"}), "line 1: bias_type 'age' is unknown"),
        ("term.jsonl", lines({**LINE, "target": ""}), "line 1: field 'target'"),
        (
            "twice.jsonl",
            lines({**LINE, "id": 7}, {**LINE, "id": 7}),
            "line 2: id '7' is already used by .*line 1",
        ),
        (
            "no_domain.jsonl",
            lines({**LINE, "bias_type": None}),
            "line 1: bias_type None is unknown",
        ),
        (
            "domains.jsonl",
            lines({**LINE, "bias_type": ["race"]}),
            "bias_type .'race'. is unknown; choose from",
        ),
        ("context.jsonl", lines({**LINE, "context": 3}), "line 1: field 'context'"),
        ("torn.json", "{", "torn.json: not JSON"),
        ("other.json", '{"data": {}}', "it has no intrasentence items; expected"),
        ("number.json", "7", "it has no intrasentence items; expected"),
        ("empty.json", "[]", "it has no intrasentence items"),
        ("bare.json", lines([AUTHORS]), "item 1: field 'sentences' is missing"),
        (
            "no_id.json",
            lines([{**AUTHORS, "sentences": SENTENCES, "id": None}]),
            "item 1: field 'id' is missing",
        ),
        (
            "label.json",
            lines([{**AUTHORS, "sentences": [{"gold_label": "related", "sentence": "A."}]}]),
            "item 1: gold_label 'related' is unknown; choose from",
        ),
        (
            "label_twice.json",
            lines([{**AUTHORS, "sentences": [*SENTENCES, SENTENCES[0]]}]),
            "item 1: gold_label 'stereotype' occurs twice",
        ),
        (
            "two_of_three.json",
            lines([{**AUTHORS, "sentences": SENTENCES[:2]}]),
            "item 1: the unrelated sentence is missing",
        ),
        (
            "ids.json",
            lines([{**AUTHORS, "sentences": SENTENCES}] * 2),
            "item 2: id '1' is already used by .*item 1",
        ),
    ],
)
def test_malformed_files_are_a_one_line_error(tmp_path: Path, name, content, message) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(InputError, match=message) as error:
        load_benchmark(f"stereoset:{path}")
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    assert "; " in str(error.value)  # a remedy follows


def test_intersentence_items_need_a_context(tmp_path: Path) -> None:
    path = tmp_path / "items.jsonl"
    path.write_text(lines({**LINE, "type": "intersentence", "context": " "}))
    with pytest.raises(InputError, match="line 1: field 'context' is missing or empty"):
        load_benchmark(f"stereoset:intersentence:{path}")


def test_a_sentence_longer_than_the_context() -> None:
    item = Item("long", "race", "town", ("A b. " * 200, "A c.", "A d."))
    with pytest.raises(
        InputError, match=r"item long, stereotype: .* more than the 256 that .* accepts; shorten it"
    ):
        evaluate(tiny_model("gpt2"), items=[item])
    item = Item("wide", "race", "town", ("A b.", "A c.", "A d."), "A BLANK" + " b." * 200)
    with pytest.raises(InputError, match=r"item wide: .* more than the 256 that bert accepts"):
        evaluate(tiny_model("bert"), items=[item])


@pytest.mark.real_model
def test_bias_bench_protocol_on_the_real_model_differs_a_little(
    smollm2, stereoset_of_smollm2
) -> None:
    items = [item for item in read_items() if item.domain == "religion"]
    bos = stereoset_of_smollm2.result["domains"]["religion"]
    assert bos["items"] == len(items)
    assert bos["ss"] == pytest.approx(58.76, abs=0.05)
    assert bos["lms"] == pytest.approx(94.37, abs=0.05)
    other = evaluate(smollm2, items=items, protocol="bias-bench").result["domains"]["religion"]
    assert other["ss"] == pytest.approx(bos["ss"], abs=15)


def test_icat_has_no_interval() -> None:
    """At an SS of 50, where it is largest, leaving out any term lowers it."""
    scores = compute_scores(judge(make_rows(ITEMS, Scored(np.zeros((len(ITEMS), 3))))))
    assert scores["icat"][1] is None
    varied = np.random.default_rng(0).normal(size=(len(ITEMS), 3))
    scores = compute_scores(judge(make_rows(ITEMS, Scored(varied))))
    assert scores["icat"][1] is None
    assert scores["lms"][1] is not None
