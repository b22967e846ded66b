"""Searches the paper itself for every quote of a yes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from openbook.corpus.audit.findings import AuditedAnswer, AuditedRecord, Finding, excerpt, yes_answers
from openbook.corpus.audit.rules import explanations
from openbook.errors import OpenbookError

if TYPE_CHECKING:
    from openbook.evidence import Finder
    from openbook.papers.paper import Paper


#: A stretch this similar (0..100) counts as resembling the quote. Quotes of other papers stay below it
#: (docs/corpus-studies.md has the figures).
ALIKE: Final = 68.0
_JOINT: Final = re.compile(
    r"\s+and,?\s+(?=['\"“‘]?[A-Z])|(?<=[a-z)\]]\.)(?=[A-Z])|(?<=\d\.)(?=[A-Z][a-z])|[.!?'\"”’)],?\s+and\s+|\.,\s+|\s\[(?=[A-Z])"
)


class PaperTexts:
    """The available papers, by id: a folder of files named by id, or a Parquet file with the columns id and text."""

    def __init__(self, place: Path) -> None:
        self._files: dict[str, Path] = {}
        self._texts: dict[str, str] = {}
        if place.is_dir():
            self._files = {path.stem: path for path in sorted(place.iterdir()) if path.is_file()}
        elif place.suffix == ".parquet" and place.exists():
            self._texts = _texts(place)
        else:
            raise OpenbookError(
                f"--papers {place}: give a folder of papers named by id, or a Parquet file with id and text."
            )
        if not self._files and not self._texts:
            raise OpenbookError(f"--papers {place} holds no papers.")

    def __contains__(self, id_: str) -> bool:
        return id_ in self._files or id_ in self._texts

    def read(self, id_: str) -> Paper:
        """The paper, read under limits; ``problem`` says why when it could not be read."""
        if id_ in self._texts:
            from openbook.papers.reading import read_text

            return read_text(self._texts[id_], id_)
        from openbook.papers.sandbox import read_safely

        return read_safely(self._files[id_])


def _texts(place: Path) -> dict[str, str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(place, columns=["id", "text"])
    except (pa.ArrowException, OSError) as error:
        raise OpenbookError(f"--papers {place} has no columns id and text: {str(error).splitlines()[0]}") from error
    return dict(zip(table["id"].to_pylist(), table["text"].to_pylist(), strict=True))


class QuoteCheck:
    """The rule ``quote_absent``. ``checked`` counts answers: found, partly found, altered (only something like it is
    there), absent; and papers without text."""

    def __init__(self, papers: Path | None, checked: Counter[str]) -> None:
        self._papers = PaperTexts(papers) if papers is not None else None
        self.checked = checked

    def __call__(self, record: AuditedRecord) -> Iterator[Finding]:
        """A finding for each answer of which nothing, and nothing like it, is in the paper."""
        if self._papers is None or record.id not in self._papers:
            yield from self._recorded(record)
            return
        paper = self._papers.read(record.id)
        if paper.problem is not None:
            self.checked["unreadable paper"] += 1
            return
        from openbook.evidence import Finder

        finder = Finder(paper)
        explained = {finding.variable for finding in explanations(record)}
        for variable, answer in _claimed(record):
            if variable in explained or not answer.words.strip():
                continue
            state = _state(finder, answer)
            self.checked[state] += 1
            if state == "absent":
                why = f"nothing like it is in the paper ({paper.source})"
                yield Finding(record.id, "quote_absent", "high", variable, excerpt(answer.words, 0, 300, 0), why)

    def _recorded(self, record: AuditedRecord) -> Iterator[Finding]:
        """Without the paper: what the record itself says of its quotes."""
        for variable, answer in record.answers.items():
            if answer.unverified:
                why = "the record calls this answer unverified: its quote was not found when the paper was read"
                yield Finding(record.id, "quote_absent", "medium", variable, excerpt(answer.words, 0, 300, 0), why)


def _claimed(record: AuditedRecord) -> Iterator[tuple[str, AuditedAnswer]]:
    yield from yes_answers(record)
    yield from ((variable, answer) for variable, answer in record.answers.items() if answer.unverified)


def _joined(quote: str) -> list[str]:
    """The quotes that an assessor joined with "and", with a comma, or with nothing at all."""
    return [part for part in _JOINT.split(quote) if part.strip()] or [quote]


def _state(finder: Finder, answer: AuditedAnswer) -> str:
    quotes = [quote for quote, _ in answer.quotes] or [answer.words]
    pieces = [piece for quote in quotes for piece in finder.evidence(quote)]
    if any(piece.match == "absent" for piece in pieces):
        parts = (
            part for piece in pieces for part in (_joined(piece.quote) if piece.match == "absent" else [piece.quote])
        )
        pieces = [piece for part in parts for piece in finder.evidence(part)]
    found = [piece.match != "absent" for piece in pieces]
    if any(found):
        return "found" if all(found) else "partly found"
    return "altered" if any(_alike(finder.text, piece.quote) for piece in pieces) else "absent"


def _alike(text: str, quote: str) -> bool:
    """Whether something similar stands in the text: a formula that was extracted otherwise, a list that was shortened."""
    from rapidfuzz import fuzz

    letters = " ".join(quote.lower().split())
    return fuzz.partial_ratio(letters, " ".join(text.lower().split()), score_cutoff=ALIKE) > 0
