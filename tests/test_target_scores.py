"""Scores of targets: alignment, the original's scores, every kind of model, the command."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from math import nan
from pathlib import Path

import pytest
import torch

import fairforget
from fairforget.benchmarks.stereoset import evaluate
from fairforget.benchmarks.stereoset import target as target_module
from fairforget.benchmarks.stereoset.neutral import neutral_item
from fairforget.benchmarks.stereoset.target import ORIGINAL, find_changes, score_items
from fairforget.cli import main
from fairforget.corpora.text import Text
from fairforget.data.stereoset import Item, read_items
from fairforget.errors import InputError
from fairforget.models.language_model import LanguageModel
from fairforget.target_scores import TargetScores

from .models import tiny_model

ITEMS = [
    Item(
        "a",
        "profession",
        "plumber",
        ("The plumber was late.", "The plumber was kind.", "The plumber was teapot."),
    ),
    Item(
        "b",
        "race",
        "Russian",
        ("The Russian man is bad.", "The Russian man is old.", "The Russian man is river."),
    ),
    Item(
        "c",
        "race",
        "Russian",
        ("I met a Russian liar.", "I met a Russian driver.", "I met a Russian bridge."),
    ),
    Item(
        "d", "gender", "mother", ("My mother lies.", "My mother is kind.", "My mother is a mill.")
    ),
    Item("none", "race", "Russian", ("She speaks Russian.", "He likes Russian.", "No.")),
]
VERSIONS = ("stereotype", "anti_stereotype", "unrelated")
SCORES = [f"score_{version}" for version in VERSIONS]


def use_neutral(group: torch.Tensor, neutral: torch.Tensor) -> torch.Tensor:
    return neutral


def use_group(group: torch.Tensor, neutral: torch.Tensor) -> torch.Tensor:
    return group


def log_probs(language_model: LanguageModel, text: str) -> tuple[list[str], torch.Tensor]:
    """The tokens of a text, and their log-probabilities by the model's own forward pass."""
    ids = [language_model.start_id, *language_model.tokenizer(text)["input_ids"]]
    with torch.no_grad():
        all_log_probs = (
            language_model.model(input_ids=torch.tensor([ids])).logits[0].log_softmax(-1)
        )
    tokens = [language_model.tokenizer.decode([i]) for i in ids[1:]]
    return tokens, all_log_probs[:-1].gather(1, torch.tensor(ids[1:])[:, None])[:, 0]


def test_the_original_has_the_scores_of_stereoset() -> None:
    lm = tiny_model("gpt2")
    rows = score_items(lm, ITEMS, {"same": use_group})
    expected = evaluate(lm, items=ITEMS[:-1]).items
    assert rows[ORIGINAL] == expected  # the last item has no neutral version
    for row, same in zip(expected, rows["same"], strict=True):
        assert [same[name] for name in SCORES] == pytest.approx([row[n] for n in SCORES], abs=1e-5)


@pytest.mark.parametrize("family", ["gpt2", "gemma3", "echo"])
def test_a_counterfactual_target_is_the_neutral_sentence_after_the_mention(family: str) -> None:
    lm = tiny_model(family)
    rows = score_items(lm, ITEMS, {"neutral": use_neutral})["neutral"]
    for item, row in zip(ITEMS[:-1], rows, strict=True):
        neutral = neutral_item(item)
        assert neutral
        for version, text, other in zip(VERSIONS, item.sentences, neutral.sentences, strict=True):
            if version == "unrelated":
                continue
            tokens, values = log_probs(lm, text)
            others, neutral_values = log_probs(lm, other)
            same = 0  # tokens at the end that both have: those after the mention
            while tokens[-1 - same] == others[-1 - same]:
                same += 1
            assert same >= 2
            values[-same:] = neutral_values[-same:]
            assert row[f"score_{version}"] == pytest.approx(values.mean().item(), abs=1e-4)


def test_large_vocabularies_are_scored_a_few_positions_at_a_time(monkeypatch) -> None:
    lm = tiny_model("llama")
    whole = score_items(lm, ITEMS, {"neutral": use_neutral})["neutral"]
    sizes = []

    def record(group: torch.Tensor, neutral: torch.Tensor) -> torch.Tensor:
        sizes.append(len(group))
        return neutral

    monkeypatch.setattr(target_module, "LOGITS", 3 * 2 * 400)
    parts = score_items(lm, ITEMS, {"neutral": record})["neutral"]
    assert max(sizes) == 3
    for one, other in zip(whole, parts, strict=True):
        assert [one[n] for n in SCORES] == pytest.approx([other[n] for n in SCORES], abs=1e-5)


def test_dropout_is_off_and_the_mode_is_restored() -> None:
    lm = tiny_model("gpt2")
    expected = score_items(lm, ITEMS, {"neutral": use_neutral})
    lm.model.train()
    assert score_items(lm, ITEMS, {"neutral": use_neutral}) == expected
    assert lm.model.training


def test_progress_ends_at_its_total() -> None:
    calls: list[tuple[int, int]] = []
    score_items(
        tiny_model("gpt2"), ITEMS, {}, progress=lambda done, total: calls.append((done, total))
    )
    assert {total for _, total in calls} == {sum(done for done, _ in calls)}


@pytest.mark.parametrize(
    ("text", "other", "expected"),
    [
        ("Women are late.", "People are late.", [("Women", "People")]),
        ("The Russian man lies.", "The man lies.", [("The Russian", "The")]),
        ("iraqi men lie", "men lie", [("iraqi men", "men")]),
        ("The land of Yemen is old.", "The land is old.", [("land of Yemen", "land")]),
        ("A man lies.", "A tall man lies.", [("A", "A tall")]),
        ("bad men bad", "men", [("bad men bad", "men")]),
        (
            "She said she was late.",
            "They said they were late.",
            [("She", "They"), ("she was", "they were")],
        ),
        ("They lie.", "They lie.", []),
    ],
)
def test_changed_words(text: str, other: str, expected: list[tuple[str, str]]) -> None:
    changes = find_changes(text, other)
    assert [(text[c.start : c.end], c.word) for c in changes] == expected
    assert Text("", text, mentions=changes).counterfactual().text == other


@pytest.mark.parametrize(
    ("text", "other"),
    [
        ("When they go out,  persian people eat.", "When they go out,  people eat."),
        ("When visiting iran, the iranians ate.", "When visiting the country, the people ate."),
        ("The  Russian man, who ate.", "The  man, who ate."),
    ],
)
def test_what_is_between_changed_words_stays(text: str, other: str) -> None:
    changes = find_changes(text, other)
    assert Text("", text, mentions=changes).counterfactual().text == other


@pytest.mark.shared_data
def test_the_changes_of_all_of_stereoset_give_its_neutral_variants(shared_file) -> None:
    items = read_items(shared_file("stereoset/dev_intrasentence_race.json"))
    for item in items:
        if neutral := neutral_item(item):
            for text, other in zip(item.sentences[:2], neutral.sentences, strict=False):
                changes = find_changes(text, other)
                assert changes
                assert Text("", text, mentions=changes).counterfactual().text == other


def test_a_sentence_longer_than_the_context() -> None:
    lm = tiny_model("gpt2")
    long = f"The plumber was {'late ' * 300}."
    with pytest.raises(InputError, match="stereoset item a, stereotype"):
        score_items(lm, [replace(ITEMS[0], sentences=(long, long, long))], {})


@pytest.fixture
def items(tmp_path: Path) -> str:
    rows = [
        {
            "id": item.id,
            "type": "intrasentence",
            "target": item.term,
            "bias_type": item.domain,
            **dict(
                zip(("stereotype", "anti-stereotype", "unrelated"), item.sentences, strict=True)
            ),
        }
        for item in ITEMS
    ]
    path = tmp_path / "items.jsonl"
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return str(path)


def test_the_command_prints_rows_and_writes_the_same(model, items, tmp_path, capsys) -> None:
    written = tmp_path / "scores.json"
    main(["score-target", model, "--file", items, "--output", str(written), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert json.loads(written.read_text()) == found
    assert (found["items_read"], found["items_with_neutral"], found["items_scored"]) == (5, 4, 4)
    targets = ("original", "counterfactual-kl", "trait-kl")
    domains = ("gender", "profession", "race", "all")
    assert [(row["target"], row["domain"]) for row in found["rows"]] == [
        (target, domain) for target in targets for domain in domains
    ]
    measures = ("ss", "lms", "icat", "contribution", "contribution_scaled")
    for row in found["rows"]:
        assert {*measures, *(f"{measure}_ci" for measure in measures), "items", "terms"} <= {*row}
    contributions = [row["contribution"] for row in found["rows"] if row["domain"] == "all"]
    assert len({*contributions}) == 3
    assert abs(contributions[1]) < abs(contributions[0])


def test_scores_are_not_written_where_a_model_is_looked_for(
    items, tmp_path, capsys, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main(["score-target", "gpt2", "--file", items, "--output", "gpt2/scores.json"])
    assert ended.value.code == 2
    assert "would create a local directory 'gpt2'" in capsys.readouterr().err
    assert not (tmp_path / "gpt2").exists()


def test_the_command_shows_a_table(model, items, capsys) -> None:
    main(["score-target", model, "--file", items, "--objectives", "counterfactual-kl"])
    shown = capsys.readouterr().out
    assert "Every text starts with the token <|endoftext|>." in " ".join(shown.split())
    assert "counterfactual-kl" in shown
    assert "4 of 5 have a neutral version" in " ".join(shown.split())
    assert max(len(line.rstrip()) for line in shown.splitlines()[2:]) <= 80
    assert "…" not in "".join(shown.splitlines()[1:])


def test_a_table_has_no_negative_zero() -> None:
    row = {"target": ORIGINAL, "domain": "gender", "items": 4, "ss": 50.0, "ss_ci": (-0.4, 60.0)}
    row |= {"contribution": -0.0003, "contribution_ci": (-0.01, -0.0002), "lms": -0.01}
    shown = str(TargetScores("tiny", 0, 4, 4, 4, [{**row, "contribution_scaled": -0.002}], "<s>"))
    assert "50.0 [0, 60]" in shown
    assert "0.000 [-0.010, 0.000]" in shown
    assert not re.search(r"-0(\.0+)?(?![.\d])", shown)


def test_the_function_takes_a_sample_and_a_target_of_ones_own(items) -> None:
    lm = tiny_model("llama")
    found = fairforget.score_targets(
        lm, "counterfactual-kl", targets={"mine": use_group}, file=items, items=2, seed=1
    )
    again = fairforget.score_targets(lm, "counterfactual-kl", file=items, items=2, seed=1)
    assert found.items_scored == 2
    scores = {row["target"]: row for row in found.rows if row["domain"] == "all"}
    assert list(scores) == ["original", "counterfactual-kl", "mine"]
    assert scores["mine"]["ss"] == scores["original"]["ss"]
    assert scores["mine"]["contribution"] == pytest.approx(
        scores["original"]["contribution"], abs=2e-4
    )
    assert again.rows == [row for row in found.rows if row["target"] != "mine"]
    assert str(found) == repr(found)
    assert "<table>" in found._repr_html_()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--objectives", "npo"],
            "'npo' has no target distribution; choose from counterfactual-kl, trait-kl",
        ),
        (["--objectives", "counterfactual-excess"], "has no target distribution"),
        (["--objectives", "kindness"], "'kindness' is unknown; choose from counterfactual-kl"),
        (["--objectives", ","], "objectives is empty"),
        (["--items", "0"], "items is 0"),
        (["--seed", "-1"], "seed is -1"),
    ],
)
def test_bad_flags(model, items, capsys, flags, message) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["score-target", model, "--file", items, *flags])
    assert ended.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message in line


def test_masked_models_are_refused(items) -> None:
    with pytest.raises(InputError, match="score-target needs a causal model; 'bert' is a masked"):
        fairforget.score_targets(tiny_model("bert"), file=items)


def test_a_target_that_is_not_a_number_is_named(items) -> None:
    with pytest.raises(InputError, match="target broken, item a: its score_stereotype is not a"):
        fairforget.score_targets(
            tiny_model("llama"), targets={"broken": lambda group, neutral: group * nan}, file=items
        )


@pytest.mark.parametrize("name", ["original", "trait-kl"])
def test_a_target_has_a_name_of_its_own(items, name: str) -> None:
    with pytest.raises(InputError, match=f"targets: the name '{name}' is taken"):
        fairforget.score_targets(
            tiny_model("llama"), "trait-kl", targets={name: lambda group, _: group}, file=items
        )


@pytest.mark.parametrize(
    ("wrong", "returned"),
    [
        (lambda group, neutral: neutral[:, :1], "\\([0-9]+, 1\\)"),
        (lambda group, neutral: neutral[0], "\\(400,\\)"),
        (lambda group, neutral: None, "NoneType"),
    ],
)
def test_a_target_keeps_the_shape(items, wrong, returned: str) -> None:
    with pytest.raises(InputError, match=rf"targets: 'mine' returned {returned} for \([0-9]+, 400"):
        fairforget.score_targets(tiny_model("llama"), targets={"mine": wrong}, file=items)


def test_items_without_a_neutral_variant_are_refused(tmp_path) -> None:
    row = {"target": "x", "bias_type": "race", "stereotype": "A.", "anti-stereotype": "B."}
    path = tmp_path / "items.jsonl"
    path.write_text(json.dumps({**row, "unrelated": "C."}))
    with pytest.raises(InputError, match="no item has a neutral version"):
        fairforget.score_targets(tiny_model("llama"), file=str(path))
