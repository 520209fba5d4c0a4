"""`fairforget export`: a run's model as a GGUF file."""

from __future__ import annotations

from pathlib import Path


def export_command(
    run: Path, *, gguf: Path, type: str | None = None, template: Path | None = None
) -> None:
    """Write the model of a run as a GGUF file, for llama.cpp.

    If the run's model came from a GGUF file, that file's metadata, tokenizer, tensor names and
    types are kept. Otherwise the model must be of the family Llama, Qwen2, Qwen3 or Gemma 3, with
    a tokenizer that llama.cpp has.

    Args:
        run: Output directory of unlearn or demo, or a local directory with a model.
        gguf: The file to write; it must not exist.
        type: f32, f16, bf16, q8_0, q5_1, q5_0, q4_1 or q4_0. Vectors are always f32, and embeddings
            and head q8_0 if the type has fewer bits. Default: the types of the original's GGUF
            file, else f16.
        template: The GGUF file that the model came from. Default: the one that the run's record
            names.
    """
    from fairforget.models.gguf_export.export import export

    print(f"Written: {export(run, gguf, type=type, template=template)}")
