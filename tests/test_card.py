"""The model card, read back with the hub's own loader."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import EvalResult, ModelCard, ModelInfo

from fairforget.card import write_card
from fairforget.card.metadata import hub_name, source_licence
from fairforget.errors import InputError
from fairforget.report.wording import without_folders
from tests.report.runs import write_evaluation, write_unlearning
from tests.report.test_browser import EVIL

HEADINGS = ["How it was made", "Intended use and limitations", "Licence"]


@pytest.fixture(autouse=True)
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(*_: object, **__: object) -> None:
        raise OSError("no hub here")

    monkeypatch.setattr("fairforget.card.metadata.HfApi.model_info", unreachable)


def written(
    directory: Path, source: str | None = None, architecture: str = "LlamaForCausalLM"
) -> str:
    model = directory / "model"
    model.mkdir(exist_ok=True)
    (model / "config.json").write_text(json.dumps({"architectures": [architecture]}))
    if source is not None:
        record = json.loads((directory / "record.json").read_text())
        record["model"]["source"] = source
        (directory / "record.json").write_text(json.dumps(record))
    path = write_card(directory)
    assert path == model / "README.md"
    return path.read_text()


def results_after(directory: Path, add: Callable[[dict[str, Any]], None]) -> list[EvalResult]:
    """The card's results for a run to whose evaluation some results were added."""
    write_unlearning(directory)
    record = directory / "after" / "record.json"
    found = json.loads(record.read_text())
    add(found["results"])
    record.write_text(json.dumps(found))
    written(directory)
    results: list[EvalResult] = ModelCard.load(directory / "model" / "README.md").data.eval_results
    return results


def headings(text: str) -> list[str]:
    return re.findall(r"^## (.*)$", text, re.MULTILINE)


def test_the_hub_loader_reads_every_result(tmp_path: Path) -> None:
    text = written(write_unlearning(tmp_path), "smollm2")
    card = ModelCard.load(tmp_path / "model" / "README.md")
    data = card.data
    assert data.base_model == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert data.license == "apache-2.0"
    assert data.library_name == "transformers"
    assert data.pipeline_tag == "text-generation"
    assert "unlearning" in data.tags
    results = json.loads((tmp_path / "after" / "record.json").read_text())["results"]
    before = json.loads((tmp_path / "before" / "record.json").read_text())["results"]
    found = {(r.dataset_name, r.metric_type): r for r in data.eval_results}
    ss = found["StereoSet", "ss_gender"]
    wanted = results["stereoset"]["domains"]["gender"]
    assert ss.metric_value == pytest.approx(wanted["ss"], abs=1e-4)
    assert ss.metric_args["interval_95"] == pytest.approx(wanted["ss_ci"], abs=1e-4)
    assert ss.metric_args["before"] == pytest.approx(
        before["stereoset"]["domains"]["gender"]["ss"], abs=1e-4
    )
    added = found["StereoSet", "contribution_gender"]
    assert added.metric_value == pytest.approx(wanted["contribution"], abs=1e-4)
    assert added.metric_args["interval_95"] == pytest.approx(wanted["contribution_ci"], abs=1e-4)
    assert ("StereoSet", "contribution_scaled_all") in found
    assert ("CrowS-Pairs", "conditional_all") in found
    assert ("CrowS-Pairs", "conditional_scaled_all") in found
    assert "| Contribution before (95 % interval) |" in text
    assert "The contribution of the group, which is how much naming it instead of a " in text
    assert found["CrowS-Pairs", "stereotype_all"].metric_args["interval_95"]
    assert found["Perplexity", "perplexity"].metric_value == 29.0
    assert found["Perplexity", "perplexity"].dataset_type == "Salesforce/wikitext"
    again = ModelCard(str(card))
    assert again.data.to_dict() == data.to_dict()
    assert headings(text) == ["What changed", *HEADINGS]
    assert "| Gender | " in text
    assert "Known limitations" in text
    assert r"Every text of stereoset and crows\_pairs was scored after the token \<s\>." in text


@pytest.mark.parametrize(
    ("method", "sentence"),
    [
        ({"objective": "ascent"}, "Objective `ascent` (Lu et al. 2024, arXiv 2407.16951): makes "),
        (
            {"objective": "custom:calm", "objective_summary": "Ascent, <b>calmly"},
            r"Objective custom:calm: Ascent, \<b\>calmly.",
        ),
        ({"objective": "custom:calm"}, "Objective custom:calm. Forget corpus"),
        ({}, "Objective not recorded. Forget corpus"),
    ],
)
def test_the_objective_is_described(tmp_path: Path, method: dict[str, str], sentence: str) -> None:
    write_unlearning(tmp_path)
    record = json.loads((tmp_path / "record.json").read_text())
    record["method"] = method
    (tmp_path / "record.json").write_text(json.dumps(record))
    assert sentence in written(tmp_path)


def test_a_card_explains_the_intervals_of_its_benchmarks(tmp_path: Path) -> None:
    text = written(write_unlearning(tmp_path))
    assert "intervals over target terms (StereoSet) or pairs (CrowS-Pairs) (Student" in text
    for side in ("before", "after"):
        record = tmp_path / side / "record.json"
        found = json.loads(record.read_text())
        domains = {"all": {"bias_ambiguous": 1.0, "accuracy_ambiguous": 90.0, "items": 9}}
        found["results"] = {"bbq": {"protocol": "chat", "domains": domains}}
        record.write_text(json.dumps(found))
    text = written(tmp_path)
    assert "intervals over templates (BBQ) (Student" in text
    assert "StereoSet" not in text
    assert "CrowS-Pairs" not in text
    assert "was scored after the token" not in text  # but in a chat


SCORES = {
    "honest": {"hurtful": 3.0, "hurtful_gap": 1.5},
    "bold": {"negative": 9.0, "positive": 30.0, "sentiment": 0.1, "sentiment_gap": 0.2},
    "counterfactual": {"sentiment_distance": 0.1, "wording_distance": 0.2, "length_distance": 1.0},
    "holistic_bias": {"valence_spread": 1.0, "valence_spread_scaled": 0.4, "likelihood_bias": 9.0},
    "seegull": {"stereotype": 55.0, "association": 0.3, "offensive_log_prob": -20.0},
    "winogender": {"gap": 0.5, "correlation": 0.6, "correlation_bergsma": 0.7},
    "winobias": {"stereotype": 60.0, "gap": 0.5},
    "decoding_trust": {"agreement_gap": 0.1, "agreed": 40.0, "agreed_others": 30.0},
    "bbq": {"bias_ambiguous": 1.0, "bias_disambiguated": 2.0, "accuracy_ambiguous": 90.0},
    "group_facts": {"accuracy": 80.0, "fact_log_prob": -3.0},
    "harmful_words": {"log_prob": -9.0, "added": 0.1},
}


def test_no_score_of_a_benchmark_is_left_out(tmp_path: Path) -> None:
    def add(found: dict[str, Any]) -> None:
        for benchmark, scores in SCORES.items():
            domain = {**scores, "items": 4, "ss": "NaN"}
            found[benchmark] = {"protocol": "own", "domains": {"gender": domain}}
        found["honest"]["domains"]["gender"]["hurtful_ci"] = [2.0, 4.0]

    results = results_after(tmp_path, add)
    shown = {(r.dataset_type, r.metric_type): r for r in results if r.dataset_config}
    for benchmark, scores in SCORES.items():
        for name, value in scores.items():
            assert shown[benchmark, f"{name}_gender"].metric_value == value
    assert sum(benchmark in SCORES for benchmark, _ in shown) == sum(map(len, SCORES.values()))
    hurtful = shown["honest", "hurtful_gender"]
    assert hurtful.metric_name == "Gender: hurtful completions, %"
    assert hurtful.metric_args == {"interval_95": [2.0, 4.0]}


def test_two_variants_of_a_benchmark_stay_apart(tmp_path: Path) -> None:
    """The hub takes results of the same data set, configuration and split together."""

    def add(found: dict[str, Any]) -> None:
        honest = {"protocol": "greedy", "domains": {"all": {"hurtful": 3.0}}}
        found |= {"stereoset:typos": found["stereoset"], "honest:fr:8": honest, "honest": honest}

    results = results_after(tmp_path, add)
    configurations = {result.dataset_name: result.dataset_config for result in results}
    assert configurations["StereoSet (typos)"] == "typos, protocol bos"
    assert configurations["HONEST"] == "protocol greedy"
    assert configurations["HONEST (fr, 8)"] == "fr, 8, protocol greedy"
    assert configurations["StereoSet"] == "protocol bos"


def test_a_user_file_is_not_the_public_data_set(tmp_path: Path) -> None:
    def add(found: dict[str, Any]) -> None:
        found["crows_pairs:mine.csv"] = found["crows_pairs"]

    results = results_after(tmp_path, add)
    named = {result.dataset_name: result.dataset_type for result in results}
    assert named["CrowS-Pairs"] == "nyu-mll/crows_pairs"
    assert named["CrowS-Pairs (mine.csv)"] == "mine.csv"


def test_the_card_names_the_licence_of_own_texts(tmp_path: Path) -> None:
    record = json.loads((write_unlearning(tmp_path, measured=False) / "record.json").read_text())
    corpus = record["corpora"][1]
    names = ("pronouns", "built-in facts", "counterfactual texts")
    record["corpora"] = [corpus | {"name": name} for name in names]
    (tmp_path / "record.json").write_text(json.dumps(record))
    text = written(tmp_path)
    assert text.count("| Apache-2.0 | FairForget |") == 2
    assert "| as the forget corpora | the forget corpora, with neutral words |" in text
    assert "| not recorded |" not in text


def test_a_card_without_evaluations_says_so(tmp_path: Path) -> None:
    text = written(write_unlearning(tmp_path, measured=False))
    assert "It was not evaluated" in text
    assert headings(text) == HEADINGS
    data = ModelCard.load(tmp_path / "model" / "README.md").data
    assert data.eval_results is None
    assert "could not be found" in text


def test_licence_and_task_come_from_the_original_model(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    link = "https://acme.example/licence"
    fields = f"license: other\nlicense_name: acme-1\nlicense_link: {link}"
    (source / "README.md").write_text(f"---\n{fields}\n---\nA model.\n")
    text = written(write_unlearning(tmp_path / "run"), str(source), "BertForMaskedLM")
    assert f"As for the original model: [acme-1](<{link}>)." in text
    data = ModelCard.load(tmp_path / "run" / "model" / "README.md").data
    assert (data.license, data.license_name) == ("other", "acme-1")
    assert data.base_model is None
    assert data.pipeline_tag == "fill-mask"


def test_the_licence_comes_from_the_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    info = ModelInfo(id="a/b", cardData={"license": "mit", "tags": ["x"]})
    monkeypatch.setattr("fairforget.card.metadata.HfApi.model_info", lambda *_, **__: info)
    assert source_licence("a/b") == {"license": "mit"}


@pytest.mark.parametrize("link", ["LICENSE", "https://acme.example/licence"])
def test_a_licence_file_of_the_original_is_found_from_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: str
) -> None:
    fields = {"license": "other", "license_link": link}
    info = ModelInfo(id="a/b", cardData=fields)
    monkeypatch.setattr("fairforget.card.metadata.HfApi.model_info", lambda *_, **__: info)
    absolute = "https://huggingface.co/a/b/blob/main/LICENSE" if link == "LICENSE" else link
    assert source_licence("a/b") == {"license": "other", "license_link": absolute}
    (tmp_path / "README.md").write_text(f"---\nlicense: other\nlicense_link: {link}\n---\n")
    local = {} if link == "LICENSE" else {"license_link": link}
    assert source_licence(str(tmp_path)) == {"license": "other"} | local


@pytest.mark.parametrize("content", ["", "---\nlicense: [a, b]\n---\n", "---\n: {\n---\n", "\xff"])
def test_a_source_without_a_readable_card_has_no_licence(tmp_path: Path, content: str) -> None:
    (tmp_path / "README.md").write_bytes(content.encode("latin-1"))
    assert source_licence(str(tmp_path)) == {}


def test_hub_names(tmp_path: Path) -> None:
    assert hub_name("gpt2") == "gpt2"
    assert hub_name("owner/name") == "owner/name"
    assert hub_name(str(tmp_path)) is None
    assert hub_name("weights.gguf") is None
    assert hub_name("me/WEIGHTS.GGUF") is None
    assert hub_name("](javascript:1)") is None


@pytest.mark.parametrize("source", ["me/weights.Q4.gguf", "me/mine", "me/mine/"])
@pytest.mark.parametrize("folder", ["/home/private", "../private_x", "C:\\Users\\private"])
def test_a_card_names_no_folder_of_the_machine(tmp_path: Path, source: str, folder: str) -> None:
    slash = "\\" if "\\" in folder else "/"
    write_unlearning(tmp_path)
    for name in ("record.json", "before/record.json", "after/record.json"):
        path = tmp_path / name
        record = json.loads(path.read_text())
        record["model"]["source"] = folder + slash + source.replace("/", slash)
        if "corpora" in record:
            record["corpora"][0]["name"] = f"{folder}{slash}my posts.csv:gender?text=post"
            record["method"]["words"] = f"{folder}{slash}words.txt"
        else:
            results = record["results"]
            results[f"crows_pairs:{folder}{slash}pairs.csv"] = results["crows_pairs"]
            results[f"more:{folder}{slash}items.jsonl"] = {"count": 1}
            task = f"{folder}{slash}task.yaml"
            metrics = {"task": {"acc": 0.5}}
            results[f"lm-eval:{task}"] = {
                "task": task,
                "protocol": "lm-eval 0.4",
                "metrics": metrics,
            }
            results["perplexity"]["corpus"] = f"{folder}{slash}held.txt"
        path.write_text(json.dumps(record))
    text = written(tmp_path)
    assert "private" not in text.replace("\\", "")
    for shown in (
        "my posts.csv:gender",
        "pairs.csv",
        "items.jsonl",
        "held.txt",
        "words.txt",
        "task.yaml",
    ):
        assert shown in text.replace("\\", "")
    name = "weights.Q4.gguf" if "gguf" in source else "mine"
    assert f"This is {name} after unlearning" in text.replace("\\", "")


def test_folders_are_left_out_of_files_only() -> None:
    for name in ("owner/name", "hub:owner/name?split=train", "stereoset:test", "builtin:gender"):
        assert without_folders(name) == name
    assert without_folders("a/b.csv,/c d/e.jsonl?text=x") == "b.csv,e.jsonl?text=x"


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    text = f"\n---\nlicense: stolen\n---\n{EVIL} https://example.org www.example.org [x](y) ![z](w)"
    write_unlearning(tmp_path, text=text)
    card = written(tmp_path)
    data = ModelCard.load(tmp_path / "model" / "README.md").data
    assert data.license is None
    assert data.to_dict() == ModelCard(card).data.to_dict()
    body = card.split("\n---\n", 1)[1]
    assert headings(body) == ["What changed", *HEADINGS]
    assert not re.search(r"(?<!\\)(?:\\\\)*<", body)
    links = re.findall(r"(?<!\\)\]\((.*?)\)", body)
    assert all(link.startswith(("https://pypi.org/", "https://arxiv.org/")) for link in links)
    bare = re.findall(r"(?<!\()https://\S+|(?<!\\)www\.\S+", body)
    assert bare == []
    assert "\u202e" not in card


def test_only_unlearning_runs_have_a_card(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not an unlearning run"):
        write_card(write_evaluation(tmp_path))
