"""Record files: one JSON object per paper, written whole or not at all, and the schema they follow."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from openbook.errors import OpenbookError
from openbook.files import NAMED, FileKind, kind_of, write_atomically
from openbook.record.model import Affiliation, Record, ResearchType, ScoredResult
from openbook.variables import VARIABLES

SCHEMA_FILE = Path(__file__).with_name("record.schema.json")


def record_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of a record, made from the model."""
    schema = Record.model_json_schema(mode="serialization")
    schema["properties"]["answers"] = {
        "title": "Answers",
        "type": "object",
        "properties": {variable: _answer_schema(variable) for variable in VARIABLES},
        "required": list(VARIABLES),
        "additionalProperties": False,
    }
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def _answer_schema(variable: str) -> dict[str, Any]:
    """An answer whose result is one that this variable can have."""
    allowed = {"research_type": ResearchType, "affiliation": Affiliation}.get(variable, ScoredResult)
    return {"$ref": "#/$defs/Answer", "properties": {"result": {"enum": list(get_args(allowed))}}}


def schema_text() -> str:
    """The schema as ``record.schema.json`` holds it."""
    return json.dumps(record_schema(), indent=2, ensure_ascii=False) + "\n"


def dump_record(record: Record) -> str:
    """A record as JSON, indented, in the model's order."""
    return record.model_dump_json(indent=2) + "\n"


def write_record(record: Record, path: Path) -> None:
    """Write a record to a JSON file, whole or not at all."""
    write_atomically(path, dump_record(record))


def read_record(path: Path) -> Record:
    """Read a record from a JSON file. Raises OpenbookError that says what is wrong with it."""
    try:
        return parse_record(path.read_text(encoding="utf-8"), str(path))
    except FileNotFoundError as error:
        raise OpenbookError(f"there is no record {path}; make one with: openbook assess PAPER --out DIR") from error
    except (OSError, UnicodeDecodeError, OpenbookError) as error:
        kind = kind_of(path)
        if kind == "JSON" and isinstance(error, OpenbookError):
            raise
        raise OpenbookError(no_record(path, kind)) from error


def no_record(path: Path, kind: FileKind) -> str:
    """In words: what stands at a path instead of a record, and which command takes it."""
    if kind == "folder":
        first = next(iter(record_paths(path)), None)
        if first is not None:
            return f"{path} is a folder, and one record is expected; give one of its records, such as {first}"
        return f"{path} is a folder without records; make records of its papers with: openbook assess {path} --out DIR"
    if kind in ("PDF", "text", "archive"):
        return f"{path} is {NAMED[kind]}, not a record; make its record with: openbook assess {path} --out DIR"
    if kind == "Parquet table":
        return f"{path} is a Parquet table, and one record is expected; openbook audit, trends and site take tables"
    return f"{path} is {NAMED[kind]}, not a record; a record is a JSON file that openbook assess wrote"


def parse_record(text: str, where: str) -> Record:
    """A record from its JSON. Raises OpenbookError that names ``where`` and the first field that is wrong."""
    try:
        return Record.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(step) for step in first["loc"]) or "the whole file"
        raise OpenbookError(
            f"{where} is not a record: {place}: {first['msg']}; openbook schema prints what a record looks like"
        ) from error


def record_paths(folder: Path) -> list[Path]:
    """The record files of a folder, by name. Hidden and half-written files are not among them."""
    return sorted(path for path in folder.glob("*.json") if not path.name.startswith("."))


def read_folder(folder: Path) -> Iterator[Record]:
    """The records of a folder that ``openbook assess`` wrote, by name. Raises OpenbookError at the first bad one."""
    for path in record_paths(folder):
        yield read_record(path)


def require_records(path: Path) -> None:
    """Raise OpenbookError where no table, folder of records or record is at a path."""
    if not path.exists():
        raise OpenbookError(f"there is no file or folder {path}; give a Parquet file of records or a folder of them")
    kind = kind_of(path)
    if kind not in ("folder", "Parquet table", "JSON"):
        hint = f"; make records of papers with: openbook assess {path} --out DIR" if kind in ("PDF", "archive") else ""
        raise OpenbookError(f"{path} is {NAMED[kind]}, not a Parquet file of records or a folder of them{hint}")
