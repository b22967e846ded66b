"""The spectrum of a map: norms and effects against the blocks written out, ranks against maps whose rank is known."""

from __future__ import annotations

import csv
import json

import pytest
import torch

from arlearn.errors import ArlearnError
from arlearn.evaluation.spectrum import spectrum_of, write_spectrum
from arlearn.predictors.linear import LinearPredictor
from arlearn.predictors.maps.blocks import BlocksMap, ShiftMap
from arlearn.predictors.mlp import MLPPredictor


@pytest.mark.parametrize("kind", ["packed", "shift"])
def test_norm_and_effect_are_those_of_the_blocks(kind):
    predictor = LinearPredictor.build(13, 6, 5, map=kind, seed=1)
    found = spectrum_of(predictor)
    assert [lag.distance for lag in found.lags] == list(range(6))
    for lag in found.lags:
        blocks = [predictor.map.block(t, t - lag.distance).detach() for t in range(lag.distance, 6)]
        norms = torch.stack([block.norm() for block in blocks])
        assert lag.norm == pytest.approx(float(norms.square().mean().sqrt()), rel=1e-5)
        assert lag.largest == pytest.approx(float(norms.max()), rel=1e-5)
        added = torch.stack([predictor.head @ block @ predictor.embedding.T for block in blocks]).detach()
        added = added - added.mean(1, keepdim=True)
        assert lag.effect == pytest.approx(float(added.square().mean().sqrt()), rel=1e-5)
        assert 1 <= lag.stable_rank <= lag.effective_rank <= 5 or lag.stable_rank <= 5
    row = torch.cat([predictor.map.block(5, s).detach() for s in range(6)], dim=1)
    expected = torch.linalg.svdvals(row).tolist()
    assert found.row.values == pytest.approx(expected, rel=1e-4)


def test_ranks_that_are_known():
    """Orthogonal blocks fill every direction; one matrix times a course over distance is one profile."""
    map = ShiftMap(4, 4, 5)
    orthogonal = torch.linalg.qr(torch.randn(4, 4))[0]
    with torch.no_grad():
        map.weight.copy_(torch.tensor([1.0, 0.5, 0.25, 0.1, 0.05])[:, None, None] * orthogonal)
    found = spectrum_of(LinearPredictor(torch.eye(4), map, torch.eye(4)))
    assert all(lag.effective_rank == pytest.approx(4) for lag in found.lags)
    assert found.profiles.effective_rank == pytest.approx(1, abs=1e-3)
    assert found.row.stable_rank == pytest.approx(4)
    with torch.no_grad():
        map.weight.copy_(torch.outer(torch.ones(4), torch.randn(4)))
    assert spectrum_of(LinearPredictor(torch.eye(4), map, torch.eye(4))).lags[0].effective_rank == pytest.approx(
        1, abs=1e-3
    )


def test_a_map_of_few_blocks_lists_the_distances_it_has():
    map = BlocksMap(9, 3, 2, [(8, 8), (8, 1), (5, 1)])
    torch.nn.init.normal_(map.weight)
    found = spectrum_of(LinearPredictor(torch.randn(7, 3), map, torch.randn(7, 2)))
    assert [(lag.distance, lag.blocks) for lag in found.lags] == [(0, 1), (4, 1), (7, 1)]
    assert "3 distances" in found.summary()


def test_an_mlp_has_a_map_but_no_effect():
    found = spectrum_of(MLPPredictor.build(9, 4, 3))
    assert [lag.effect for lag in found.lags] == [None] * 4


@pytest.mark.parametrize("ending", ["svg", "png", "csv", "json"])
def test_files(tmp_path, ending):
    found = spectrum_of(LinearPredictor.build(13, 6, 5, seed=1))
    path = tmp_path / "new" / f"map.{ending}"
    written = write_spectrum(found, path, "a map")
    assert path in written
    assert sorted(path.parent.iterdir()) == sorted(written)
    if ending == "json":
        assert json.loads(path.read_text()) == found.as_json() | {
            "row": found.as_json()["row"] | {"shape": [5, 30]},
            "profiles": found.as_json()["profiles"] | {"shape": [6, 25]},
        }
        return
    lines = list(csv.DictReader((tmp_path / "new" / "map.csv").open()))
    norms = [float(line["norm"]) for line in lines if line["what"] == "distance"]
    assert norms == [lag.norm for lag in found.lags]
    assert sum(line["what"] == "row" for line in lines) == 5
    if ending == "svg":
        first = path.read_bytes()
        write_spectrum(found, path, "a map")
        assert path.read_bytes() == first


def test_what_cannot_be_written_or_measured(tmp_path):
    found = spectrum_of(LinearPredictor.build(13, 6, 5))
    with pytest.raises(ArlearnError, match=r"not \.txt"):
        write_spectrum(found, tmp_path / "map.txt", "")
    with pytest.raises(ArlearnError, match="no block at all"):
        spectrum_of(LinearPredictor(torch.randn(7, 3), BlocksMap(4, 3, 2, []), torch.randn(7, 2)))
