"""Corpora: names and options, formats as published, labels as domains, constant memory."""

from __future__ import annotations

import json
import tarfile
import tracemalloc
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fairforget.corpora import SOURCES, Text, iter_corpus, read_corpus
from fairforget.corpora.domains import DOMAINS, GROUPS, Labels
from fairforget.corpora.hatexplain import rationale_spans
from fairforget.corpora.reading import parse_name
from fairforget.corpora.wikitext import untokenised
from fairforget.data.catalogue import CATALOGUE
from fairforget.errors import InputError

Given = Callable[[str, str | bytes], Path]


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Given:
    """Put a file where the catalogue's entry looks for it, and do not ask for its hash."""
    monkeypatch.setenv("FAIRFORGET_DATA", str(tmp_path))

    def put(name: str, content: str | bytes) -> Path:
        file = replace(CATALOGUE[name].files[0], sha256=(), git_blob=None, package=None)
        monkeypatch.setitem(CATALOGUE, name, replace(CATALOGUE[name], files=(file,)))
        path = tmp_path / file.path
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return put


def parts(text: Text) -> list[str]:
    return [text.text[span.start : span.end] for span in text.spans]


# Names


@pytest.mark.parametrize(
    ("name", "corpus", "part", "options"),
    [
        ("edos", "edos", None, {}),
        ("hatecheck:women", "hatecheck", "women", {}),
        ("dghs:gender?round=2,3&level=original", "dghs", "gender", {"round": "2,3"}),
        ("data/mine.csv", "data/mine.csv", None, {}),
        ("C:/mine.csv:race?text=comment", "C:/mine.csv", "race", {"text": "comment"}),
        ("hub:owner/name", "hub:owner/name", None, {}),
        ("hub:owner/name:gender", "hub:owner/name", "gender", {}),
        ("hub:imdb", "hub:imdb", None, {}),
    ],
)
def test_a_name_is_taken_apart(name, corpus, part, options) -> None:
    parsed = parse_name(name)
    assert (parsed.corpus, parsed.part) == (corpus, part)
    assert options.items() <= parsed.options.items()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nothing", "'nothing' is unknown; choose from builtin"),
        ("builtin:sports", "'sports'"),
        ("builtin?round=2", "no option 'round'"),
        ("edos?label=maybe", "label 'maybe' is none of hateful, other, all"),
        ("edos?nonsense", "no list of options"),
        ("no.csv", "no such file"),
    ],
)
def test_names_that_mean_nothing(name, message) -> None:
    with pytest.raises(InputError, match=message):
        read_corpus(name)


# Domains


def test_every_group_and_source_speaks_of_known_domains() -> None:
    for domains in [*GROUPS.values(), *("+".join(s.domains) for s in SOURCES.values())]:
        assert set(filter(None, domains.split("+"))) <= set(DOMAINS)


def test_labels_are_compared_loosely_and_the_unknown_are_counted(capsys) -> None:
    labels = Labels("mine", {"bla.wom": "black+women", "none": ""})
    assert labels(["Bla.Wom"]) == labels(["blawom"]) == ("race+gender", "black+women")
    assert labels(["none"]) == labels([]) == (None, None)
    assert labels(["martians", "bla.wom"]) == ("race+gender", "martians+black+women")
    labels(["martians"])
    labels.report()
    assert capsys.readouterr().err == (
        "mine: 2 labels belong to no domain, their texts have none: 'martians' 2\n"
    )


def test_intersectional_texts_belong_to_both_domains(given: Given) -> None:
    given("dghs", dghs_rows())
    ids = {
        part: [text.id for text in read_corpus(f"dghs:{part}")]
        for part in ("gender", "race", "women")
    }
    assert ids["gender"] == ids["women"] == ["dghs:2", "dghs:3"]
    assert ids["race"] == ["dghs:1", "dghs:2"]


# Sources


def dghs_rows() -> str:
    return (
        ",acl.id,X1,text,label,type,target,level,split,round.base,annotator,round,acl.id.matched\n"
        "1,1,1,first,hate,derogation,bla,original,train,1,a,1,\n"
        "2,2,2,second,hate,derogation,bla.wom,original,test,2,a,2a,\n"
        '3,3,3,third,hate,threatening,"wom, mars",perturbation,train,3,a,3b,2\n'
        "4,4,4,fourth,nothate,none,none,original,train,2,a,2a,\n"
    )


def test_dghs_options_and_unmapped_targets(given: Given, capsys) -> None:
    given("dghs", dghs_rows())
    assert len(read_corpus("dghs")) == 3
    assert "'mars' 1" in capsys.readouterr().err
    assert [t.id for t in read_corpus("dghs?round=2,3&level=original")] == ["dghs:2"]
    assert [t.id for t in read_corpus("dghs?split=train&label=all")] == [
        "dghs:1",
        "dghs:3",
        "dghs:4",
    ]
    with pytest.raises(InputError, match=r"it has .*women"):
        read_corpus("dghs:religion")


def test_a_file_of_another_data_set_is_told(given: Given) -> None:
    path = given("dghs", "text,label\nhello,1\n")
    with pytest.raises(
        InputError, match=r"no column 'acl.id', .*; is it the file of 'dghs'\?"
    ) as e:
        read_corpus("dghs")
    assert str(path) in str(e.value)


def test_hatexplain_spans_are_what_most_annotators_marked(given: Given) -> None:
    def post(labels: list[str], targets: list[str], rationales: list[list[int]]) -> dict:
        annotators = [{"label": said, "target": targets} for said in labels]
        words = ["they", "are", "vile", "liars"]
        return {"annotators": annotators, "post_tokens": words, "rationales": rationales}

    marks = [[0, 0, 1, 1], [0, 0, 1, 0], [0, 0, 1, 1]]
    posts = {
        "a": post(["hatespeech", "offensive", "normal"], ["Islam", "Women"], marks),
        "b": post(["normal", "normal", "offensive"], ["None"], []),
    }
    given("hatexplain", json.dumps(posts))
    hateful, other = read_corpus("hatexplain?label=all")
    assert parts(hateful) == ["vile liars"]
    assert (hateful.domain, hateful.group) == ("religion+gender", "muslim+women")
    assert (other.hateful, other.spans, other.domain) == (False, (), None)
    with pytest.raises(ValueError, match="another length"):
        rationale_spans(["a", "b"], [[1]])
    given("hatexplain", '{"a": {"annotators": []}}')
    with pytest.raises(InputError, match="post 'a': not as HateXplain's"):
        read_corpus("hatexplain")


def test_ethos_domains_are_those_of_half_the_annotators(given: Given) -> None:
    head = "comment;violence;directed_vs_generalized;gender;race;national_origin;disability"
    head += ";religion;sexual_orientation\n"
    given("ethos", head + 'One; "quoted";0;0;0.2;0.5;0.9;0;0;0\n'.replace('; "quoted"', ""))
    (text,) = read_corpus("ethos:nationality")
    assert text.domain == "race+nationality"
    given("ethos", head + "One;0;0;x;0;0;0;0;0\n")
    with pytest.raises(InputError, match="line 2: a share of annotators"):
        read_corpus("ethos")


def test_social_bias_frames_join_the_annotators(given: Given, tmp_path: Path) -> None:
    rows = (
        "post,offensiveYN,targetMinority\n"
        "bad,1.0,women\nbad,0.5,women\nbad,1.0,\n"
        "fine,0.0,\nfine,0.5,\n"
    )
    for split in ("trn", "dev", "tst"):
        (tmp_path / f"SBIC.v2.{split}.csv").write_text(rows if split != "tst" else rows[:36])
    with tarfile.open(tmp_path / "made.tgz", "w:gz") as archive:
        for split in ("trn", "dev", "tst"):
            archive.add(tmp_path / f"SBIC.v2.{split}.csv", f"SBIC/SBIC.v2.{split}.csv")
    given("social_bias_frames", (tmp_path / "made.tgz").read_bytes())
    texts = read_corpus("social_bias_frames?label=all&split=train")
    assert [(t.text, t.hateful, t.group) for t in texts] == [
        ("bad", True, "women"),
        ("fine", False, None),
    ]
    given("social_bias_frames", b"no archive")
    with pytest.raises(InputError, match="not as Social Bias Frames'"):
        read_corpus("social_bias_frames")


def test_toxigen_is_hateful_above_the_middle(given: Given) -> None:
    path = given("toxigen", b"")
    table = {
        "text": ["one", "two"],
        "target_group": ["black/african-american folks", "women"],
        "toxicity_human": [4.7, 1.3],
    }
    pq.write_table(pa.table(table), path)
    assert [(t.text, t.group) for t in read_corpus("toxigen")] == [("one", "black")]
    assert len(read_corpus("toxigen?label=other")) == 1


def test_tokenised_text_is_read_as_written() -> None:
    line = ' In 1 @,@ 955 , " the <unk> bell " ( a ship \'s ) rang ; it was half @-@ cast .'
    assert untokenised(line) == ('In 1,955, "the bell" (a ship\'s) rang; it was half-cast.')


# The user's own


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("comment,target,toxic\nhello,race,1\nfine,race,0\n")
    name = f"{path}:race?text=comment&domain=target&hateful=toxic"
    assert [(t.text, t.domain, t.hateful) for t in read_corpus(name)] == [("hello", "race", True)]
    with pytest.raises(InputError, match="no `words` column to take text from; it has 'comment'"):
        read_corpus(f"{path}?text=words")
    with pytest.raises(InputError, match="no option 'encoding'"):
        read_corpus(f"{path}?encoding=latin-1")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('text\n"never closed\nhello\nworld\n', "line 2: not valid CSV .a quote that opens here"),
        ('text,id\n"a" b,1\n', "line 2: not valid CSV"),
        ("text,id\nhello\n", "line 2: 1 fields, where the header names 2"),
        ('text,id\n"two\nlines",1\na,b,2\n', "line 4: more fields than the header names"),
        ("sentence,id\nhello,1\n", "no `text` column; it has 'sentence', 'id'"),
        ("text;id\nhello;1\n", "no `text` column; it has 'text;id'"),
        ('text,id\nhello,1\n"",2\n', "line 3: `text` is missing, empty"),
        ("", "is empty; it needs a `text` column"),
        ("text,id\n", "is empty; it needs a `text` column"),
        ("\n\n", "is empty; it needs a `text` column"),
        ("text\rhello\rworld\r", "line 1: not valid CSV"),
        ("text\nhel\0lo\n", "line 2: a NUL byte"),
        ("text,text\nhello,you\n", "line 1: two columns are named 'text'"),
        ('text\n"two\nlines"\n\0\n', "line 4: a NUL byte"),
        ('text\n"two\nlines"\n\xe9\n'.encode("latin-1"), "line 4: byte 0xe9 is not UTF-8"),
        ("text\nhello\n".encode("utf-16"), "line 1: byte 0xff is not UTF-8"),
        ("text\n" + "x" * 10_000_000 + "\n", "line 2: longer than 4 MB"),
        ('text\n"' + "x\n" * 5_000_000, "line 2: not valid CSV .a quote that opens here"),
    ],
)
def test_malformed_csv_is_told_with_its_line(tmp_path: Path, content, message) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError, match=message) as error:
        read_corpus(str(path))
    assert "\n" not in str(error.value)


def test_a_jsonl_line_that_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"text": "fine"}\n{"text": "' + "x" * 10_000_000 + '"}\n')
    with pytest.raises(InputError, match="line 2: longer than 4 MB"):
        read_corpus(str(path))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_rows_stream_in_constant_memory(tmp_path: Path, suffix: str) -> None:
    path, count = tmp_path / f"big{suffix}", 60_000
    texts = [f"text number {number} of very many, all of them alike" for number in range(count)]
    if suffix == ".csv":
        path.write_text("text\n" + "".join(f'"{text}"\n' for text in texts))
    elif suffix == ".jsonl":
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    else:
        pq.write_table(pa.table({"text": texts}), path, row_group_size=4096)
    del texts
    tracemalloc.start()
    assert sum(1 for _ in iter_corpus(str(path))) == count
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3_000_000


def test_a_hub_data_set_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    asked = []

    def load(name: str, config: str | None, *, split: str, streaming: bool) -> list[dict]:
        asked.append((name, config, split, streaming))
        return [{"comment": "hello", "kind": "race"}]

    monkeypatch.setattr(datasets, "load_dataset", load)
    (text,) = read_corpus("hub:me/mine:race?config=en&split=test&text=comment&domain=kind")
    assert (text.id, text.text, text.domain) == ("me/mine:1", "hello", "race")
    assert asked == [("me/mine", "en", "test", True)]
    monkeypatch.setattr(datasets, "load_dataset", lambda *_, **__: 1 / 0)
    with pytest.raises(InputError, match="hub:me/mine cannot be read: division by zero"):
        read_corpus("hub:me/mine")


# Real files


@pytest.mark.shared_data
def test_hatecheck(shared_file) -> None:
    shared_file("hatecheck/test_suite_cases.csv")
    texts = read_corpus("hatecheck?label=all")
    assert len(texts) == 3728
    assert sum(text.hateful is True for text in texts) == 2563
    hateful = [text for text in texts if text.hateful]
    # without focus words are derog_impl_h and its misspellings
    assert sum(not text.spans for text in hateful) == 182
    assert not any(text.spans for text in texts if not text.hateful)
    women = read_corpus("hatecheck:women")
    assert len(women) == 373
    assert {text.domain for text in women} == {"gender"}
    by_id = {text.id: text for text in texts}
    assert parts(by_id["hatecheck:1"]) == ["hate"]
    assert by_id["hatecheck:1"].neutral_text().text == "I hate people."
    neutral = Counter(t.neutral_text().text for t in texts if t.group == "migrants")
    assert "There is nothing worse than a person." in neutral
    assert not [text for text in neutral if "migra" in text.lower()]


@pytest.mark.shared_data
def test_edos(shared_file) -> None:
    shared_file("edos/edos_labelled_aggregated.csv")
    assert len(read_corpus("edos")) == 4854
    assert len(read_corpus("edos?label=all&split=dev")) == 2000
    assert len(read_corpus("edos?category=threats")) == 443
    with pytest.raises(InputError, match="no category 'jokes'"):
        read_corpus("edos?category=jokes")


@pytest.mark.shared_data
def test_wikitext(shared_file) -> None:
    shared_file("wikitext2/valid.tokens.txt")
    texts = read_corpus("wikitext2")
    assert len(texts) > 1_500
    assert not any("<unk>" in text.text or "@-@" in text.text for text in texts)
