"""The texts held out from a retain corpus, and their perplexity."""

from __future__ import annotations

import pytest

from fairforget.corpora import Text
from fairforget.corpora.corpus import Corpus
from fairforget.errors import InputError, MissingDataError
from fairforget.scoring.perplexity import perplexity
from fairforget.training import preparation
from fairforget.training.preparation import (
    EVERYDAY,
    HELD_OUT,
    RETAIN,
    RETAIN_TOKENS,
    encode_retain,
    hold_out,
    load_everyday_corpus,
)

from .models import tiny_model


def test_blank_texts_do_not_count() -> None:
    texts = [Text(str(n), f"Text {n}." if n % 4 == 0 else " \n") for n in range(40)]
    held_out, rest = hold_out(Corpus("mine", texts), 5)
    assert (len(held_out), len(rest)) == (5, 5)
    assert not {*held_out} & {*rest}
    with pytest.raises(InputError, match="retain corpus 'mine' has 10 texts; at least 12"):
        hold_out(Corpus("mine", texts), 6)


def test_a_text_that_begins_like_a_held_out_one_is_not_retained() -> None:
    """The model reads only the beginning of a text, so it would be trained on a held-out one."""
    beginning = "The village lies between two rivers, and a bridge crosses each of them."
    versions = [f"{beginning} Version {n} of it." for n in range(6)]
    others = [f"Village number {n} has no river at all, and its houses are few." for n in range(40)]
    corpus = Corpus("mine", [Text(text, text) for text in versions + others])
    found, rest = hold_out(corpus, 20)
    assert {*found} & {*versions}  # in this order of the corpus
    assert not {*rest} & {*versions}


@pytest.mark.parametrize("others", [0, 250])
def test_texts_with_a_common_beginning_are_named(others: int, capsys) -> None:
    preamble = "Below is an instruction that describes a task. Write a response that fits."
    texts = [f"{preamble} Village {n}." for n in range(400)]
    texts += [f"Village number {n} has no river at all." for n in range(others)]
    corpora = {RETAIN: Corpus("mine", [Text(t, t) for t in texts])}
    if not others:
        with pytest.raises(InputError, match="'mine': all other texts begin with the same 60 "):
            encode_retain(tiny_model("llama"), corpora)
        return
    _, retained = encode_retain(tiny_model("llama"), corpora)
    left = len(texts) - HELD_OUT[RETAIN]
    assert (
        f"'mine': {left - len(retained[RETAIN])} of {left} other texts begin with the same 60 "
        "characters as held-out ones, and are not retained; remove a beginning"
    ) in capsys.readouterr().err


def test_blank_texts_are_no_copies_of_held_out_ones(capsys) -> None:
    texts = [f"Village number {n} has no river at all." for n in range(200)] + [" "] * 400
    corpora = {RETAIN: Corpus("mine", [Text(str(n), text) for n, text in enumerate(texts)])}
    _, retained = encode_retain(tiny_model("llama"), corpora)
    assert len(retained[RETAIN]) == 200 - HELD_OUT[RETAIN]
    assert "other texts" not in capsys.readouterr().err


def test_a_version_of_a_held_out_text_is_not_retained_from_another_corpus() -> None:
    houses = "houses and most of them stand beside the road to the bridge"
    texts = [f"Village {n} has {n} {houses}." for n in range(200)]
    held_out, _ = hold_out(Corpus("mine", [Text(t, t) for t in texts]), HELD_OUT[RETAIN])
    versions = [f"{text[:-1]} and the mill." for text in held_out]
    others = [f"Town {n} has {n} {houses}." for n in range(2 * HELD_OUT[EVERYDAY])]
    corpora = {
        RETAIN: Corpus("mine", [Text(t, t) for t in texts]),
        EVERYDAY: Corpus("theirs", [Text(t, t) for t in others + versions]),
    }
    language_model = tiny_model("llama")
    chosen, retained = encode_retain(language_model, corpora)
    starts = {tuple(ids[:RETAIN_TOKENS]) for kind in chosen for ids in chosen[kind]}
    assert len(starts) > HELD_OUT[RETAIN]
    assert not starts & {tuple(ids) for kind in retained for ids in retained[kind]}


@pytest.mark.parametrize("family", ["llama", "bert"])
def test_texts_without_a_token_to_predict_have_no_perplexity(family: str) -> None:
    with pytest.raises(InputError, match="no text has a token to predict"):
        perplexity(tiny_model(family), [[1], [2]])


@pytest.mark.parametrize("kind", [MissingDataError, InputError])
def test_everyday_sentences_may_be_missing_but_not_damaged(kind, monkeypatch, capsys) -> None:
    def load(name: str) -> Corpus:
        raise kind(f"{name}.jsonl has a problem")

    monkeypatch.setattr(preparation, "load_corpus", load)
    if kind is MissingDataError:
        assert load_everyday_corpus() is None
        assert "is not measured: everyday.jsonl has a problem" in capsys.readouterr().err
    else:
        with pytest.raises(InputError, match=r"everyday\.jsonl has a problem"):
            load_everyday_corpus()
