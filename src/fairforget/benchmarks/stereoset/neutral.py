"""StereoSet items with a neutral word in the group's place: "Iraqi men are" → "men are".

The contribution of the group compares an item with its neutral version. The rules are cautious: an
item that they do not fit, such as "he is Russian", has no neutral version.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from fairforget.benchmarks.stereoset.families import (
    Family,
    find_family,
    names_gender,
    paraphrases,
)
from fairforget.benchmarks.stereoset.mentions import (
    Replacement,
    apply,
    change_mention,
    find_mentions,
    find_words,
)
from fairforget.benchmarks.stereoset.pronouns import GENDERS, use_they
from fairforget.data.stereoset import Item, Task


@dataclass(frozen=True, slots=True)
class _Neutral:
    text: str
    count: int
    """Mentions that were replaced."""


def neutral_item(
    item: Item, *, task: Task = "intrasentence", paraphrase: str | None = None
) -> Item | None:
    """Return the item with a neutral word for the group in context, stereotype and anti-stereotype.

    The unrelated sentence stays as it is. Pronouns change only where they name the group, which is
    then a gender. None if no word fits.

    Args:
        item: of either task. Sentences of an intersentence item must not name the group again.
        task: of the item.
        paraphrase: `first` or `second`, for another neutral word; None for the default.
    """
    family = find_family(item.term)
    if family is None:
        return None
    words = paraphrases(paraphrase)
    *pair, unrelated = item.sentences
    if task == "intersentence":
        context = _replace(item.context, family, words)
        sentences = [_follow(text, family) for text in pair]
        if context is None or sentences[0] is None or sentences[1] is None:
            return None
        return replace(
            item, context=context.text, sentences=(sentences[0], sentences[1], unrelated)
        )
    stereotype, anti_stereotype = (_replace(text, family, words) for text in pair)
    if stereotype is None or anti_stereotype is None or stereotype.count != anti_stereotype.count:
        return None
    return replace(item, sentences=(stereotype.text, anti_stereotype.text, unrelated))


def _replace(text: str, family: Family, words: Mapping[str, str]) -> _Neutral | None:
    """Replace all mentions and the pronouns that name the group; None if one does not fit."""
    if not family.forms and family.gender:
        return _replace_pronouns(text, family.gender)
    mentions = find_mentions(text, family)
    first = len(text)
    for mention in reversed(mentions):  # from the end, so that positions stay valid
        change = change_mention(text, mention, family)
        if change is None:
            return None
        new = re.sub(r"[a-z]+", lambda word: words.get(word.group(), word.group()), change.new)
        text, first = apply(text, Replacement(change.start, change.end, new)), change.start
    if not mentions:
        return None
    if family.gender is None:
        return _Neutral(text, len(mentions))
    changed = _change_pronouns_after(text, first, family.gender)
    return None if changed is None else _Neutral(changed, len(mentions))


def _replace_pronouns(text: str, gender: str) -> _Neutral | None:
    """Replace the pronouns of a text whose term is one of them; none may stand for a noun."""
    pronouns = _find_pronouns(text, gender)
    if GENDERS[gender][0] not in pronouns or names_gender({*find_words(text)}, gender):
        return None
    changed = use_they(text, gender)
    return None if changed is None else _Neutral(changed, len(pronouns))


def _change_pronouns_after(text: str, first: int, gender: str) -> str | None:
    """Replace the pronouns after the first mention; None if it is unclear whom they name."""
    subject, *_, reflexive = GENDERS[gender]
    before, after = (_find_pronouns(part, gender) for part in (text[:first], text[first:]))
    if names_gender({*find_words(text[first:])}, gender):
        return None
    if {*before} & {subject, reflexive} or (before and after):
        return None
    return use_they(text, gender, first)


def _follow(text: str, family: Family) -> str | None:
    """Return a sentence that follows a mention, with pronouns that name the group changed."""
    if find_mentions(text, family):
        return None
    if family.gender is None:
        return text
    return (
        None if names_gender({*find_words(text)}, family.gender) else use_they(text, family.gender)
    )


def _find_pronouns(text: str, gender: str) -> list[str]:
    words = [word.partition("'")[0] for word in find_words(text)]  # "she's" too
    return [word for word in words if word in GENDERS[gender]]
