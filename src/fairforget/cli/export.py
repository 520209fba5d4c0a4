"""`fairforget export`: a run's model as a GGUF file."""

from __future__ import annotations

from pathlib import Path


def export_command(
    run: Path, *, gguf: Path, type: str | None = None, template: Path | None = None
) -> None:
    """Write the model of a run as a GGUF file, for llama.cpp.

    If the model came from a GGUF file, the new file keeps its metadata, tokenizer, tensor names
    and types. Otherwise the model must belong to the family Llama, Qwen2, Qwen3 or Gemma 3, with a
    tokenizer that llama.cpp supports.

    Args:
        run: Output directory of unlearn or demo, or a local model directory.
        gguf: File to write, which must not exist yet.
        type: f32, f16, bf16, q8_0, q5_1, q5_0, q4_1 or q4_0. Vectors are always f32; with q5 and q4
            types, input embeddings and output head are q8_0. Default: the types of the template,
            or f16 without one.
        template: GGUF file that the model came from. Default: the one that the run's record names,
            if any.
    """
    from fairforget.models.gguf_export.export import export

    print(f"Written: {export(run, gguf, type=type, template=template)}")
