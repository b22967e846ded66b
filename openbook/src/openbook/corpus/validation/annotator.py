"""Lets a person label papers: one question at a time, with passages to look at; each answer is saved at once."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from openbook.corpus.validation.questions import KEYS, SHOWN, AnswerQuestion, Candidate, Candidates
from openbook.errors import OpenbookError
from openbook.files import read_csv, write_atomically
from openbook.papers.paper import Paper
from openbook.text import shortened
from openbook.variables import SCORED, VARIABLES
from openbook.variables.definitions import definition as definition_of

#: Key -> what it does, for every variable.
COMMANDS: Final = {"m": "more passages", "b": "back", "s": "skip paper", "q": "quit"}
_COLUMNS: Final = ("id", "title", "source", "annotator")

Ask = Callable[[str], str]
Say = Callable[[str], None]


@dataclass(slots=True)
class Labels:
    """The file of one annotator: id -> row. An empty cell is not answered yet, ``unknown`` is an answer."""

    path: Path
    variables: Sequence[str] = VARIABLES
    rows: dict[str, dict[str, str]] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path, variables: Sequence[str] = VARIABLES) -> Labels:
        """Read the file, or begin one. Raises ``OpenbookError`` when it is not a file of labels."""
        labels = cls(path, variables)
        if not path.exists():
            return labels
        rows, names = read_csv(path, "; choose another --out")
        if "id" not in names:
            raise OpenbookError(f"{path} is not a file of labels: it has no column id. Choose another --out.")
        columns = (*_COLUMNS, *VARIABLES)
        labels.rows = {row["id"]: {name: row.get(name) or "" for name in columns} for row in rows}
        return labels

    def missing(self, id_: str) -> list[str]:
        """The variables that this paper still lacks."""
        row = self.rows.get(id_, {})
        return [variable for variable in self.variables if not row.get(variable)]

    def put(self, id_: str, variable: str, answer: str, **about: str) -> None:
        """Record an answer and save the file."""
        row = self.rows.setdefault(id_, dict.fromkeys((*_COLUMNS, *VARIABLES), ""))
        row.update(id=id_, **about)
        row[variable] = answer
        out = io.StringIO()
        writer = csv.DictWriter(out, [*_COLUMNS, *VARIABLES], lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows.values())
        write_atomically(self.path, out.getvalue())


@dataclass(frozen=True, slots=True)
class Item:
    """A paper to label: its id, and how to read it when its turn comes."""

    id: str
    read: Callable[[], Paper]


class LabelQuestions:
    """The variables that an annotator's file still lacks, paper by paper.

    ``most``: passages of a question. ``say`` is told of each paper that cannot be read and is passed over.
    """

    heading = "Label"

    def __init__(
        self,
        items: Sequence[Item],
        labels: Labels,
        annotator: str,
        *,
        most: int | None = 4 * SHOWN,
        say: Say = lambda line: None,
    ) -> None:
        self._items = items
        self._labels = labels
        self._annotator = annotator
        self._most = most
        self._say = say
        self._open = [(place, variable) for place, item in enumerate(items) for variable in labels.missing(item.id)]
        self._at = 0
        self._read: tuple[int, Candidates] | None = None
        self.done = 0

    @property
    def place(self) -> int:
        """Which of the papers the current question is about, from 0."""
        return self._open[self._at][0]

    def current(self) -> AnswerQuestion | None:
        """The next cell of the file. Papers that cannot be read are passed over."""
        while self._at < len(self._open):
            place, variable = self._open[self._at]
            item = self._items[place]
            if self._read is None or self._read[0] != place:
                self._read = place, Candidates(item.read())
            candidates = self._read[1]
            if candidates.paper.problem is None:
                return AnswerQuestion(
                    id=f"{item.id}:{variable}",
                    paper=candidates.paper.title or item.id,
                    variable=variable,
                    number=self._at + 1,
                    total=len(self._open),
                    keys=KEYS[variable],
                    passages=candidates.passages(variable)[: self._most],
                    links=candidates.links(variable),
                )
            self._say(f"\n{item.id}: cannot be read ({candidates.paper.problem}); passed over.")
            self.skip()
        return None

    def answer(self, result: str, why: str = "", proof: Candidate | None = None) -> None:
        """Write the answer to the file. Raises OpenbookError where it cannot be written."""
        place, variable = self._open[self._at]
        item = self._items[place]
        paper = item.read() if self._read is None or self._read[0] != place else self._read[1].paper
        self._labels.put(item.id, variable, result, title=paper.title, source=paper.source, annotator=self._annotator)
        self._at += 1
        self.done += 1

    def skip(self) -> None:
        """Pass over the rest of the current paper."""
        place = self.place
        while self._at < len(self._open) and self.place == place:
            self._at += 1

    def back(self) -> bool:
        """Return to the cell before, and empty it; False where there is none."""
        if not self._at:
            return False
        self._at -= 1
        place, variable = self._open[self._at]
        if self._labels.rows.get(self._items[place].id, {}).get(variable):  # else it was passed over
            self._labels.put(self._items[place].id, variable, "")
            self.done -= 1
        return True


def annotate(items: Sequence[Item], labels: Labels, annotator: str, ask: Ask, say: Say) -> int:
    """Ask about every paper that is not finished, until all are or the annotator quits; returns answers given.

    ``ask`` shows a prompt and returns a key (an empty string at the end of the input, which quits).
    """
    finished = sum(not labels.missing(item.id) for item in items)
    say(f"{finished} of {len(items)} papers are done; answers are saved to {labels.path} as you go.")
    questions = LabelQuestions(items, labels, annotator, most=None, say=say)
    named = None
    while (question := questions.current()) is not None:
        if named != questions.place:
            named = questions.place
            say(f"\n[{named + 1}/{len(items)}] {question.paper}")
        key = _key(question, ask, say)
        if key in ("q", ""):
            say(f"\nSaved. {questions.done} answers in this session.")
            return questions.done
        if key == "s":
            questions.skip()
        elif key != "b":
            questions.answer(question.keys[key])
        elif not questions.back():
            say("There is nothing to go back to.")
    say(f"\nDone. {questions.done} answers in this session.")
    return questions.done


def _key(question: AnswerQuestion, ask: Ask, say: Say) -> str:
    """Show the question and its candidates; returns a key that is an answer, ``b``, ``s``, ``q``, or empty."""
    say(f"\n{question.title}: {question.asked}")
    rest = iter(question.passages)
    _show_some(rest, say)
    for link in question.links:
        say(f"    link  {link}")
    keys = question.keys | COMMANDS
    prompt = "  ".join(f"{key} {meaning}" for key, meaning in keys.items())
    while True:
        key = ask(f"  {prompt} > ").strip().lower()[:1]
        if key == "m":
            _show_some(rest, say)
        elif key == "" or key in keys:
            return key
        else:
            say(f"  {key!r} is not one of the keys.")


def _show_some(rest: Iterator[Candidate], say: Say) -> None:
    shown = 0
    for passage in rest:
        where = f"p. {passage.page}" if passage.page is not None else "·"
        say(f"  {where:>6}  {shortened(passage.words, 400)}")
        shown += 1
        if shown == SHOWN:
            return
    if not shown:
        say("          no further passage with telling words")


@dataclass(slots=True)
class SentenceLabels:
    """The file of labelled sentences of one annotator, CSV: one row a sentence, ``1`` or ``0`` per variable asked.

    It holds the words around each sentence, so that ``openbook train --gold`` can use it without the paper.
    """

    path: Path
    rows: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    @classmethod
    def open(cls, path: Path) -> SentenceLabels:
        """Read the file, or begin one. Raises ``OpenbookError`` when it is not a file of labelled sentences."""
        labels = cls(path)
        if not path.exists():
            return labels
        rows, names = read_csv(path, "; choose another --out")
        if rows and not {"paper", "sentence"} <= set(names):
            raise OpenbookError(
                f"{path} is not a file of labelled sentences: it lacks the column paper or sentence. Choose another --out."
            )
        labels.rows = {
            (row["paper"], row["sentence"]): {name: row.get(name) or "" for name in _SENTENCE_COLUMNS} for row in rows
        }
        return labels

    def put(self, question: SentenceQuestion, answer: str) -> None:
        """Record an answer (``yes``, ``no`` or ``unknown``, which leaves the cell empty) and save the file."""
        key = (question.paper, question.sentence)
        row = self.rows.setdefault(key, dict.fromkeys(_SENTENCE_COLUMNS, ""))
        row.update(
            paper=question.paper,
            section=question.section,
            before=question.before,
            sentence=question.sentence,
            after=question.after,
            sure=row["sure"] or "1",
        )
        if answer == "unknown":
            row["sure"] = "0"
        else:
            row[question.variable] = "1" if answer == "yes" else "0"
        out = io.StringIO()
        writer = csv.DictWriter(out, _SENTENCE_COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows.values())
        write_atomically(self.path, out.getvalue())


_SENTENCE_COLUMNS: Final = ("paper", "section", "before", "sentence", "after", *SCORED, "sure")
_SENTENCE_KEYS: Final = {"y": "yes", "n": "no", "u": "unknown"}


@dataclass(frozen=True, slots=True)
class SentenceQuestion:
    """Does this sentence, read with what stands around it, prove the variable by itself? ``probability`` is the assessor's."""

    paper: str
    variable: str
    sentence: str
    before: str
    after: str
    section: str
    probability: float


def doubtful_sentences(paper: Paper, name: str, variables: Sequence[str], most: int) -> list[SentenceQuestion]:
    """The sentences about which the offline assessor is least sure, at most ``most`` per variable, the most doubtful first."""
    import numpy as np

    from openbook.assessors.linear.assessor import LinearAssessor

    reading = LinearAssessor().read(paper)
    found = []
    for variable in variables:
        column = reading.log_odds[:, SCORED.index(variable)]
        for place in np.argsort(np.abs(column), kind="stable")[:most]:
            item = reading.items[place]
            probability = float(1 / (1 + np.exp(-column[place])))
            if 0.02 < probability < 0.98:
                found.append(
                    SentenceQuestion(name, variable, item.text, item.before, item.after, item.section, probability)
                )
    return found


def annotate_sentences(
    items: Sequence[Item],
    labels: SentenceLabels,
    variables: Sequence[str],
    ask: Ask,
    say: Say,
    *,
    most: int = 5,
) -> int:
    """Ask about the doubtful sentences of every paper until all are answered or the annotator quits; returns answers given."""
    given = 0
    for number, item in enumerate(items, 1):
        paper = item.read()
        if paper.problem is not None:
            say(f"\n{item.id}: cannot be read ({paper.problem}); passed over.")
            continue
        say(f"\n[{number}/{len(items)}] {paper.title or item.id}")
        for question in doubtful_sentences(paper, item.id, variables, most):
            row = labels.rows.get((question.paper, question.sentence), {})
            if row.get(question.variable):
                continue
            known = definition_of(question.variable)
            say(f"\n{known.title}: does the sentence by itself prove a yes? {known.yes}")
            say(f"  ({question.section or 'no section'}) … {question.before[-160:]}")
            say(f"  >> {question.sentence}")
            say(f"  … {question.after[:160]}")
            key = ""
            while True:
                key = ask("  y yes  n no  u unsure  s skip paper  q quit > ").strip().lower()[:1]
                if key in ("q", "s", "") or key in _SENTENCE_KEYS:
                    break
                say(f"  {key!r} is not one of the keys.")
            if key in ("q", ""):
                say(f"\nSaved. {given} answers in this session.")
                return given
            if key == "s":
                break
            labels.put(question, _SENTENCE_KEYS[key])
            given += 1
    say(f"\nDone. {given} answers in this session.")
    return given
