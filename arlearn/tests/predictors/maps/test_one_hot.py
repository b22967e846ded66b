import pytest
import torch

from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.maps.packed import PackedMap


@pytest.mark.parametrize("length", [1, 4, 8, 9, 17, 19])
def test_equals_the_dense_definition_with_its_gradient(length: int) -> None:
    torch.manual_seed(length)
    map = PackedMap(19, 5, 3).double()
    torch.nn.init.normal_(map.weight)
    tokens = torch.randint(5, (7, length))
    dense = map(torch.eye(5, dtype=torch.float64)[tokens])
    picked = map.pick(tokens)
    torch.testing.assert_close(picked, dense, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(map.pick_last(tokens), dense[:, -1], rtol=1e-12, atol=1e-12)
    push = torch.randn_like(dense)
    (expected,) = torch.autograd.grad((dense * push).sum(), map.weight)
    (given,) = torch.autograd.grad((picked * push).sum(), map.weight)
    torch.testing.assert_close(given, expected, rtol=1e-12, atol=1e-12)


def test_a_predictor_with_a_one_hot_embedding_gives_the_same_logits_either_way() -> None:
    torch.manual_seed(0)
    map = PackedMap(6, 5, 3)
    torch.nn.init.normal_(map.weight)
    head = torch.randn(5, 3)
    fast = LinearPredictor(torch.eye(5), map, head, frozen=("embedding",))
    general = LinearPredictor(torch.eye(5), map, head)  # its embedding is learned, so it takes the general path
    tokens = torch.randint(5, (4, 6))
    torch.testing.assert_close(fast(tokens), general(tokens))
    state = fast.start(4)
    for place in range(6):
        logits, state = fast.step(state, tokens[:, place])
        torch.testing.assert_close(logits, general(tokens)[:, place])
