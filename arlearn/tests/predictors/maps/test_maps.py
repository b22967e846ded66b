"""The causal maps against the dense definition: values, both gradients, single rows, one-hot inputs."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from arlearn.errors import ArlearnError
from arlearn.predictors.maps import build_map
from arlearn.predictors.maps.base import CausalMap
from arlearn.predictors.maps.blocks import BlocksMap, PeriodicMap, ShiftMap
from arlearn.predictors.maps.packed import PackedMap


def make(kind: str, context: int, inputs: int, outputs: int, seed: int = 0) -> CausalMap:
    generator = torch.Generator().manual_seed(seed)
    if kind == "packed":
        map: CausalMap = PackedMap(context, inputs, outputs)
    elif kind == "shift":
        map = ShiftMap(inputs, outputs, max(1, context * 2 // 3))
    elif kind == "periodic":
        start, period = context // 3, max(1, context // 4)
        pairs = [(row, d) for row in range(start + period) for d in range(context)]
        chosen = torch.randperm(len(pairs), generator=generator)[: len(pairs) // 3 + 1].tolist()
        map = PeriodicMap(inputs, outputs, start, period, [(*pairs[i], n // 2) for n, i in enumerate(chosen)])
    else:
        pairs = [(t, s) for t in range(context) for s in range(t + 1)]
        chosen = torch.randperm(len(pairs), generator=generator)[: len(pairs) // 2 + 1]
        map = BlocksMap(context, inputs, outputs, [pairs[i] for i in chosen])
    map = map.double()
    with torch.no_grad():
        map.weight.normal_(generator=generator)
    return map


def dense(map: CausalMap, length: int) -> torch.Tensor:
    """The whole (length * outputs, length * inputs) matrix, block by block."""
    matrix = torch.zeros(length, map.outputs, length, map.inputs, dtype=map.weight.dtype)
    for t in range(length):
        for s in range(length):
            block = map.block(t, s)
            if block is not None:
                matrix[t, :, s] = block
    return matrix.view(length * map.outputs, length * map.inputs)


KINDS = ("packed", "blocks", "shift", "periodic")
shapes = st.tuples(st.integers(1, 20), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))


@settings(deadline=None, max_examples=60)
@given(kind=st.sampled_from(KINDS), shape=shapes, data=st.data())
def test_maps_equal_their_dense_matrix(kind, shape, data):
    context, inputs, outputs, batch = shape
    length = data.draw(st.integers(1, context))
    map = make(kind, context, inputs, outputs, seed=context)
    x = torch.randn(batch, length, inputs, dtype=torch.double, requires_grad=True)
    upstream = torch.randn(batch, length, outputs, dtype=torch.double)
    matrix = dense(map, length)
    expected = (x.flatten(1) @ matrix.T).view(batch, length, outputs)
    of_x, of_weight = torch.autograd.grad((expected * upstream).sum(), [x, map.weight], materialize_grads=True)
    got = map(x)
    torch.testing.assert_close(got, expected)
    mine_x, mine_weight = torch.autograd.grad((got * upstream).sum(), [x, map.weight], materialize_grads=True)
    torch.testing.assert_close(mine_x, of_x)
    torch.testing.assert_close(mine_weight, of_weight)
    for t in range(length):
        torch.testing.assert_close(map.row(x[:, : t + 1], t), expected[:, t])


@settings(deadline=None, max_examples=30)
@given(kind=st.sampled_from(KINDS), shape=shapes)
def test_picking_equals_one_hot_inputs(kind, shape):
    context, inputs, outputs, batch = shape
    map = make(kind, context, inputs, outputs)
    columns = torch.randint(0, inputs, (batch, context))
    one_hot = torch.nn.functional.one_hot(columns, inputs).double()
    upstream = torch.randn(batch, context, outputs, dtype=torch.double)
    expected, got = map(one_hot), map.pick(columns)
    torch.testing.assert_close(got, expected)
    first = torch.autograd.grad((expected * upstream).sum(), map.weight)
    torch.testing.assert_close(torch.autograd.grad((got * upstream).sum(), map.weight), first)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_in_float64(kind):
    map = make(kind, 11, 2, 3)
    x = torch.randn(2, 10, 2, dtype=torch.double, requires_grad=True)
    weight = map.weight.detach().clone().requires_grad_()

    def run(x, weight):
        return torch.func.functional_call(map, {"weight": weight}, (x,))

    assert torch.autograd.gradcheck(run, (x, weight))


@pytest.mark.parametrize("kind", KINDS)
def test_no_output_depends_on_a_later_input(kind):
    map = make(kind, 12, 3, 2)
    x = torch.randn(1, 12, 3, dtype=torch.double)
    before = map(x)
    for t in range(12):
        changed = x.clone()
        changed[:, t] += 1
        torch.testing.assert_close(map(changed)[:, :t], before[:, :t])


def test_packed_stores_the_lower_half_only():
    map = PackedMap(13, 3, 5)
    assert map.weight.numel() == 13 * 14 // 2 * 3 * 5
    covered = torch.zeros(map.weight.numel(), dtype=torch.long)
    counting = torch.arange(map.weight.numel()).view(map.weight.shape)
    for part in map.parts():
        covered[map.matrix(counting, part).flatten()] += 1
    assert bool((covered == 1).all())


def test_packed_layout_is_the_documented_one():
    """Written out from the README's formula, not from the code's own views."""
    context, inputs, outputs = 11, 2, 3
    map = make("packed", context, inputs, outputs)
    flat = map.weight.detach().flatten()
    for t in range(context):
        p, r = t // 8 * 8, min(8, context - t // 8 * 8)
        base = p * (p + 1) // 2 * inputs * outputs
        for s in range(t + 1):
            for i in range(inputs):
                for o in range(outputs):
                    if s < p:
                        place = base + (s * inputs + i) * r * outputs + (t - p) * outputs + o
                    else:
                        j = t - p
                        place = base + p * r * inputs * outputs + j * (j + 1) // 2 * inputs * outputs
                        place += ((s - p) * inputs + i) * outputs + o
                    assert flat[place] == map.block(t, s)[o, i]


@pytest.mark.parametrize("kind", KINDS)
def test_bfloat16_autocast(kind):
    map = make(kind, 9, 16, 16).float()
    x = torch.randn(4, 9, 16, requires_grad=True)
    exact = map(x)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = map(x)
    assert (out.float() - exact).abs().max() < 0.05 * exact.abs().max()
    of_x, of_weight = torch.autograd.grad(out.float().square().sum(), [x, map.weight], materialize_grads=True)
    expected = torch.autograd.grad(exact.square().sum(), [x, map.weight], materialize_grads=True)
    assert of_x.dtype == of_weight.dtype == torch.float32
    assert (of_x - expected[0]).norm() < 0.05 * expected[0].norm()
    assert (of_weight - expected[1]).norm() < 0.05 * expected[1].norm()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_cuda_equals_cpu(kind, dtype):
    map = make(kind, 19, 32, 32).float()
    x = torch.randn(4, 19, 32)
    expected = map(x)
    map = map.cuda()
    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=dtype == torch.bfloat16):
        out = map(x.cuda())
    bound = 0.05 if dtype == torch.bfloat16 else 1e-3
    assert (out.float().cpu() - expected).abs().max() < bound * expected.abs().max()


@pytest.mark.parametrize("kind", KINDS)
def test_configuration_rebuilds_the_map(kind):
    map = make(kind, 9, 2, 3)
    again = build_map(map.kind, map.configuration()).double()
    again.load_state_dict(map.state_dict())
    x = torch.randn(2, 9, 2, dtype=torch.double)
    assert torch.equal(again(x), map(x))


def test_shift_takes_any_length():
    map = make("shift", 6, 2, 2)
    x = torch.randn(1, 300, 2, dtype=torch.double)
    torch.testing.assert_close(map(x)[:, 200:], map(x[:, 150:])[:, 50:])


def test_periodic_repeats_for_ever_and_stores_equal_blocks_once():
    map = PeriodicMap(2, 3, 2, 3, [(1, 1, 0), (2, 0, 1), (3, 4, 0), (4, 2, 1), (4, 0, 2)]).double()
    assert map.weight.shape == (3, 3, 2)
    assert (map.context, map.window) == (None, 5)
    with torch.no_grad():
        map.weight.normal_()
    x = torch.randn(1, 200, 2, dtype=torch.double)
    out = map(x)
    torch.testing.assert_close(out[:, 66:], map(x[:, 60:])[:, 6:])  # 60 is a multiple of the period
    torch.testing.assert_close(out[0, 103], map.weight[1] @ x[0, 101] + map.weight[2] @ x[0, 103])
    assert map.block(103, 101) is not None
    assert map.block(103, 102) is None
    assert PeriodicMap.dense(2, 2, period=3, span=4, start=1).weight.shape[0] == 16
    with pytest.raises(ArlearnError, match=r"outside: \[\(5, 0, 0\)\], repeated: \[\(1, 1\)\]"):
        PeriodicMap(2, 2, 2, 3, [(1, 1, 0), (1, 1, 2), (5, 0, 0)])


def test_bad_shapes_are_named():
    with pytest.raises(ArlearnError, match="context = 0, outputs = -1"):
        PackedMap(0, 3, -1)
    with pytest.raises(ArlearnError, match="more than the context of 4"):
        PackedMap(4, 2, 2)(torch.zeros(1, 5, 2))
    with pytest.raises(ArlearnError, match=r"\(batch, length, 2\)"):
        PackedMap(4, 2, 2)(torch.zeros(1, 4, 3))
    with pytest.raises(ArlearnError, match=r"outside: \[\(1, 2\)\], repeated: \[\(1, 1\)\]"):
        BlocksMap(3, 2, 2, [(1, 1), (1, 1), (1, 2)])
    with pytest.raises(ArlearnError, match="no causal map 'round'"):
        build_map("round", {})
    with pytest.raises(ArlearnError, match="is invalid"):
        build_map("packed", {"context": 3})
