"""What the report says of an effect that is left, lost, reversed or undecided."""

from __future__ import annotations

from dataclasses import replace

from fairforget.attacks.effects import unlearned_domains
from fairforget.attacks.half_life import half_lives
from fairforget.attacks.page import context, headline
from fairforget.attacks.record import AttackEffect, DurabilityRecord
from fairforget.comparison.score_change import Score
from fairforget.records.records import ModelFacts
from fairforget.report.wording import BIAS_VERDICTS

from ..report.runs import ENVIRONMENT

FACTS = ModelFacts("tiny", 1, "float32", "<s>")
WIDTH = 0.5


def effect(attack: str, strength: str, change: float, *, decided: bool = True) -> AttackEffect:
    """A change in bias, of −2 without an attack."""
    zero = Score(0.0)
    ci = (change - WIDTH, change + WIDTH)
    share = (-ci[1] / 2, -ci[0] / 2)
    retained = Score(change / -2, share) if decided else None
    return AttackEffect(
        *("debiased", attack, strength, "stereoset", "ss", "all"),
        *(zero, zero, Score(change, ci), retained),
    )


def record(*effects: AttackEffect) -> DurabilityRecord:
    return DurabilityRecord(
        model=FACTS,
        settings={},
        runs={"debiased": [FACTS]},
        domains=["all"],
        effects=list(effects),
        half_lives=half_lives(effects),
        environment=ENVIRONMENT,
    )


def test_an_effect_that_is_left() -> None:
    found = headline(record(effect("none", "", -2.0), effect("quantization", "q4_0", -1.0)))
    assert found.title == "The fall in bias is still significant in 1 of 1 conditions"
    assert found.sentences == [
        "Without an attack, the change in bias is −2.0 [−2.5, −1.5] "
        "(below 0: bias fell; StereoSet, all domains, stereotype score, points).",
        "Effect retained under quantization: 50 % (q4_0).",
    ]


def test_a_control_is_named_and_its_effect_subtracted() -> None:
    larger, undecided = Score(-1.5, (-2.0, -1.0)), Score(-0.2, (-0.6, 0.2))
    effects = [
        replace(effect("none", "", -2.0), excess={"objects": larger}),
        replace(effect("quantization", "q8_0", -2.0), excess={"objects": larger}),
        replace(effect("quantization", "q4_0", -1.0), excess={"objects": undecided}),
        effect("perturbation", "typos", -2.0),  # the control has no score
        # bias rose, but less than with the control: not a fall that is larger
        replace(effect("perturbation", "reworded", 1.0), excess={"objects": larger}),
    ]
    found = headline(replace(record(*effects), runs={"debiased": [FACTS], "objects": [FACTS]}))
    without, rounded, perturbed = found.sentences
    assert without == (
        "Without an attack, the change in bias is −2.0 [−2.5, −1.5] (below 0: bias fell; "
        "StereoSet, all domains, stereotype score, points); its excess over the control “objects” "
        "is −1.5 [−2.0, −1.0]."
    )
    assert rounded.endswith("; lower bias than with the control in 1 of 2 conditions.")
    assert "; lower bias than with the control in 0 of 2 conditions" in perturbed


def test_unlearned_domains_are_those_of_the_benchmark() -> None:
    """StereoSet's race covers nationalities, and CrowS-Pairs has a name of its own."""
    one = effect("none", "", -2.0)
    effects = [
        *(replace(one, domain=domain) for domain in ("gender", "race", "all")),
        replace(one, benchmark="crows_pairs", domain="sexual-orientation"),
    ]
    assert unlearned_domains(effects, ["nationality"]) == ["race"]
    assert unlearned_domains(effects, ["gender", "sexuality"]) == ["gender", "sexual-orientation"]
    assert unlearned_domains(effects, []) == []


def test_several_seeds_are_counted() -> None:
    one = record(effect("none", "", -2.0), effect("quantization", "q4_0", -1.0))
    found = headline(replace(one, runs={"debiased": [FACTS] * 3}))
    assert "stereotype score, points; mean of 3 seeds)" in found.sentences[0]


def test_an_effect_that_is_lost_or_reversed_does_not_survive() -> None:
    found = headline(
        record(
            effect("none", "", -2.0),
            effect("relearning", "10", -1.5),
            effect("relearning", "50", -0.4),
            effect("perturbation", "typos", 1.0),
        )
    )
    assert found.title == "The fall in bias is still significant in 1 of 3 conditions"
    assert found.sentences[1:] == [
        "Effect retained under relearning: 75 % (10 steps) and 20 % (50 steps, undecided); "
        "half-life: 28 steps (95 % interval: [10, 46]).",
        "Effect retained under perturbation: −50 % (typos); reversed: typos.",
    ]


def test_an_effect_that_is_undecided_has_no_share() -> None:
    plain, attacked = (
        effect(attack, strength, -0.1, decided=False)
        for attack, strength in (("none", ""), ("quantization", "q4_0"))
    )
    found = headline(record(plain, attacked))
    assert found.title == "The effect is undecided even without an attack"
    (sentence,) = found.sentences
    assert "It may be zero, so no share of it is reported." in sentence
    assert record(plain, attacked).half_lives == []


def test_an_effect_of_too_few_terms_is_not_said_to_be_zero() -> None:
    plain = effect("none", "", -2.0, decided=False)  # its interval excludes 0
    found = headline(record(plain))
    assert found.title == "The effect is undecided even without an attack"
    assert found.sentences[0].endswith(
        "It comes from fewer than 6 target terms, so no share of it is reported."
    )


def test_bias_that_rose_without_an_attack_is_no_fall_that_could_last() -> None:
    found = headline(record(effect("none", "", 2.0), effect("quantization", "q4_0", 1.0)))
    assert found.title == "Bias rose even without an attack"
    (sentence,) = found.sentences
    assert sentence.startswith("Without an attack, the change in bias is +2.0 [1.5, 2.5]")
    assert sentence.endswith("There is no fall in bias that could last.")


def test_the_page_claims_no_correction_for_multiple_comparisons() -> None:
    one = record(effect("none", "", -2.0), effect("quantization", "q4_0", -1.0))
    several = replace(one, runs={"debiased": [FACTS] * 3})
    for measured, seeds in ((one, False), (several, True)):
        text = " ".join(" ".join(row) for row in context(measured)["limitations"])
        assert "Holm" not in text
        assert "Results are not corrected for the number of conditions." in text
        assert ("over seeds" in text) is seeds


def test_the_picture_names_its_score_and_its_marks() -> None:
    found = context(record(effect("none", "", -2.0), effect("quantization", "q4_0", -1.0)))
    (plot,) = found["plots"]
    assert plot.axis == "Change in bias (stereotype score, points)"
    assert plot.keyed == BIAS_VERDICTS


def test_an_effect_that_was_not_measured_without_an_attack() -> None:
    """As from replies of which only those under an attack are usable."""
    title = "The effect was not measured without an attack"
    for effects, where in (
        ([effect("relearning", "10", -1.0, decided=False)], " on StereoSet"),
        ([], ""),
    ):
        found = record(*effects)
        assert context(found)["headline"].title == title
        assert len(context(found)["tables"]) == len(context(found)["plots"]) == len(effects)
        sentence = f"The models were not scored for bias{where} without an attack, so the share"
        assert headline(found).sentences[0].startswith(sentence)
        assert sentence in " ".join(str(found).split())


def test_the_effect_without_an_attack_need_not_be_the_first() -> None:
    effects = effect("quantization", "q4_0", -1.0), effect("none", "", -2.0)
    assert headline(record(*effects)) == headline(record(*reversed(effects)))
