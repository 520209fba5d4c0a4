"""Scores do not depend on batching: they equal those of one sequence at a time."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fairforget.data.stereoset import read_items
from fairforget.forward.linear_head import chosen_log_probs, linear_head
from fairforget.forward.packing import LOCAL_SPANS, ROW_NODES, pack, supports_tree_attention
from fairforget.forward.prefix_rows import build_prefix_rows
from fairforget.forward.split_forward import can_split, logits_at
from fairforget.machine.processes import map_distributed
from fairforget.models.language_model import LanguageModel
from fairforget.scoring.causal import continuation_log_probs, token_log_probs
from fairforget.scoring.masked import MaskedText, mask_one_at_a_time, masked_log_probs

from .models import CAUSAL, MASKED, VOCABULARY, WHOLE, tiny
from .two_processes import run_in_two

WINDOW = 16
SEQUENCES = st.lists(st.lists(st.integers(0, 3), max_size=7), max_size=25)


def some_sequences(longest: int = 40) -> list[list[int]]:
    """Random sequences with shared prefixes, a duplicate, and some too short to predict."""
    generator = torch.Generator().manual_seed(0)
    stem = torch.randint(0, VOCABULARY, (longest,), generator=generator).tolist()
    sequences = [[], [5], [5, 6], stem, stem, stem[: longest // 2], [*stem[:6], 1, 2, 3]]
    for length in (2, 3, 5, 9, longest - 3, longest):
        ids = torch.randint(0, VOCABULARY, (length,), generator=generator).tolist()
        sequences += [ids, [*ids, 7], [*ids[: length // 2], *ids]]
    return sequences


def score_alone(model: torch.nn.Module, sequence: list[int]) -> np.ndarray:
    ids = torch.tensor([sequence])
    with torch.no_grad():
        logits = model(input_ids=ids).logits[0, :-1].float().log_softmax(-1)
    return logits.gather(1, ids[0, 1:, None])[:, 0].numpy()


@pytest.mark.parametrize("batch_tokens", [1, 64, 1024])
@pytest.mark.parametrize("family", [*CAUSAL, *WHOLE])
def test_equals_one_sequence_at_a_time(family: str, batch_tokens: int) -> None:
    model = tiny(family)
    sequences = some_sequences()  # longer than the sliding window of the Gemmas
    results = token_log_probs(model, sequences, batch_tokens=batch_tokens)
    for sequence, values in zip(sequences, results, strict=True):
        if len(sequence) < 2:
            assert len(values) == 0
        else:
            assert values.dtype == np.float32
            assert values == pytest.approx(score_alone(model, sequence), abs=1e-4)


@pytest.mark.parametrize("family", [*CAUSAL, *MASKED, *WHOLE])
def test_models_that_cannot_be_split_are_detected(family: str) -> None:
    model = tiny(family).train()
    assert can_split(model) == (family not in WHOLE)
    assert model.training


@pytest.mark.parametrize("family", ["mixtral", "gpt_oss"])
def test_experts_share_prefixes(family: str) -> None:
    assert supports_tree_attention(tiny(family), WINDOW)


def test_tree_attention_is_tested_without_dropout() -> None:
    model = tiny("gpt2").train()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.5
    assert supports_tree_attention(model, WINDOW)
    assert model.training


def test_a_sliding_window_of_0_is_ignored() -> None:
    model = tiny("llama")
    model.config.sliding_window = 0
    assert supports_tree_attention(model, WINDOW)


@pytest.mark.parametrize("name", LOCAL_SPANS)
def test_local_attention_beside_the_mask_must_span_a_row(name: str) -> None:
    model = tiny("gpt2")
    for span, supported in ((ROW_NODES, True), (ROW_NODES - 1, False), (None, True)):
        setattr(model.config, name, span)
        assert supports_tree_attention(model, WINDOW) == supported


@pytest.mark.parametrize("family", ["gemma2", "gemma3", "gpt_oss"])
def test_trees_are_used_within_the_sliding_window(family: str) -> None:
    model = tiny(family)
    assert supports_tree_attention(model, WINDOW)
    assert not supports_tree_attention(model, WINDOW + 1)
    for sequence, values in zip(
        some_sequences(WINDOW), token_log_probs(model, some_sequences(WINDOW)), strict=True
    ):
        if len(sequence) > 1:
            assert values == pytest.approx(score_alone(model, sequence), abs=1e-4)


@pytest.mark.parametrize("family", ["gpt2", "llama", "opt", "gemma2"])
def test_continuations_are_scored_after_their_contexts(family: str) -> None:
    """Also those of a model whose head is not linear; what greedy decoding writes is known."""
    model = tiny(family)
    context = [5, 6, 7]
    with torch.no_grad():
        written = context
        for _ in range(3):
            written = [*written, int(model(torch.tensor([written])).logits[0, -1].argmax())]
    pairs = [(context, written[3:]), (context, [1, 2]), ([4], [9]), (context, [1, 3])]
    found = continuation_log_probs(model, pairs)
    assert [is_greedy for _, is_greedy in found] == [True, False, False, False]
    sequences = token_log_probs(model, [[*start, *rest] for start, rest in pairs])
    for (start, _), (log_prob, _), values in zip(pairs, found, sequences, strict=True):
        assert log_prob == pytest.approx(values[len(start) - 1 :].sum(), abs=1e-5)


@pytest.mark.parametrize("family", ["gpt2", "llama", "gpt_neox", "opt", "qwen2"])
def test_a_linear_head_is_applied_in_slices(family: str, monkeypatch) -> None:
    model = tiny(family)
    head = linear_head(model)
    assert head is not None
    monkeypatch.setattr("fairforget.forward.linear_head.COLUMNS", 64)  # the last one is smaller
    generator = torch.Generator().manual_seed(0)
    hidden = 3 * torch.randn(9, head.in_features, generator=generator)
    rows, tokens = torch.tensor([0, 8, 3, 3, 5]), torch.tensor([0, VOCABULARY - 1, 63, 64, 200])
    with torch.no_grad():
        expected = logits_at(model, hidden).log_softmax(-1)[rows, tokens]
        log_probs, _ = chosen_log_probs(head, hidden, rows, tokens)
    assert log_probs.numpy() == pytest.approx(expected.numpy(), abs=1e-5)


def test_a_head_with_a_bias_is_applied_in_slices(monkeypatch) -> None:
    monkeypatch.setattr("fairforget.forward.linear_head.COLUMNS", 7)
    torch.manual_seed(0)
    head, hidden = torch.nn.Linear(5, 20), 100 * torch.randn(3, 5)
    rows, tokens = torch.arange(3).repeat_interleave(20), torch.arange(20).repeat(3)
    with torch.no_grad():
        expected = head(hidden).log_softmax(-1)
        log_probs, largest = chosen_log_probs(head, hidden, rows, tokens)
    assert log_probs.numpy() == pytest.approx(expected.flatten().numpy(), rel=1e-5, abs=1e-4)
    likeliest = tokens == expected.argmax(-1).repeat_interleave(20)
    assert torch.equal(log_probs == largest, likeliest)
    assert (log_probs <= largest).all()


def test_a_token_that_the_head_lacks_has_no_log_probability() -> None:
    head, hidden = torch.nn.Linear(5, 20), torch.randn(1, 5)
    with torch.no_grad():
        (first, last), _ = chosen_log_probs(
            head, hidden, torch.zeros(2, dtype=torch.long), torch.tensor([3, 20])
        )
    assert first < 0
    assert last.isnan()


def test_a_body_may_compute_in_a_higher_precision_than_the_head() -> None:
    torch.manual_seed(0)
    head, hidden = torch.nn.Linear(5, 20, bias=False).bfloat16(), torch.randn(3, 5)
    rows, tokens = torch.arange(3), torch.tensor([1, 2, 3])
    with torch.no_grad():
        log_probs, _ = chosen_log_probs(head, hidden, rows, tokens)
        expected = head(hidden.bfloat16()).float().log_softmax(-1)[rows, tokens]
    assert log_probs.numpy() == pytest.approx(expected.numpy(), abs=0.05)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("bias", [False, True])
def test_a_head_in_half_precision_runs_in_float32(
    dtype: torch.dtype, bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairforget.forward.linear_head.COLUMNS", 7)
    torch.manual_seed(0)
    head, hidden = torch.nn.Linear(32, 20, bias=bias).to(dtype), torch.randn(3, 32).to(dtype)
    rows, tokens = torch.arange(3).repeat_interleave(20), torch.arange(20).repeat(3)
    with torch.no_grad():
        log_probs, _ = chosen_log_probs(head, hidden, rows, tokens)
        rounded = head(hidden).float().log_softmax(-1)[rows, tokens]
        expected = head.float()(hidden.float()).log_softmax(-1)[rows, tokens]
    assert log_probs.numpy() == pytest.approx(expected.numpy(), abs=1e-5)
    assert not torch.allclose(rounded, expected, atol=1e-4)


def test_a_head_that_caps_its_logits_is_not_linear() -> None:
    assert linear_head(tiny("gemma2")) is None


def long_sequences() -> list[list[int]]:
    """Sequences longer than a row, without shared prefixes, and two short ones with one."""
    generator = torch.Generator().manual_seed(1)
    lengths = [ROW_NODES + 60, ROW_NODES + 60, ROW_NODES + 2]
    texts = [torch.randint(0, VOCABULARY, (n,), generator=generator).tolist() for n in lengths]
    return [*texts, [1, 2, 3, 4], [1, 2, 5]]


@pytest.mark.parametrize("batch_tokens", [256, 512, 4096])  # alone, in pairs, all together
@pytest.mark.parametrize("family", CAUSAL)
def test_long_sequences_equal_one_at_a_time(family: str, batch_tokens: int) -> None:
    model = tiny(family)
    results = token_log_probs(model, long_sequences(), batch_tokens=batch_tokens)
    for sequence, values in zip(long_sequences(), results, strict=True):
        assert values == pytest.approx(score_alone(model, sequence), abs=1e-4)


@pytest.mark.real_model
def test_the_real_model_equals_one_sequence_at_a_time(smollm2: LanguageModel) -> None:
    texts = [text for item in read_items()[:8] for text in item.sentences]
    texts.append(" ".join(texts))  # longer than a row
    sequences = [[smollm2.start_id, *ids] for ids in smollm2.tokenizer(texts)["input_ids"]]
    assert len(sequences[-1]) > ROW_NODES
    assert supports_tree_attention(smollm2.model, ROW_NODES)
    for sequence, values in zip(sequences, token_log_probs(smollm2.model, sequences), strict=True):
        assert values == pytest.approx(score_alone(smollm2.model, sequence), abs=1e-4)


def test_sequences_without_shared_prefixes_use_causal_attention(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    attention = torch.nn.functional.scaled_dot_product_attention
    masks = []

    def recording(*args: object, attn_mask: object = None, **more: object) -> object:
        masks.append((attn_mask is None, more["is_causal"]))
        return attention(*args, attn_mask=attn_mask, **more)

    windows = [sequence for sequence in long_sequences() if len(sequence) == ROW_NODES + 60]
    for batch in pack(windows, trees=True, batch_tokens=512):
        assert set(batch.inputs) == {"input_ids", "attention_mask"}
    model = tiny("llama")
    monkeypatch.setattr("fairforget.scoring.causal.supports_tree_attention", lambda *_: True)
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", recording)
    token_log_probs(model, windows)
    assert set(masks) == {(True, True)}


def test_reports_progress_and_restores_the_mode() -> None:
    model = tiny("gpt2").train()
    reports = []
    token_log_probs(
        model, [[1, 2, 3], [4]] * 10, batch_tokens=4, progress=lambda *now: reports.append(now)
    )
    assert sum(done for done, _ in reports) == 10
    assert {total for _, total in reports} == {10}  # the others have nothing to predict
    assert model.training


def test_masked_scoring_reports_progress() -> None:
    reports = []
    texts = mask_one_at_a_time([1, 9, 8, 7, 2], range(1, 4), mask_id=3)
    masked_log_probs(tiny("bert"), texts, batch_tokens=6, progress=lambda *now: reports.append(now))
    assert reports == [(1, 3)] * 3


def test_nothing_to_score() -> None:
    assert token_log_probs(tiny("gpt2"), []) == []
    assert masked_log_probs(tiny("bert"), []) == []


@given(SEQUENCES, st.integers(1, 12))
def test_rows_hold_every_sequence_as_a_path(sequences: list[list[int]], capacity: int) -> None:
    members = []
    for row in build_prefix_rows(sequences, capacity):
        n = len(row.tokens)
        longest = max(len(sequences[index]) - 1 for index, _ in row.members)
        assert n <= max(capacity, longest)
        attends = row.attention()
        used = set()
        for index, path in row.members:
            members.append(index)
            sequence = sequences[index]
            assert row.tokens[path].tolist() == sequence[:-1]
            assert row.depth[path].tolist() == list(range(len(path)))
            assert row.parent[path].tolist() == [-1, *path[:-1].tolist()]
            for depth, node in enumerate(path):
                assert set(np.flatnonzero(attends[node])) == set(path[: depth + 1].tolist())
            used |= set(path.tolist())
        assert used == set(range(n)), "every node predicts a token"
        nodes = {tuple(row.tokens[np.flatnonzero(attends[node])]) for node in range(n)}
        assert len(nodes) == n, "no prefix occurs twice in a row"
    assert sorted(members) == [i for i, s in enumerate(sequences) if len(s) > 1]


def score_masked_alone(model: torch.nn.Module, text: MaskedText) -> np.ndarray:
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([text.ids])).logits[0].float().log_softmax(-1)
    return logits[list(text.positions), list(text.targets)].numpy()


@pytest.mark.parametrize("batch_tokens", [1, 64, 1024])
@pytest.mark.parametrize("family", MASKED)
def test_masked_equals_one_text_at_a_time(family: str, batch_tokens: int) -> None:
    model = tiny(family)
    generator = torch.Generator().manual_seed(0)
    texts = []
    for length in (3, 5, 5, 8, 13, 40):
        ids = torch.randint(5, VOCABULARY, (length,), generator=generator).tolist()
        texts += mask_one_at_a_time([1, *ids, 2], range(1, length + 1), mask_id=3)
    texts.append(MaskedText((1, 3, 3, 9, 2), (1, 2), (7, 8)))  # two masks at once
    results = masked_log_probs(model, texts, batch_tokens=batch_tokens)
    for text, values in zip(texts, results, strict=True):
        assert values == pytest.approx(score_masked_alone(model, text), abs=1e-4)


def test_one_at_a_time_masks_and_predicts_each_position() -> None:
    first, second = mask_one_at_a_time([1, 7, 8, 2], [1, 2], mask_id=3)
    assert first == MaskedText((1, 3, 8, 2), (1,), (7,))
    assert second == MaskedText((1, 7, 3, 2), (2,), (8,))


def _score_share() -> tuple[int, list[list[float]], list[list[float]]]:
    """The number of sequences that this process scored, and all scores, causal and masked."""
    share = []

    def score(sequences: list[list[int]]) -> list[np.ndarray]:
        share.extend(sequences)
        return token_log_probs(tiny("llama"), sequences)

    results = map_distributed(score, some_sequences(), key=lambda sequence: sequence)
    texts = mask_one_at_a_time([1, 9, 8, 7, 6, 2], range(1, 5), mask_id=3)
    masked = masked_log_probs(tiny("bert"), texts)
    return len(share), [v.tolist() for v in results], [v.tolist() for v in masked]


@pytest.mark.processes
def test_two_processes_share_the_work_and_get_the_same_numbers() -> None:
    answers = run_in_two(_score_share)
    sequences = some_sequences()
    single = token_log_probs(tiny("llama"), sequences)
    texts = mask_one_at_a_time([1, 9, 8, 7, 6, 2], range(1, 5), mask_id=3)
    masked = masked_log_probs(tiny("bert"), texts)
    assert sum(count for count, _, _ in answers) == len(sequences)
    assert all(count > 0 for count, _, _ in answers)
    assert answers[0][1:] == answers[1][1:]
    for values, expected in zip(answers[0][1], single, strict=True):
        assert values == pytest.approx(expected.tolist(), abs=1e-4)
    for values, expected in zip(answers[0][2], masked, strict=True):
        assert values == pytest.approx(expected.tolist(), abs=1e-4)
