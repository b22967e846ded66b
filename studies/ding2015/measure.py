"""Tests the claims of Ding et al. 2015 with our own implementation; prints one JSON object.

    measure.py OUT quick|full

OUT keeps each finished setting, so that a killed call goes on where it was. Every algorithm of a setting gets the same points and
the same centres to start from. Speed-ups are ratios of processor time within one call, on one core.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np

SIZES: dict[str, dict[str, Any]] = {
    "quick": {"points": 4_000, "clusters": (4, 64, 200), "seeds": (0, 1), "groups": (1, 4, 10, 20, 50, 100)},
    "full": {
        "points": 40_000,
        "clusters": (4, 64, 256, 1024),
        "seeds": (0, 1, 2),
        "groups": (1, 4, 16, 50, 102, 256, 512),
    },
}
ALGORITHMS = ("lloyd", "yinyang", "global", "elkan", "drake")


def datasets(points: int) -> dict[str, np.ndarray]:
    """Data that scikit-learn ships or makes, each a stand-in for a kind of the paper's; float64, shape (n, d)."""
    from sklearn.datasets import load_digits, load_sample_images, make_blobs

    random = np.random.default_rng(2015)
    photographs = load_sample_images().images
    patches = np.concatenate([_patches(one, points // 2, random) for one in photographs])
    pixels = np.concatenate([one.reshape(-1, 3) for one in photographs]).astype(float)
    walk = np.cumsum(random.normal(size=(points, 4)), axis=0)
    blobs, _ = make_blobs(points, 28, centers=40, cluster_std=4.0, random_state=2015)
    counts = random.poisson(random.gamma(1.0, 2.0, size=(20, 68))[random.integers(0, 20, points)]).astype(float)
    return {
        "digits": load_digits().data.astype(float),
        "image patches": patches,
        "pixels": pixels[random.choice(len(pixels), points, replace=False)] + random.uniform(0, 1, (points, 3)),
        "walk": walk,
        "blobs": blobs,
        "counts": counts + random.uniform(0, 0.01, counts.shape),
    }


def _patches(image: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Grey patches of 8 x 16 pixels from a photograph, each less its mean: 128 dimensions, as image descriptors have."""
    grey = image.mean(axis=2)
    rows, columns = random.integers(0, grey.shape[0] - 8, count), random.integers(0, grey.shape[1] - 16, count)
    cut = np.stack([grey[r : r + 8, c : c + 16].ravel() for r, c in zip(rows, columns, strict=True)])
    return cut - cut.mean(axis=1, keepdims=True)


def runs(name: str, points: np.ndarray, k: int, seed: int) -> dict[str, Any]:
    """One setting: every algorithm from the same start."""
    import baselines
    import kmeans

    start = points[np.random.default_rng(seed).choice(len(points), k, replace=False)].copy()
    chosen = {
        "lloyd": kmeans.lloyd,
        "yinyang": kmeans.yinyang,
        "global": lambda p, s: kmeans.yinyang(p, s, 1),
        "elkan": baselines.elkan,
        "drake": baselines.drake,
    }
    found: dict[str, Any] = {"data": name, "n": len(points), "d": points.shape[1], "k": k, "seed": seed}
    base = None
    for algorithm, run in chosen.items():
        one = run(points, start)
        base = base or one
        pairs = len(points) * k * max(1, one.iterations - 1)
        found[algorithm] = {
            "same": bool(np.array_equal(one.labels, base.labels)),
            "iterations": one.iterations,
            "cost": one.cost(points),
            "distances": one.distances,
            "filtered": one.filtered / pairs,
            "seconds": one.seconds,
            "assign": one.assign_seconds,
            "update": one.update_seconds,
            "bytes": one.bound_bytes,
        }
    plain = kmeans.yinyang(points, start, plain_update=True)
    found["plain_update"] = plain.update_seconds
    return found


def groups(points: np.ndarray, k: int, counts: tuple[int, ...], seed: int) -> list[dict[str, float]]:
    """Assignment time of Yinyang by the number of groups."""
    import kmeans

    start = points[np.random.default_rng(seed).choice(len(points), k, replace=False)].copy()
    return [{"t": t, "seconds": kmeans.yinyang(points, start, t).assign_seconds} for t in counts if t <= k]


def library(points: np.ndarray, k: int, seed: int) -> dict[str, float]:
    """Scikit-learn's Lloyd and Elkan from the same start: the cost they reach, relative to ours."""
    import kmeans
    from sklearn.cluster import KMeans

    start = points[np.random.default_rng(seed).choice(len(points), k, replace=False)].copy()
    ours = kmeans.yinyang(points, start).cost(points)
    made = {}
    for algorithm in ("lloyd", "elkan"):
        theirs = KMeans(k, init=start, n_init=1, max_iter=300, tol=0, algorithm=algorithm).fit(points)
        made[algorithm] = float(abs(theirs.inertia_ - ours) / ours)
    return made


def interval(values: list[float]) -> tuple[float, float]:
    """The 95 % percentile bootstrap interval of the mean over settings and seeds."""
    drawn = np.random.default_rng(0).choice(values, (2000, len(values))).mean(axis=1)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def measured(values: list[float]) -> dict[str, Any]:
    return {
        "mean": float(np.mean(values)),
        "least": float(np.min(values)),
        "interval": interval(values),
        "settings": len(values),
    }


def main(out: Path, size: str) -> dict[str, Any]:
    chosen = SIZES[size]
    out.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("NUMBA_CACHE_DIR", str(out / "numba"))
    sys.path.insert(0, str(Path(__file__).parent))
    try:
        import baselines
        import kmeans
    except ImportError as error:
        raise SystemExit(f"this study needs {error.name}: pip install numba scikit-learn") from error
    data = datasets(chosen["points"])
    warm = data["digits"][:300]
    for run in (kmeans.lloyd, kmeans.yinyang, baselines.elkan, baselines.drake):
        run(warm, warm[:20])
    kmeans.yinyang(warm, warm[:20], plain_update=True)
    settings = []
    for name, points in data.items():
        for k in chosen["clusters"]:
            for seed in chosen["seeds"]:
                if k > len(points) // 7:
                    continue
                kept = out / f"{name.replace(' ', '-')}-{k}-{seed}.json"
                if not kept.exists():
                    print(f"{name}, k = {k}, seed {seed}", file=sys.stderr, flush=True)
                    beside = kept.with_suffix(".part")
                    beside.write_text(json.dumps(runs(name, points, k, seed)))
                    beside.replace(kept)
                settings.append(json.loads(kept.read_text()))
    most = max(chosen["clusters"])
    seed = chosen["seeds"][0]
    by_groups = {name: groups(data[name], most, chosen["groups"], seed) for name in ("image patches", "pixels")}
    checked = {name: library(data[name], 64, seed) for name in ("digits", "image patches", "blobs")}
    return summary(settings, by_groups, checked, chosen, most)


def summary(
    settings: list[dict[str, Any]],
    by_groups: dict[str, list[dict[str, float]]],
    checked: dict[str, dict[str, float]],
    chosen: dict[str, Any],
    most: int,
) -> dict[str, Any]:
    """The numbers that the claims name, and what the report shows."""
    at_64 = [one for one in settings if one["k"] == 64]
    large = [one for one in settings if one["k"] >= 64]

    def ratio(of: str, to: str, part: str = "seconds", among: list[dict[str, Any]] = settings) -> list[float]:
        return [one[of][part] / one[to][part] for one in among]

    best = {name: min(rows, key=lambda row: row["seconds"]) for name, rows in by_groups.items()}
    tenth = {name: min(rows, key=lambda row: abs(row["t"] - most / 10)) for name, rows in by_groups.items()}
    growth = [
        np.mean(ratio("lloyd", "yinyang", among=[one for one in settings if one["k"] == k])) for k in chosen["clusters"]
    ]
    exact = ("yinyang", "global", "elkan", "drake")
    wrong = [
        f"{one['data']}, k = {one['k']}, seed {one['seed']}: {name} ends elsewhere (cost {one[name]['cost']:.9g}, Lloyd {one['lloyd']['cost']:.9g})"
        for one in settings
        for name in exact
        if not one[name]["same"]
    ]
    return {
        "same": {"share": float(np.mean([one["yinyang"]["same"] for one in settings])), "settings": len(settings)},
        "avoided": {name: measured([one[name]["filtered"] for one in at_64]) for name in ("yinyang", "elkan", "drake")},
        "over_lloyd": measured(ratio("lloyd", "yinyang")),
        "over_elkan": measured(ratio("elkan", "yinyang")),
        "over_drake": measured(ratio("drake", "yinyang")),
        "global_over_lloyd": measured(ratio("lloyd", "global")),
        "update": measured([one["plain_update"] / max(one["yinyang"]["update"], 1e-9) for one in large]),
        "memory": measured(ratio("yinyang", "elkan", "bytes", large)),
        "groups": {"loss": float(np.mean([tenth[name]["seconds"] / best[name]["seconds"] for name in best]))},
        "growth": float(growth[-1] / growth[0]),
        "library": {"difference": max(value for one in checked.values() for value in one.values())},
        "seeds": list(chosen["seeds"]),
        "setup": {
            "K-means": {
                "clusters": chosen["clusters"],
                "groups": "k / 10, at least 1",
                "lower bounds of Drake": "k / 4",
                "iterations at most": 300,
                "iterations of the grouping": 5,
                "tolerance": 0,
                "precision": "float64",
                "threads": 1,
            }
        },
        "data": [
            {"name": f"{name}, n = {n}, d = {d}", "split": "all points are clustered; nothing is held out"}
            for name, n, d in dict.fromkeys((one["data"], one["n"], one["d"]) for one in settings)
        ],
        "tables": [_speeds(settings), _filters(at_64)],
        "figures": [
            {
                "id": f"groups-{name.replace(' ', '-')}",
                "caption": f"Assignment time of Yinyang by the number of groups, {name}, {most} clusters.",
                "x": "groups t",
                "y": "seconds",
                "log_x": True,
                "series": [{"label": name, "markers": True, "points": [[row["t"], row["seconds"]] for row in rows]}],
            }
            for name, rows in by_groups.items()
        ],
        "failures": wrong,
    }


def _speeds(settings: list[dict[str, Any]]) -> dict[str, Any]:
    rows = []
    for name, k in dict.fromkeys((one["data"], one["k"]) for one in settings):
        among = [one for one in settings if (one["data"], one["k"]) == (name, k)]
        speeds = [
            np.mean([one["lloyd"]["seconds"] / one[other]["seconds"] for one in among]) for other in ALGORITHMS[1:]
        ]
        iterations = np.mean([one["lloyd"]["iterations"] for one in among])
        rows.append([name, str(k), f"{iterations:.0f}", *(f"{speed:.2f}" for speed in speeds)])
    columns = ["data", "k", "iterations", "Yinyang", "Yinyang, t = 1", "Elkan", "Drake"]
    return {
        "caption": "How many times as fast as Lloyd's algorithm, both steps, mean over seeds.",
        "columns": columns,
        "rows": rows,
    }


def _filters(at_64: list[dict[str, Any]]) -> dict[str, Any]:
    rows = []
    for name in dict.fromkeys(one["data"] for one in at_64):
        among = [one for one in at_64 if one["data"] == name]
        shares = [np.mean([one[other]["filtered"] for one in among]) for other in ("yinyang", "elkan", "drake")]
        rows.append([name, *(f"{100 * share:.1f}" for share in shares)])
    return {
        "caption": "Distances that the filters before the local one avoid with 64 clusters, % of all from the second iteration on.",
        "columns": ["data", "Yinyang", "Elkan", "Drake"],
        "rows": rows,
    }


if __name__ == "__main__":
    if len(sys.argv) != 3 or sys.argv[2] not in SIZES:
        raise SystemExit(__doc__)
    print(json.dumps(main(Path(sys.argv[1]), sys.argv[2])))
