"""Products of a few rows equal the ordinary ones, however they are shared out."""

import pytest
import torch

from arlearn.kernels import few_rows


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("batch", [0, 1, 3, 9])
@pytest.mark.parametrize(("inputs", "outputs"), [(256, 1001), (1000, 70), (3, 5), (257, 300)])
def test_equal_products(batch, inputs, outputs):
    x = torch.randn(batch, inputs, dtype=torch.double)
    weight, bias = torch.randn(outputs, inputs, dtype=torch.double), torch.randn(outputs, dtype=torch.double)
    with torch.no_grad():
        torch.testing.assert_close(few_rows.linear(x, weight, bias), x @ weight.T + bias)
        torch.testing.assert_close(few_rows.linear(x, weight, None), x @ weight.T)
        torch.testing.assert_close(few_rows.product(x, weight.T), x @ weight.T)
        wide = torch.randn(inputs, 3 * outputs, dtype=torch.double)
        columns = wide[:, outputs : 2 * outputs]
        torch.testing.assert_close(few_rows.product(x, columns), x @ columns)


def test_gradients_still_flow_where_they_are_wanted():
    weight = torch.randn(300, 257, requires_grad=True)
    few_rows.linear(torch.randn(1, 257), weight, None).sum().backward()
    assert weight.grad is not None
