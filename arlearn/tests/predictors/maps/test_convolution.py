from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arlearn.predictors.maps.blocks import SHORT, _by_frequencies, _written_out, causal_convolution


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 3), st.integers(1, 40), st.integers(1, 3), st.integers(1, 3), st.integers(1, 40))
def test_frequencies_agree_with_the_definition(batch, length, inputs, outputs, span) -> None:
    draw = torch.Generator().manual_seed(length * 41 + span)
    x = torch.randn(batch, length, inputs, generator=draw, dtype=torch.float64)
    weight = torch.randn(span, inputs, outputs, generator=draw, dtype=torch.float64)
    defined = torch.zeros(batch, length, outputs, dtype=torch.float64)
    for t in range(length):
        for k in range(min(span, t + 1)):
            defined[:, t] += x[:, t - k] @ weight[k]
    for got in (causal_convolution(x, weight), _by_frequencies(x, weight[:length]), _written_out(x, weight[:length])):
        torch.testing.assert_close(got, defined)


@pytest.mark.parametrize("length", [SHORT, 3 * SHORT, 5 * SHORT + 1])
def test_gradients(length: int) -> None:
    x = torch.randn(2, length, 2, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(SHORT + 4, 2, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(causal_convolution, (x, weight))


def test_float32_is_close_to_float64_and_autocast_does_not_change_it() -> None:
    x, weight = torch.randn(4, 100, 32), torch.randn(64, 32, 32)
    exact = causal_convolution(x.double(), weight.double())
    got = causal_convolution(x, weight)
    assert float((got - exact).abs().max() / exact.abs().max()) < 2e-6
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(causal_convolution(x, weight), got)
