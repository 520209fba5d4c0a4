"""Write the model of a run as a GGUF file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from fairforget.errors import InputError
from fairforget.extras import check_extra
from fairforget.files.text import parse_json, read_text
from fairforget.models.decoding import reject_changed_decoding
from fairforget.models.fingerprint import fingerprint
from fairforget.models.gguf_import.header import is_gguf
from fairforget.models.inputs import hash_model
from fairforget.models.loading import load_model
from fairforget.models.locate import find_packaged_smollm2
from fairforget.models.saving import check_saved
from fairforget.names import SMOLLM2
from fairforget.records.outputs import CONTENT
from fairforget.records.paths import MODEL, RECORD, SETTINGS
from fairforget.records.records import ModelFacts, UnlearningRecord
from fairforget.records.store import read_record

if TYPE_CHECKING:
    from fairforget.models.language_model import LanguageModel


def export(
    run: str | os.PathLike[str],
    gguf: str | os.PathLike[str],
    *,
    type: str | None = None,
    template: str | os.PathLike[str] | None = None,
) -> Path:
    """Write the model of a run as a GGUF file, for llama.cpp.

    If the model came from a GGUF file, that file is the template: the new file keeps its metadata,
    tokenizer, tensor names and types. Otherwise they follow from the model's configuration and
    tokenizer, for the families Llama, Qwen2, Qwen3 and Gemma 3 with a tokenizer that llama.cpp
    supports.

    Args:
        run: output directory of `unlearn` or `demo`, or a local directory with a model.
        gguf: the file to write, which must not exist yet.
        type: f32, f16, bf16, q8_0, q5_1, q5_0, q4_1 or q4_0. Vectors are always f32; with q5 and q4
            types, input embeddings and output head are q8_0. Default: the types of the template,
            or f16 without one.
        template: the GGUF file that the model came from. Default: the one that the run's record
            names, if any.

    Returns:
        The path of the file.

    Raises:
        InputError: there is no such model, its family is not supported, a type cannot be written,
            the file exists already, or the extra `gguf` is not installed.
    """
    check_extra("gguf", "gguf", "export")

    from fairforget.models.gguf_export.checkpoint import plan_checkpoint
    from fairforget.models.gguf_export.template import plan_from_template
    from fairforget.models.gguf_export.types import parse_type
    from fairforget.models.gguf_export.writing import write_gguf

    target = Path(gguf)
    if not is_gguf(target):
        raise InputError(f"{target} does not end in .gguf; choose a name that does")
    if target.exists():
        raise InputError(f"{target} exists; choose another name")
    kind = parse_type(type) if type is not None else None
    directory, original = _find_model(Path(run))
    origin = original.source if original else None
    source = _find_template(original) if template is None else Path(template)
    if source is not None and not source.is_file():
        raise InputError(
            f"the model came from {source}, which no longer exists; give its new path as --template"
            if template is None
            else f"template {source}: no such file; check the path"
        )
    if template is None and source is not None and origin is not None:
        _check_unchanged(origin, directory.resolve().parent / SETTINGS)
    start = original.start_token if original else None  # some tokenizers name none
    language_model = load_model(directory, dtype="float32", device="cpu", start_token=start)
    _check(language_model)
    plan = (
        plan_checkpoint(language_model, kind)
        if source is None
        else plan_from_template(language_model, source, kind)
    )
    write_gguf(plan, target)
    return target


def _find_model(run: Path) -> tuple[Path, ModelFacts | None]:
    """Return the directory of a model, and the facts about the original if a record has them."""
    if (run / RECORD).is_file():
        original = read_record(run / RECORD, UnlearningRecord).model
        # a repository on the hub has both in one directory
        directory = run if (run / "config.json").is_file() else run / MODEL
        check_saved(directory)
        return directory, original
    if not (run / "config.json").is_file():
        raise InputError(
            f"{run} has no {RECORD} and no config.json; give the output directory of unlearn or "
            "demo, or the directory of a model"
        )
    record = run.resolve().parent / RECORD
    if run.resolve().name == MODEL and record.is_file():
        return run, read_record(record, UnlearningRecord).model
    return run, None


def _find_template(original: ModelFacts | None) -> Path | None:
    """Return the GGUF file that the original was loaded from, or None if there is none."""
    if original is None:
        return None
    if original.source == SMOLLM2 and (packaged := find_packaged_smollm2()):
        # without the package, the original came from the hub
        loaded = load_model(packaged, dtype=original.dtype or "float32", device="cpu")
        return packaged if original.weights in ("", fingerprint(loaded.model)) else None
    return Path(original.source) if is_gguf(original.source) else None


def _check_unchanged(source: str, settings: Path) -> None:
    """Check that a GGUF file is still the one that a run started from.

    Args:
        source: the original, as the run's record names it.
        settings: those of the run, which have a digest of the file.

    Raises:
        InputError: it is another one.
    """
    if not settings.is_file():
        return
    recorded = parse_json(read_text(settings), str(settings)).get(f"{CONTENT}{source}")
    if recorded not in (None, hash_model(Path(source))):
        raise InputError(
            f"{source} is not the file that the run started from, or has changed since; give that "
            "file as --template"
        )


def _check(language_model: LanguageModel) -> None:
    """Check that a model is causal, and that its weights alone determine its predictions."""
    language_model.need_causal("export")
    reject_changed_decoding(language_model, "export")
