"""The rows of ``openbook trends``: a table of records cut into groups by DuckDB, and corrected for the assessor's errors.

A cut has one row per group and one per total, named ``ALL``. ``papers`` counts every row. Every share, mean and score is
over the empirical papers of the group: those that were read and whose research type is not theoretical. The errors that
are taken out are those the assessor makes on labelled papers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from typing import Any, Final

import duckdb
import numpy as np
from numpy.typing import NDArray

from openbook.corpus.validation.label_tables import join, read_label_table
from openbook.corpus.validation.statistics import SEED, percentile
from openbook.errors import OpenbookError
from openbook.record.files import require_records
from openbook.record.model import CODE_AND_DATA, DATA_ONLY, RATE_CODE_AND_DATA, RATE_DATA_ONLY, Z95, wilson
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
        require_records(records)
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


RESAMPLES: Final = 1000
LEAST_PAPERS: Final = 20
_CODE: Final = SCORED.index("open_source_code")
_DATA: Final = SCORED.index("open_datasets")


@dataclass(frozen=True, slots=True)
class ErrorModel:
    """Sensitivity and specificity per variable, ``(draws, 7)``, and the inverse matrices of misclassification of the
    three classes, ``(draws, 3, 3)``. Draw 0 is the estimate itself, the others are resamples."""

    papers: int
    sensitivity: NDArray[np.float64]
    specificity: NDArray[np.float64]
    inverse: NDArray[np.float64]

    def correct(self, counts: Counts) -> dict[str, Any] | None:
        """The corrected figures of one group, with intervals under ``intervals``; None without empirical papers."""
        if not counts.empirical:
            return None
        apparent = np.array(counts.yes) / counts.empirical
        youden = self.sensitivity + self.specificity - 1
        with np.errstate(invalid="ignore", divide="ignore"):
            shares = np.where(youden > 0.05, (apparent + self.specificity - 1) / youden, np.nan).clip(0, 1)
        classes = np.array([counts.code_and_data, counts.data_only, 0]) / counts.empirical
        classes[2] = 1 - classes.sum()
        corrected = (self.inverse @ classes).clip(0, 1)
        corrected /= corrected.sum(axis=1, keepdims=True)
        code_and_data, data_only = corrected[:, 0], corrected[:, 1]
        drawn: dict[str, NDArray[np.float64]] = {
            "documentation_mean": shares.sum(axis=1),
            "code_and_data": code_and_data,
            "reproducibility": published_reproducibility(code_and_data, data_only),  # type: ignore[arg-type,dict-item]
            **dict(zip(SCORED, shares.T, strict=True)),
        }
        exact, interval = reproducibility(float(code_and_data[0]), float(data_only[0]))
        return {
            **{name: _point(values) for name, values in drawn.items()},
            "reproducibility_exact": exact,
            "interval": interval,
            "intervals": _intervals(drawn),
            "labelled_papers": self.papers,
        }


def learn_errors(records: Path, labels: Path) -> ErrorModel:
    """Estimate the errors from the empirical papers that have both answers and labels.

    ``labels`` may hold both sides; else it is joined with ``records`` on id. Raises ``OpenbookError`` when a variable or
    enough labelled papers are missing.
    """
    truth = read_label_table(labels, "labels")
    try:
        answers = read_label_table(labels, "records")
        if all(np.array_equal(answers.values.get(name, ()), truth.values[name]) for name in truth.values):
            answers = read_label_table(records, "records")
    except OpenbookError:
        answers = read_label_table(records, "records")
    for side in (answers, truth):
        missing = [variable for variable in SCORED if variable not in side.values]
        if missing:
            raise OpenbookError(f"{side.source} lacks {', '.join(missing)}: all seven are needed to correct trends.")
    pairs = join(answers, truth)
    got = np.stack([answers.values[name][pairs.records] for name in SCORED], axis=1)
    want = np.stack([truth.values[name][pairs.labels] for name in SCORED], axis=1)
    keep = (got >= 0).all(axis=1) & (want >= 0).all(axis=1)
    if "research_type" in answers.values:
        keep &= answers.values["research_type"][pairs.records] != 1
    got, want = got[keep], want[keep]
    if len(got) < LEAST_PAPERS:
        raise OpenbookError(
            f"only {len(got)} empirical papers have all seven answers and labels in {labels}; "
            f"at least {LEAST_PAPERS} are needed to correct trends. Label more with openbook label."
        )
    return _estimate(got, want)


def _estimate(got: NDArray[np.int64], want: NDArray[np.int64]) -> ErrorModel:
    papers = len(got)
    random = np.random.default_rng(SEED)
    drawn = np.vstack([np.arange(papers), random.integers(0, papers, (RESAMPLES, papers))])
    answers, truth = got[drawn] == 1, want[drawn] == 1  # (draws, papers, 7)
    with np.errstate(invalid="ignore"):
        sensitivity = (answers & truth).sum(axis=1) / truth.sum(axis=1)
        specificity = (~answers & ~truth).sum(axis=1) / (~truth).sum(axis=1)
    said, true = _classes(answers), _classes(truth)
    matrices = np.array([[((said == row) & (true == column)).sum(axis=1) for column in range(3)] for row in range(3)])
    matrices = matrices.transpose(2, 0, 1).astype(float)
    with np.errstate(invalid="ignore"):
        matrices /= matrices.sum(axis=1, keepdims=True)
    return ErrorModel(papers, sensitivity, specificity, np.array([_inverse(matrix) for matrix in matrices]))


def _classes(yes: NDArray[np.bool_]) -> NDArray[np.int64]:
    """0: code and data, 1: data only, 2: no data."""
    code, data = yes[..., _CODE], yes[..., _DATA]
    return np.where(data & code, 0, np.where(data, 1, 2))


def _inverse(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    if not np.isfinite(matrix).all() or abs(np.linalg.det(matrix)) < 1e-3:
        return np.full((3, 3), np.nan)
    return np.asarray(np.linalg.inv(matrix), dtype=np.float64)


def _point(values: NDArray[np.float64]) -> float | None:
    return float(values[0]) if np.isfinite(values[0]) else None


def _intervals(drawn: Mapping[str, NDArray[np.float64]]) -> dict[str, tuple[float, float] | None]:
    return {name: percentile(values[1:]) for name, values in drawn.items()}


def parse_by(text: str) -> list[str]:
    """The dimensions of ``--by``, in their order. Raises ``OpenbookError`` for an unknown name."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    wrong = [name for name in names if name not in DIMENSIONS]
    if wrong:
        raise OpenbookError(f"--by {', '.join(wrong)}: records can only be grouped by {', '.join(DIMENSIONS)}.")
    return list(dict.fromkeys(names))


def rows(
    records: Path, by: Sequence[str], errors: ErrorModel | None = None, without: Iterable[str] | None = None
) -> list[dict[str, Any]]:
    """One row per group and per total. With ``errors`` a row has ``corrected``; with ``without`` (ids of papers) it has
    ``audited``, the same figures without those papers."""
    dimensions = [name for name in by if name != "variable"]
    counted = count(records, dimensions)
    rest = None
    if without is not None:
        rest = {tuple(one.group.items()): one for one in count(records, dimensions, without)}
    out: list[dict[str, Any]] = []
    for one in counted:
        other = None if rest is None else rest.get(tuple(one.group.items()), _emptied(one))
        if "variable" in by:
            out += _by_variable(one, errors, other)
            continue
        row = one.group | summary(one)
        if errors is not None:
            row["corrected"] = errors.correct(one)
        if other is not None:
            row["audited"] = summary(other) | ({} if errors is None else {"corrected": errors.correct(other)})
        out.append(row)
    return out


def _emptied(counts: Counts) -> Counts:
    """The same group after the audit left nothing of it."""
    return Counts(counts.group, 0, 0, (0,) * len(SCORED), 0, 0, 0, 0)


def _by_variable(counts: Counts, errors: ErrorModel | None, other: Counts | None) -> list[dict[str, Any]]:
    corrected = None if errors is None else errors.correct(counts)
    out = []
    for place, variable in enumerate(SCORED):
        yes = counts.yes[place]
        row = counts.group | {
            "variable": variable,
            "papers": counts.papers,
            "empirical": counts.empirical,
            "yes": yes,
            "share": counts.share(yes),
            "interval": wilson(yes, counts.empirical) if counts.empirical else None,
        }
        if corrected is not None:
            row |= {"corrected": corrected[variable], "corrected_interval": corrected["intervals"][variable]}
        if other is not None:
            row["audited"] = {"empirical": other.empirical, "share": other.share(other.yes[place])}
        out.append(row)
    return out
