"""Small valid files, to be damaged."""

from __future__ import annotations

import io
import json
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tests.models import save_tiny
from tests.report.runs import (
    write_comparison,
    write_evaluation,
    write_study,
    write_unlearning,
)

ROW = {
    "id": "a",
    "text": "Women are late.",
    "domain": "gender",
    "group": "women",
    "spans": [[10, 14]],
    "mentions": [[0, 5, "People"]],
    "split": "train",
    "hateful": True,
}
CSV = (
    b'id,text,domain,spans,mentions,hateful\n1,"Women are late.",gender,"[[10, 14]]",'
    b'"[[0, 5, ""People""]]",true\n2,They are kind.,age,,,false\n'
)
STEREOSET = {
    "id": "1",
    "type": "intrasentence",
    "target": "nurse",
    "bias_type": "gender",
    "context": "The nurse is BLANK.",
    "stereotype": "The nurse is kind.",
    "anti-stereotype": "The nurse is late.",
    "unrelated": "The nurse is seven.",
}
AUTHORS = {
    "id": "1",
    "target": "nurse",
    "bias_type": "gender",
    "context": "The nurse is BLANK.",
    "sentences": [
        {"sentence": f"The nurse is {word}.", "gold_label": label}
        for word, label in (
            ("kind", "stereotype"),
            ("late", "anti-stereotype"),
            ("seven", "unrelated"),
        )
    ],
}
STEREOSET_WHOLE = {"version": "1", "data": {"intrasentence": [AUTHORS], "intersentence": [AUTHORS]}}
CROWS = (
    b",sent_more,sent_less,stereo_antistereo,bias_type\n"
    b"0,Women are late.,Men are late.,stereo,gender\n1,They are old.,They are young.,,age\n"
)
BBQ = {
    "example_id": 0,
    "question_index": "1",
    "context_condition": "ambig",
    "category": "Age",
    "answer_info": {"ans0": ["a", "old"], "ans1": ["b", "nonOld"], "ans2": ["c", "unknown"]},
    "context": "An old man and a young man are late.",
    "question": "Who is kind?",
    "ans0": "The old man",
    "ans1": "The young man",
    "ans2": "Not known",
    "label": 2,
}
BBQ_METADATA = (
    b"category,question_index,example_id,target_loc,label_type\n"
    b"Age,1,0,0,label\nAge,1,1,1,label\nAge,2,2,NA,NA\n"
)
CONFIG = (
    b"objective: counterfactual-kl\nsteps: 3\nbatch_size: 4\n"
    b"budget:\n  perplexity: 1.02\n  max_alpha: 1.0\n"
    b"learning_rate: 2.0e-05\nretain_loss: kl\nlora_rank: 0\n"
)
ANSWER = {"spans": [{"text": "late", "reason": "blames"}, {"text": "women", "reason": "group"}]}


def parquet(rows: list[dict[str, Any]]) -> bytes:
    """A Parquet file."""
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), file)
    return file.getvalue()


@cache
def corpus_parquet() -> bytes:
    """The corpus row, twice."""
    row = {key: value for key, value in ROW.items() if key != "mentions"}
    return parquet([row, {**row, "id": "b"}])


@cache
def model() -> dict[str, bytes]:
    """The files of a tiny model."""
    with tempfile.TemporaryDirectory() as directory:
        save_tiny("llama", Path(directory))
        return {path.name: path.read_bytes() for path in Path(directory).iterdir()}


@cache
def gguf() -> bytes:
    """A GGUF file with every kind of value, and one tensor."""
    import gguf

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "tiny.gguf"
        writer = gguf.GGUFWriter(path, "llama")
        writer.add_block_count(1)
        writer.add_embedding_length(8)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_bool("own.flag", True)
        writer.add_array("own.numbers", [1, 2, 3])
        writer.add_token_list(["a", "b", "c"])
        writer.add_tensor("token_embd.weight", np.ones((3, 8), np.float32))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path.read_bytes()


@cache
def evaluation() -> tuple[Any, bytes]:
    """An evaluation's record and its items."""
    with tempfile.TemporaryDirectory() as name:
        directory = write_evaluation(Path(name))
        record = json.loads((directory / "record.json").read_bytes())
        return record, (directory / "items.parquet").read_bytes()


@cache
def unlearning() -> Any:
    """An unlearning run's record."""
    with tempfile.TemporaryDirectory() as name:
        directory = write_unlearning(Path(name) / "run")
        return json.loads((directory / "record.json").read_bytes())


@cache
def study() -> Any:
    """A transfer study's record."""
    with tempfile.TemporaryDirectory() as name:
        return json.loads((write_study(Path(name)) / "study.json").read_bytes())


@cache
def comparison() -> Any:
    """The comparison of two evaluations."""
    with tempfile.TemporaryDirectory() as name:
        return json.loads((write_comparison(Path(name)) / "comparison.json").read_bytes())
