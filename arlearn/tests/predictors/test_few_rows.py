"""Products of a few rows equal the ordinary ones, whoever computes which part."""

import pytest
import torch

from arlearn.predictors import output_head


@pytest.fixture(params=[1, 2, 3])
def threads(request, monkeypatch):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    monkeypatch.setattr(output_head, "SMALL", 1)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("batch", [0, 1, 3, 9])
@pytest.mark.parametrize(("inputs", "outputs"), [(256, 1001), (1000, 70), (3, 5), (257, 300)])
def test_equal_products(batch, inputs, outputs):
    x = torch.randn(batch, inputs, dtype=torch.double)
    weight, bias = torch.randn(outputs, inputs, dtype=torch.double), torch.randn(outputs, dtype=torch.double)
    with torch.no_grad():
        torch.testing.assert_close(output_head.few_rows_linear(x, weight, bias), x @ weight.T + bias)
        torch.testing.assert_close(output_head.few_rows_linear(x, weight, None), x @ weight.T)


@pytest.mark.usefixtures("threads")
def test_who_computes_which_part_changes_nothing():
    x, weight = torch.randn(1, 256), torch.randn(9_001, 256)
    with torch.no_grad():
        first = output_head.few_rows_linear(x, weight, None)
        assert all(torch.equal(output_head.few_rows_linear(x, weight, None), first) for _ in range(20))


@pytest.mark.usefixtures("threads")
def test_gradients_still_flow_where_they_are_wanted():
    weight = torch.randn(300, 257, requires_grad=True)
    output_head.few_rows_linear(torch.randn(1, 257), weight, None).sum().backward()
    assert weight.grad is not None
