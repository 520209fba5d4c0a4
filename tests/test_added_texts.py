"""Facts and neutral texts that a run retains."""

from __future__ import annotations

import re
from itertools import compress
from pathlib import Path

from fairforget.benchmarks.group_facts import read_facts
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model
from fairforget.targets import Targets
from fairforget.training.added_texts import counterfactual_sequences, encode_facts, list_facts

from .models import save_tiny


def test_the_benchmark_has_no_fact_that_is_retained() -> None:
    """No sentence has the answer of a fact and two words of its prompt, or all words of both."""
    for fact in read_facts():
        right, subject = _words(fact.right, 2), _words(fact.prompt, 4)
        assert right
        assert subject
        for retained in list_facts():
            words = _words(retained.text, 2)
            assert len(words & subject) < 2 or not words & right, (fact, retained)
            assert not words >= subject | right, (fact, retained)


def _words(text: str, shortest: int) -> set[str]:
    """Words of at least so many letters or digits, without the s of a plural."""
    found = re.findall(rf"[a-z0-9]{{{shortest},}}", text.lower())
    return {word.removesuffix("s") for word in found}


def test_facts_are_distinct_sentences() -> None:
    facts = [fact.text for fact in list_facts()]
    assert len(facts) == len(set(facts)) >= 300
    assert all(re.fullmatch(r"[A-Z].*\w\.", fact) for fact in facts)


def test_answers_are_whole_words_after_the_subject() -> None:
    for fact in list_facts():
        before, answer, after = (
            fact.text[: fact.answer.start],
            fact.text[fact.answer.start : fact.answer.end],
            fact.text[fact.answer.end :],
        )
        assert before.endswith(" "), fact
        assert re.fullmatch(r"\w[\w' -]*", answer), fact
        assert re.match(r"[ .]", after), fact


def test_answers_are_encoded_with_their_facts(tmp_path: Path) -> None:
    model = load_model(save_tiny("llama", tmp_path))
    encoded = encode_facts(model)
    for (ids, mask), fact in zip(encoded.items(), list_facts(), strict=True):
        assert len(ids) == len(mask)
        assert ids[0] == model.start_id
        answer = model.tokenizer.decode(list(compress(ids, mask))).strip()
        assert answer == fact.text[fact.answer.start : fact.answer.end]


def test_facts_are_cut_to_what_the_model_accepts(tmp_path: Path, monkeypatch) -> None:
    model = load_model(save_tiny("llama", tmp_path))
    monkeypatch.setattr(LanguageModel, "longest_input", 4)
    assert all(len(ids) == len(mask) <= 4 for ids, mask in encode_facts(model).items())


def test_a_masked_model_has_no_facts(tmp_path: Path) -> None:
    assert encode_facts(load_model(save_tiny("bert", tmp_path))) == {}


def test_each_counterfactual_text_is_retained_once() -> None:
    def targets(*others: tuple[int, ...]) -> Targets:
        marked = tuple((ids, (False,) * len(ids)) for ids in others)
        return Targets((0, 5, 6), (False, False, True), marked)

    both = [targets((0, 1, 6), (0, 2, 6)), targets((0, 1, 6)), targets()]
    assert counterfactual_sequences(both) == [[0, 1, 6], [0, 2, 6]]
