"""Advice in the forms that other programs read: GitHub's annotations, JUnit's XML, Markdown."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from openbook.advice.advising import Advice, Place, by_place
from openbook.errors import OpenbookError
from openbook.record.model import Record
from openbook.text import one_line
from openbook.variables import SCORED
from openbook.variables.definitions import definition

#: Short names of the variables, as ``--require`` takes them.
SHORT: Final = {
    "pseudocode": "pseudocode",
    "code": "open_source_code",
    "data": "open_datasets",
    "splits": "dataset_splits",
    "hardware": "hardware_specification",
    "software": "software_dependencies",
    "setup": "experiment_setup",
}


def required(names: str) -> list[str]:
    """The variables that ``code,data,hardware`` names. Raises OpenbookError for an unknown name."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    unknown = [name for name in wanted if name not in SHORT and name not in SCORED]
    if unknown or not wanted:
        raise OpenbookError(
            f"--require {names!r} is invalid: {', '.join(unknown) or 'nothing'}; the names are {', '.join(SHORT)}"
        )
    return list(dict.fromkeys(SHORT.get(name, name) for name in wanted))


def source_line(source: Path, place: Place | None) -> tuple[Path, int] | None:
    """File and line of a LaTeX source where the sentence of a place stands; None if it is not found.

    The main file and every ``.tex`` file beside or below it are searched for the sentence's letters.
    """
    if place is None or not place.after or source.suffix.lower() not in (".tex", ".ltx"):
        return None
    wanted = _letters(place.after)
    for length in (60, 40, 25):
        for path in [source, *sorted(other for other in source.parent.rglob("*.tex") if other != source)[:200]]:
            found = _line_of(path, wanted[:length])
            if found is not None and len(wanted) >= min(length, 15):
                return path, found
    return None


def _letters(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())


def _line_of(path: Path, letters: str) -> int | None:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    starts, joined = [], ""
    for line in lines:
        starts.append(len(joined))
        joined += _letters(re.sub(r"(?<!\\)%.*|\\[a-zA-Z]+\*?", "", line))
    at = joined.find(letters)
    return None if at < 0 or not letters else sum(start <= at for start in starts)


def to_github(advice: Sequence[Advice], source: Path, needed: Sequence[str]) -> str:
    """Workflow commands of GitHub Actions: an error for what is required, else a warning; with file and line for LaTeX."""
    lines = []
    for item in advice:
        level = "error" if item.variable in needed else "warning"
        at = source_line(source, item.place)
        where = f"file={_property(str(at[0]))},line={at[1]}," if at else f"file={_property(str(source))},"
        said = f"{item.what} Draft: {item.draft}" if item.draft else item.what
        lines.append(f"::{level} {where}title={_property(item.title + ' is missing')}::{_message(said)}")
    return "".join(f"{line}\n" for line in lines)


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")


def to_junit(record: Record, advice: Sequence[Advice], source: Path) -> str:
    """A JUnit test suite: one case a variable, failed where it is missing."""
    missing = {item.variable: item for item in advice}
    cases = [variable for variable in SCORED if variable in record.answers]
    suite = ElementTree.Element("testsuite", name="openbook", tests=str(len(cases)), failures=str(len(missing)))
    for variable in cases:
        case = ElementTree.SubElement(suite, "testcase", classname=_valid(str(source)), name=definition(variable).title)
        item = missing.get(variable)
        if item is not None:
            at = source_line(source, item.place)
            where = f"{at[0]}:{at[1]}: " if at else ""
            failure = ElementTree.SubElement(case, "failure", message=_valid(f"{where}{item.what}"), type=item.reason)
            failure.text = _valid(f"Draft: {item.draft}" if item.draft else item.what)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _valid(text: str) -> str:
    """Text without the characters that XML does not allow."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)


def to_markdown(record: Record, advice: Sequence[Advice], source: Path) -> str:
    """A page for a job's summary: a table of the seven, then what to add and where."""
    lines = [
        f"## {_cell(record.paper.title or record.paper.id)}",
        "",
        f"{record.scores.documentation or 0} of 7 are stated.",
        "",
    ]
    lines += ["| | answer | the sentence it rests on |", "|---|---|---|"]
    for variable in SCORED:
        answer = record.answers.get(variable)
        if answer is not None:
            quote = next((item.quote for item in answer.evidence if item.match != "absent"), "")
            lines.append(f"| {definition(variable).title} | {answer.result} | {_cell(quote)[:200]} |")
    for place, items in by_place(advice):
        at = source_line(source, place)
        line = f", `{at[0]}:{at[1]}`" if at else ""
        page = f", page {place.page}" if place and place.page is not None else ""
        lines += ["", f"### In “{_cell(place.section)}”{page}{line}" if place else "### Where it fits best", ""]
        for item in items:
            draft = f" Draft: *{_cell(item.draft)}*" if item.draft else ""
            lines.append(f"- **{item.title}.** {item.what}{draft}")
    return "\n".join([*lines, "", record.notice, ""])


def _cell(text: str) -> str:
    return re.sub(r"([|<*_`\\\[\]])", r"\\\1", one_line(text))
