"""Tables of answers or labels, as they are published: columns found, codes read, two tables joined by paper."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from openbook.errors import OpenbookError
from openbook.files import read_csv
from openbook.record.parquet import read_table
from openbook.variables import SCORED, VARIABLES

Role = Literal["records", "labels"]

#: One file may hold both sides; then the columns say whose answer they are.
PREFIX: Final[dict[Role, str]] = {"records": "llm_", "labels": "human_"}
UNKNOWN: Final = -1
_YES_NO: Final = {
    **dict.fromkeys(("yes", "y", "true", "1", "1.0"), 1),
    **dict.fromkeys(("no", "n", "false", "0", "0.0", "unverified"), 0),
}
#: Only what is claimed and shown counts as yes, so ``unverified`` is a no; industry and collaboration are one class.
_CODES: Final[dict[str, dict[str, int]]] = {
    **dict.fromkeys(SCORED, _YES_NO),
    "research_type": {"experimental": 0, "empirical": 0, "0": 0, "0.0": 0, "theoretical": 1, "1": 1, "1.0": 1},
    "affiliation": {"academia": 0, "0": 0, "0.0": 0}
    | dict.fromkeys(("industry", "collaboration", "1", "1.0", "2", "2.0"), 1),
}
_NOTHING: Final = frozenset(
    ("", "unknown", "unread", "unsure", "skip", "none", "null", "nan", "na", "n/a", "-1", "-1.0")
)


#: Columns of openbook's own records beside an answer; any other suffix names another version of the labels.
_OF_RECORDS: Final = frozenset(["text", "result", "confidence", "evidence", "near_miss", "correction"])


@dataclass(slots=True)
class LabelTable:
    """Answers of one side. ``values[variable]`` is 0, 1 or -1 (unknown), shape ``(rows,)``; ``run`` numbers repeated runs.

    ``versions`` holds further columns of the same variables, such as labels before they were edited.
    """

    source: str
    ids: list[str]
    values: dict[str, NDArray[np.int64]]
    versions: dict[str, dict[str, NDArray[np.int64]]] = field(default_factory=dict)
    run: NDArray[np.int64] | None = None
    odd: list[str] = field(default_factory=list)

    @property
    def runs(self) -> list[int]:
        """The numbers of the repeated runs; one run where the file does not say."""
        return sorted({int(number) for number in self.run}) if self.run is not None else [1]


@dataclass(frozen=True, slots=True)
class LabelMapping:
    """How another table of labels corresponds to ours: ``openbook validate --mapping FILE`` (TOML).

    ``id`` is their column of the paper, ``columns`` maps a variable to their column or columns (yes in any is yes),
    ``codes`` their words, in lower case, to ``yes``, ``no``, ``unknown`` or a descriptive result; ``strip`` is removed
    from the end of their ids. With ``unit = "paragraph"`` a paper has many rows: it is yes where one of them is, no where
    all that are known are no.
    """

    id: str
    columns: Mapping[str, Sequence[str]]
    codes: Mapping[str, str] = field(default_factory=dict)
    by_variable: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unit: str = "paper"
    strip: str = ""

    def applied(self, columns: Mapping[str, list[Any]], rows: int, source: str) -> tuple[dict[str, list[Any]], int]:
        """Columns ``id`` and one per variable, a row a paper. Raises ``OpenbookError`` when a column is absent."""
        wanted = [self.id, *(name for names in self.columns.values() for name in names)]
        missing = [name for name in wanted if name not in columns]
        if missing:
            raise OpenbookError(
                f"{source} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)} of the mapping."
            )
        ids = [str(value).strip().removesuffix(self.strip) for value in columns[self.id]]
        papers = list(dict.fromkeys(ids)) if self.unit == "paragraph" else ids
        where = {id_: row for row, id_ in enumerate(papers)}
        made: dict[str, list[Any]] = {"id": list(papers)}
        for variable, names in self.columns.items():
            words: list[list[str]] = [[] for _ in papers]
            for row, id_ in enumerate(ids):
                place = where[id_] if self.unit == "paragraph" else row
                words[place] += [self._word(variable, columns[name][row]) for name in names]
            made[variable] = [_any(found) for found in words]
        return made, len(papers)

    def _word(self, variable: str, value: Any) -> str:
        word = "" if value is None else str(value).strip().lower()
        return str(self.by_variable.get(variable, {}).get(word, self.codes.get(word, word)))


def _any(words: Sequence[str]) -> str:
    """Yes where one word is yes; else the first that is known, such as no or a descriptive result."""
    if any(_YES_NO.get(word) == 1 for word in words):
        return "yes"
    return next((word for word in words if word not in _NOTHING), "")


def read_mapping(path: Path) -> LabelMapping:
    """A mapping from its TOML file. Raises ``OpenbookError`` that names what is wrong with it."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise OpenbookError(f"{path} does not exist.") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OpenbookError(f"{path} cannot be read as TOML ({error}).") from error
    problems = [f"unknown key {name!r}" for name in table if name not in ("id", "columns", "codes", "unit", "strip")]
    columns, codes = table.get("columns"), table.get("codes", {})
    if not isinstance(table.get("id"), str):
        problems.append("id must name the column of the paper")
    if not isinstance(columns, dict) or not columns:
        problems.append("[columns] must name at least one variable and its column")
        columns = {}
    problems += [f"[columns] {name}: no such variable" for name in columns if name not in VARIABLES]
    if table.get("unit", "paper") not in ("paper", "paragraph"):
        problems.append('unit must be "paper" or "paragraph"')
    if not isinstance(codes, dict):
        problems.append("[codes] must be a table of words")
        codes = {}
    if problems:
        raise OpenbookError(f"{path} is not a mapping of labels: {'; '.join(problems)}.")
    words = {str(word).lower(): value for word, value in codes.items() if not isinstance(value, dict)}
    nested = {
        name: {str(word).lower(): str(value) for word, value in inner.items()}
        for name, inner in codes.items()
        if isinstance(inner, dict)
    }
    return LabelMapping(
        id=table["id"],
        columns={name: [value] if isinstance(value, str) else list(value) for name, value in columns.items()},
        codes={word: str(value) for word, value in words.items()},
        by_variable=nested,
        unit=table.get("unit", "paper"),
        strip=str(table.get("strip", "")),
    )


def read_label_table(path: Path, role: Role, mapping: LabelMapping | None = None) -> LabelTable:
    """Read records or labels: Parquet, CSV, or a folder that ``openbook assess`` wrote.

    Columns are ``id`` (or ``index``) and one per variable, with the prefix ``llm_`` or ``human_`` where a file holds both
    sides; or what ``mapping`` says. Raises ``OpenbookError`` when the file cannot be read or holds no answers.
    """
    columns, rows = _columns(path)
    if mapping is not None:
        columns, rows = mapping.applied(columns, rows, str(path))
    if not rows:
        raise OpenbookError(f"{path} holds no rows: there is nothing to compare.")
    key = next((name for name in ("id", "index") if name in columns), None)
    if key is None:
        sentences = (
            " It holds labelled sentences: give it with --gold." if {"paper", "sentence"} <= set(columns) else ""
        )
        raise OpenbookError(f"{path} has no column id, which names the paper of each row.{sentences or ' Add one.'}")
    prefix = PREFIX[role] if any(f"{PREFIX[role]}{variable}" in columns for variable in VARIABLES) else ""
    found = {variable: f"{prefix}{variable}" for variable in VARIABLES if f"{prefix}{variable}" in columns}
    if not found:
        other = PREFIX["labels" if role == "records" else "records"]
        hint = (
            f" It has only columns that begin with {other}." if any(name.startswith(other) for name in columns) else ""
        )
        raise OpenbookError(f"{path} has none of the variables' columns ({', '.join(SCORED)}).{hint}")
    table = LabelTable(str(path), [str(value) for value in columns[key]], {})
    for variable, name in found.items():
        named = columns.get(f"{name}_result")
        values = columns[name] if named is None else _preferred(named, columns[name])
        table.values[variable] = _coded(values, variable, name, table)
    for name in columns:
        for variable, plain in found.items():
            version = name.removeprefix(f"{plain}_")
            if name.startswith(f"{plain}_") and version not in _OF_RECORDS:
                table.versions.setdefault(version, {})[variable] = _coded(columns[name], variable, name, table)
    if "run" in columns and key == "index":
        table.run = np.array([int(value) for value in columns["run"]], dtype=np.int64)
    _refuse_repeated(table)
    return table


def _columns(path: Path) -> tuple[Mapping[str, list[Any]], int]:
    """Column name -> values of a table in any of its forms, and the number of rows."""
    if path.suffix.lower() == ".csv":
        return _csv_columns(path)
    stored = read_table(path)
    wanted = [name for name in stored.column_names if not name.endswith("_text")]
    return {name: stored[name].to_pylist() for name in wanted}, stored.num_rows


def _csv_columns(path: Path) -> tuple[Mapping[str, list[Any]], int]:
    if not path.exists():
        raise OpenbookError(f"{path} does not exist.")
    rows, names = read_csv(path)
    return {name: [row[name] or "" for row in rows] for name in names}, len(rows)


def _preferred(named: Iterable[Any], numbered: Iterable[Any]) -> list[Any]:
    """The result in words where there is one: it tells ``unverified`` and ``unread`` apart, which numbers may not."""
    return [number if word is None else word for word, number in zip(named, numbered, strict=True)]


def _coded(values: Iterable[Any], variable: str, name: str, table: LabelTable) -> NDArray[np.int64]:
    codes = _CODES[variable]
    unknown: Counter[str] = Counter()
    numbers = []
    for value in values:
        word = "" if value is None else str(value).strip().lower()
        code = codes.get(word)
        if code is None and word not in _NOTHING:
            unknown[str(value)] += 1
        numbers.append(UNKNOWN if code is None else code)
    for value, count in unknown.most_common(5):
        table.odd.append(f"{table.source}: {name} is {value!r} in {count} rows, which was read as unknown")
    return np.array(numbers, dtype=np.int64)


def _refuse_repeated(table: LabelTable) -> None:
    keys = (
        table.ids
        if table.run is None
        else [f"{id_} in run {run}" for id_, run in zip(table.ids, table.run, strict=True)]
    )
    repeated = [key for key, count in Counter(keys).items() if count > 1]
    if repeated:
        raise OpenbookError(
            f"{table.source} has {len(repeated)} papers twice, the first is {repeated[0]}. "
            "Keep one row per paper (and annotator: one file for each)."
        )


@dataclass(frozen=True, slots=True)
class MatchedRows:
    """Rows of both sides that are about the same paper: indices into each, shape ``(papers,)``."""

    records: NDArray[np.int64]
    labels: NDArray[np.int64]


def join(records: LabelTable, labels: LabelTable, run: int | None = None) -> MatchedRows:
    """Match the rows of a run with the labels by id. Raises ``OpenbookError`` when no id is in both."""
    where = {id_: row for row, id_ in enumerate(labels.ids)}
    pairs = [
        (row, where[id_])
        for row, id_ in enumerate(records.ids)
        if id_ in where and (run is None or records.run is None or records.run[row] == run)
    ]
    if not pairs:
        raise OpenbookError(
            f"no id of {records.source} (such as {records.ids[0]}) stands in {labels.source} (such as {labels.ids[0]}): "
            "the two are joined on id."
        )
    both = np.array(pairs, dtype=np.int64)
    return MatchedRows(both[:, 0], both[:, 1])
