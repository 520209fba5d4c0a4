"""The main job on the real model and real data, with a small number of steps."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from fairforget.benchmarks.stereoset import evaluate
from fairforget.cli import main
from fairforget.corpora import read_corpus
from fairforget.corpora.corpus import Corpus
from fairforget.data.stereoset import read_items
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model
from fairforget.records.paths import RECORD
from fairforget.records.records import UnlearningRecord
from fairforget.records.store import read_record
from fairforget.training.preparation import EVERYDAY, HELD_OUT, RETAIN, encode_retain

pytestmark = pytest.mark.real_model

REFERENCE = {  # measured independently of this code, see docs
    "gender": (63.84, 91.98, 66.52),
    "profession": (62.22, 91.08, 68.82),
    "race": (62.26, 89.91, 67.87),
    "religion": (58.76, 94.37, 77.84),
    "all": (62.31, 90.79, 68.43),
}


def assert_reference_values(domains: dict[str, dict[str, float]]) -> None:
    for domain, scores in domains.items():
        ss, lms, icat = REFERENCE[domain]
        assert scores["ss"] == pytest.approx(ss, abs=0.05)
        assert scores["lms"] == pytest.approx(lms, abs=0.05)
        assert scores["icat"] == pytest.approx(icat, abs=0.05)


def test_stereoset_reference_values(stereoset_of_smollm2) -> None:
    found = stereoset_of_smollm2.result["domains"]
    assert_reference_values({domain: found[domain] for domain in ("gender", "religion")})


@pytest.mark.nightly  # each item is scored by itself, as those above are
def test_all_stereoset_reference_values(smollm2) -> None:
    domains = evaluate(smollm2, items=read_items()).result["domains"]
    assert domains.keys() == REFERENCE.keys()
    assert_reference_values(domains)


def test_what_naming_a_religion_contributes(stereoset_of_smollm2) -> None:
    """As measured by docs/score_contribution.py."""
    scores = stereoset_of_smollm2.result["domains"]["religion"]
    assert scores["contribution"] == pytest.approx(0.122, abs=0.001)
    assert scores["contribution_items"] == 59


def plain_perplexity(language_model: LanguageModel) -> float:
    """Perplexity of the held-out retain texts, one text at a time."""
    corpus = Corpus("wikipedia", read_corpus("wikipedia"))
    held_out, _ = encode_retain(language_model, {RETAIN: corpus})
    log_probs = []
    for ids in map(torch.tensor, held_out[RETAIN]):
        with torch.no_grad():
            predicted = language_model.model(input_ids=ids[None]).logits[0, :-1].log_softmax(-1)
        log_probs.append(predicted.gather(1, ids[1:, None]))
    return float(torch.cat(log_probs).mean().neg().exp())


@pytest.mark.usefixtures("little_data")
def test_unlearn_save_load_measure(
    smollm2, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind, number in {RETAIN: 2, EVERYDAY: 2}.items():  # to measure them takes time
        monkeypatch.setitem(HELD_OUT, kind, number)
    output = tmp_path / "run"
    main(
        [
            *("unlearn", "smollm2", "--output", str(output), "--forget", "builtin:gender"),
            *("--steps", "3", "--batch_size", "4", "--budget.perplexity", "1.01"),
            # its target is the other distribution as a whole, which the guard would refuse
            *("--objective", "counterfactual-kl", "--budget.harmful_log_prob", "null"),
        ]
    )
    record = read_record(output / RECORD, UnlearningRecord)
    assert record.budget.reached <= 1.01
    assert record.budget.before == pytest.approx(plain_perplexity(smollm2), rel=1e-3)
    assert json.loads((output / RECORD).read_text())["kind"] == "unlearning"

    original, unlearned = smollm2, load_model(output / "model")
    text = original.tokenizer("Women are", return_tensors="pt")["input_ids"]
    people = original.tokenizer("People are", return_tensors="pt")["input_ids"]
    with torch.no_grad():
        floor = original.model(input_ids=people).logits[0, -1].log_softmax(-1)
        before, after = (
            torch.nn.functional.kl_div(
                m.model(input_ids=text).logits[0, -1].log_softmax(-1),
                floor,
                log_target=True,
                reduction="sum",
            ).item()
            for m in (original, unlearned)
        )
    assert after < before  # "women are" went towards what the original expects of people

    items = [item for item in read_items() if item.domain == "religion"][::4]
    scores = evaluate(unlearned, items=items).result["domains"]["religion"]
    assert scores["items"] == len(items) == 20
    assert scores["lms"] > 85
