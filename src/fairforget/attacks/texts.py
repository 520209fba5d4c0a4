"""The texts that the attacks train on."""

from __future__ import annotations

import random
from collections.abc import Sequence

from fairforget.corpora import HARMLESS, parse_name, read_corpus
from fairforget.corpora.builtin.unseen import RELEARNING_SEED
from fairforget.corpora.reading import BUILTIN, is_builtin
from fairforget.errors import InputError
from fairforget.methods.passages import split_passage
from fairforget.records.records import UnlearningRecord


def ordinary_texts(corpus: str, seed: int) -> list[str]:
    """Return the passages of a corpus in random order.

    Args:
        corpus: `CORPUS[:DOMAIN]` or a file; all of its texts count as ordinary.
        seed: of the order.

    Raises:
        InputError: there is no such corpus.
    """
    texts = read_corpus(corpus, label=HARMLESS)
    return _shuffle([part for text in texts for part in split_passage(text.text)], seed)


def relearning_corpus(record: UnlearningRecord) -> str:
    """Return the default corpus to relearn: built-in texts, of the only forgotten domain if any.

    Raises:
        InputError: the record has no forget corpus.
    """
    if not record.forget:
        raise InputError(
            f"the record of the run has no forget corpus; unlearn again, or use --relearn {BUILTIN}"
        )
    forgotten, *others = [parse_name(corpus.name) for corpus in record.forget]
    same = not others and forgotten.corpus == BUILTIN and forgotten.part
    return f"{BUILTIN}:{forgotten.part}" if same else BUILTIN


def relearning_texts(corpus: str, records: Sequence[UnlearningRecord], seed: int) -> list[str]:
    """Return the biased texts of a corpus that no run has unlearned, in random order.

    Of the built-in corpus, these are texts with another seed: other combinations of the same
    templates, groups and attributes.

    Args:
        corpus: `CORPUS[:DOMAIN]` or a file.
        records: of the runs.
        seed: of the order.

    Raises:
        InputError: a corpus cannot be read, or all of its texts were unlearned.
    """
    texts = read_corpus(corpus, seed=RELEARNING_SEED)
    unlearned: set[str] = set()
    for name in dict.fromkeys(corpus.name for record in records for corpus in record.forget):
        try:
            unlearned.update(text.text for text in read_corpus(name))
        except InputError as error:  # a file that has moved, or texts that were given in Python
            if not is_builtin(corpus):
                raise InputError(
                    f"relearn {corpus!r}: which of its texts were unlearned cannot be told, "
                    f"because {error}; relearn {BUILTIN!r} instead"
                ) from error
    unseen = [text.text for text in texts if text.text not in unlearned]
    if not unseen:
        raise InputError(
            f"relearn {corpus!r}: all of its texts were unlearned; choose another corpus"
        )
    return _shuffle(unseen, seed)


def _shuffle(texts: list[str], seed: int) -> list[str]:
    random.Random(f"durability {seed}").shuffle(texts)
    return texts
