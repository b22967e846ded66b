"""``openbook trends``: the rows of a cut, as ``--json`` prints them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from openbook.corpus.trends.cuts import DIMENSIONS, Counts, count, summary
from openbook.errors import OpenbookError
from openbook.record.scores import wilson

if TYPE_CHECKING:
    from openbook.corpus.trends.correction import ErrorModel
from openbook.variables import SCORED


def parse_by(text: str) -> list[str]:
    """The dimensions of ``--by``, in their order. Raises ``OpenbookError`` on a name that is none."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    wrong = [name for name in names if name not in DIMENSIONS]
    if wrong:
        raise OpenbookError(f"--by {', '.join(wrong)}: can only cut by {', '.join(DIMENSIONS)}.")
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
