"""Small, harmless output directories, as the commands write them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fairforget.attacks.effects import compare_conditions
from fairforget.attacks.half_life import half_lives
from fairforget.attacks.plan import Condition
from fairforget.attacks.record import DurabilityRecord
from fairforget.benchmarks import crows_pairs, hash_words
from fairforget.benchmarks.crows_pairs_parts import part_columns
from fairforget.benchmarks.measurement import compute_scores
from fairforget.benchmarks.stereoset.scores import Scored, aggregate, make_rows
from fairforget.comparison.compare import compare
from fairforget.data.stereoset import Item
from fairforget.experiments.runs import Failure
from fairforget.leaderboards.plan import MethodRun
from fairforget.leaderboards.record import LeaderboardRecord, MethodFacts, RunRecord
from fairforget.leaderboards.rows import compare_with_original
from fairforget.leaderboards.rows import make_rows as make_leaderboard_rows
from fairforget.leaderboards.runs import FinishedMethodRun
from fairforget.records.environment import Environment
from fairforget.records.evaluation import Evaluation, read_evaluation
from fairforget.records.paths import DURABILITY, ITEMS, LEADERBOARD, RECORD, STUDY
from fairforget.records.records import (
    BudgetFacts,
    CorpusFacts,
    EvaluationRecord,
    ModelFacts,
    UnlearningRecord,
)
from fairforget.records.store import write_record
from fairforget.settings import LeaderboardSettings
from fairforget.transfer_study.groups import Result
from fairforget.transfer_study.matrix import seed_cells, transfer_matrix
from fairforget.transfer_study.plan import Recipe, StudyRun
from fairforget.transfer_study.record import Dose, StudyRecord

ENVIRONMENT = Environment("0.1.0", "2.6.0", "5.0.0", "3.11.9", "cpu")
TERMS = {"gender": 8, "profession": 12, "religion": 3}


def stereoset_rows(*, shift: float = 0.0, seed: int = 0, text: str = "") -> list[dict[str, Any]]:
    """Items about colours; `shift` lowers the score of each stereotype, in nats."""
    generator, other = np.random.default_rng(seed), np.random.default_rng(seed + 100)
    items, scores, neutral = [], [], []
    for domain, terms in TERMS.items():
        for t in range(terms):
            for i in range(10):
                s, a, u = generator.normal([-3.0, -3.3, -5.0], 0.5)
                words = ("blue", "green", "seven")
                blue, green, seven = (f"House {t} is painted {w}, {i}.{text}" for w in words)
                term = f"{domain} {t}{text}"
                items.append(Item(f"{domain}-{t}-{i}", domain, term, (blue, green, seven)))
                scores.append((s - shift, a, u))
                # no neutral word fits in every fourth item
                neutral.append(
                    np.nan
                    if i % 4 == 3
                    else 6 * (s - a - shift * other.uniform()) - other.normal(0.6, 0.5)
                )
    scored = Scored(np.array(scores), np.full((len(items), 2), 6.0), np.array(neutral))
    return [{"benchmark": "stereoset", **row} for row in make_rows(items, scored)]


def crows_rows(*, shift: float = 0.0, text: str = "") -> list[dict[str, Any]]:
    """Pairs about the weather."""
    generator, other = np.random.default_rng(5), np.random.default_rng(6)
    parts = np.array(
        [
            (other.normal(1.0, 2.0), other.normal(0.3, 0.4) - shift * other.uniform())
            for _ in range(60)
        ]
    )
    return [
        {
            "benchmark": "crows_pairs",
            "id": str(i),
            "domain": ("gender", "age")[i % 2],
            "sent_more": f"It rains on day {i}.{text}",
            "sent_less": f"It snows on day {i}.{text}",
            "score_more": generator.normal(-3.0, 0.5) - shift,
            "score_less": generator.normal(-3.2, 0.5),
            "sum_more": -20.0 - i % 3,
            "sum_less": -21.0,
            **columns,
        }
        for i, columns in enumerate(part_columns(parts))
    ]


def harmful_rows(shift: float = 0.0, added: float | None = 0.0) -> list[dict[str, Any]]:
    """40 texts about either group, two with each word; shifts, for women only, vary with the text.

    Args:
        shift: of log p, in nats.
        added: shift of what the group adds; None for texts without mentions.
    """
    values = np.random.default_rng(0).normal([-7.0, -0.2], [1.0, 0.1], (80, 2))
    noise = np.random.default_rng(1).normal(1.0, 0.5, (80, 2))
    rows = []
    for n, (log_prob, more) in enumerate(values):
        domain = "women" if n < 40 else "men"
        moved = noise[n] * [shift, added or 0.0] if domain == "women" else (0.0, 0.0)
        rows.append(
            {
                "benchmark": "harmful_words",
                "id": str(n),
                "domain": domain,
                "text": f"text {n}",
                "words": f"word {n % 20}",
                "log_prob": log_prob + moved[0],
                "added": None if added is None else more + moved[1],
            }
        )
    return rows


def write_evaluation(
    directory: Path,
    *,
    shift: float = 0.0,
    perplexity: float = 28.9,
    text: str = "",
    results: dict[str, dict[str, Any]] | None = None,
) -> Path:
    """The output of `fairforget evaluate`."""
    rows, pairs = stereoset_rows(shift=shift, text=text), crows_rows(shift=shift, text=text)
    whole: dict[str, Any] = {"pairs": len(pairs), "ties": 0}
    for name, (value, ci) in compute_scores(crows_pairs.judge(pairs)).items():
        whole |= {name: value, "ci" if name == "stereotype" else f"{name}_ci": ci and list(ci)}
    record = EvaluationRecord(
        ModelFacts(f"tiny{text}", 1234567, "float32", f"<s>{text}"),
        {
            "stereoset": {
                "protocol": "bos",
                "split": f"dev{text}",
                "domains": aggregate(rows),
                "words": hash_words("stereoset"),
                "start_token": f"<s>{text}",
            },
            "crows_pairs": {
                "protocol": "bos",
                "domains": {"gender": whole, "all": whole},
                "start_token": f"<s>{text}",
            },
            "perplexity": {
                "protocol": "stride",
                "corpus": f"wikitext2{text}",
                "value": perplexity,
                "tokens": 245000,
            },
            f"own{text}": {"rate": 0.25, f"nested{text}": {"deep": [1, 2], "text": text}},
            **(results or {}),
        },
        ENVIRONMENT,
        {"stereoset": 41.0},
    )
    write_record(record, directory / RECORD)
    tables = [pa.Table.from_pylist(rows), pa.Table.from_pylist(pairs)]
    pq.write_table(pa.concat_tables(tables, promote_options="default"), directory / ITEMS)
    return directory


def write_unlearning(
    directory: Path,
    *,
    shift: float = 0.3,
    perplexity: float = 29.0,
    text: str = "",
    measured: bool = True,
) -> Path:
    """The output of `fairforget unlearn` or `demo`."""
    history = [
        {
            "step": float(step),
            f"loss{text}": 2.0 * 0.97**step,
            "retain": 0.01 * step,
            **({"perplexity_ratio": 1 + step / 5000} if step % 10 == 0 else {}),
        }
        for step in range(1, 121)
    ]
    record = UnlearningRecord(
        ModelFacts(f"tiny{text}", 1234567, "float32", f"<s>{text}"),
        {"objective": f"npo{text}", "seed": 0, "lora": {"r": 8}, f"more{text}": text},
        [
            CorpusFacts(f"builtin{text}", "forget", 240, 912, "gender"),
            CorpusFacts("wikipedia", "retain", 120, 13000),
        ],
        BudgetFacts(1.03, 1.004, 1.0, 31.2, 1.004, note=text),
        history,
        ENVIRONMENT,
    )
    write_record(record, directory / RECORD)
    if measured:
        write_evaluation(directory / "before", text=text)
        write_evaluation(directory / "after", shift=shift, perplexity=perplexity, text=text)
    samples = [
        {"prompt": f"The house is{text}", "before": f" blue.{text}", "after": f" tall.{text}"}
    ]
    (directory / "continuation_pairs.json").write_text(json.dumps(samples))
    return directory


def write_study(directory: Path, *, text: str = "") -> Path:
    """The output of `fairforget transfer`."""
    recipe = Recipe(model=f"tiny{text}")
    results = [
        Result(
            StudyRun(forget + text, f"npo{text}", control, seed, recipe),
            stereoset_rows(shift=0.05 if control else 0.3 + 0.1 * seed, text=text),
            1.01 + 0.002 * seed,
            frozenset({forget}),
            1.05 + 0.004 * seed,
            movement=0.012 + 0.001 * seed,
        )
        for forget in ("gender", "religion")
        for control in (None, "random")
        for seed in (0, 1)
    ]
    before = stereoset_rows(text=text)
    matrix = transfer_matrix(before, results, ["stereoset"], controls=["random"])
    record = StudyRecord(
        model=ModelFacts(f"tiny{text}", 1234567, "float32", f"<s>{text}"),
        settings={"forget": [f"gender{text}"], "budget": {"perplexity": 1.03}},
        rows=matrix.rows,
        matrix=matrix.cells,
        omnibus=matrix.omnibus,
        doses=[
            Dose(
                *(cell.forget, cell.control, cell.method, cell.benchmark, cell.measure),
                *(cell.domain, dose),
                score=cell.before + dose * (cell.after - cell.before),
                seeds=2,
            )
            for cell in matrix.cells
            for dose in (0.0, 0.25, 0.5, 1.0)
        ],
        cells=seed_cells(before, results, ["stereoset"]),
        failed=[Failure(f"race-npo{text}", f"no space left{text}")],
        environment=ENVIRONMENT,
        seconds={"before": 41.0, "training": 60.0},
    )
    write_record(record, directory / STUDY)
    return directory


def write_comparison(directory: Path, *, text: str = "") -> Path:
    """The output of `fairforget compare --output DIR/comparison.json`."""
    write_evaluation(directory / "one", text=text)
    write_evaluation(directory / "two", shift=0.3, perplexity=29.5, text=text)
    write_record(compare(directory / "one", directory / "two"), directory / "comparison.json")
    return directory


def write_runs(directory: Path, *, text: str = "") -> Path:
    """Several unlearning runs below one directory, one of them a control."""
    for name, shift, perplexity, selection in (
        ("one", 0.3, 29.0, "spans"),
        ("two", 0.2, 29.4, "spans"),
        ("zero", 0.05, 29.2, "random"),
    ):
        run = directory / "runs" / name
        write_unlearning(run, shift=shift, perplexity=perplexity, text=text)
        record = json.loads((run / "record.json").read_text())
        record["method"]["selection"] = selection
        (run / "record.json").write_text(json.dumps(record))
    return directory


def write_leaderboard(directory: Path, *, text: str = "") -> Path:
    """The output of `fairforget leaderboard`: a method with two seeds, a prompt and a control."""
    model, settings = f"tiny{text}", LeaderboardSettings(models=f"tiny{text}")
    change, noise, prompt = (name + text for name in ("change", "noise", "prompt"))
    facts = ModelFacts(model, 1234567, "float32", f"<s>{text}")
    finished = {}
    for method, seed, shift in (
        ("original", 0, 0.0),
        (change, 0, 0.3),
        (change, 1, 0.4),
        (noise, 0, 0.05),
        (prompt, 0, 0.1),
    ):
        here = directory / "runs" / f"{shift}"
        equal = BudgetFacts(1.01, 1.01, 20.0, 1.02, 0.7) if shift in (0.3, 0.4, 0.05) else None
        evaluations = {
            cost: read_evaluation(write_evaluation(here / cost, shift=part * shift, text=text))
            for cost, part in (("published", 1.0), ("equal", 0.7))
            if equal or cost == "published"
        }
        record = RunRecord(
            facts, method, seed, {"perplexity": 1.02}, equal, 40.0, 2**30, 1.0, ENVIRONMENT
        )
        finished[MethodRun(model, method, seed, settings)] = FinishedMethodRun(record, evaluations)
    board = LeaderboardRecord(
        {model: facts},
        {"models": model},
        {
            change: MethodFacts(f"Nobody 2020{text}", "", "weights", False),
            noise: MethodFacts("", "", "weights", True),
            prompt: MethodFacts("", "", "inference", False),
        },
        make_leaderboard_rows(finished),
        compare_with_original(finished),
        [Failure(f"dropout{text}", f"no dropout{text}")],
        ENVIRONMENT,
    )
    write_record(board, directory / LEADERBOARD)
    return directory


def write_durability(directory: Path, *, text: str = "") -> Path:
    """The output of `fairforget durability`: an effect that training takes away, and a control."""
    name = f"control{text}"
    shifts = {
        Condition("none"): (0.5, 0.02),
        Condition("fine-tuning", "10"): (0.4, 0.02),
        Condition("relearning", "10"): (0.3, 0.01),
        Condition("relearning", "50"): (0.1, 0.0),
        Condition("quantization", "q4_0"): (0.45, 0.02),
    }
    sides: list[dict[Condition, Evaluation]] = [
        {
            condition: read_evaluation(
                write_evaluation(directory / side / condition.name, shift=shift[number], text=text)
            )
            for condition, shift in shifts.items()
        }
        for number, side in enumerate(("debiased", "control"))
    ]
    plain = read_evaluation(write_evaluation(directory / "original", text=text))
    original = dict.fromkeys(shifts, plain)
    results = {run: [side] for run, side in zip(("debiased", name), sides, strict=True)}
    effects = compare_conditions(original, results, ["stereoset", "crows_pairs"])
    facts = ModelFacts(f"tiny{text}", 1234567, "float32", f"<s>{text}")
    record = DurabilityRecord(
        model=facts,
        settings={"relearn": f"builtin{text}"},
        runs={"debiased": [facts], name: [facts]},
        domains=["gender", "all"],
        effects=effects,
        half_lives=half_lives(effects),
        environment=ENVIRONMENT,
    )
    write_record(record, directory / DURABILITY)
    return directory


WRITERS: dict[str, Callable[..., Path]] = {
    "unlearning": write_unlearning,
    "evaluation": write_evaluation,
    "study": write_study,
    "comparison": write_comparison,
    "leaderboard": write_leaderboard,
    "durability": write_durability,
    "runs": write_runs,
}
