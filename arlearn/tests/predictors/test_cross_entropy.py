"""The fused cross-entropy against PyTorch's own."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from arlearn.errors import ArlearnError
from arlearn.predictors.output_head import LARGEST_SUM, linear_cross_entropy


def problem(rows, vocabulary, width, scale=1.0, dtype=torch.double, seed=0):
    generator = torch.Generator().manual_seed(seed)
    hidden = (torch.randn(rows, width, generator=generator, dtype=dtype) * scale).requires_grad_()
    head = torch.randn(vocabulary, width, generator=generator, dtype=dtype).requires_grad_()
    bias = torch.randn(vocabulary, generator=generator, dtype=dtype).requires_grad_()
    return hidden, head, bias, torch.randint(vocabulary, (rows,), generator=generator)


@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(1, 20),
    vocabulary=st.integers(1, 40),
    width=st.integers(1, 6),
    chunk=st.tuples(st.integers(1, 25), st.integers(1, 45)),
    scale=st.sampled_from([0.0, 1.0, 300.0]),
    with_bias=st.booleans(),
    reduction=st.sampled_from(["mean", "sum"]),
)
def test_equals_pytorch_with_its_gradients(rows, vocabulary, width, chunk, scale, with_bias, reduction):
    hidden, head, bias, targets = problem(rows, vocabulary, width, scale, seed=rows)
    inputs = [hidden, head, bias] if with_bias else [hidden, head]
    expected = F.cross_entropy(F.linear(*inputs), targets, reduction=reduction)
    got = linear_cross_entropy(hidden, head, targets, bias if with_bias else None, reduction=reduction, chunk=chunk)
    torch.testing.assert_close(got, expected)
    for mine, theirs in zip(
        torch.autograd.grad(got * 3, inputs), torch.autograd.grad(expected * 3, inputs), strict=True
    ):
        torch.testing.assert_close(mine, theirs)


def test_gradients_in_float64():
    hidden, head, bias, targets = problem(7, 11, 3)
    assert torch.autograd.gradcheck(
        lambda h, w, b: linear_cross_entropy(h, w, targets, b, chunk=(3, 4)), (hidden, head, bias)
    )


def test_a_shift_too_small_is_found_and_mended():
    """One token outside the first tile is e^200 times likelier than the target and the tile: the sum overflows."""
    head = torch.zeros(30, 1)
    head[17] = 200.0
    hidden = torch.ones(4, 1, requires_grad=True)
    head.requires_grad_()
    targets = torch.tensor([0, 3, 17, 29])
    assert float(torch.tensor(200.0).double().exp()) > LARGEST_SUM
    got = linear_cross_entropy(hidden, head, targets, chunk=(4, 8))
    expected = F.cross_entropy(hidden @ head.T, targets)
    torch.testing.assert_close(got, expected)
    for mine, theirs in zip(
        torch.autograd.grad(got, [hidden, head]), torch.autograd.grad(expected, [hidden, head]), strict=True
    ):
        torch.testing.assert_close(mine, theirs)


def test_a_second_backward_gives_the_same_gradient_again():
    hidden, head, _, targets = problem(6, 9, 3)
    loss = linear_cross_entropy(hidden, head, targets, chunk=(4, 4))
    first = torch.autograd.grad(loss * 2, [hidden, head], retain_graph=True)
    second = torch.autograd.grad(loss * 2, [hidden, head])
    for one, other in zip(first, second, strict=True):
        torch.testing.assert_close(one, other)


def test_no_gradient_is_computed_for_what_is_frozen():
    hidden, head, _, targets = problem(6, 9, 3)
    loss = linear_cross_entropy(hidden, head.detach(), targets)
    (got,) = torch.autograd.grad(loss, [hidden])
    torch.testing.assert_close(got, torch.autograd.grad(F.cross_entropy(hidden @ head.T, targets), [hidden])[0])
    with torch.no_grad():
        assert not linear_cross_entropy(hidden, head, targets).requires_grad


def test_one_loss_per_row():
    hidden, head, bias, targets = problem(10, 9, 3)
    each = linear_cross_entropy(hidden, head, targets, bias, reduction="none", chunk=(4, 5))
    torch.testing.assert_close(each, F.cross_entropy(F.linear(hidden, head, bias), targets, reduction="none").detach())


def test_bfloat16_autocast_keeps_float32_gradients():
    hidden, head, bias, targets = problem(64, 300, 32, scale=0.3, dtype=torch.float32)
    expected = F.cross_entropy(F.linear(hidden, head, bias), targets)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = linear_cross_entropy(hidden, head, targets, bias, chunk=(20, 70))
    assert abs(float(got) - float(expected)) < 0.01 * float(expected)
    inputs = [hidden, head, bias]
    for mine, theirs in zip(torch.autograd.grad(got, inputs), torch.autograd.grad(expected, inputs), strict=True):
        assert mine.dtype == torch.float32
        assert (mine - theirs).norm() < 0.02 * theirs.norm()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
def test_cuda_equals_cpu():
    hidden, head, bias, targets = problem(64, 300, 32, dtype=torch.float32)
    expected = linear_cross_entropy(hidden, head, targets, bias)
    got = linear_cross_entropy(hidden.cuda(), head.cuda(), targets.cuda(), bias.cuda())
    torch.testing.assert_close(got.cpu(), expected, rtol=1e-3, atol=1e-4)


def test_memory_never_holds_all_logits():
    """20,000 rows x 8,000 tokens would be 640 MB of logits (and as much again for their gradient)."""
    resource = pytest.importorskip("resource")
    hidden = torch.randn(20_000, 4, requires_grad=True)
    head = torch.randn(8_000, 4, requires_grad=True)
    targets = torch.randint(8_000, (20_000,))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    linear_cross_entropy(hidden, head, targets).backward()
    after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert (after - before) * 1024 < 200e6


def test_bad_input_is_named():
    hidden, head, bias, targets = problem(4, 5, 3)
    with pytest.raises(ArlearnError, match="do not fit together"):
        linear_cross_entropy(hidden, head[:, :2], targets)
    with pytest.raises(ArlearnError, match="do not fit together"):
        linear_cross_entropy(hidden, head, targets, bias[:2])
    with pytest.raises(ArlearnError, match="no rows"):
        linear_cross_entropy(hidden[:0], head, targets[:0])
    with pytest.raises(ArlearnError, match="run from 0 to 9"):
        linear_cross_entropy(hidden, head, torch.tensor([0, 1, 9, 2]))
