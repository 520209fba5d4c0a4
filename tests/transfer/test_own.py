"""The own domains of a forget corpus, from its name and its texts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairforget.benchmarks import BENCHMARKS, seegull
from fairforget.benchmarks.domains import NAMES, covered_domains
from fairforget.corpora import read_corpus
from fairforget.corpora.domains import DOMAINS, target_domains
from fairforget.data import crows_pairs, decoding_trust, stereoset, winobias, winogender
from fairforget.data.catalogue import BBQ_FILES
from fairforget.transfer_study.plan import Recipe, StudyRun
from fairforget.transfer_study.study import _forget_domains


@given(st.integers(0, 30), st.integers(1, 60))
def test_a_domain_with_a_tenth_of_the_texts_is_own(some: int, others: int) -> None:
    labels = ["race+nationality"] * some + ["race"] * others
    found = target_domains("posts.csv:race", labels)
    assert ("nationality" in found) == (10 * some >= some + others)
    assert "race" in found


def test_a_domain_in_the_name_is_own_whatever_the_texts() -> None:
    assert target_domains("builtin:women", [None, "control"]) == {"gender"}
    assert target_domains("builtin:migrants?label=all", []) == {"race", "nationality"}
    assert target_domains("builtin:control", ["control"]) == frozenset()


def test_every_domain_of_a_bias_benchmark_is_known() -> None:
    """A domain without an entry would count as another than the unlearned one."""
    domains = {
        "stereoset": stereoset.DOMAINS,
        "crows_pairs": crows_pairs.DOMAINS,
        "bbq": (*BBQ_FILES, *(category + NAMES for category in BBQ_FILES)),
        "winobias": winobias.TYPES,
        "winogender": winogender.DOMAINS,
        "seegull": seegull.DOMAINS,
        "decoding_trust": decoding_trust.DOMAINS,
    }
    assert domains.keys() == {
        name for name, entry in BENCHMARKS.items() if entry.has_domain_bias_score
    }
    for benchmark, names in domains.items():
        for name in names:
            assert covered_domains(benchmark, name) <= {*DOMAINS}, (benchmark, name)


def test_a_domain_of_a_benchmark_may_cover_others() -> None:
    assert covered_domains("stereoset:test", "race") == {"race", "nationality"}
    assert covered_domains("decoding_trust", "race") == {"race"}
    assert covered_domains("crows_pairs", "race-color") == {"race"}
    assert covered_domains("stereoset", "profession") == {"profession"}
    assert covered_domains("seegull:unnamed", "unnamed") == {"nationality"}
    for category in BBQ_FILES:
        assert covered_domains("bbq", category) == covered_domains("bbq", category + NAMES)


@pytest.mark.shared_data
def test_hatecheck_race_also_covers_nationality(shared_file) -> None:
    shared_file("hatecheck/test_suite_cases.csv")
    texts = read_corpus("hatecheck:race")
    assert target_domains("hatecheck:race", (t.domain for t in texts)) == {"race", "nationality"}
    run = StudyRun("hatecheck:race", "ascent", "matched", 0, Recipe(model="none"))
    assert _forget_domains(run) == {"race", "nationality"}  # though its own texts are about nobody
