"""Whether quotes prove their answers, by labelled sentences: what ``openbook validate --gold`` reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from openbook.corpus.validation.statistics import wilson
from openbook.errors import OpenbookError
from openbook.evidence.letters import letters_of
from openbook.files import read_csv
from openbook.record.files import read_record, record_paths
from openbook.variables import SCORED

_LEAST: Final = 12
_OVERLAP: Final = 0.5

Label = dict[str, bool]


def read_gold(path: Path) -> dict[str, dict[str, Label]]:
    """Paper -> letters of a sentence -> what it proves, from Parquet or CSV: ``paper``, ``sentence``, one column a variable.

    Raises OpenbookError if the table cannot be read or lacks columns.
    """
    if path.suffix.lower() == ".csv":
        rows: Sequence[dict[str, Any]] = read_csv(path)[0]
    else:
        from openbook.record.parquet import read_table

        rows = read_table(path).to_pylist()
    names = set(rows[0]) if rows else set()
    variables = [variable for variable in SCORED if variable in names]
    if not {"paper", "sentence"} <= names or not variables:
        raise OpenbookError(
            f"{path} is not a table of labelled sentences: it needs paper, sentence and a column per variable"
        )
    found: dict[str, dict[str, Label]] = {}
    for row in rows:
        label: Label = {
            name: str(row[name]).lower() in ("1", "true", "yes") for name in variables if row[name] not in (None, "")
        }
        found.setdefault(str(row["paper"]), {}).setdefault(letters_of(row["sentence"] or ""), {}).update(label)
    return found


def proves(quote: str, variable: str, labels: Mapping[str, Label]) -> bool | None:
    """Whether a quote proves a variable, by the labelled sentence that it is, holds or is part of; None if none is.

    Of several that it overlaps, one that proves is enough.
    """
    key = letters_of(quote)
    said = []
    for letters, label in labels.items():
        if variable not in label or min(len(key), len(letters)) < min(_LEAST, len(key)):
            continue
        inside = letters in key or key in letters
        if (inside and min(len(key), len(letters)) >= _OVERLAP * max(len(key), len(letters))) or letters == key:
            said.append(label[variable])
    return any(said) if said else None


def validate_evidence(folder: Path, gold: Path) -> dict[str, Any]:
    """Per variable and in all: yes answers whose first quote was labelled, how often it proves, how often any quote does,
    and answers that a labelled sentence proves but that were denied; shares with 95 % Wilson intervals.

    ``folder`` holds records as ``openbook assess`` writes them, joined with ``gold`` by the record's file name or id.
    Raises OpenbookError if nothing can be joined.
    """
    labels = read_gold(gold)
    paths = record_paths(folder) if folder.is_dir() else [folder]
    table = {variable: dict.fromkeys(("yes", "first", "any", "unread", "provable", "missed"), 0) for variable in SCORED}
    papers = 0
    for path in paths:
        record = read_record(path)
        mine = labels.get(path.stem) or labels.get(record.paper.id)
        if mine is None or record.paper.problem is not None:
            continue
        papers += 1
        for variable, counts in table.items():
            answer = record.answers[variable]
            provable = any(label.get(variable) for label in mine.values())
            counts["provable"] += int(provable)
            counts["missed"] += int(provable and answer.result != "yes")
            if answer.result == "yes":
                _count(counts, [proves(item.quote, variable, mine) for item in answer.evidence])
    if not papers:
        raise OpenbookError(f"no paper of {gold} has a record in {folder}: name each record after its paper's id")
    rows: dict[str, dict[str, Any]] = {variable: _shares(counts) for variable, counts in table.items()}
    total = {name: sum(counts[name] for counts in table.values()) for name in next(iter(table.values()))}
    return {"records": str(folder), "gold": str(gold), "papers": papers, "variables": rows, "all": _shares(total)}


def _count(counts: dict[str, int], judged: Sequence[bool | None]) -> None:
    if not judged or judged[0] is None:
        counts["unread"] += 1
        return
    counts["yes"] += 1
    counts["first"] += int(judged[0])
    counts["any"] += int(any(judged))


def _shares(counts: Mapping[str, int]) -> dict[str, Any]:
    found: dict[str, Any] = dict(counts)
    for name, part, whole in (
        ("first_quote_proves", "first", "yes"),
        ("any_quote_proves", "any", "yes"),
        ("share_missed", "missed", "provable"),
    ):
        n = counts[whole]
        found[name] = counts[part] / n if n else None
        found[f"{name}_interval"] = wilson(counts[part], n) if n else None
    return found
