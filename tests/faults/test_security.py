"""Nobody is let in: no pickles, no code of a model, no paths outside, no claimed sizes, no keys."""

from __future__ import annotations

import ast
import io
import json
import os
import struct
import tarfile
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from fairforget.cli import main
from fairforget.cli.commands import COMMANDS
from fairforget.data.catalogue import CATALOGUE, DataFile
from fairforget.data.locate import fetch
from fairforget.errors import MAX_CHARACTERS, InputError
from fairforget.models.gguf_import.header import check_gguf
from fairforget.models.loading import load_model
from fairforget.records.environment import environment
from fairforget.records.outputs import open_output
from fairforget.records.records import EvaluationRecord, ModelFacts
from fairforget.records.store import read_record, write_record
from fairforget.redaction import redact
from tests.models import save_tiny

SOURCES = sorted((Path(__file__).parents[2] / "src").rglob("*.py"))
FORBIDDEN = {
    "pickle.load",
    "pickle.loads",
    "torch.load",
    "joblib.load",
    "numpy.load",
    "np.load",
    "yaml.load",
    "yaml.unsafe_load",
    "os.system",
    "eval",
    "exec",
    "marshal.loads",
    "shelve.open",
}
KEY = "fake-key-that-no-one-may-see"


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    return KEY


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.stem)
def test_nothing_is_called_that_could_run_what_it_reads(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in FORBIDDEN, f"{path}:{node.lineno}"
            for keyword in node.keywords:
                place = f"{path}:{node.lineno}"
                assert keyword.arg not in ("shell", "allow_pickle"), place
                if keyword.arg == "trust_remote_code":  # passed on, never switched on
                    assert not isinstance(keyword.value, ast.Constant), place
                if keyword.arg == "weights_only":
                    assert getattr(keyword.value, "value", None) is True, place


def test_code_of_a_model_does_not_run(tmp_path: Path) -> None:
    directory = save_tiny("llama", tmp_path / "model")
    crater = tmp_path / "crater"
    (directory / "evil.py").write_text(f"import os\nos.mkdir({str(crater)!r})\nclass A: pass\n")
    path = directory / "config.json"
    config = json.loads(path.read_text())
    names = {"AutoConfig": "evil.A", "AutoModelForCausalLM": "evil.A"}
    path.write_text(json.dumps({**config, "auto_map": names, "model_type": "evil"}))
    with pytest.raises(InputError):
        load_model(directory, device="cpu")
    assert not crater.exists()


def test_shards_are_files_beside_the_index(tmp_path: Path) -> None:
    directory = save_tiny("llama", tmp_path / "model")
    weights = directory / "model.safetensors"
    weights.rename(tmp_path / "elsewhere.safetensors")
    index = {"metadata": {}, "weight_map": {"lm_head.weight": "../elsewhere.safetensors"}}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(InputError, match=r"'\.\./elsewhere.safetensors' is not in its directory"):
        load_model(directory, device="cpu")


def test_an_archive_leaves_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fetched_from
) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("../../../evil", b"")
        archive.writestr("/evil", b"")
        archive.writestr("good", b"good")
    url = fetched_from(packed.getvalue())
    assert fetch(DataFile("set/good", url=url, member="good")).read_bytes() == b"good"
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} <= {"good", ".lock", "served"}


def test_a_zip_bomb_is_refused(monkeypatch: pytest.MonkeyPatch, fetched_from) -> None:
    monkeypatch.setattr("fairforget.data.locate.MAX_UNPACKED_BYTES", 1 << 16)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb", bytes(1 << 20))
    with pytest.raises(InputError, match="bomb is larger"):
        fetch(DataFile("set/bomb", url=fetched_from(packed.getvalue()), member="bomb"))


@pytest.fixture
def fetched_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Bytes as a URL that can be fetched without a network."""
    monkeypatch.setenv("FAIRFORGET_CACHE", str(tmp_path / "cache"))

    def download(url: str, path: Path) -> None:
        path.write_bytes((tmp_path / "served").read_bytes())

    monkeypatch.setattr("fairforget.data.locate.download", download)

    def put(content: bytes) -> str:
        (tmp_path / "served").write_bytes(content)
        return "http://127.0.0.1/served"

    return put


def test_a_tar_archive_is_read_in_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from fairforget.corpora import social_bias_frames

    path = tmp_path / "archive.tgz"
    with tarfile.open(path, "w:gz") as archive:
        for name in ("../../SBIC.v2.trn.csv", "SBIC.v2.dev.csv", "/SBIC.v2.tst.csv"):
            content = b"post,offensiveYN,targetMinority\nThey are kind.,0.0,\n"
            facts = tarfile.TarInfo(name)
            facts.size = len(content)
            archive.addfile(facts, io.BytesIO(content))
    monkeypatch.setattr(social_bias_frames, "find_file", lambda *_: path)
    assert len(list(social_bias_frames.social_bias_frames_texts())) == 3
    assert [p.name for p in tmp_path.rglob("*")] == ["archive.tgz"]


def test_what_can_be_fetched_is_fetched_encrypted_and_verified() -> None:
    for entry in CATALOGUE.values():
        for file in entry.files:
            if file.url:
                assert file.url.startswith("https://")
                assert file.sha256 or file.git_blob
            assert not Path(file.path).is_absolute()
            assert ".." not in Path(file.path).parts


def gguf(*parts: bytes) -> bytes:
    return b"GGUF" + struct.pack("<I", 3) + b"".join(parts)


def text(content: str) -> bytes:
    return struct.pack("<Q", len(content)) + content.encode()


HUGE = 1 << 60


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated"),
        (b"GGML" + bytes(30), "not a GGUF file"),
        (gguf(struct.pack("<QQ", 0, HUGE)), "it declares a wrong size"),
        (gguf(struct.pack("<QQ", HUGE, 0)), "it declares a wrong size"),
        (
            gguf(struct.pack("<QQ", 0, 1), struct.pack("<Q", HUGE), bytes(20)),
            "it declares a wrong size",
        ),
        (
            gguf(struct.pack("<QQ", 0, 1), text("a"), struct.pack("<IQ", 8, HUGE)),
            "it declares a wrong size",
        ),
        (
            gguf(struct.pack("<QQ", 0, 1), text("a"), struct.pack("<IIQ", 9, 0, HUGE)),
            "it declares a wrong size",
        ),
        (
            gguf(struct.pack("<QQ", 0, 1), text("a"), struct.pack("<IIQ", 9, 9, 9)),
            "it declares a wrong size",
        ),
        (gguf(struct.pack("<QQ", 0, 1), text("a"), struct.pack("<I", 99)), "unknown value type 99"),
        (
            gguf(
                struct.pack("<QQ", 0, 1), text("llama.block_count"), struct.pack("<II", 4, 1 << 31)
            ),
            "block_count is 2147483648",
        ),
        (
            gguf(
                struct.pack("<QQ", 1, 0),
                text("w"),
                struct.pack("<I", 2) + struct.pack("<QQ", HUGE, HUGE),
                bytes(12),
            ),
            "its header declares",
        ),
    ],
)
def test_sizes_in_gguf_are_not_trusted(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        check_gguf(path)
    with pytest.raises(InputError, match=message):
        load_model(path, device="cpu")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("num_hidden_layers", 10**9, "num_hidden_layers is 1000000000, but there are only"),
        ("num_labels", 10**9, "num_labels is 1000000000"),
        ("decoder_layers", 10**9, "decoder_layers is 1000000000"),
        ("attention_types", [[["global"], 10**12]], "attention_types is 1000000000000"),
        ("vocab_size", 10**9, "its configuration describes"),
        ("hidden_size", 10**6, "its configuration describes"),
        ("intermediate_size", 10**18, "model"),
    ],
)
def test_sizes_in_a_configuration_are_not_trusted(
    tmp_path: Path, name: str, value: object, message: str
) -> None:
    directory = save_tiny("llama", tmp_path / "model")
    path = directory / "config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises(InputError, match=message):
        load_model(directory, device="cpu")


@pytest.mark.parametrize("length", [0, 1, 1 << 40, (1 << 64) - 1])
def test_sizes_in_safetensors_are_not_trusted(tmp_path: Path, length: int) -> None:
    directory = save_tiny("llama", tmp_path / "model")
    path = directory / "model.safetensors"
    path.write_bytes(struct.pack("<Q", length) + path.read_bytes()[8:])
    with pytest.raises(InputError, match="header"):
        load_model(directory, device="cpu")


def test_keys_are_hidden_wherever_text_goes(key: str, tmp_path: Path, capsys) -> None:
    assert key not in redact(f"Bearer {key}")
    assert key not in str(InputError(f"the server said: wrong key {key}"))
    record = EvaluationRecord(
        ModelFacts(f"http://user:{key}@host/model", 1, "float32", "<s>"),
        {"own": {"note": key}},
        environment("cpu"),
        {},
    )
    write_record(record, tmp_path / "record.json")
    assert key not in (tmp_path / "record.json").read_text()
    assert read_record(tmp_path / "record.json", EvaluationRecord).results["own"]["note"] == "…"
    settings = {"command": "evaluate", "model": f"m?key={key}"}
    open_output(tmp_path / "out", settings)
    open_output(tmp_path / "out", settings)  # still the same command
    assert key not in (tmp_path / "out" / "settings.json").read_text()


def test_a_record_can_be_read_whatever_the_secret_is(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LICENSE_KEY", "evaluation")
    monkeypatch.setenv("QUOTED_KEY", 'half"and-half')
    monkeypatch.setenv("PIN_KEY", "12345678")
    results = {"own": {"note": 'half"and-half', "tokens": 12345678}}
    facts = ModelFacts("my evaluation", 1, "float32", "<s>")
    write_record(EvaluationRecord(facts, results, environment("cpu"), {}), tmp_path / "r.json")
    record = read_record(tmp_path / "r.json", EvaluationRecord)
    assert record.results == {"own": {"note": "…", "tokens": 12345678}}
    assert record.model.source == "my …"


@pytest.mark.parametrize("error", [RuntimeError, InputError, OSError])
def test_keys_are_hidden_in_error_messages(
    key: str, monkeypatch: pytest.MonkeyPatch, capsys, error: type[Exception]
) -> None:
    def leaking() -> None:
        """Leak."""
        raise error(f"the header was Bearer {key}") from ValueError(key)

    monkeypatch.setitem(COMMANDS, "demo", leaking)
    with pytest.raises(SystemExit) as exit_:
        main(["demo"])
    printed = capsys.readouterr()
    assert key not in printed.out + printed.err
    assert "the header was Bearer …" in printed.err
    assert exit_.value.code == (2 if error is InputError else 1)
    assert ("Traceback" in printed.err) is (error is not InputError)


@pytest.mark.parametrize(
    ("text_", "hidden"),
    [
        ("hf_abcdefghijklmnopqrstuvwxyzABCDEFGH", True),
        ("hf_llama_checkpoint", False),
        ("runs/hf_a_model_whose_name_has_many_words_in_it", False),
        ("sk-proj-abcdefghijkl1234", True),
        ("sk-ant-api03-x_Ab-0123456789abcdefghij_-Z", True),
        ("opus-mt-sk-en-fine-tuned-2024-06-30", False),
        ("ghp_0123456789abcdefghijklmnopqrstuvwxyz", True),
        ("ghs_another_name_of_words", False),
        ("https://me:secret@host/x", True),
        ("https://a-token@host/x", True),
        ("https://host/a@b", False),
        ("the tokens of a task-vector", False),
        ("short sk-1", False),
    ],
)
def test_what_looks_like_a_key(text_: str, hidden: bool) -> None:
    assert (redact(text_) != text_) is hidden


def test_a_password_with_an_at_sign_is_hidden_whole() -> None:
    assert redact("http://me:p@ss@host:8000/v1") == "http://…@host:8000/v1"


def test_a_key_that_begins_with_another_is_hidden_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("A_KEY", "first-half"), ("B_KEY", "first-half-and-second-half")):
        monkeypatch.setenv(name, value)
    assert redact("first-half-and-second-half or first-half") == "… or …"


def test_short_or_innocent_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_KEY", "bias")
    monkeypatch.setenv("HOME_TOWN", "Springfield")
    assert redact("bias in Springfield") == "bias in Springfield"


def test_a_message_is_one_line_of_bounded_length() -> None:
    message = str(InputError("row\n\x1b[31m\x07 7: " + "x" * 10**6))
    assert message.isprintable()
    assert len(message) < MAX_CHARACTERS + 10
    assert os.linesep not in message


def test_the_lock_names_what_the_project_needs() -> None:
    root = Path(__file__).parents[2]
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    lock = (root / "requirements" / "lock.txt").read_text()
    locked = {
        canonicalize_name(line.partition("==")[0].partition("[")[0]): line
        for line in lock.splitlines()
        if "==" in line
    }
    own = set(project["optional-dependencies"])
    needed = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    for text in needed:
        needs = Requirement(text)
        if needs.name == project["name"]:
            assert needs.extras < own
            needed += [t for e in needs.extras for t in project["optional-dependencies"][e]]
        elif needs.name != "torch":
            line = locked.get(canonicalize_name(needs.name))
            assert line, f"{needs.name} is not in the lock; run make lock"
            version = line.partition("==")[2].split()[0].rstrip("\\")
            assert needs.specifier.contains(version), f"{text}: the lock has {version}; make lock"
    assert "==" in lock
    assert lock.count("--hash=sha256:") >= len(locked)
    assert "://" not in lock
