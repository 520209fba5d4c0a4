"""What a transfer study runs: every forgetting, its controls, its objectives and its seeds."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from typing import Literal

from fairforget.errors import InputError
from fairforget.training.budget import STUDY_BUDGET, Budget

CONTROLS = {
    "random": "as many random tokens of the same texts as far as they have them, none harmful",
    "all": "every token of the same texts",
    "matched": "the same harmful words in texts about no protected group",
    "none": "nothing is forgotten; the model is trained on the retain texts alone",
}
"""Control → what it does instead."""
WHOLE = "all"
"""The control that unlearns the harmful words, too: it shows what choosing them gains."""
NOTHING = "none"
"""The objective of the control `none`, and what it forgets."""
MATCHED = "matched"
CONTROL_CORPUS = "builtin:control"
"""Built-in texts about no protected group."""
UNTOLD = ("select", "train", "selection", "device", "trust_remote_code")
"""Settings of a recipe that the digest stands for (texts with their spans, the tokens that are
targets, the kind of device), or that change no result."""
VERSIONS = [version(name) for name in ("fairforget", "torch", "transformers")]
"""Of what else determines a result."""


Select = Literal["given", "contrast", "ratio"]
"""The corpus's own spans, or a selector of `fairforget.selection` that needs no server."""
TargetSelection = Literal["spans", "mention-to-span", "after-mention"]
"""The selections that are no controls."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What all runs of a study share."""

    model: str
    benchmarks: tuple[str, ...] = ("stereoset", "crows_pairs")
    select: Select = "given"
    """How the harmful spans of the forget corpora are found."""
    train: str = "edos"
    """Corpora that teach the selector, joined by commas."""
    selection: TargetSelection = "spans"
    """Which tokens are targets, whatever the objective's own default."""
    retain: str = "wikipedia"
    retain_loss: str = "kl"
    retain_loss_weight: float = 1.0
    retain_per_forget: float = 0.25
    budget: Budget = STUDY_BUDGET
    steps: int = 30
    batch_size: int = 16
    learning_rate: float = 2e-5
    lora_rank: int = 0
    dtype: str | None = None
    device: str | None = None
    start_token: str | None = None
    trust_remote_code: bool = False


@dataclass(frozen=True, slots=True)
class Run:
    """One unlearning run of a study, and the measurement after it."""

    forget: str
    """CORPUS[:DOMAIN]; `none` where nothing is forgotten."""
    objective: str
    control: str | None
    seed: int
    recipe: Recipe

    @property
    def group(self) -> tuple[str, str, str | None]:
        """What runs that differ in their seed alone have in common."""
        return self.forget, self.objective, self.control

    def key(self, digest: str) -> str:
        """The same for runs that give the same result but for rounding, and for no others.

        Rounding differs between processors, and with the number of threads; the record names both.

        Args:
            digest: stands for the content of every file that the run reads, for the kind of device,
                and for settings that are not the recipe's.
        """
        facts = asdict(self)
        for setting in UNTOLD:
            del facts["recipe"][setting]
        facts |= {"digest": digest, "versions": VERSIONS}
        return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()

    def name(self, digest: str) -> str:
        """A directory's name: readable, and unlike that of any other run."""
        words = [self.forget, self.objective, self.control or "", f"seed{self.seed}"]
        plain = "-".join(re.sub(r"[^\w.]+", "_", word) for word in words if word)
        return f"{plain[:80]}-{self.key(digest)[:12]}"


def plan_runs(
    recipe: Recipe,
    forget: Sequence[str],
    *,
    objectives: Sequence[str],
    controls: Sequence[str],
    seeds: int,
) -> list[Run]:
    """Every run once, in an order in which a study that is cut off has whole seeds.

    A control that does not depend on the forget corpus or on the objective is run once for all.

    Args:
        recipe: what they share.
        forget: corpora, each `CORPUS[:DOMAIN]`.
        objectives: names of `fairforget.objectives.OBJECTIVES`, some with constants: `npo?beta=1`.
        controls: names of `CONTROLS`.
        seeds: how many, from 0.

    Raises:
        InputError: a name that is unknown or given twice, or no seed.
    """
    _check("forget", forget, None)
    _check_objectives(objectives)
    _check("controls", controls, list(CONTROLS), empty=True)
    if NOTHING in controls and not (recipe.retain_per_forget and recipe.retain_loss_weight):
        raise InputError(
            "controls: 'none' trains on the retain texts alone, and retain_per_forget or "
            "retain_loss_weight is 0; leave it out, or retain something"
        )
    if "random" in controls and recipe.selection != "spans":
        raise InputError(
            "controls: 'random' takes as many tokens as there are harmful ones, and is no control "
            f"of selection {recipe.selection!r}; give --controls without it, or "
            "--selection spans"
        )
    if seeds < 1:
        raise InputError(f"seeds is {seeds}; at least 1 is needed")
    runs: dict[Run, None] = {}
    for seed in range(seeds):
        for objective in objectives:
            for corpus in forget:
                runs[Run(corpus, objective, None, seed, recipe)] = None
                for control in controls:
                    runs[control_run(corpus, objective, control, seed, recipe)] = None
    return list(runs)


def control_run(forget: str, objective: str, control: str, seed: int, recipe: Recipe) -> Run:
    """The control's run for a forgetting; several forgettings may share it."""
    if control == NOTHING:
        return Run(NOTHING, NOTHING, control, seed, recipe)
    if control == MATCHED and is_builtin(forget):
        return Run(CONTROL_CORPUS, objective, control, seed, recipe)
    return Run(forget, objective, control, seed, recipe)


def lacks_cause(control: str) -> bool:
    """Whether it does all but what is asked about: then a forgetting must go beyond it."""
    return control != WHOLE


def is_builtin(corpus: str) -> bool:
    """Whether it is the built-in corpus, whose controls are texts of their own."""
    return re.split("[:?]", corpus)[0] == "builtin"


def _check_objectives(objectives: Sequence[str]) -> None:
    from fairforget.objectives import OBJECTIVES, parse_objective

    _check("objectives", objectives, None)
    with_constants: dict[tuple[str, float | None, float | None], str] = {}
    for text in objectives:
        named = parse_objective(text)
        _check("objectives", [named.name], [name for name in OBJECTIVES if name != NOTHING])
        objective = OBJECTIVES[named.name].with_constants(named.beta, named.gamma)
        same = with_constants.setdefault((objective.name, objective.beta, objective.gamma), text)
        if same != text:
            raise InputError(f"objectives: {same!r} and {text!r} are the same")


def _check(
    flag: str, names: Sequence[str], known: Sequence[str] | None, *, empty: bool = False
) -> None:
    if not names and not empty:
        raise InputError(f"{flag} names nothing")
    for name in names:
        if known is not None and name not in known:
            raise InputError(f"{flag}: {name!r} is unknown; choose from {', '.join(known)}")
    if len(set(names)) < len(names):
        raise InputError(f"{flag}: a name is given twice in {', '.join(names)}")
