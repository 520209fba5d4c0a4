"""`fairforget evaluate`: measure a model on benchmarks."""

from __future__ import annotations

from pathlib import Path

from fairforget.cli.lists import split_required
from fairforget.cli.settings import collect_settings


def evaluate_command(
    model: str,
    *,
    output: Path,
    benchmarks: str = "stereoset",
    seed: int = 0,
    dtype: str | None = None,
    device: str | None = None,
    start_token: str | None = None,
    trust_remote_code: bool = False,
    json: bool = False,
) -> None:
    """Measure a model on benchmarks: record.json and items.parquet.

    On several processes: accelerate launch -m fairforget evaluate ...

    Args:
        model: Hub id, local directory, .gguf file, or smollm2.
        output: Directory to write to.
        benchmarks: NAME[:OPTION]..., separated by commas, with options in any order.
            stereoset: intersentence; bos (default) or bias-bench; dev (default) or test, or a .json
            or .jsonl file of items.
            crows_pairs: bos (default) or bias-bench; for masked models bias-bench (default) or
            nangia; a .csv file of pairs.
            perplexity: stride (default) or bias-bench; a corpus (default wikitext2); a share such
            as 10% of its tokens.
            bbq: categories such as Age, by default all.
            lm-eval: one task of EleutherAI's harness, such as lm-eval:hellaswag; a share such as
            10%.
        seed: Of the bootstrap intervals.
        dtype: float32, bfloat16 or float16; by default float32 on a CPU, else the checkpoint's own.
        device: Such as cpu, cuda or cuda:1; by default an accelerator if there is one.
        start_token: The token before the first word; by default what the tokenizer says.
        trust_remote_code: Run Python code that comes with the model.
        json: Print the record as JSON, and nothing else.
    """
    settings = collect_settings("evaluate", locals())

    from fairforget.benchmarks import check_model_kinds, load_benchmarks
    from fairforget.benchmarks.options import list_options
    from fairforget.benchmarks.overlap import check_unseen
    from fairforget.evaluation import clear_parts, evaluate_into, is_complete
    from fairforget.machine.devices import select_device
    from fairforget.machine.processes import is_first, join_process_group
    from fairforget.records.inputs import fingerprint_inputs
    from fairforget.records.outputs import check_output, open_output
    from fairforget.records.paths import RECORD
    from fairforget.records.records import EvaluationRecord
    from fairforget.records.store import read_record
    from fairforget.records.training_corpora import training_corpora
    from fairforget.seeds import check_seed

    check_seed(seed)
    check_output(output)
    ready = load_benchmarks(split_required(benchmarks, "benchmarks", "stereoset"))
    names = list(ready)
    settings["benchmarks"] = ",".join(names)
    begun = settings | fingerprint_inputs([model, *list_options(names)])
    for corpus in training_corpora(model):
        check_unseen(corpus, names)
    place = select_device(device, own=join_process_group(cpu=device == "cpu"))
    if (output / RECORD).exists() and is_first():
        open_output(output, begun)  # refuses what another command left
    if is_complete(output):
        clear_parts(output)
    else:
        from fairforget.models.loading import load_model

        language_model = load_model(
            model,
            dtype=dtype,
            device=str(place),
            start_token=start_token,
            trust_remote_code=trust_remote_code,
        )
        check_model_kinds(ready, language_model)
        if is_first():
            open_output(output, begun)
        evaluate_into(output, language_model, names, seed=seed, command=settings)
    if is_first() and json:
        print((output / RECORD).read_text(encoding="utf-8"), end="")
    elif is_first():
        from fairforget.cli.tables import show_evaluation

        show_evaluation(read_record(output / RECORD, EvaluationRecord))
        print(f"Written: {output / RECORD}")
