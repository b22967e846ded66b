"""The published index goes into a ledger once, however often it is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from openbook.ledger import Ledger

DATA = Path(os.environ.get("OPENBOOK_DATA", Path(__file__).parents[5] / "shared" / "data"))


@pytest.mark.data
def test_importing_twice_changes_nothing(tmp_path: Path) -> None:
    root = DATA / "index" / "raw_sample"
    if not root.is_dir():
        pytest.skip(f"the development data is not at {DATA} (set OPENBOOK_DATA)")
    url = f"sqlite:///{tmp_path / 'l.db'}"
    command = [sys.executable, "-m", "openbook.cli", "import", "coakley2026", str(root), "--ledger", url, "--json"]
    first, second = (json.loads(subprocess.run(command, check=True, capture_output=True).stdout) for _ in range(2))
    assert (first["changed"], second["changed"]) == (True, False)
    assert first["papers"] == second["papers"]
    with Ledger.open(url) as ledger:
        assert ledger.count() == first["papers"]
        record = next(ledger.records())
        assert record.run.model
        assert ledger.record(record.paper.id) == record
