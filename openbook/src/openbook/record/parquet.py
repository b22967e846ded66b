"""Records as a flat table, the same columns as the published index's, and back again without loss."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter

from openbook.errors import OpenbookError
from openbook.files import write_atomically
from openbook.record.files import read_folder, read_record, record_paths, require_records
from openbook.record.model import Answer, CodeReport, PaperInfo, Record, Run, Scores, score_answers
from openbook.variables import SCORED, VARIABLES

TABLE_NAME: Final = "records.parquet"
#: The value of an answer that is not known, as the published index writes it.
UNKNOWN: Final = -1

_SCORED_CODES: Final = {"yes": 1, "no": 0, "unverified": 0, "unread": None}
#: The code of each result in the column of its variable. ``unverified`` counts as no, ``unread`` is null.
CODES: Final[dict[str, dict[str, int | None]]] = {
    **{variable: dict(_SCORED_CODES) for variable in SCORED},
    "research_type": {"experimental": 0, "theoretical": 1, "unknown": UNKNOWN},
    "affiliation": {"academia": 0, "collaboration": 1, "industry": 2, "unknown": UNKNOWN},
}
_RESULTS: Final[dict[str, dict[int, str]]] = {
    **{variable: {1: "yes", 0: "no"} for variable in SCORED},
    "research_type": {0: "experimental", 1: "theoretical", UNKNOWN: "unknown"},
    "affiliation": {0: "academia", 1: "collaboration", 2: "industry", UNKNOWN: "unknown"},
}
_PLAIN: Final = (("confidence", "confidence"), ("response", "text"), ("rests_on", "rests_on"))
#: Of each variable: the column of its result, then (field of the answer, column) of plain values and of JSON.
_COLUMNS: Final = {
    variable: (
        f"{variable}_result",
        [(name, f"{variable}_{column}") for name, column in _PLAIN],
        [(name, f"{variable}_{name}") for name in ("evidence", "correction", "near_miss", "links")],
    )
    for variable in VARIABLES
}
_ANSWERS: Final = TypeAdapter(dict[str, Answer])


def schema() -> pa.Schema:
    """The columns: first those of the published index in its order, then what only our records know."""
    text = pa.large_string()
    published: list[tuple[str, pa.DataType]] = [
        *(("id", text), ("title", text), ("authors", text), ("venue", text), ("year", pa.int16()), ("url", text)),
        *(("category", text), ("excluded", pa.bool_())),
    ]
    for variable in ("research_type", "affiliation", *SCORED):
        published += [(variable, pa.int8()), (f"{variable}_text", text)]
    published += [
        *(("model", text), ("input_tokens", pa.int32()), ("thoughts_tokens", pa.int32())),
        *(("output_tokens", pa.int32()), ("cost_usd", pa.float64())),
    ]
    ours: list[tuple[str, pa.DataType]] = []
    for variable in VARIABLES:
        ours += [
            *((f"{variable}_result", text), (f"{variable}_confidence", pa.float64())),
            *((f"{variable}_evidence", text), (f"{variable}_correction", text)),
            *((f"{variable}_near_miss", text), (f"{variable}_rests_on", pa.int16()), (f"{variable}_links", text)),
        ]
    ours += [
        *(("documentation", pa.int8()), ("reproducibility", pa.float64()), ("reproducibility_low", pa.float64())),
        *(("reproducibility_high", pa.float64()), ("unverified", pa.int8())),
        *(("pages", pa.int32()), ("sha256", text), ("source", text), ("problem", text)),
        *(("assessor", text), ("prompt_hash", text), ("parameters", text), ("text_hash", text)),
        *(("seconds", pa.float64()), ("version", text), ("created", text), ("authors_list", pa.list_(text))),
        *(("notice", text), ("code", text)),
    ]
    return pa.schema(published + ours)


def to_row(record: Record) -> dict[str, Any]:
    """A record as one flat row."""
    paper, run, scores = record.paper, record.run, record.scores
    low, high = scores.reproducibility_interval or (None, None)
    row: dict[str, Any] = {
        **paper.model_dump(exclude={"authors"}),
        "authors": ", ".join(paper.authors),
        "authors_list": paper.authors,
        "excluded": False,
        **run.model_dump(exclude={"parameters", "cost"}),
        "parameters": _json(run.parameters),
        "thoughts_tokens": 0,
        "cost_usd": run.cost,
        "documentation": scores.documentation,
        "reproducibility": scores.reproducibility,
        "reproducibility_low": low,
        "reproducibility_high": high,
        "unverified": scores.unverified,
        "notice": record.notice,
        "code": _json(record.code.model_dump(mode="json")) if record.code else None,
    }
    for variable, answer in record.answers.items():
        row[variable] = CODES[variable][answer.result]
        row[f"{variable}_text"] = answer.response
        row[f"{variable}_result"] = answer.result
        row[f"{variable}_confidence"] = answer.confidence
        row[f"{variable}_evidence"] = _json([item.model_dump(mode="json") for item in answer.evidence])
        row[f"{variable}_correction"] = _json(answer.correction.model_dump()) if answer.correction else None
        row[f"{variable}_near_miss"] = _json(answer.near_miss.model_dump()) if answer.near_miss else None
        row[f"{variable}_rests_on"] = answer.rests_on
        links = None if answer.links is None else _json([link.model_dump() for link in answer.links])
        row[f"{variable}_links"] = links
    return row


def to_table(records: Iterable[Record]) -> pa.Table:
    """Records as a table with the columns of ``schema``."""
    return pa.Table.from_pylist([to_row(record) for record in records], schema=schema())


def from_row(row: Mapping[str, Any]) -> Record:
    """A record from one row of our table or of the published index's.

    The published index gives no evidence, so a quote of its has none here: ``response`` holds its text as published.
    Scores that the row lacks are counted from its answers. Raises OpenbookError on a row without an id, and ValueError
    on values that no record can have.
    """
    if not row.get("id"):
        raise OpenbookError("a row of this table has no id; a table of records needs one per paper")
    answers = _ANSWERS.validate_python(
        {variable: said for variable in VARIABLES if (said := _answer(row, variable)) is not None}
    )
    authors = row.get("authors_list")
    if authors is None:
        authors = [name.strip() for name in (row.get("authors") or "").replace(";", ",").split(",") if name.strip()]
    paper = PaperInfo(
        **{name: row.get(name) for name in ("id", "venue", "year", "url", "pages", "sha256", "source", "problem")},
        title=row.get("title") or "",
        authors=authors,
    )
    run = Run(
        assessor=row.get("assessor") or "published",
        model=row.get("model"),
        prompt_hash=row.get("prompt_hash"),
        parameters=json.loads(row.get("parameters") or "{}"),
        text_hash=row.get("text_hash"),
        input_tokens=row.get("input_tokens") or 0,
        output_tokens=(row.get("output_tokens") or 0) + (row.get("thoughts_tokens") or 0),
        cost=row.get("cost_usd") or 0.0,
        seconds=row.get("seconds") or 0.0,
        version=row.get("version") or "",
        created=row.get("created"),
    )
    notice = {"notice": row["notice"]} if row.get("notice") else {}
    code = CodeReport(**json.loads(row["code"])) if row.get("code") else None
    return Record(paper=paper, answers=answers, scores=_scores(row, answers), run=run, code=code, **notice)


def _answer(row: Mapping[str, Any], variable: str) -> dict[str, Any] | None:
    """The fields of an answer that a row gives; None if it has no answer."""
    column, plain, packed = _COLUMNS[variable]
    result = row.get(column)
    if result is None:
        code = row.get(variable)
        if code is None:
            return None
        result = _RESULTS[variable].get(code, "unknown" if variable not in SCORED else "no")
    said: dict[str, Any] = {
        "result": result,
        "evidence": [],
    }  # pydantic would copy its default, which costs more than all the rest
    for field, name in plain:
        if (value := row.get(name)) is not None:
            said[field] = value
    for field, name in packed:
        if value := row.get(name):
            said[field] = json.loads(value)
    return said


def _scores(row: Mapping[str, Any], answers: Mapping[str, Answer]) -> Scores:
    if "documentation" not in row:
        return score_answers(answers)
    low, high = row.get("reproducibility_low"), row.get("reproducibility_high")
    return Scores(
        documentation=row["documentation"],
        reproducibility=row.get("reproducibility"),
        reproducibility_interval=None if low is None or high is None else (low, high),
        unverified=row.get("unverified") or 0,
    )


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=True)


def write_table(table: pa.Table, path: Path) -> None:
    """Write a table to a Parquet file, whole or not at all."""
    out = io.BytesIO()
    pq.write_table(table, out, compression="zstd")
    write_atomically(path, out.getvalue())


def read_table(path: Path, columns: list[str] | None = None) -> pa.Table:
    """A table of records from a Parquet file, from a folder that ``openbook assess`` wrote, or from one record.

    In a folder the JSON records are the truth: ``records.parquet`` is used only where it is as new as the last of them
    and has as many rows. Raises OpenbookError if there are no records, or the file is no Parquet.
    """
    if path.is_dir():
        return _read_folder(path, columns)
    if path.suffix == ".json":
        table = to_table([read_record(path)])
        return table.select(columns) if columns else table
    require_records(path)
    try:
        return pq.read_table(path, columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise OpenbookError(f"{path} is not a Parquet file of records: {str(error).splitlines()[0]}") from error


def _read_folder(folder: Path, columns: list[str] | None) -> pa.Table:
    paths = record_paths(folder)
    parquet = folder / TABLE_NAME
    if not paths and not parquet.exists():
        raise OpenbookError(f"{folder} holds no records; fill it with: openbook assess PAPER... --out {folder}")
    if parquet.exists() and (not paths or _is_current(parquet, paths)):
        return read_table(parquet, columns)
    table = to_table(read_folder(folder))
    return table.select(columns) if columns else table


def _is_current(parquet: Path, paths: list[Path]) -> bool:
    newest = max(path.stat().st_mtime_ns for path in paths)
    try:
        return parquet.stat().st_mtime_ns >= newest and pq.read_metadata(parquet).num_rows == len(paths)
    except (pa.ArrowException, OSError):
        return False
