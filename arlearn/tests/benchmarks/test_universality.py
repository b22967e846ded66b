"""The parts of the bench of learned universality: its data, its models, and its measure. Nothing is trained here."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

import arlearn
from arlearn.predictors.base import ABSENT
from arlearn.programs.compiling import compile_program


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    path = Path(arlearn.__file__).parents[2] / "benchmarks" / "universality.py"
    if not path.exists():
        pytest.skip("the benches are not in the installed package")
    spec = importlib.util.spec_from_file_location("universality", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["universality"] = module
    spec.loader.exec_module(module)
    return module


def tables(machines, prompts: np.ndarray) -> set[tuple[int, ...]]:
    return set(map(tuple, prompts[:, 0 : 2 * len(machines.sizes.heads) : 2].tolist()))


def test_no_held_out_table_is_trained_on(bench: ModuleType) -> None:
    machines = bench.Machines()
    seen, unseen = (tables(machines, machines.prompts(3000, (0,), held_out)) for held_out in (False, True))
    assert len(unseen) > 1000
    assert not seen & unseen


def test_a_limit_on_the_machines_is_kept(bench: ModuleType) -> None:
    machines = bench.Machines(tables=7)
    assert len(tables(machines, machines.prompts(500, (0,), False))) == 7
    assert len(tables(machines, machines.prompts(500, (0,), True))) > 7


def test_the_compiled_weights_are_measured_as_right(bench: ModuleType) -> None:
    machines = bench.Machines()
    found = bench.measure(compile_program(machines.task.program), machines, 60)
    assert found.tokens == found.whole == 1
    assert set(found.kinds.values()) == {1.0}
    assert found.passes == [1.0] * bench.TESTED


def test_an_untrained_model_is_measured_as_wrong(bench: ModuleType) -> None:
    machines = bench.Machines()
    found = bench.measure(bench.build("learned", machines), machines, 60)
    assert found.tokens < 0.2
    assert found.whole == found.trained_length == 0


@pytest.mark.parametrize("name", ["learned", "structured head", "only the map", "transformer"])
def test_a_training_step_changes_what_is_learned_alone(bench: ModuleType, name: str, tmp_path: Path) -> None:
    machines = bench.Machines()
    row = bench.train(name, machines, seconds=1e-9, test=4, points=1)
    assert row["examples"] == bench.SETTINGS[name].batch
    given = {"structured head": ("head",), "only the map": ("embedding", "head")}.get(name, ())
    assert tuple(bench.build(name, machines).frozen()) == given
    assert row["weights"] == pytest.approx(466_048, rel=0.02)  # all models have about as many weights
    assert name in bench.table([row])
    bench.draw([row], tmp_path / "figure.svg")
    assert (tmp_path / "figure.svg").stat().st_size > 1000


def test_the_compiled_weights_are_a_setting_of_the_learned_model(bench: ModuleType) -> None:
    machines = bench.Machines()
    compiled, learned = compile_program(machines.task.program), bench.build("learned", machines)
    with torch.no_grad():
        learned.embedding.copy_(compiled.embedding)
        learned.head.copy_(compiled.head)
        learned.map.weight.zero_()
        for row, distance, block in learned.map.reads:
            to = row + 5 * machines.period  # in a pass, where both maps read alike
            given = compiled.map.block(to, to - distance)
            if given is not None:
                learned.map.weight[block] = given
    tokens = machines.runs(20, (1,), False, 3)
    counted = machines.counted(tokens)
    right = learned(tokens.clamp(min=0))[:, :-1].argmax(-1) == tokens[:, 1:]
    assert bool(right[counted[:, 1:]].all())
    assert bool((tokens[:, -1] == ABSENT).any())  # some have ended by then
