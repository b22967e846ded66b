"""The four algorithms agree with the standard one, and the study's file and numbers fit together."""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openbook.studies import load_study

pytest.importorskip("numba", reason="numba is not installed; the study ding2015 needs it")
HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))
kmeans, baselines, measure = map(import_module, ("kmeans", "baselines", "measure"))


@settings(max_examples=25)
@given(
    n=st.integers(12, 120), d=st.integers(1, 5), k=st.integers(2, 11), seed=st.integers(0, 10**6), whole=st.booleans()
)
def test_all_end_with_the_clusters_of_the_standard_algorithm(n: int, d: int, k: int, seed: int, whole: bool) -> None:
    random = np.random.default_rng(seed)
    points = random.normal(size=(n, d)) * random.uniform(0.5, 20)
    if whole:
        points = np.round(points) + random.uniform(0, 1e-3, (n, d))
    start = points[random.choice(n, k, replace=False)].copy()
    standard = kmeans.lloyd(points, start)
    runs = [kmeans.yinyang(points, start, t) for t in {1, 2, 5, k}] + [
        baselines.elkan(points, start),
        baselines.drake(points, start),
    ]
    for run in [*runs, kmeans.yinyang(points, start, plain_update=True)]:
        assert np.array_equal(run.labels, standard.labels)
        assert run.iterations == standard.iterations
        np.testing.assert_allclose(run.centres, standard.centres, rtol=1e-9, atol=1e-9)


def test_fewer_distances_are_computed_and_less_is_kept() -> None:
    points, k = measure.datasets(2_000)["blobs"], 60
    start = points[:k].copy()
    standard, ours, elkan = kmeans.lloyd(points, start), kmeans.yinyang(points, start), baselines.elkan(points, start)
    assert ours.distances < 0.6 * standard.distances
    assert ours.bound_bytes < 0.2 * elkan.bound_bytes


def test_every_number_that_a_claim_reads_is_measured() -> None:
    study = load_study(HERE)
    points = measure.datasets(600)
    chosen = {"clusters": (4, 64), "seeds": (0,), "groups": (1, 6)}
    found = measure.summary(
        [measure.runs(name, points[name], k, 0) for name in ("digits", "walk") for k in (4, 64)],
        {"walk": measure.groups(points["walk"], 64, (1, 6), 0)},
        {"digits": measure.library(points["digits"], 16, 0)},
        chosen,
        64,
    )
    for claim in study.claims.values():
        value = found
        for key in claim.read.split("."):
            value = value[key]
        assert isinstance(value, float), claim.id
    assert found["same"]["share"] == 1.0
    assert any(value.guessed for value in study.file.values)
