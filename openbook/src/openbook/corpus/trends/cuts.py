"""Cuts through a table of records, answered by DuckDB: one row per group and one per total, named ``ALL``.

``papers`` counts every row. Every share, mean and score is over the empirical papers of the group: those that were read
and whose research type is not theoretical.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any, Final

import duckdb

from openbook.errors import OpenbookError
from openbook.record.scores import CODE_AND_DATA, DATA_ONLY, RATE_CODE_AND_DATA, RATE_DATA_ONLY, Z95, wilson
from openbook.variables import SCORED

ALL: Final = "ALL"
UNKNOWN: Final = "unknown"
#: What a table may be cut by; ``variable`` turns each row into seven.
DIMENSIONS: Final = ("venue", "year", "affiliation", "variable")
_NEEDED: Final = ("id", "venue", "year", "research_type", "affiliation", *SCORED)


@dataclass(frozen=True, slots=True)
class Counts:
    """What DuckDB counts in one group. ``yes`` follows the order of the scored variables; ``squares`` is the sum of the
    squared Documentation Scores."""

    group: dict[str, Any]
    papers: int
    empirical: int
    yes: tuple[int, ...]
    code_and_data: int
    data_only: int
    industry: int
    squares: int

    def share(self, count: float) -> float | None:
        """A count as a fraction of the empirical papers; None when there are none."""
        return count / self.empirical if self.empirical else None


def count(records: Path, by: Sequence[str], without: Iterable[str] = ()) -> list[Counts]:
    """Count the groups of a Parquet file, or of a folder that ``openbook assess`` wrote, and their totals.

    ``by`` names dimensions other than ``variable``; ``without`` holds ids of papers to leave out. Raises ``OpenbookError``
    when the table lacks a column.
    """
    connection = duckdb.connect()
    columns = _attach(connection, records)
    left_out = sorted(set(without))
    venue = "coalesce(nullif(venue, ''), 'unknown')" if "venue" in columns else "'unknown'"
    year = "coalesce(cast(year AS VARCHAR), 'unknown')" if "year" in columns else "'unknown'"
    answered = " OR ".join(f"{variable} IS NOT NULL" for variable in SCORED)
    groups = ", ".join(by)
    named = ", ".join(f"CASE WHEN grouping({name}) = 1 THEN '{ALL}' ELSE {name} END AS {name}" for name in by)
    score = " + ".join(f"CASE WHEN {variable} = 1 THEN 1 ELSE 0 END" for variable in SCORED)
    yes = ", ".join(f"count(*) FILTER (empirical AND {variable} = 1)" for variable in SCORED)
    query = f"""
        WITH paper AS (
            SELECT {venue} AS venue, {year} AS year, {", ".join(SCORED)},
                CASE WHEN affiliation = 0 THEN 'academia' WHEN affiliation IN (1, 2) THEN 'industry' ELSE '{UNKNOWN}' END
                    AS affiliation,
                research_type IS DISTINCT FROM 1 AND ({answered}) AS empirical
            FROM records {"WHERE id NOT IN (SELECT unnest(?))" if left_out else ""}
        )
        SELECT {named + "," if by else ""}
            count(*), count(*) FILTER (empirical), {yes},
            count(*) FILTER (empirical AND open_source_code = 1 AND open_datasets = 1),
            count(*) FILTER (empirical AND open_source_code IS DISTINCT FROM 1 AND open_datasets = 1),
            count(*) FILTER (empirical AND affiliation = 'industry'),
            coalesce(sum(({score}) * ({score})) FILTER (empirical), 0)
        FROM paper {f"GROUP BY CUBE ({groups})" if by else ""}
    """
    rows = connection.execute(query, [left_out] if left_out else []).fetchall()
    counted = [_counts(row, by) for row in rows]
    return sorted(counted, key=lambda one: [_place(one.group[name]) for name in by])


def _attach(connection: duckdb.DuckDBPyConnection, records: Path) -> set[str]:
    """Make the table known as ``records``, a Parquet file without reading it; returns its columns."""
    if records.is_dir() or records.suffix == ".json":
        from openbook.record.parquet import read_table  # heavy, and a Parquet file does not need it

        connection.register("records", read_table(records))
    else:
        if not records.exists():
            raise OpenbookError(
                f"there is no file or folder {records}; give a Parquet file of records or a folder of them"
            )
        quoted = str(records).replace("'", "''")
        try:
            connection.execute(f"CREATE VIEW records AS SELECT * FROM read_parquet('{quoted}')")
        except duckdb.Error as error:
            reason = str(error).splitlines()[0]
            raise OpenbookError(f"{records} is not a Parquet file of records: {reason}") from error
    columns = {row[0] for row in connection.execute("DESCRIBE records").fetchall()}
    missing = [name for name in _NEEDED if name not in columns and name not in ("venue", "year")]
    if missing:
        raise OpenbookError(
            f"{records} lacks the columns {', '.join(missing)}; a table of records has one per variable "
            "(make one with openbook import or openbook assess)."
        )
    return columns


def _counts(row: tuple[Any, ...], by: Sequence[str]) -> Counts:
    group: dict[str, Any] = {"venue": ALL, "year": ALL}
    for name, value in zip(by, row, strict=False):
        group[name] = int(value) if name == "year" and value not in (ALL, UNKNOWN) else value
    papers, empirical, *rest = (int(value) for value in row[len(by) :])
    return Counts(group, papers, empirical, tuple(rest[: len(SCORED)]), *rest[len(SCORED) :])


def _place(value: Any) -> tuple[int, str]:
    """Groups in their order, then what is unknown, then the total."""
    return (2 if value == ALL else 1 if value == UNKNOWN else 0, str(value))


def summary(counts: Counts) -> dict[str, Any]:
    """The figures of one group, unrounded: shares, means and scores over its empirical papers.

    ``reproducibility`` uses the published rates 0.86 and 0.33; ``reproducibility_exact`` uses 6/7 and 5/15, and
    ``interval`` propagates the Wilson intervals of those two rates: both ends are the same weighted sum of their ends.
    """
    code_and_data, data_only = counts.share(counts.code_and_data), counts.share(counts.data_only)
    exact, interval = reproducibility(code_and_data, data_only)
    return {
        "papers": counts.papers,
        "empirical": counts.empirical,
        "documentation_mean": counts.share(sum(counts.yes)),
        "documentation_interval": _mean_interval(counts),
        "reproducibility": published_reproducibility(code_and_data, data_only),
        "reproducibility_exact": exact,
        "interval": interval,
        "code_and_data": code_and_data,
        "industry": counts.share(counts.industry),
        **{variable: counts.share(yes) for variable, yes in zip(SCORED, counts.yes, strict=True)},
    }


def _mean_interval(counts: Counts) -> tuple[float, float] | None:
    """Normal interval (95 %) of the mean Documentation Score, as if the papers were a sample of such papers."""
    n = counts.empirical
    if n < 2:
        return None
    mean = sum(counts.yes) / n
    half = Z95 * sqrt(max(0.0, counts.squares / n - mean**2) / (n - 1))
    return max(0.0, mean - half), min(float(len(SCORED)), mean + half)


def published_reproducibility(code_and_data: float | None, data_only: float | None) -> float | None:
    """Mean Reproducibility Score with the rounded rates, from the shares with code and data, and with data only."""
    if code_and_data is None or data_only is None:
        return None
    return RATE_CODE_AND_DATA * code_and_data + RATE_DATA_ONLY * data_only


def reproducibility(
    code_and_data: float | None, data_only: float | None
) -> tuple[float | None, tuple[float, float] | None]:
    """Estimated reproducibility with the exact rates, and its interval; the shares are held to be known."""
    if code_and_data is None or data_only is None:
        return None, None
    rates = [(k / n, *wilson(k, n)) for k, n in (CODE_AND_DATA, DATA_ONLY)]
    point, low, high = (code_and_data * with_code + data_only * only for with_code, only in zip(*rates, strict=True))
    return point, (low, high)
