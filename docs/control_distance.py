"""What the default and its control learn about groups, and about objects.

Scores of StereoSet depend on all words of a sentence. The distance from the target is what training
lowers: it shows how much each run learns about its own subjects and about those of the other.
"""

from __future__ import annotations

from typing import Any

from fairforget.benchmarks.measurement import Row
from fairforget.comparison.domains import compare_domain
from fairforget.corpora import Text
from fairforget.corpora.builtin import group_terms
from fairforget.corpora.builtin.lexicon import CONTROL, strip_article
from fairforget.corpora.builtin.unseen import drop_trained
from fairforget.models.language_model import LanguageModel
from fairforget.models.loading import load_model
from fairforget.records.paths import MODEL
from gap_texts import named_terms, stem_texts, template_texts, unnamed_terms
from seed_runs import SeedRuns
from target_distance import DEPENDENCE, DISTANCE, TargetDistance, judge_distance

KINDS = ("groups", "objects")
TEMPLATES, CONTINUED = "{}, built-in templates", "{}, continued by the model"
"""Names of the sets of sentences about one kind of subject."""
TEXTS, SEED = 160, 7
"""Texts of each set, and the seed of their combinations."""


def measure_distances(runs: SeedRuns, control: SeedRuns) -> dict[str, dict[str, Any]]:
    """Return both distances before training, and their changes with the runs and the control.

    They are by kind of sentence. Intervals cover terms and seeds.
    """
    original = load_model(runs.source, device="cpu")
    target = TargetDistance(original, _text_sets(original))

    def measure(part: SeedRuns) -> list[list[Row]]:
        models = (part.directory / str(seed) / MODEL for seed in range(part.seeds))
        return [target.rows(load_model(model, device="cpu")) for model in models]

    before, groups = target.rows(original), [measure(runs), measure(control)]
    distances: dict[str, dict[str, Any]] = {DISTANCE: {}, DEPENDENCE: {}}
    for name in dict.fromkeys(row["domain"] for row in before):
        first, *after = (
            [row for row in rows if row["domain"] == name]
            for rows in (before, *groups[0], *groups[1])
        )
        parts = [after[: runs.seeds], after[runs.seeds :]]
        changes = compare_domain(judge_distance, first, parts, domain=name).by_group
        for score, found in distances.items():
            ours, theirs = changes[score]
            difference = ours.change - theirs.change
            found[name] = {
                "before": ours.before.value,
                "clusters": ours.clusters,
                "change": {"change": ours.change.value, "ci": ours.change.ci},
                "control": {"change": theirs.change.value, "ci": theirs.change.ci},
                "difference": {"change": difference.value, "ci": difference.ci},
            }
    return distances


def _text_sets(original: LanguageModel) -> dict[str, list[Text]]:
    """Sentences that no run trains on, by kind."""
    groups, objects = [*named_terms(), *unnamed_terms()], group_terms(CONTROL)
    # a stem has no article, so that it takes single words only
    single = [term for term in objects if " " not in strip_article(term.singular)]
    parts = zip(KINDS, (groups, objects), (groups, single), strict=True)
    return {
        name.format(kind): texts
        for kind, terms, nouns in parts
        for name, texts in (
            (TEMPLATES, drop_trained(template_texts(terms, TEXTS, seed=SEED))),
            (CONTINUED, stem_texts(original, nouns, TEXTS, seed=SEED)),
        )
    }
