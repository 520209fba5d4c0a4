"""Where the words of a language model's answer occur in a text, with and without spaces."""

from __future__ import annotations

import json

import pytest

from fairforget.selection.llm_answers import read_answer


def found(text: str, words: str) -> list[str]:
    """Each occurrence with the character before it and the one after it."""
    answer = read_answer(text, json.dumps({"spans": [words]}))
    assert answer is not None
    assert answer.absent == (() if answer.spans else (words,))
    return [text[max(0, span.start - 1) : span.end + 1] for span in answer.spans]


@pytest.mark.parametrize(
    ("text", "words", "expected"),
    [
        ("他们都是蠢货和骗子。", "蠢货", ["是蠢货和"]),
        ("蠢货!他们是蠢货。", "蠢货", ["蠢货!", "是蠢货。"]),
        ("彼らは本当にバカだと思う", "バカ", ["にバカだ"]),
        ("ひらがなのあほうばかり", "あほう", ["のあほうば"]),
        ("พวกเขาโง่มาก", "โง่", ["าโง่ม"]),
        ("ພວກເຂົາໂງ່ຫຼາຍ", "ໂງ່", ["າໂງ່ຫ"]),
        ("ពួកគេល្ងង់ណាស់", "ល្ងង់", ["េល្ងង់ណ"]),
        ("သူတို့မိုက်တယ်", "မိုက်", ["့မိုက်တ"]),
        ("彼はidiotです", "idiot", ["はidiotで"]),
    ],
)
def test_words_of_scripts_without_spaces_touch_others(
    text: str, words: str, expected: list[str]
) -> None:
    assert found(text, words) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I would rather not.", "rat"),
        ("彼はratherと言った", "rat"),
        ("Крысы бегут.", "рыс"),
        ("Les idiotes", "idiot"),
    ],
)
def test_a_part_of_a_word_is_no_occurrence(text: str, words: str) -> None:
    assert found(text, words) == []
