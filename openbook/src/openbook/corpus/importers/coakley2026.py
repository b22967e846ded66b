"""Reads a clone of the published index (arXiv:2606.16974) in its own layout, reports what is odd in it, and masks e-mail addresses."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from openbook.errors import OpenbookError
from openbook.files import read_csv, sha256
from openbook.text import one_line, shortened
from openbook.variables import VARIABLES

MASK: Final = "<EMAIL>"

#: ``name@host.tld`` and the grouped form of author lists, ``{ann, bob}@host.tld``. The host must end in letters, so that
#: ``pass@1``, ``BLEU@4`` and ``UAV123@10fps`` stay; ``git@host`` is the name of a service, not of a person.
_ADDRESS: Final = re.compile(
    r"(?:\{[^{}@<>]{1,200}\}|(?<![\w.+%-])(?!git@)[\w.+%-]+)\s?@\s?(?:[A-Za-z0-9-]+\.)+[A-Za-z]{2,}\b"
)


def mask_emails(text: str) -> str:
    """``text`` with every e-mail address replaced by ``<EMAIL>``."""
    return _ADDRESS.sub(MASK, text) if "@" in text else text


RAW: Final = Path("results/experiment/raw_data")
LISTED: Final = Path("paper_lists/downloaded_papers")
EXCLUDED: Final = Path("paper_lists/excluded_papers")

#: Our name of a variable -> its key in the published files, where they differ.
PUBLISHED_KEY: Final = {"open_datasets": "train", "dataset_splits": "validation"}
#: Entries that are no papers: the settings of the run.
SETTINGS: Final = frozenset(
    [
        "filter_stopwords",
        "lemmatize",
        "model",
        "permute",
        "prompt",
        "questions",
        "temperature",
        "top_p",
        "evaluation_seconds",
    ]
)
ALLOWED: Final = {variable: (0, 1, 2) if variable == "affiliation" else (0, 1) for variable in VARIABLES}
UNKNOWN: Final = -1
LIST_COLUMNS: Final = ("Filename", "Title", "Authors", "Category", "PDF_URL")
_NUMBERED: Final = re.compile(r"_(\d+)_(\d+)\.json$")


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something in the files that is not as it should be: what kind, in which file, which paper, and what was done."""

    kind: str
    file: str
    id: str | None
    message: str


@dataclass(slots=True)
class ImportReport:
    """What an import found. ``unassessed`` counts papers that stand in a list but have no answers in any file."""

    papers: int = 0
    excluded: int = 0
    unassessed: int = 0
    odd: list[Oddity] = field(default_factory=list)


@dataclass(slots=True)
class _Entry:
    """The answers of one paper as a file has them, and where they stand."""

    answers: dict[str, Any]
    file: str
    settings: dict[str, Any]
    complete: bool


def venue_years(root: Path) -> list[tuple[str, int]]:
    """The venues and years that have raw data under ``root``, sorted.

    Raises ``OpenbookError`` when ``root`` is not a clone of the index's repository.
    """
    raw = root / RAW
    if not raw.is_dir():
        raise OpenbookError(
            f"{root} is not a clone of the published index: there is no folder {RAW} in it. "
            "Give the folder that holds results/ and paper_lists/."
        )
    found = [
        (venue.name, int(year.name))
        for venue in raw.iterdir()
        if venue.is_dir()
        for year in venue.iterdir()
        if year.is_dir() and year.name.isdigit()
    ]
    if not found:
        raise OpenbookError(f"{raw} holds no VENUE/YEAR folders: there is nothing to import.")
    return sorted(found)


def read_venue_year(root: Path, venue: str, year: int, report: ImportReport) -> Iterator[dict[str, Any]]:
    """One row per paper of a venue and year, in the order of the files; oddities are added to ``report``."""
    listed = _paper_list(root, LISTED, venue, year, report)
    excluded = _paper_list(root, EXCLUDED, venue, year, report)
    folder = root / RAW / venue / str(year)
    entries: dict[str, _Entry] = {}
    failed: dict[str, tuple[str, str]] = {}
    for path in sorted((path for path in folder.iterdir() if path.suffix in (".json", ".errors")), key=_reading_order):
        name = path.relative_to(root).as_posix()
        content = _object(path, name, report)
        if content is None:
            continue
        settings = {key: content[key] for key in SETTINGS if key in content}
        for key, value in content.items():
            if key in SETTINGS:
                continue
            if path.suffix == ".errors" or not isinstance(value, dict):
                failed[key] = (name, value if isinstance(value, str) else type(value).__name__)
                continue
            _add(entries, key, _Entry(value, name, settings, _complete(value)), report)
    for key, (name, message) in failed.items():
        if key in excluded and key not in entries:
            continue
        if key in entries:
            report.odd.append(
                Oddity("repaired", name, key, f"failed here ({_short(message)}), answered in {entries[key].file}")
            )
        else:
            report.odd.append(
                Oddity("entry_not_an_object", name, key, f"no answers, only: {_short(message)}; left out")
            )
    for key, entry in entries.items():
        if key in excluded:
            report.excluded += 1
            continue
        if listed is not None and key not in listed:
            report.odd.append(
                Oddity("not_listed", entry.file, key, "stands in no list of papers; kept without title or link")
            )
        report.papers += 1
        yield _row(key, venue, year, entry, (listed or {}).get(key, {}), report)
    report.unassessed += sum(key not in entries and key not in excluded and key not in failed for key in listed or {})


def _reading_order(path: Path) -> tuple[int, int, str]:
    """Numbered files first, by number; then reruns, so that they win; files of error messages last."""
    numbered = _NUMBERED.search(path.name)
    if path.suffix == ".errors":
        return (2, 0, path.name)
    return (0, int(numbered[1]), path.name) if numbered else (1, 0, path.name)


def _paper_list(root: Path, folder: Path, venue: str, year: int, report: ImportReport) -> Any:
    """Paper id -> its line in the list. A missing list of excluded papers means that none was excluded."""
    path = root / folder / f"{venue}_{year}.csv"
    name = path.relative_to(root).as_posix()
    if not path.is_file():
        if folder is LISTED:
            report.odd.append(
                Oddity("missing_list", name, None, "no list of papers; titles, authors and links are unknown")
            )
            return None
        return {}
    try:
        lines, columns = read_csv(path)
    except OpenbookError as error:
        report.odd.append(Oddity("broken_list", name, None, f"{str(error).removeprefix(f'{path} ')}; not used"))
        return None if folder is LISTED else {}
    missing = [column for column in LIST_COLUMNS if column not in columns]
    if "Filename" in missing:
        report.odd.append(Oddity("broken_list", name, None, f"has no column {', '.join(missing)}; not used"))
        return None if folder is LISTED else {}
    if missing:
        report.odd.append(Oddity("broken_list", name, None, f"has no column {', '.join(missing)}; left empty"))
    return {line["Filename"].removesuffix(".pdf"): line for line in lines}


def _object(path: Path, name: str, report: ImportReport) -> dict[str, Any] | None:
    """The JSON object of a file, or None (and an entry in the report) when there is none."""
    try:
        content = json.loads(path.read_bytes())
    except (UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        report.odd.append(
            Oddity("broken_json", name, None, f"is not JSON ({_short(str(error))}); none of its papers was read")
        )
        return None
    if not isinstance(content, dict):
        report.odd.append(
            Oddity("broken_json", name, None, f"holds a {type(content).__name__}, not an object; not read")
        )
        return None
    return content


def _add(entries: dict[str, _Entry], key: str, entry: _Entry, report: ImportReport) -> None:
    """Keep the better answers of a paper that stands in two files: the complete ones, else the later ones."""
    earlier = entries.get(key)
    if earlier is None:
        entries[key] = entry
    elif entry.complete and not earlier.complete:
        report.odd.append(
            Oddity("repaired", earlier.file, key, f"incomplete here, complete in {entry.file}, which was used")
        )
        entries[key] = entry
    elif earlier.complete and not entry.complete:
        report.odd.append(Oddity("duplicate", entry.file, key, f"incomplete here; {earlier.file} was used"))
    else:
        report.odd.append(Oddity("duplicate", earlier.file, key, f"also in {entry.file}, which is later and was used"))
        entries[key] = entry


def _answer(answers: dict[str, Any], variable: str) -> Any:
    return answers.get(PUBLISHED_KEY.get(variable, variable))


def _complete(answers: dict[str, Any]) -> bool:
    return all(isinstance(_answer(answers, variable), dict) for variable in VARIABLES)


def _row(key: str, venue: str, year: int, entry: _Entry, line: dict[str, str], report: ImportReport) -> dict[str, Any]:
    settings = entry.settings
    row: dict[str, Any] = {
        "id": key,
        "title": mask_emails(line.get("Title") or "") or key.rsplit("__", 1)[0].replace("_", " "),
        "authors": mask_emails(line.get("Authors") or ""),
        "venue": venue,
        "year": year,
        "url": line.get("PDF_URL") or "",
        "category": line.get("Category") or "",
        "excluded": False,
    }
    for variable in VARIABLES:
        row[variable], row[f"{variable}_text"] = _result(key, variable, entry, report)
    row["model"] = _model(settings.get("model"))
    for column in ("input_tokens", "thoughts_tokens", "output_tokens"):
        row[column] = _count(entry, column, key, report)
    cost = entry.answers.get("cost")
    row["cost_usd"] = float(cost) if isinstance(cost, (int, float)) else None
    row["prompt_hash"] = _prompt_hash(settings)
    row["parameters"] = json.dumps(
        {name: settings[name] for name in sorted(SETTINGS - {"model", "prompt", "questions"}) if name in settings}
    )
    row["source_file"] = entry.file
    return row


def _result(key: str, variable: str, entry: _Entry, report: ImportReport) -> tuple[int, str]:
    """An answer as number and text; what is not 0, 1 (or 2, of affiliation) becomes -1 and is reported."""
    answer = _answer(entry.answers, variable)
    if not isinstance(answer, dict) or "result" not in answer:
        report.odd.append(Oddity("missing_answer", entry.file, key, f"{variable}: no result; recorded as unknown"))
        return UNKNOWN, _text(answer.get("paper_text") if isinstance(answer, dict) else answer)
    value = answer["result"]
    text = _text(answer.get("paper_text"))
    if isinstance(value, int) and not isinstance(value, bool) and value in ALLOWED[variable]:
        return value, text
    repaired = _number(value)
    if repaired in ALLOWED[variable]:
        report.odd.append(
            Oddity("odd_value", entry.file, key, f"{variable}: {_short(repr(value))}, read as {repaired}")
        )
        return int(repaired), text
    report.odd.append(Oddity("odd_value", entry.file, key, f"{variable}: {_short(repr(value))}, recorded as unknown"))
    return UNKNOWN, text


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")


def _text(value: object) -> str:
    if value is None:
        return ""
    return mask_emails(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _count(entry: _Entry, column: str, key: str, report: ImportReport) -> int | None:
    value = entry.answers.get(column)
    if isinstance(value, int) and 0 <= value < 2**31:
        return value
    if value is not None:
        report.odd.append(Oddity("odd_value", entry.file, key, f"{column}: {_short(repr(value))}, left empty"))
    return None


def _model(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("name")
    return value if isinstance(value, str) else ""


def _prompt_hash(settings: dict[str, Any]) -> str | None:
    """SHA-256 of the prompt and the questions, or None if the file does not say them."""
    if "prompt" not in settings and "questions" not in settings:
        return None
    return sha256(f"{settings.get('prompt', '')}\n{settings.get('questions', '')}")


def _short(text: str, limit: int = 120) -> str:
    return shortened(one_line(mask_emails(text)), limit)
