"""Generation and sampling."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arlearn.decoding.generate import BLOCK, TextStream, choose, generate, row_generator
from arlearn.errors import ArlearnError
from arlearn.predictors.base import ABSENT
from arlearn.predictors.linear import LinearPredictor
from arlearn.tokens.bytepair import added_text


@pytest.fixture(scope="module")
def predictor():
    torch.manual_seed(5)
    return LinearPredictor.build(19, 7, 8, seed=5)


def test_greedy_is_what_forward_says_at_each_token(predictor):
    prompt = torch.randint(19, (4, 3))
    made = generate(predictor, prompt, 15)
    whole = torch.cat([prompt, made], dim=1)
    for place in range(3, 18):
        window = whole[:, max(0, place - 7) : place]
        assert torch.equal(predictor(window)[:, -1].argmax(-1), whole[:, place])


def test_the_same_seed_gives_the_same_text_whatever_else_is_in_the_batch(predictor):
    prompt = torch.randint(19, (5, 2))
    first = generate(predictor, prompt, 20, temperature=0.9, seed=11)
    assert torch.equal(first, generate(predictor, prompt, 20, temperature=0.9, seed=11))
    assert not torch.equal(first, generate(predictor, prompt, 20, temperature=0.9, seed=12))
    assert torch.equal(first[:2], generate(predictor, prompt[:2], 20, temperature=0.9, seed=11))
    assert not torch.equal(first[0], generate(predictor, prompt[:1].repeat(2, 1), 20, temperature=0.9, seed=11)[1])


def test_stop_tokens_end_a_row_and_leave_the_others_alone(predictor):
    prompt = torch.randint(19, (6, 2))
    free = generate(predictor, prompt, 25, temperature=1.0, seed=2)
    stop = int(free[0, 4])
    heard = []
    made = generate(
        predictor, prompt, 25, temperature=1.0, seed=2, stop={stop}, callback=lambda r, t: heard.append((r, t))
    )
    for row in range(6):
        places = (free[row] == stop).nonzero()
        end = int(places[0]) + 1 if len(places) else 25
        width = made.shape[1]
        assert torch.equal(made[row, : min(end, width)], free[row, : min(end, width)])
        assert bool((made[row, end:] == ABSENT).all())
    told = torch.full_like(made, ABSENT)
    for place, (rows, tokens) in enumerate(heard):
        told[rows, place] = tokens
    assert torch.equal(told, made)


@settings(deadline=None, max_examples=100)
@given(data=st.data(), temperature=st.floats(0.05, 5), uniform=st.floats(0, 0.999999))
def test_sampling_inverts_the_distribution_it_names(data, temperature, uniform):
    size = data.draw(st.integers(2, 9))
    logits = torch.tensor([data.draw(st.lists(st.floats(-9, 9), min_size=size, max_size=size))], dtype=torch.double)
    top_k = data.draw(st.none() | st.integers(1, size))
    top_p = data.draw(st.none() | st.floats(0.05, 1))
    token = int(choose(logits, torch.tensor([uniform]), temperature, top_k, top_p))
    mass = (logits[0] / temperature).softmax(0)
    order = mass.sort(descending=True).indices.tolist()
    if top_k is not None:
        order = order[:top_k]
    if top_p is not None:
        within, kept = sum(float(mass[t]) for t in order), []
        for t in order:
            kept.append(t)
            if sum(float(mass[k]) for k in kept) >= top_p * within * (1 + 1e-9):
                break
        order = kept
    assert any(float(mass[token]) >= float(mass[t]) * (1 - 1e-9) for t in order)


def uniforms(seed, row, count):
    return torch.rand(count, dtype=torch.float64, generator=row_generator(seed, row))


def test_frequencies_are_the_probabilities():
    logits = torch.tensor([2.0, 1.0, 0.0, -1.0]).expand(40_000, 4)
    counts = torch.bincount(choose(logits, uniforms(0, 0, 40_000), 0.7), minlength=4) / 40_000
    assert (counts - (logits[0] / 0.7).softmax(0)).abs().max() < 0.01  # 4 standard deviations
    only = choose(logits, uniforms(0, 0, 40_000), 0.7, top_k=2)
    assert set(only.tolist()) == {0, 1}
    assert set(choose(logits, uniforms(0, 0, 40_000), 0.7, top_p=0.5).tolist()) == {0}


def test_the_smallest_temperature_is_greedy_and_does_not_overflow():
    logits = torch.tensor([[3.0, 50.0, -1000.0]])
    assert int(choose(logits, torch.tensor([0.999]), 1e-12)) == 1


def test_bad_input_is_named(predictor):
    prompt = torch.zeros(1, 2, dtype=torch.long)
    with pytest.raises(ArlearnError, match=r"temperature .* got -1; top-k .* got 0; top-p .* got 2"):
        generate(predictor, prompt, 1, temperature=-1, top_k=0, top_p=2)
    with pytest.raises(ArlearnError, match="at least one token"):
        generate(predictor, prompt[:, :0], 1)
    with pytest.raises(ArlearnError, match=r"outside 0\.\.18"):
        generate(predictor, prompt + 19, 1)
    assert generate(predictor, prompt, 0).shape == (1, 0)
    assert generate(predictor, prompt[:0], 3).shape == (0, 3)


@given(st.text(max_size=30))
def test_streamed_pieces_are_the_text(text):
    content = text.encode("utf-8", "surrogatepass")
    decode = lambda tokens: bytes(tokens).decode("utf-8", "replace")  # noqa: E731
    stream = TextStream(decode)
    pieces = [stream.feed(byte) for byte in content]
    assert "".join(pieces) + stream.end() == decode(content)


@given(st.text(max_size=30), st.text(max_size=400))
def test_streamed_pieces_are_what_the_tokens_add(before, text):
    given, content = before.encode("utf-8", "surrogatepass"), text.encode("utf-8", "surrogatepass")
    decode = lambda tokens: bytes(tokens).decode("utf-8", "replace")  # noqa: E731
    stream = TextStream(decode, given)
    pieces = [stream.feed(byte) for byte in content]
    assert "".join(pieces) + stream.end() == added_text(decode, given, content)


def test_a_stream_decodes_a_bounded_number_of_tokens_each_time():
    lengths = []

    def decode(tokens):
        lengths.append(len(tokens))
        return "".join(chr(97 + token % 26) for token in tokens)

    stream = TextStream(decode, range(1000))
    assert "".join(stream.feed(token) for token in range(5000)) == decode(range(5000))
    assert max(lengths[:-1]) <= 64


def test_room_is_made_as_it_is_needed(predictor):
    """Asking for more tokens than any memory holds costs nothing when an end comes; blocks change no number."""
    prompt = torch.randint(19, (2, 2))
    free = generate(predictor, prompt, 2 * BLOCK + 10, temperature=1.0, seed=2)
    numbers = uniforms(2, 1, 2 * BLOCK + 10)
    logits, state = predictor.prefill(predictor.start(1), prompt[1:])
    for place in range(2 * BLOCK + 10):
        token = choose(logits, numbers[place : place + 1], 1.0)
        assert int(token) == int(free[1, place])
        logits, state = predictor.step(state, token)
    stops = set(range(19)) - {int(free[0, 0])}
    assert generate(predictor, prompt[:1], 10**15, temperature=1.0, seed=2, stop=stops).shape[1] < 50
