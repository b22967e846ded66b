"""Fixtures that several rooms of openbook share."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def index_data() -> Path:
    """The published index's files; the test is skipped where they are absent."""
    place = Path(os.environ.get("OPENBOOK_DATA", Path(__file__).resolve().parents[3] / "shared" / "data")) / "index"
    if not (place / "records.parquet").exists():
        pytest.skip(f"the published index is not at {place}; set OPENBOOK_DATA")
    return place
