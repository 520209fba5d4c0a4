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

from fairforget.cli import main
from fairforget.corpora import SOURCES, Text, corpus_names, dghs, iter_corpus, read_corpus
from fairforget.corpora.corpus import Corpus
from fairforget.corpora.domains import DOMAINS, GROUPS, Labels, is_in_domain, target_domains
from fairforget.corpora.hatexplain import rationale_spans
from fairforget.corpora.reading import parse_name
from fairforget.corpora.wikitext import detokenize
from fairforget.data.catalogue import CATALOGUE
from fairforget.errors import InputError

Given = Callable[..., Path]


@pytest.fixture
def given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Given:
    """Put a file where the catalogue's entry looks for it, and do not ask for its hash."""
    monkeypatch.setenv("FAIRFORGET_DATA", str(tmp_path))

    def put(name: str, content: str | bytes, path: str = "") -> Path:
        first = CATALOGUE[name].files[0]
        file = replace(first, path=path or first.path, sha256=(), git_blob=None, package=None)
        monkeypatch.setitem(CATALOGUE, name, replace(CATALOGUE[name], files=(file,)))
        place = tmp_path / file.path
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(content.encode() if isinstance(content, str) else content)
        return place

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
        ("hub:", "'hub:' names no dataset; give hub:OWNER/NAME"),
        ("builtin:sports", "'sports'"),
        ("builtin?round=2", "no option 'round'"),
        ("edos?label=maybe", "label 'maybe' is not one of hateful, other, harmless, all"),
        ("edos?nonsense", "not a list of options"),
        ("edos?category=", "option category has no value in"),
        ("edos?split=train&split=dev", "option split is given twice in"),
        ("edos:", "corpus 'edos:' has nothing after the colon; give a domain or a group"),
        ("no.csv", "no such file"),
        (f"{'no' * 200}.csv", "no such file"),
        ("a" * 300, "is unknown"),
        ("edos?split=validation", "'edos' has no split 'validation'; it has train, dev, test"),
        ("hatecheck?split=train", "'hatecheck' has no option 'split'; it has label$"),
        ("builtin?split=train", "'builtin' has no option 'split'; it has label$"),
        ("builtin:race?label=other", "'builtin:race.label=other' has no text with label 'oth"),
    ],
)
def test_names_that_mean_nothing(name, message) -> None:
    with pytest.raises(InputError, match=message):
        read_corpus(name)


@pytest.mark.parametrize(
    ("listed", "names"),
    [
        ("edos", ["edos"]),
        ("edos, builtin ,", ["edos", "builtin"]),
        ("dghs?round=2,3", ["dghs?round=2,3"]),
        ("edos?category=threats,animosity&split=dev,dghs:women?round=2,3,hub:me/mine,a/b.csv:race",
         ["edos?category=threats,animosity&split=dev", "dghs:women?round=2,3", "hub:me/mine",
          "a/b.csv:race"]),
        ("mine.csv?text=comment,edos:gender", ["mine.csv?text=comment", "edos:gender"]),
        ("dghs?round=1,2,race,all,women", ["dghs?round=1,2", "race", "all", "women"]),
        ("edos,no_such_corpus", ["edos", "no_such_corpus"]),
        (
            "edos?label=all&split=train,dghs?label=all&split=train",
            ["edos?label=all&split=train", "dghs?label=all&split=train"],
        ),
    ],
)  # fmt: skip
def test_a_list_of_corpora_is_taken_apart_between_names(listed: str, names: list[str]) -> None:
    assert corpus_names(listed) == names


@pytest.mark.parametrize("group", ["India", "Saudi Arabia", "saudi_arabia", "Middle-Aged"])
def test_groups_of_the_builtin_corpus_may_be_spelt_otherwise(group: str) -> None:
    assert next(iter_corpus(f"builtin:{group}")).text


def test_the_name_of_a_file_may_have_a_comma(tmp_path: Path) -> None:
    path = tmp_path / "mine,edos.csv"
    assert corpus_names(str(path)) == [str(tmp_path / "mine"), "edos.csv"]
    path.touch()
    assert corpus_names(str(path)) == [str(path)]
    assert corpus_names(f"{path}:women?label=all") == [f"{path}:women?label=all"]


@pytest.mark.parametrize(
    "second", ["two.csv", "./two.csv", "two.csv:men", "builtin", "builtin:race?label=all"]
)
@pytest.mark.parametrize("part", ["", ":women", ":women?label=all", "?split-is=a,b"])
def test_a_file_may_be_the_first_of_several(tmp_path: Path, part: str, second: str) -> None:
    path = tmp_path / "one.csv"
    path.touch()
    assert corpus_names(f"{path}{part},{second}") == [f"{path}{part}", second]


@pytest.mark.parametrize("name", ["why?.csv", "why?label=all.csv"])
@pytest.mark.parametrize("more", ["", ":gender", "?label=all"])
def test_the_name_of_a_file_has_no_question_mark(tmp_path: Path, name: str, more: str) -> None:
    path = tmp_path / name
    path.write_text("text\nhello\n")
    with pytest.raises(InputError, match=r"why\?.*\.csv' has a question mark .*; rename the file"):
        read_corpus(f"{path}{more}")


def test_an_empty_selection_is_an_error_that_names_the_filters(given: Given) -> None:
    given("dghs", dghs_rows())
    for name, message in (
        ("dghs?round=4", "corpus 'dghs?round=4' has no text with round=4"),
        ("dghs?round=9", "DGHS, round: '9' is unknown; choose from 1, 2, 3, 4"),
        ("dghs?level=none", "DGHS, level: 'none' is unknown; choose from original, perturbation"),
        (
            "dghs?split=dev",
            "corpus 'dghs?split=dev' has no text of split 'dev'; it has test, train",
        ),
        ("dghs?label=other&split=test", "has no text with label 'other'; ?label=all keeps"),
        ("dghs:muslim?split=train", "'dghs:muslim?split=train' has no text of domain or group 'm"),
    ):
        with pytest.raises(InputError) as error:
            read_corpus(name)
        assert message in str(error.value)


# Domains


def test_every_group_and_source_speaks_of_known_domains() -> None:
    for domains in [*GROUPS.values(), *("+".join(s.domains) for s in SOURCES.values())]:
        assert set(filter(None, domains.split("+"))) <= set(DOMAINS)


def test_labels_are_compared_loosely_and_the_unknown_are_counted(capsys) -> None:
    labels = Labels("mine", {"bla.wom": "black+women", "none": ""})
    assert labels(["Bla.Wom"]) == labels(["blawom"]) == ("race+gender", "black+women")
    assert labels(["none"]) == labels([]) == (None, None)
    assert labels(["martians", "bla.wom"]) == ("race+gender", "martians+black+women")
    labels.report()
    labels(["martians"])
    labels.report()
    assert capsys.readouterr().err == (
        "mine: 1 label maps to no domain: 'martians' 1\n"
        "mine: 2 labels map to no domain: 'martians' 2\n"
    )


def test_intersectional_texts_belong_to_both_domains(given: Given) -> None:
    given("dghs", dghs_rows())
    ids = {
        part: [text.id for text in read_corpus(f"dghs:{part}")]
        for part in ("gender", "race", "women")
    }
    assert ids["gender"] == ids["women"] == ["dghs:2", "dghs:3"]
    assert ids["race"] == ["dghs:1", "dghs:2"]


def test_dghs_texts_about_women_are_about_women_whatever_else_they_are_about() -> None:
    """The paper forgets what targets women; the men of a group are of the group's domain."""
    labels = Labels("dghs", dghs.TARGETS)
    women = {code for code in dghs.TARGETS if is_in_domain(labels([code])[1], "women")}
    named = {"wom", "bla.wom", "asi.wom", "mus.wom", "indig.wom", "gay.wom"}
    assert women == named | {"non.white.wom", "min.wom"}
    assert {code for code in dghs.TARGETS if is_in_domain(labels([code])[0], "gender")} == women
    for code, domain in (("bla.man", "race"), ("asi.man", "race"), ("gay.man", "sexuality")):
        assert labels([code])[0] == domain
    assert labels(["mus.wom"]) == ("religion+gender", "muslim+women")


def test_dghs_women_are_the_texts_that_target_women(given: Given) -> None:
    head, *rows = dghs_rows().splitlines()
    codes = ["wom", "bla, wom", "Mus.Wom", "bla.man", "gay.man", "trans", "none"]
    made = [
        f'{n},{n},{n},text {n},hate,none,"{code}",original,train,2,a,2a,'
        for n, code in enumerate(codes, 10)
    ]
    given("dghs", "\n".join([head, *rows, *made]) + "\n")
    ids = [text.id for text in read_corpus("dghs:women")]
    assert ids == [f"dghs:{number}" for number in (2, 3, 10, 11, 12)]


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


def test_a_file_of_another_data_set_is_an_error(given: Given) -> None:
    path = given("dghs", "text,label\nhello,1\n")
    with pytest.raises(
        InputError, match=r"no column 'acl.id', .*; is it the file of 'dghs'\?"
    ) as e:
        read_corpus("dghs")
    assert str(path) in str(e.value)


def test_hatexplain_spans_are_what_most_annotators_marked(given: Given, capsys) -> None:
    def post(labels: list[str], targets: list[str], rationales: list[list[int]]) -> dict:
        annotators = [{"label": label, "target": targets} for label in labels]
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
    posts["b"] = post(["offensive"] * 3, ["Other"], [[0, 0, 1, 0]] * 3)
    given("hatexplain", json.dumps(posts))
    assert [text.domain for text in read_corpus("hatexplain")] == ["religion+gender", None]
    assert "hatexplain: 1 label maps to no domain: " in capsys.readouterr().err
    with pytest.raises(ValueError, match="differ in length"):
        rationale_spans(["a", "b"], [[1]])
    given("hatexplain", '{"a": {"annotators": []}}')
    with pytest.raises(InputError, match="post 'a': unexpected format"):
        read_corpus("hatexplain")


def test_ethos_domains_are_those_of_half_the_annotators(given: Given, capsys) -> None:
    head = "comment;violence;directed_vs_generalized;gender;race;national_origin;disability"
    head += ";religion;sexual_orientation\n"
    given("ethos", head + 'One; "quoted";0;0;0.2;0.5;0.9;0;0;0\n'.replace('; "quoted"', ""))
    (text,) = read_corpus("ethos:nationality")
    assert text.domain == "race+nationality"
    given("ethos", head + "One;0;0;0.9;0;0;0;0;0\nTwo;0;0;0.2;0;0;0;0.4;0\n")
    assert [text.domain for text in read_corpus("ethos")] == ["gender", None]
    assert (
        "1 label maps to no domain: 'none by half of the annotators' 1" in capsys.readouterr().err
    )
    given("ethos", head + "One;0;0;x;0;0;0;0;0\n")
    with pytest.raises(InputError, match="line 2: expected a share of annotators"):
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
    with pytest.raises(InputError, match="not the archive of Social Bias Frames"):
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
    assert detokenize(line) == ('In 1,955, "the bell" (a ship\'s) rang; it was half-cast.')


def test_passages_are_taken_once_and_without_their_titles(given: Given) -> None:
    passages = [
        "Mill -- A mill grinds.",
        "Mill -- A mill grinds.",
        "No title",
        "Dam -- Dams -- hold.",
    ]
    content = "".join(json.dumps({"passage": passage}) + "\n" for passage in passages)
    given("wikipedia", content)
    assert [(t.id, t.text) for t in read_corpus("wikipedia")] == [
        ("wikipedia:1", "A mill grinds."),
        ("wikipedia:4", "Dams -- hold."),
    ]
    given("everyday", content)
    assert [(t.id, t.text, t.domain, t.hateful) for t in read_corpus("everyday")] == [
        ("everyday:1", "Mill -- A mill grinds.", None, None),
        ("everyday:3", "No title", None, None),
        ("everyday:4", "Dam -- Dams -- hold.", None, None),
    ]


def test_stereoset_texts_are_contexts_whose_stereotype_is_the_span(given: Given) -> None:
    versions = {"stereotype": " She wept. ", "anti-stereotype": "She won.", "unrelated": "No."}
    item = {"target": "Girl", "bias_type": "gender", "context": "A girl ran. ", **versions}
    rows = [{**item, "type": "intersentence"}, item]
    given("stereoset", "".join(json.dumps(row) + "\n" for row in rows), "stereoset/dev.jsonl")
    (text,) = read_corpus("stereoset-intersentence:gender?split=dev")
    assert (text.id, text.text) == ("stereoset:intersentence-0001", "A girl ran. She wept.")
    assert parts(text) == ["She wept."]
    assert (text.domain, text.group, text.split) == ("gender", "girl", "dev")


def test_selecting_is_scored_against_the_spans_of_a_source(given: Given, tmp_path, capsys) -> None:
    words = ["they", "are", "vile", "liars"]
    marks = [[0, 0, 1, 0]] * 3
    annotators = [{"label": "hatespeech", "target": ["Islam"]}] * 3
    post = {"annotators": annotators, "post_tokens": words, "rationales": marks}
    given("hatexplain", json.dumps({"a": post}))
    (tmp_path / "words.txt").write_text("vile\nliar\n")
    lexicon = ["--method", "lexicon", "--lexicon", str(tmp_path / "words.txt")]
    main(["select", "hatexplain", *lexicon, "--score", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (found["scored"], found["recall"]) == (1, 1)
    assert found["precision"] == pytest.approx(len("vile") / len("vileliars"))
    main(["select", "hatexplain", "--method", "given", "--score", "--json"])
    assert json.loads(capsys.readouterr().out)["f1"] == 1


# The user's own


def test_domains_of_a_file_that_are_none_are_counted(tmp_path: Path, capsys) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,domain\none,Martians\ntwo,race+Martians\nthree,Gender\nfour,\n")
    texts = read_corpus(str(path))
    assert [text.domain for text in texts] == ["Martians", "race+Martians", "gender", None]
    assert capsys.readouterr().err == (f"{path}: 2 labels map to no domain: 'Martians' 2\n")
    assert len(read_corpus(f"{path}:martians")) == 2  # they can be chosen
    assert target_domains(str(path), [t.domain for t in texts]) == {"race", "gender"}


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_domains_and_groups_are_found_however_they_are_spelt(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"mine{suffix}"
    rows = [
        ("one", "gender", "Women"),
        ("two", " gender", "women "),
        ("three", "Gender ", ""),
        ("four", "race + Gender", "middle eastern+ women"),
        ("five", "  ", " + "),
        ("six", "old norse ", "Middle-Eastern"),
    ]
    if suffix == ".csv":
        lines = ["text,domain,group", *map(",".join, rows)]
    else:
        lines = [json.dumps({"text": t, "domain": d, "group": g}) for t, d, g in rows]
    path.write_text("\n".join(lines))
    texts = read_corpus(str(path))
    assert [(text.domain, text.group) for text in texts] == [
        *[("gender", "women")] * 2,
        ("gender", None),
        ("race+gender", "middle_eastern+women"),
        (None, None),
        ("old norse", "middle_eastern"),
    ]
    for part, count in (("gender", 4), ("women", 3), ("middle eastern", 2), ("Old_Norse", 1)):
        assert len(read_corpus(f"{path}:{part}")) == count
    assert target_domains(f"{path}:middle eastern", [" Gender"]) == {"race", "gender"}


def test_repeated_rows_are_kept_and_reported(tmp_path: Path, capsys) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,domain\none,age\ntwo,age\none,gender\nthree,age\n")
    assert len(read_corpus(str(path))) == 4
    assert capsys.readouterr().err == (
        f"{path}: 1 of 4 rows repeats the text of an earlier row (row 3 that of row 1); all are "
        "used, so a repeated text counts more than once: remove the copies if this is not "
        "intended\n"
    )
    path.write_text("text\none\ntwo\n" + "two\none\n" * 2)
    assert len(read_corpus(str(path))) == 6
    shown = (
        "4 of 6 rows repeat the text of an earlier row (row 3 that of row 2, row 4 that of row 1"
    )
    assert f"{shown}, row 5 that of row 2, …); all" in capsys.readouterr().err
    path.write_text("text\none\ntwo\nOne\n")
    assert len(read_corpus(str(path))) == 3
    assert capsys.readouterr().err == ""


def test_an_id_may_be_zero(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    rows = [{"id": 0, "text": "a"}, {"id": "", "text": "b"}, {"text": "c"}]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert [text.id for text in read_corpus(str(path))] == ["0", "mine.jsonl:2", "mine.jsonl:3"]


@pytest.mark.parametrize(("yes", "no"), [("1.0", "0.0"), ("True", "False"), ("yes", "no")])
def test_booleans_as_they_are_written(tmp_path: Path, yes: str, no: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f"text,hateful\nbad,{yes}\nfine,{no}\nwho knows,\n")
    assert [t.hateful for t in read_corpus(f"{path}?label=all")] == [True, False, None]
    assert [t.hateful for t in read_corpus(str(path), label="harmless")] == [False, None]
    assert len(read_corpus(f"{path}?label=hateful", label="harmless")) == 2  # the name decides
    path.write_text("text,hateful\nbad,0.5\n")
    with pytest.raises(InputError, match=r"`hateful` is '0.5'; write true or false"):
        read_corpus(str(path))


def test_the_split_of_a_file_is_chosen_and_its_column_named(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text,fold,split\none,a,train\ntwo,b,dev\n")
    assert [t.text for t in read_corpus(f"{path}?split-is=dev")] == ["two"]
    assert [t.text for t in read_corpus(f"{path}?split=fold&split-is=a")] == ["one"]
    with pytest.raises(InputError, match=r"no text of split 'test'; it has dev, train"):
        read_corpus(f"{path}?split-is=test")
    with pytest.raises(InputError, match=r"no `train` column .*; \?split-is=train keeps the texts"):
        read_corpus(f"{path}?split=train")
    with pytest.raises(InputError, match="it has label, split-is, id=COLUMN, text=COLUMN, "):
        read_corpus(f"{path}?encoding=latin-1")
    with pytest.raises(InputError, match="it has label, config, split, id=COLUMN, text=COLUMN, "):
        read_corpus("hub:me/mine?split-is=train")


def test_the_first_json_line_may_lack_an_optional_column(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"post": "one"}\n{"post": "two", "topic": "race"}\n')
    found = read_corpus(f"{path}?text=post&domain=topic")
    assert [(text.text, text.domain) for text in found] == [("one", None), ("two", "race")]
    with pytest.raises(InputError, match="no `topics` column to read domain from; it has 'post', "):
        read_corpus(f"{path}?text=post&domain=topics")
    with pytest.raises(InputError, match="no `topic` column to read text from; it has 'post'"):
        next(iter_corpus(f"{path}?text=topic"))


def test_a_text_file_has_a_text_a_line(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("\ufeffOne, two.\n\n  Three \n\t\n", encoding="utf-8")
    assert [(t.id, t.text) for t in read_corpus(str(path))] == [
        ("notes.txt:1", "One, two."),
        ("notes.txt:2", "Three"),
    ]
    for content, message in (
        (b" \n\n", "is empty; write one text per line"),
        (b"one\n\xe9\n", "line 2: byte 0xe9 is not UTF-8"),
        (b"one\rtwo\r", r"line 1: a carriage return .* inside a line; end lines with \\n or \\r"),
        (b"one\r\ntwo\rthree\r\n", "line 2: a carriage return"),
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=message):
            read_corpus(str(path))


def test_columns_may_have_other_names(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("comment,target,toxic\nhello,race,1\nfine,race,0\n")
    name = f"{path}:race?text=comment&domain=target&hateful=toxic"
    assert [(t.text, t.domain, t.hateful) for t in read_corpus(name)] == [("hello", "race", True)]
    with pytest.raises(InputError, match="no `words` column to read text from; it has 'comment'"):
        read_corpus(f"{path}?text=words")
    with pytest.raises(InputError, match="no option 'encoding'"):
        read_corpus(f"{path}?encoding=latin-1")


def test_the_ending_of_a_file_may_be_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "POSTS.CSV").write_text("text\nIt rains.\n")
    (tmp_path / "LINES.Txt").write_text("It rains.\n")
    for name in ("POSTS.CSV", "LINES.Txt"):
        assert [text.text for text in read_corpus(str(tmp_path / name))] == ["It rains."]
    assert corpus_names("POSTS.CSV,LINES.Txt") == ["POSTS.CSV", "LINES.Txt"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('text\n"never closed\nhello\nworld\n', "line 2: not valid CSV .a quote opens here"),
        ('text,id\n"a" b,1\n', "line 2: not valid CSV"),
        ("text;id\none, two;1\n", "line 1: the columns are separated by semicolons .'text;id'"),
        ("text\tid\none, two\t1\n", r"line 1: the columns are separated by tabs .'text\\tid'"),
        ("text|id\none|1\n", "separated by vertical bars .*; save the file with commas"),
        ("text,id\nhello\n", "line 2: 1 field, but the header has 2"),
        ('text,id\n"two\nlines",1\na,b,2\n', "line 4: more fields than the header"),
        ("sentence,id\nhello,1\n", "no `text` column; it has 'sentence', 'id'"),
        ('text,id\nhello,1\n"",2\n', "line 3: `text` is missing, empty"),
        ("", "is empty; it needs a `text` column"),
        ("text,id\n", "is empty; it needs a `text` column"),
        ("\n\n", "is empty; it needs a `text` column"),
        ("text\rhello\rworld\r", "line 1: not valid CSV .*; end lines with"),
        ("text\nhel\0lo\n", "line 2: a NUL byte"),
        ("text,text\nhello,you\n", "line 1: two columns are named 'text'"),
        ('text\n"two\nlines"\n\0\n', "line 4: a NUL byte"),
        ('text\n"two\nlines"\n\xe9\n'.encode("latin-1"), "line 4: byte 0xe9 is not UTF-8"),
        ("text\nhello\n".encode("utf-16"), "line 1: byte 0xff is not UTF-8"),
        ("text\n" + "x" * 10_000_000 + "\n", "line 2: longer than 4 MB"),
        ('text\n"' + "x\n" * 5_000_000, "line 2: not valid CSV .a quote opens here"),
    ],
)
def test_malformed_csv_is_reported_with_its_line(tmp_path: Path, content, message) -> None:
    path = tmp_path / "mine.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(InputError, match=message) as error:
        read_corpus(str(path))
    assert "\n" not in str(error.value)
    assert "; " in str(error.value)  # a remedy follows


def test_a_jsonl_line_that_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "mine.jsonl"
    path.write_text('{"text": "fine"}\n{"text": "' + "x" * 10_000_000 + '"}\n')
    with pytest.raises(InputError, match="line 2: longer than 4 MB"):
        read_corpus(str(path))


@pytest.mark.slow
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


def test_a_corpus_consists_of_texts() -> None:
    with pytest.raises(InputError, match=r"corpus 'mine': text 2 is a str; make it a Text\(id, "):
        Corpus("mine", [Text("1", "It rains."), "It snows."])
    with pytest.raises(InputError, match="the texts are a generator; make them a list"):
        Corpus("mine", (Text(str(n), "It rains.") for n in range(2)))


@pytest.mark.parametrize("name", ["posts:", "what?next"])
def test_a_corpus_has_a_name_that_a_record_can_be_read_with(name: str) -> None:
    with pytest.raises(InputError, match=r"corpus '(posts:|what)'"):
        Corpus(name, [Text("1", "It rains.")])


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
    assert by_id["hatecheck:1"].counterfactual().text == "I hate people."
    neutral = Counter(t.counterfactual().text for t in texts if t.group == "migrants")
    assert "There is nothing worse than a person." in neutral
    assert not [text for text in neutral if "migra" in text.lower()]


@pytest.mark.shared_data
def test_edos(shared_file) -> None:
    shared_file("edos/edos_labelled_aggregated.csv")
    assert len(read_corpus("edos")) == 4854
    assert len(read_corpus("edos?label=all&split=dev")) == 2000
    assert len(read_corpus("edos?category=threats")) == 443
    with pytest.raises(InputError, match="category: 'jokes' is unknown"):
        read_corpus("edos?category=jokes")


@pytest.mark.shared_data
def test_wikitext(shared_file) -> None:
    shared_file("wikitext2/valid.tokens.txt")
    texts = read_corpus("wikitext2")
    assert len(texts) > 1_500
    assert not any("<unk>" in text.text or "@-@" in text.text for text in texts)


@pytest.mark.parametrize("group", ["gay/lesbian", "U.S. citizens"])
def test_a_group_of_a_file_may_have_any_name(tmp_path: Path, group: str) -> None:
    path = tmp_path / "mine.csv"
    path.write_text(f"text,group\nOne.,{group}\nTwo.,women\n")
    assert [text.text for text in read_corpus(f"{path}:{group}")] == ["One."]
