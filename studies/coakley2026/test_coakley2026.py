"""The study of the published index: its file is whole, and each claim's command gives the number that stands in it."""

import json
import os
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import pytest

STUDY = Path(__file__).parent
ROOT = STUDY.parents[1]
CLAIMS: list[dict[str, Any]] = tomllib.loads((STUDY / "study.toml").read_text(encoding="utf-8"))["claims"]
DATA = Path(os.environ.get("OPENBOOK_DATA", ROOT.parent / "shared" / "data"))
VARIABLES = {
    *("pseudocode", "open_source_code", "open_datasets", "dataset_splits", "hardware_specification"),
    *("software_dependencies", "experiment_setup"),
}


@cache
def run(command: tuple[str, ...]) -> Any:
    """What a command prints; claims with the same command share one run."""
    filled = [part.replace("{python}", sys.executable).replace("{study}", str(STUDY)) for part in command]
    done = subprocess.run(
        filled, cwd=ROOT, capture_output=True, text=True, check=True, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    return json.loads(done.stdout)


def read(found: Any, path: str) -> float:
    for key in path.split("."):
        found = found[key]
    return float(found)


def test_every_claim_says_what_is_needed() -> None:
    assert len({claim["id"] for claim in CLAIMS}) == len(CLAIMS)
    for claim in CLAIMS:
        assert {"sentence", "where", "metric", "published", "tolerance", "command", "read", "cost", "needs"} <= set(
            claim
        )
        assert claim["tolerance"] > 0
        assert set(claim["variables"]) <= VARIABLES
        assert claim["revised"]


@pytest.mark.data
@pytest.mark.parametrize("claim", CLAIMS, ids=[claim["id"] for claim in CLAIMS])
def test_claim(claim: dict[str, Any]) -> None:
    if not (DATA / "index" / "records.parquet").exists():
        pytest.skip(f"the published index is not at {DATA}/index; set OPENBOOK_DATA")
    found = run(tuple(claim["command"]))
    wanted = {claim["read"]: claim["published"], **claim.get("also", {})}
    for path, value in wanted.items():
        assert abs(read(found, path) - value) <= claim["tolerance"] + 1e-12, path
