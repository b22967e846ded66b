"""The figure of multiplication's digits and the table in the guide are the same numbers."""

import importlib.util
from pathlib import Path

import pytest

import arlearn
from arlearn.errors import ArlearnError

CHECKOUT = Path(arlearn.__file__).parents[3]


def test_the_guides_table_is_read_and_drawn(tmp_path: Path) -> None:
    script, guide = CHECKOUT / "arlearn" / "benchmarks" / "digits.py", CHECKOUT / "docs" / "arithmetic.md"
    if not (script.exists() and guide.exists()):
        pytest.skip("the benches and the guide are not in the installed package")
    spec = importlib.util.spec_from_file_location("digits", script)
    assert spec is not None
    assert spec.loader is not None
    digits = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(digits)
    rows = digits.published(guide.read_text(encoding="utf-8"))
    assert [(row["digits"], row["tokens"]) for row in rows] == [(n, 2 * n * n + 2 * n + 1) for n in (2, 3, 4, 6, 8)]
    assert rows[0]["hard"]["wrong"] == 1636
    digits.draw(rows, tmp_path / "digits.svg")
    assert (tmp_path / "digits.svg").stat().st_size > 1000
    with pytest.raises(ArlearnError, match="has no table"):
        digits.published("| 6 | 85 |")
