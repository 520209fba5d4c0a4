"""Facts and neutral texts that a run retains."""

from __future__ import annotations

import re

from fairforget.benchmarks.group_facts import read_facts
from fairforget.targets import Targets
from fairforget.training.added_texts import counterfactual_sequences, list_facts


def test_the_benchmark_has_no_fact_that_is_retained() -> None:
    """No sentence has the answer of a fact and two words of its prompt, or all words of both."""
    for fact in read_facts():
        right, subject = _words(fact.right, 2), _words(fact.prompt, 4)
        assert right
        assert subject
        for sentence in list_facts():
            words = _words(sentence, 2)
            assert len(words & subject) < 2 or not words & right, (fact, sentence)
            assert not words >= subject | right, (fact, sentence)


def _words(text: str, shortest: int) -> set[str]:
    """Words of at least so many letters or digits, without the s of a plural."""
    found = re.findall(rf"[a-z0-9]{{{shortest},}}", text.lower())
    return {word.removesuffix("s") for word in found}


def test_facts_are_distinct_sentences() -> None:
    facts = list_facts()
    assert len(facts) == len(set(facts)) >= 300
    assert all(re.fullmatch(r"[A-Z].*\w\.", fact) for fact in facts)


def test_each_counterfactual_text_is_retained_once() -> None:
    def targets(*others: tuple[int, ...]) -> Targets:
        marked = tuple((ids, (False,) * len(ids)) for ids in others)
        return Targets((0, 5, 6), (False, False, True), marked)

    both = [targets((0, 1, 6), (0, 2, 6)), targets((0, 1, 6)), targets()]
    assert counterfactual_sequences(both) == [[0, 1, 6], [0, 2, 6]]
