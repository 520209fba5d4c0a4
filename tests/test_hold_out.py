"""The texts held out from a retain corpus, and their perplexity."""

from __future__ import annotations

import pytest

from fairforget.corpora import Text
from fairforget.corpora.corpus import Corpus
from fairforget.errors import InputError
from fairforget.scoring.perplexity import perplexity
from fairforget.training.preparation import hold_out

from .models import tiny_model


def test_blank_texts_do_not_count() -> None:
    texts = [Text(str(n), f"Text {n}." if n % 4 == 0 else " \n") for n in range(40)]
    held_out, rest = hold_out(Corpus("mine", texts), 5)
    assert (len(held_out), len(rest)) == (5, 5)
    assert not {*held_out} & {*rest}
    with pytest.raises(InputError, match="retain corpus 'mine' has 10 texts; at least 12"):
        hold_out(Corpus("mine", texts), 6)


@pytest.mark.parametrize("family", ["llama", "bert"])
def test_texts_without_a_token_to_predict_have_no_perplexity(family: str) -> None:
    with pytest.raises(InputError, match="no text has a token to predict"):
        perplexity(tiny_model(family), [[1], [2]])
