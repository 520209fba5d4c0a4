"""The generation engine: the same tokens whatever the batch, samples, limits, chat templates."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace

import pytest
import torch
import transformers as hf
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import GenerationConfig

from fairforget.errors import InputError
from fairforget.generation.chat import DATE, render_messages
from fairforget.generation.decoding import Continuation, Decoding, summarize
from fairforget.generation.engine import encode_prompts, generate
from fairforget.generation.sampling import GumbelNoise, noise_seed
from fairforget.models.language_model import LanguageModel

from .models import CAUSAL, VOCABULARY, tiny, tiny_model

PROMPTS = ["Women", "The river has a bridge and an old mill near", "They", "", "Most people are"]
SAMPLED = Decoding(tokens=8, temperature=1.0, draws=2, seed=3)


@pytest.mark.parametrize("family", CAUSAL)
def test_batches_do_not_change_a_token(family: str) -> None:
    lm = tiny_model(family)
    for decoding in (SAMPLED, Decoding(tokens=8)):
        together = generate(lm, PROMPTS, decoding)
        assert together == generate(lm, PROMPTS, decoding)
        assert together == generate(lm, PROMPTS, decoding, batch_rows=1)
        assert together[::-1] == generate(lm, PROMPTS[::-1], decoding, batch_rows=3)


def test_draws_and_seeds_differ() -> None:
    lm = tiny_model("llama")
    first, second = generate(lm, ["Women"], SAMPLED)[0]
    assert first != second
    assert generate(lm, ["Women"], replace(SAMPLED, seed=4))[0] != [first, second]
    assert generate(lm, ["Women"], replace(SAMPLED, draws=1))[0] == [first]
    assert len({noise_seed("a", n, m) for n in range(9) for m in range(9)}) == 81


@pytest.mark.parametrize("threads", [1, 4])
@torch.inference_mode()
def test_rows_drawn_side_by_side_have_the_noise_of_rows_drawn_alone(
    threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    seeds, temperature = [3, 2**62, 5, 3, *range(20)], 0.7
    scores = torch.randn(len(seeds), 5003, generator=torch.Generator().manual_seed(0))
    together = GumbelNoise(seeds, temperature)
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    for _ in range(3):
        drawn = [torch.empty(5003).exponential_(generator=g) for g in generators]
        expected = scores / temperature + torch.stack(drawn).log_().neg_()
        assert torch.equal(together(torch.zeros(0), scores), expected)


def test_samples_have_the_models_distribution() -> None:
    """The most frequent first tokens, within four standard errors of their probabilities."""
    lm = tiny_model("llama")
    with torch.no_grad():
        lm.model.lm_head.weight.mul_(30)  # a model that prefers some tokens
        ids = torch.tensor([[lm.start_id, *lm.tokenizer("They")["input_ids"]]])
        logits = lm.model(ids).logits[0, -1]
    try:
        for temperature in (1.0, 2.0):
            decoding = Decoding(tokens=1, temperature=temperature, draws=2000)
            (drawn,) = generate(lm, ["They"], decoding, batch_rows=500)
            counts = Counter(c.text for c in drawn)
            p, token = (logits / temperature).softmax(-1).max(-1)
            text = lm.tokenizer.decode([int(token)], skip_special_tokens=True)
            share = counts[text] / len(drawn)
            error = math.sqrt(p * (1 - p) / len(drawn))
            assert p > 0.1
            assert abs(share - p) < 4 * error
    finally:
        with torch.no_grad():
            lm.model.lm_head.weight.div_(30)


def test_empty_and_endless_continuations_are_counted() -> None:
    lm = tiny_model("llama")
    ends = lm.model.generation_config.eos_token_id
    try:
        lm.model.generation_config.eos_token_id = list(range(400))  # every token ends the text
        ((empty,),) = generate(lm, ["Women"], Decoding(tokens=5))
        lm.model.generation_config.eos_token_id = 399
        ((endless,),) = generate(lm, ["Women"], Decoding(tokens=5))
    finally:
        lm.model.generation_config.eos_token_id = ends
    assert (empty.text, empty.tokens, empty.ended) == ("", 0, True)
    assert (endless.tokens, endless.ended) == (5, False)
    summary = summarize([empty, endless])
    assert (summary["continuations"], summary["empty"], summary["at_limit"]) == (2, 1, 1)
    assert summary["mean_tokens"] == 2.5


def test_the_settings_of_the_checkpoint_do_not_act() -> None:
    lm = tiny_model("llama")
    own = lm.model.generation_config
    expected = [generate(lm, PROMPTS, it) for it in (SAMPLED, Decoding(tokens=8))]
    settings = {
        "suppress_tokens": list(range(1, 390)),
        "no_repeat_ngram_size": 1,
        "repetition_penalty": 3.0,
        "min_new_tokens": 8,
        "top_k": 2,
        "temperature": 0.1,
    }
    lm.model.generation_config = GenerationConfig(eos_token_id=own.eos_token_id, **settings)
    try:
        assert [generate(lm, PROMPTS, it) for it in (SAMPLED, Decoding(tokens=8))] == expected
        kept = lm.model.generation_config.to_dict()
    finally:
        lm.model.generation_config = own
    assert settings.items() <= kept.items()


def test_repetition_lowers_distinct_bigrams() -> None:
    repeated = [Continuation("kind and kind and kind", 5, True)] * 2
    assert summarize(repeated)["distinct_2"] == 0.25  # 2 of 8
    assert summarize([Continuation("kind and wise", 3, True)])["distinct_2"] == 1.0
    assert summarize([Continuation("kind", 1, True)])["distinct_2"] == 0.0  # has no bigram
    assert summarize([])["mean_tokens"] == 0.0


def test_a_text_ends_at_its_first_end_token() -> None:
    """Rows of a batch that end early are padded, and the padding is no part of them."""
    lm = tiny_model("llama")
    ends = lm.model.generation_config.eos_token_id
    free = generate(lm, PROMPTS, SAMPLED)
    third = lm.tokenizer(free[0][0].text, add_special_tokens=False)["input_ids"]
    assert third
    try:
        lm.model.generation_config.eos_token_id = list(range(0, 400, 4))
        cut = generate(lm, PROMPTS, SAMPLED)
    finally:
        lm.model.generation_config.eos_token_id = ends
    pairs = [(a, b) for x, y in zip(free, cut, strict=True) for a, b in zip(x, y, strict=True)]
    assert all(a.text.startswith(b.text) or "�" in a.text + b.text for a, b in pairs)
    assert {b.ended for _, b in pairs} == {True, False}
    assert all(b.tokens < 8 for _, b in pairs if b.ended)


def llama2_tokenizer() -> hf.PreTrainedTokenizerFast:
    """Marks the beginnings of words; its decoder drops the space before the first one."""
    tokenizer = Tokenizer(WordLevel({"<s>": 0, "▁Most": 1, "▁people": 2, "▁kind": 3, "ly": 4}))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
    strip = decoders.Strip(content=" ", left=1, right=0)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), strip])
    return hf.PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="<s>")


def test_the_end_token_of_the_tokenizer_ends_a_text() -> None:
    lm = tiny_model("llama")
    end = 9
    lm.tokenizer.eos_token = lm.tokenizer.convert_ids_to_tokens(end)
    assert end not in (lm.start_id, lm.model.generation_config.eos_token_id)
    lm.model.lm_head = torch.nn.Linear(lm.model.config.hidden_size, VOCABULARY)
    torch.nn.init.zeros_(lm.model.lm_head.weight)
    lm.model.lm_head.bias.data = 50.0 * torch.eye(VOCABULARY)[end]
    ((written,),) = generate(lm, ["a"], Decoding(tokens=4))
    assert written.ended


def test_the_start_of_another_text_ends_a_text() -> None:
    lm = tiny_model("llama")
    assert lm.start_id in lm.tokenizer.all_special_ids
    lm.model.generation_config.eos_token_id = lm.start_id + 1
    lm.model.lm_head = torch.nn.Linear(lm.model.config.hidden_size, VOCABULARY)
    torch.nn.init.zeros_(lm.model.lm_head.weight)
    lm.model.lm_head.bias.data = 50.0 * torch.eye(VOCABULARY)[lm.start_id]
    ((written,),) = generate(lm, ["the"], Decoding(tokens=4))
    assert (written.text, written.tokens, written.ended) == ("", 0, True)


@pytest.mark.parametrize(
    ("prompt", "token", "text"),
    [
        ("Most people", "▁kind", " kind kind"),
        ("Most people", "ly", "lyly"),
        ("", "▁kind", "kind kind"),
    ],
)
def test_a_space_after_the_prompt_is_kept(prompt: str, token: str, text: str) -> None:
    tokenizer = llama2_tokenizer()
    lm = LanguageModel(tiny("llama", 0), tokenizer, "llama2", "causal", "<s>")
    lm.model.lm_head = torch.nn.Linear(lm.model.config.hidden_size, VOCABULARY)
    torch.nn.init.zeros_(lm.model.lm_head.weight)
    lm.model.lm_head.bias.data = 50.0 * torch.eye(VOCABULARY)[tokenizer.vocab[token]]
    ((written,),) = generate(lm, [prompt], Decoding(tokens=2))
    assert written.text == text


def test_progress_has_the_speed() -> None:
    calls: list[tuple[int, int, str]] = []

    def progress(done: int, total: int, /, *, note: str = "") -> None:
        calls.append((done, total, note))

    generate(tiny_model("gpt2"), PROMPTS, SAMPLED, batch_rows=4, progress=progress)
    assert [call[:2] for call in calls] == [(4, 10), (4, 10), (2, 10)]
    assert all(call[2].endswith(" tokens/s") for call in calls)


def test_a_chat_template_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = tiny_model("llama")
    plain = encode_prompts(lm, ["Women"])
    with pytest.raises(InputError, match="has no chat template; use an instruction-tuned"):
        generate(lm, ["Women"], Decoding(chat=True))
    template = (
        "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
        "{% if add_generation_prompt %}<assistant>{% endif %}"
    )
    monkeypatch.setattr(lm.tokenizer, "chat_template", template)
    assert encode_prompts(lm, ["Women"]) == plain
    (ids,) = encode_prompts(lm, ["Women"], chat=True)
    assert lm.tokenizer.decode(ids) == "<user>Women<assistant>"
    assert len(generate(lm, ["Women"], Decoding(tokens=2, chat=True))) == 1


def test_bad_input_is_one_line() -> None:
    with pytest.raises(InputError, match=r"text generation needs a causal model; .* masked"):
        generate(tiny_model("bert"), ["Women"])
    lm = tiny_model("gpt2")
    with pytest.raises(InputError, match=r"'Women' with 300 new tokens: 30\d tokens are more"):
        generate(lm, ["Women"], Decoding(tokens=300))
    for bad in ({"tokens": 0}, {"draws": 0}, {"temperature": -1.0}, {"temperature": math.nan}):
        with pytest.raises(InputError, match=next(iter(bad))):
            Decoding(**bad)
    with pytest.raises(ValueError, match="3 draws of greedy text"):
        Decoding(draws=3)
    assert generate(lm, [], SAMPLED) == []


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_a_model_whose_predictions_are_no_numbers_writes_nothing(temperature: float) -> None:
    lm = tiny_model("llama")
    with torch.no_grad():
        next(lm.model.parameters()).fill_(math.nan)
    with pytest.raises(InputError, match="not numbers"):
        generate(lm, ["The town is"], Decoding(tokens=2, temperature=temperature))


def test_a_prompt_does_not_depend_on_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = tiny_model("llama")
    dated = "Today: {{ strftime_now('%d %b %Y') }} {{ messages[0].content }}"
    for template in (dated, {"default": dated, "tools": "{{ tools }}"}):
        monkeypatch.setattr(lm.tokenizer, "chat_template", template)
        assert render_messages(lm.tokenizer, ["Hi."], "tiny") == [f"Today: {DATE} Hi."]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{% if tools|length > 0 %}{% endif %}", "fails"),
        ("{{ 1 / 0 }}", "fails"),
        ("{% for part in messages[0].content.parts %}{{ part }}{% endfor %}", "omits or changes"),
        ("Answer:", "omits or changes the message 'Who lies\\?'"),
    ],
)
def test_a_template_that_fails_or_leaves_out_the_message_is_refused(
    monkeypatch: pytest.MonkeyPatch, template: str, message: str
) -> None:
    lm = tiny_model("llama")
    monkeypatch.setattr(lm.tokenizer, "chat_template", template)
    with pytest.raises(InputError, match=message):
        encode_prompts(lm, ["Who lies?"], chat=True)
