"""The objectives as mathematics."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.decoders import Metaspace as MetaspaceDecoder
from tokenizers.models import BPE, Unigram
from tokenizers.pre_tokenizers import Metaspace
from transformers import PreTrainedTokenizerFast

from fairforget.errors import InputError
from fairforget.objectives import (
    CONSTANTS,
    OBJECTIVES,
    RETAIN_LOSSES,
    as_objective,
    parse_objective,
)
from fairforget.objectives.objective import target_log_probs
from fairforget.objectives.parsing import NamedObjective
from fairforget.objectives.retain import FACT_SLACK, FACT_WEIGHT, fact_loss
from fairforget.objectives.trait_kl import (
    HARM_WEIGHT,
    harmful_change_loss,
    harmful_excess_loss,
    trait_target,
)
from fairforget.objectives.trait_words import (
    PRONOUNS,
    TraitWords,
    find_trait_words,
    hash_trait_words,
    list_trait_words,
)

from .models import word_tokenizer


def log_probs(n: int, vocabulary: int, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(n, vocabulary, generator=generator).log_softmax(-1)


@given(st.integers(0, 10_000))
def test_ascent_is_the_log_likelihood_and_nll_its_opposite(seed: int) -> None:
    mine, targets = log_probs(5, 7, seed), torch.arange(5)
    loss = OBJECTIVES["ascent"].loss(mine, targets, None)
    assert torch.equal(loss, mine[torch.arange(5), targets])
    assert torch.equal(RETAIN_LOSSES["nll"].loss(mine, targets, None), -loss)


@given(st.integers(0, 10_000))
def test_kl_is_that_from_the_reference_to_the_model(seed: int) -> None:
    mine, reference = log_probs(5, 7, seed), log_probs(5, 7, seed + 1)
    expected = torch.nn.functional.kl_div(mine, reference, reduction="none", log_target=True)
    for objective in (OBJECTIVES["counterfactual-kl"], RETAIN_LOSSES["kl"]):
        loss = objective.loss(mine, torch.zeros(5, dtype=torch.long), reference)
        assert torch.allclose(loss, expected.sum(-1), atol=1e-6)


@given(st.integers(0, 10_000))
def test_neutral_is_a_divergence(seed: int) -> None:
    mine, reference = log_probs(5, 7, seed), log_probs(5, 7, seed + 1)
    targets = torch.zeros(5, dtype=torch.long)
    assert (OBJECTIVES["counterfactual-kl"].loss(mine, targets, reference) > 0).all()
    at_floor = OBJECTIVES["counterfactual-kl"].loss(reference, targets, reference)
    assert torch.allclose(at_floor, torch.zeros(5), atol=1e-6)


def test_neutral_has_no_gradient_at_its_floor() -> None:
    logits = torch.randn(3, 7, requires_grad=True)
    mine = logits.log_softmax(-1)
    targets = torch.zeros(3, dtype=torch.long)
    OBJECTIVES["counterfactual-kl"].loss(mine, targets, mine.detach()).sum().backward()
    assert logits.grad.abs().max() < 1e-6


def trait_words(size: int, seed: int) -> TraitWords:
    generator = torch.Generator().manual_seed(seed)
    ids = torch.randperm(size, generator=generator)[: size // 2].sort().values
    pronouns = sorted({*range(size)} - {*ids.tolist()})[:3]
    harmful = torch.rand(len(ids), generator=generator) < 0.4
    return TraitWords(ids, harmful, torch.tensor(pronouns))


NO_PRONOUNS = torch.tensor([], dtype=torch.long)
GENDERED = torch.zeros(5, dtype=torch.bool)


@given(st.integers(0, 10_000))
def test_the_trait_target_moves_probability_among_trait_words_only(seed: int) -> None:
    group, neutral = (log_probs(5, 12, seed + i).double() * 3 for i in (0, 1))
    group, neutral = group.log_softmax(-1), neutral.log_softmax(-1)
    words = trait_words(12, seed)
    target = trait_target(group, neutral, words, GENDERED)
    others = torch.ones(12, dtype=torch.bool)
    others[words.ids] = False
    assert torch.equal(target[:, others], group[:, others])
    assert torch.allclose(target.exp().sum(-1), torch.ones(5, dtype=torch.float64))
    harmful, harmless = words.ids[words.harmful], words.ids[~words.harmful]
    assert (target[:, harmful] <= group[:, harmful] + 1e-12).all()
    if len(harmless):  # they keep the proportions that the neutral word gives them
        shares = [part[:, harmless].log_softmax(-1) for part in (target, neutral)]
        assert torch.allclose(*shares)


@given(st.integers(0, 10_000))
def test_the_trait_target_of_a_neutral_text_is_the_text_itself(seed: int) -> None:
    group = log_probs(5, 12, seed)
    target = trait_target(group, group, trait_words(12, seed), ~GENDERED)
    assert torch.allclose(target, group, atol=1e-5)


@given(st.integers(0, 10_000))
def test_pronouns_are_shared_out_as_after_the_neutral_word_if_the_group_has_no_gender(
    seed: int,
) -> None:
    group, neutral, words = (
        log_probs(5, 12, seed),
        log_probs(5, 12, seed + 1),
        trait_words(12, seed),
    )
    gender_neutral = torch.tensor([True, False, True, False, False])
    target = trait_target(group, neutral, words, gender_neutral)
    pronouns, compared = words.pronouns, target[gender_neutral]
    assert torch.equal(target[~gender_neutral][:, pronouns], group[~gender_neutral][:, pronouns])
    masses = [part[:, pronouns].logsumexp(-1) for part in (compared, group[gender_neutral])]
    assert torch.allclose(*masses, atol=1e-5)
    shares = [part[:, pronouns].log_softmax(-1) for part in (compared, neutral[gender_neutral])]
    assert torch.allclose(*shares, atol=1e-5)
    assert torch.allclose(target.exp().sum(-1), torch.ones(5))


def excess_after_groups(
    mine: torch.Tensor, reference: torch.Tensor, words: TraitWords
) -> torch.Tensor:
    """The loss on harmful words after words for groups that have a gender."""
    return harmful_excess_loss(mine, reference, words, torch.zeros(len(mine), dtype=torch.bool))


@pytest.mark.parametrize("loss", [excess_after_groups, harmful_change_loss])
@given(seed=st.integers(0, 10_000))
def test_the_losses_on_harmful_words_depend_on_these_words_only(
    loss: Callable[..., torch.Tensor], seed: int
) -> None:
    reference, words = log_probs(5, 12, seed), trait_words(12, seed)
    mine = reference + 0.3 * log_probs(5, 12, seed + 1)
    losses = loss(mine, reference, words)
    assert losses.shape == (5,)
    assert not loss(reference, reference, words).any()
    others = torch.ones(12, dtype=torch.bool)
    others[words.harmful_ids] = False
    assert torch.equal(losses, loss(mine - 2 * others, reference, words))
    raised, lowered = (mine.index_fill(1, words.harmful_ids, value) for value in (0.0, -99.0))
    some = bool(len(words.harmful_ids))
    assert (loss(raised, reference, words) > 0).all() == some
    assert (loss(lowered, reference, words) > 0).all() == (some and loss is harmful_change_loss)


@pytest.mark.parametrize("loss", [excess_after_groups, harmful_change_loss])
def test_at_the_target_the_losses_on_harmful_words_have_no_gradient(
    loss: Callable[..., torch.Tensor],
) -> None:
    reference = log_probs(5, 12, 0)
    mine = reference.clone().requires_grad_()
    words = TraitWords(torch.arange(4, 8), torch.tensor([True, False, True, False]), NO_PRONOUNS)
    loss(mine, reference, words).sum().backward()
    assert mine.grad is not None
    assert not mine.grad.any()


def test_harmful_words_may_fall_after_groups_and_stay_in_retain_texts() -> None:
    reference = log_probs(1, 12, 0)
    words = TraitWords(torch.arange(4, 8), torch.tensor([True, False, True, False]), NO_PRONOUNS)
    mine = reference.clone()
    mine[0, 4] += 0.5  # 0.5² / 2 = 0.125
    mine[0, 6] -= 3.0  # 3 − 1/2 = 2.5
    after_group, retained = (
        loss(mine, reference, words).item() for loss in (excess_after_groups, harmful_change_loss)
    )
    assert after_group == pytest.approx(HARM_WEIGHT * 0.125 / 2, abs=1e-5)
    assert retained == pytest.approx(HARM_WEIGHT * (0.125 + 2.5) / 2, abs=1e-5)
    occupation = torch.ones(1, dtype=torch.bool)
    assert not harmful_excess_loss(mine, reference, words, occupation).any()


@given(st.integers(0, 10_000))
def test_the_loss_on_facts_is_the_fall_of_the_log_probability(seed: int) -> None:
    reference = log_probs(6, 12, seed)
    mine = log_probs(6, 12, seed + 1)
    targets = torch.arange(6)
    losses = fact_loss(mine, targets, reference)
    for i, loss in enumerate(losses.tolist()):
        fall = (reference[i, i] - mine[i, i]).item()
        assert loss == pytest.approx(FACT_WEIGHT * max(0.0, fall - FACT_SLACK), abs=1e-5)
    assert not fact_loss(reference, targets, reference).any()


def test_without_harmful_words_trait_words_are_shared_out_as_after_the_neutral_word() -> None:
    group, neutral = log_probs(5, 12, 0), log_probs(5, 12, 1)
    words = TraitWords(torch.arange(4, 9), torch.zeros(5, dtype=torch.bool), NO_PRONOUNS)
    target = trait_target(group, neutral, words, ~GENDERED)
    mass = group[:, 4:9].exp().sum(-1, keepdim=True)
    assert torch.allclose(target[:, 4:9].exp(), mass * neutral[:, 4:9].softmax(-1))


def test_the_trait_target_is_finite_where_trait_words_are_all_but_impossible() -> None:
    group = torch.tensor([[0.0, -200, -210, -205]]).log_softmax(-1)
    words = TraitWords(torch.arange(1, 4), torch.tensor([True, False, False]), NO_PRONOUNS)
    target = trait_target(group, log_probs(1, 4, 0), words, GENDERED[:1])
    assert target.isfinite().all()
    assert torch.allclose(target[:, 1:].logsumexp(-1), group[:, 1:].logsumexp(-1))


def test_trait_words_are_single_tokens_of_the_tokenizer() -> None:
    tokenizer = word_tokenizer()
    words = find_trait_words(tokenizer)
    texts = {tokenizer.decode([i]) for i in words.ids.tolist()}
    assert {" kind", " bad"} <= texts
    assert " river" not in texts
    harmful = {tokenizer.decode([i]) for i in words.ids[words.harmful].tolist()}
    assert " bad" in harmful
    assert " kind" not in harmful


def test_trait_words_are_adjectives_participles_and_words_with_a_rating() -> None:
    traits, harmful = list_trait_words()
    assert harmful < traits
    assert traits.isdisjoint(PRONOUNS)
    assert {"wooden", "taller", "married", "amused", "kind", "lazy"} <= traits
    assert traits.isdisjoint({"river", "the", "of", "ok", "table"})
    assert {"stupid", "lazy", "hated"} <= harmful
    assert harmful.isdisjoint({"kind", "wooden", "happy"})
    assert all(word.isalpha() and word.islower() and len(word) > 2 for word in traits)


def test_the_digest_of_trait_words_depends_on_which_are_harmful(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def digest(traits: set[str], harmful: set[str]) -> str:
        words = "fairforget.objectives.trait_words.list_trait_words"
        monkeypatch.setattr(words, lambda: (traits, harmful))
        return hash_trait_words.__wrapped__()

    assert digest({"kind", "lazy"}, {"lazy"}) == digest({"lazy", "kind"}, {"lazy"})
    assert digest({"kind", "lazy"}, {"lazy"}) != digest({"kind", "lazy"}, set())


def test_a_missing_lexicon_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairforget.objectives.trait_words.find_package", lambda name: None)
    with pytest.raises(InputError, match="vaderSentiment is missing; install it: pip install vade"):
        list_trait_words.__wrapped__()


def test_trait_words_of_a_vocabulary_that_marks_spaces_otherwise() -> None:
    vocabulary = [("<unk>", 0.0), *((f"▁{word}", -1.0) for word in ("a", "kind", "river", "Bad"))]
    pieces = Tokenizer(Unigram(vocabulary, unk_id=0))
    pieces.pre_tokenizer, pieces.decoder = Metaspace(), MetaspaceDecoder()
    assert find_trait_words(PreTrainedTokenizerFast(tokenizer_object=pieces)).ids.tolist() == [2]


@pytest.mark.real_model
def test_every_trait_word_that_is_one_token_of_the_real_tokenizer_is_found(smollm2) -> None:
    tokenizer = smollm2.tokenizer
    words = {f" {word}" for word in list_trait_words()[0]}
    encoded = tokenizer(sorted(words), add_special_tokens=False)["input_ids"]
    expected = {ids[0] for ids in encoded if len(ids) == 1}
    assert {*find_trait_words(tokenizer).ids.tolist()} == expected
    assert len(expected) > 6_000
    pronouns = tokenizer.batch_decode([[i] for i in find_trait_words(tokenizer).pronouns.tolist()])
    assert {*pronouns} == {f" {word}" for word in PRONOUNS}


def test_trait_words_need_a_tokenizer_that_has_some() -> None:
    letters = Tokenizer(BPE({letter: i for i, letter in enumerate("abc ")}, []))
    with pytest.raises(InputError, match="use --objective counterfactual-kl"):
        find_trait_words(PreTrainedTokenizerFast(tokenizer_object=letters))
    with pytest.raises(InputError, match="needs processing_class"):
        find_trait_words(None)


@pytest.mark.parametrize("objective", [*OBJECTIVES.values(), *RETAIN_LOSSES.values()])
def test_one_loss_per_target_and_a_paper_for_each(objective) -> None:
    mine, reference = log_probs(4, 9, 0), log_probs(4, 9, 1)
    assert objective.loss(mine, torch.arange(4), reference).shape == (4,)
    assert objective.paper


@given(st.integers(0, 10_000))
def test_excess_is_what_the_group_adds(seed: int) -> None:
    mine, reference, targets = log_probs(5, 7, seed), log_probs(5, 7, seed + 1), torch.arange(5)
    loss = OBJECTIVES["counterfactual-excess"].loss(mine, targets, reference)
    rows = torch.arange(5)
    assert torch.equal(loss, (mine - reference)[rows, targets].clamp(min=0))


@given(st.integers(0, 10_000))
def test_npo_slows_down_where_a_token_is_unlikely_already(seed: int) -> None:
    """Its gradient is ascent's, weighted by 2σ(β · log-ratio): 1 at the start, then less."""
    reference, targets = log_probs(4, 7, seed), torch.arange(4)
    rows = torch.arange(4)
    for shift, low, high in ((0.0, 0.999, 1.001), (-30.0, 0.0, 0.2)):
        mine = reference.clone()
        mine[rows, targets] += shift
        mine.requires_grad_(True)
        OBJECTIVES["npo"].loss(mine, targets, reference).sum().backward()
        weight = mine.grad[rows, targets]
        assert ((low <= weight) & (weight <= high)).all()
        assert mine.grad.count_nonzero() == 4


def test_simnpo_needs_no_reference_and_falls_with_the_likelihood() -> None:
    mine = log_probs(4, 7, 0)
    less = mine - 1.0
    loss = OBJECTIVES["simnpo"].loss
    assert (loss(less, torch.arange(4), None) < loss(mine, torch.arange(4), None)).all()


def weight_of_ascent(loss, log_prob: float, reference: float) -> float:
    """The gradient by a target's log-probability in nats, where that of ascent is 1."""
    mine = torch.tensor([[log_prob, -1.0]], dtype=torch.float64, requires_grad=True)
    theirs = torch.tensor([[reference, -1.0]], dtype=torch.float64)
    loss(mine, torch.tensor([0]), theirs).sum().backward()
    return mine.grad[0, 0].item()


NATS = st.floats(-20, 0)


@given(NATS, NATS)
def test_npo_without_a_brake_is_ascent(log_prob: float, reference: float) -> None:
    loss = OBJECTIVES["npo"].with_constants(1e-7, None).loss
    assert weight_of_ascent(loss, log_prob, reference) == pytest.approx(1, abs=1e-5)


@given(st.floats(0.01, 5), NATS, NATS)
def test_beta_is_how_soon_npo_brakes(beta: float, log_prob: float, reference: float) -> None:
    found = weight_of_ascent(OBJECTIVES["npo"].with_constants(beta, None).loss, log_prob, reference)
    ratio = math.exp(beta * (log_prob - reference))
    assert found == pytest.approx(2 * ratio / (1 + ratio), abs=1e-6)


@given(st.floats(0.05, 5), st.floats(0, 30), NATS)
def test_gamma_says_where_simnpo_is_ascent(beta: float, gamma: float, log_prob: float) -> None:
    """Its weight is 1 at −γ/β nats, and less below."""
    loss = OBJECTIVES["simnpo"].with_constants(beta, gamma).loss
    assert weight_of_ascent(loss, -gamma / beta, 0.0) == pytest.approx(1)
    score = math.exp(-beta * log_prob - gamma)
    assert weight_of_ascent(loss, log_prob, 0.0) == pytest.approx(2 / (1 + score), abs=1e-6)


def test_published_constants_leave_unlikely_words_alone() -> None:
    """As method.md says of words at −6.3 nats, the mean of harmful words in real texts."""
    simnpo, npo = OBJECTIVES["simnpo"], OBJECTIVES["npo"]
    assert weight_of_ascent(simnpo.loss, -6.3, 0.0) == pytest.approx(2.9e-7, rel=0.01)
    assert weight_of_ascent(simnpo.with_constants(0.1, None).loss, -6.3, 0.0) == pytest.approx(
        0.7, abs=0.01
    )
    assert weight_of_ascent(npo.loss, -11.0, 0.0) == pytest.approx(0.5, abs=0.01)
    assert weight_of_ascent(npo.with_constants(1.0, None).loss, -1.1, 0.0) == pytest.approx(
        0.5, abs=0.01
    )


def test_tuning_leaves_what_is_not_named() -> None:
    npo, simnpo = OBJECTIVES["npo"], OBJECTIVES["simnpo"]
    assert npo.with_constants(None, None) is npo
    with_constants = simnpo.with_constants(None, 3.0)
    assert (with_constants.beta, with_constants.gamma, with_constants.name) == (
        simnpo.beta,
        3.0,
        "simnpo",
    )


def test_only_task_vectors_are_negated() -> None:
    assert [o.name for o in OBJECTIVES.values() if o.negated] == ["task-vector"]


@given(st.floats(0.05, 5), st.floats(0, 5), NATS, NATS)
def test_npo_and_simnpo_are_the_losses_of_their_papers(
    beta: float, gamma: float, log_prob: float, reference: float
) -> None:
    mine = torch.tensor([[log_prob, -1.0]], dtype=torch.float64)
    theirs = torch.tensor([[reference, -1.0]], dtype=torch.float64)

    def paper(score: float) -> float:
        return 2 / beta * math.log1p(math.exp(score))  # -2/β · log σ(-score)

    loss = OBJECTIVES["npo"].with_constants(beta, None).loss(mine, torch.tensor([0]), theirs)
    assert loss.item() == pytest.approx(paper(beta * (log_prob - reference)))
    loss = OBJECTIVES["simnpo"].with_constants(beta, gamma).loss(mine, torch.tensor([0]), None)
    assert loss.item() == pytest.approx(paper(beta * log_prob + gamma))


def test_doing_nothing_has_no_gradient() -> None:
    logits = torch.randn(3, 7, dtype=torch.float64)
    loss = OBJECTIVES["none"].loss(logits.log_softmax(-1), torch.arange(3))
    assert torch.equal(loss, torch.zeros(3, dtype=torch.float64))


@pytest.mark.parametrize("objective", [*OBJECTIVES.values(), *RETAIN_LOSSES.values()])
@pytest.mark.parametrize("constant", CONSTANTS)
def test_constants_of_other_objectives_are_refused(objective, constant: str) -> None:
    given = {"beta": None, "gamma": None, constant: 1.0}
    if getattr(objective, constant) is None:
        with pytest.raises(InputError, match=f"'{objective.name}' has no {constant}"):
            objective.with_constants(**given)
    else:
        assert getattr(objective.with_constants(**given), constant) == 1.0


@pytest.mark.parametrize(
    ("constant", "refused", "accepted"),
    [
        ("beta", (0.0, -1.0, math.inf, math.nan), (1e-9, 1e9)),
        ("gamma", (-1e-9, math.inf, math.nan), (0.0, 1e9)),
    ],
)
def test_constants_outside_their_range_are_refused(constant, refused, accepted) -> None:
    given = {"beta": None, "gamma": None}
    for value in refused:
        with pytest.raises(InputError, match=f"^{constant} is {value}; it must be finite"):
            OBJECTIVES["simnpo"].with_constants(**{**given, constant: value})
    for value in accepted:
        with_constants = OBJECTIVES["simnpo"].with_constants(**{**given, constant: value})
        assert getattr(with_constants, constant) == value


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_constants_in_a_name_are_read_back(beta: float, gamma: float) -> None:
    assert parse_objective("simnpo") == NamedObjective("simnpo", None, None)
    assert parse_objective(f"npo?beta={beta!r}") == NamedObjective("npo", beta, None)
    both = NamedObjective("simnpo", beta, gamma)
    assert parse_objective(f"simnpo?beta={beta!r}&gamma={gamma!r}") == both
    assert parse_objective(f"simnpo?gamma={gamma!r}&beta={beta!r}") == both


@pytest.mark.parametrize(
    "query",
    [
        "",
        "beta",
        "beta=",
        "beta=x",
        "beta=1&beta=2",
        "beta=1&",
        "beta=1&gamma=",
        "delta=1",
        "beta=1&delta=1",
        "beta=1?",
    ],
)
def test_a_name_with_other_constants_is_refused(query: str) -> None:
    text = f"simnpo?{query}"
    with pytest.raises(InputError) as error:
        parse_objective(text)
    message = str(error.value)
    assert repr(text) in message
    assert "?beta=2.5&gamma=1" in message  # an example of what can be read
    assert f"?{query} " in message


class Square:
    """A loss that is an object, without a reference."""

    def __call__(self, log_probs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return target_log_probs(log_probs, targets) ** 2


def difference(log_probs, targets, reference):
    return target_log_probs(log_probs, targets) - target_log_probs(reference, targets)


def test_a_users_loss_becomes_an_objective() -> None:
    mine, reference, targets = log_probs(5, 7, 0), log_probs(5, 7, 1), torch.arange(5)
    for loss, name, ref_input in (
        (Square(), "custom:Square", "none"),
        (difference, "custom:difference", "text"),
    ):
        objective = as_objective(loss)
        assert (objective.name, objective.ref_input, objective.negated) == (name, ref_input, False)
        assert objective.paper
        assert objective.needs_ref_model == (ref_input == "text")
        assert as_objective(objective) is objective
    expected = mine[targets, targets] - reference[targets, targets]
    assert torch.equal(as_objective(difference).loss(mine, targets, reference), expected)
    for passed in (None, reference):
        loss = as_objective(Square()).loss(mine, targets, passed)
        assert torch.equal(loss, mine[targets, targets] ** 2)


@pytest.mark.parametrize("loss", [lambda a: a, lambda a, b, c, d: a, lambda: 0])
def test_a_users_loss_with_other_parameters_is_refused(loss) -> None:
    with pytest.raises(InputError) as error:
        as_objective(loss)
    count = len(inspect.signature(loss).parameters)
    assert f"'<lambda>' takes {count} positional arguments" in str(error.value)
    assert "(log_probs, targets) or (log_probs, targets, reference)" in str(error.value)
