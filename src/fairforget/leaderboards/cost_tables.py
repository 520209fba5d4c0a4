"""The tables of what each method costs, and of where it was published."""

from __future__ import annotations

from statistics import fmean

from fairforget.leaderboards.effects import methods_at, model_suffix, name_method, runs_of
from fairforget.leaderboards.given_weights import is_given
from fairforget.leaderboards.limits import nearest_limit
from fairforget.leaderboards.plan import EQUAL, PUBLISHED
from fairforget.leaderboards.record import LeaderboardRecord
from fairforget.report.tables import Column, Content, Table
from fairforget.report.wording import NONE, format_number


def costs_table(record: LeaderboardRecord, model: str) -> Table:
    """Return what each method costs to apply and to use, and which limit it used up."""
    budget = record.settings.get("budget", {})
    rows: list[list[Content]] = []
    for method in methods_at(record, model, PUBLISHED):
        runs = runs_of(record, model, method, PUBLISHED)
        equal = runs_of(record, model, method, EQUAL)
        memory = [run.peak_memory / 2**30 for run in runs if run.peak_memory]
        seconds = format_number(fmean(run.seconds for run in runs), 0)
        if is_given(method):  # to load weights costs little
            memory, seconds = [], NONE
        rows.append(
            [
                name_method(record, method),
                ", ".join(format_number(run.alpha, 2) for run in equal) or NONE,
                ", ".join(format_number(run.movement, 3) for run in equal) or NONE,
                "; ".join(nearest_limit(run, budget) for run in equal) or NONE,
                seconds,
                format_number(max(memory), 1) if memory else NONE,
                format_number(fmean(run.slowdown for run in runs), 1),
                str(len(runs)),
            ]
        )
    return Table(
        caption=f"What each method costs{model_suffix(record, model)}",
        columns=[
            Column("Method"),
            Column("α within the budget", numeric=True),
            Column("Movement within the budget, nats", numeric=True),
            Column("Nearest limit, share used"),
            Column("Time to apply, s", numeric=True),
            Column("Peak memory, GiB", numeric=True),
            Column("Time to score a text, ×", numeric=True),
            Column("Seeds", numeric=True),
        ],
        rows=rows,
        note="α, movement and the nearest limit describe the result within the budget, with one "
        "value for each seed; times are means over seeds, at full strength. α is the share of the "
        "weight update that was applied; above 1, the update was extrapolated. "
        "Movement: mean KL divergence from the original model per token, on the kind of held-out "
        "text where it is larger. Nearest limit: "
        "the limit that the result came closest to, with the share of it that was used. If that "
        "share is far below 100 %, α had reached its maximum, or the measurement jumps as α "
        "changes. Peak memory, the maximum over "
        "seeds, includes the model: GPU memory on a GPU, otherwise that of the process; "
        f"{NONE}: not measured, or not applicable. Times to score a text are relative to the "
        "original model.",
        sortable=True,
    )


def papers_table(record: LeaderboardRecord) -> Table:
    """Return where each method was published."""
    return Table(
        caption="Sources of the methods",
        columns=[Column("Method"), Column("Paper")],
        rows=[[name_method(record, name), facts.paper] for name, facts in record.methods.items()],
    )
