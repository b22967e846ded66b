"""What an answer rests on, by assessing the paper again without sentences or with one more.

A *yes* rests on the smallest set of sentences whose removal turns it to no. Sets of one and two are searched for among the
sentences that the assessor weighs most; a larger set is found greedily, by removing the best evidence again and again, and
then every sentence that can be put back is put back. Each set is verified: the paper is assessed without it.

A *no* is explained by the draft of ``advise``: filled in and put where the advice says, it turns the answer to yes.

Where a sentence is taken out or put in, the text itself is changed, and every span that comes after the change is moved.
Positions on the page are dropped, because nothing stands there in print.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, combinations
from typing import Final

from openbook.advice.advising import Advice, advise, filled_in
from openbook.assess.pipeline import run_of, same_run
from openbook.assessors.base import Assessor, PortableAssessor, WeighingAssessor
from openbook.errors import OpenbookError
from openbook.evidence.checking import check_answers
from openbook.papers.paper import Paper, Sentence
from openbook.papers.sentences import split_sentences
from openbook.record.model import Answer, Record
from openbook.text import one_line
from openbook.variables import SCORED

Move = Callable[[int], int]


def without_sentences(paper: Paper, places: Iterable[int]) -> Paper:
    """The paper without the sentences at these indices of ``Paper.sentences``, their words and their links."""
    gone = set(places)
    cuts = sorted((paper.sentences[place].start, paper.sentences[place].end) for place in gone)
    starts = [start for start, _ in cuts]
    removed = [0, *accumulate(end - start for start, end in cuts)]

    def moved(offset: int) -> int:
        before = bisect_right(starts, offset)
        shift = removed[before]
        if before and offset < cuts[before - 1][1]:  # within a sentence that goes: where that sentence began
            shift += offset - cuts[before - 1][1]
        return offset - shift

    kept, last = [], 0
    for start, end in cuts:
        kept.append(paper.text[last:start])
        last = end
    text = "".join([*kept, paper.text[last:]])
    links = [
        link for link in paper.links if link.start is None or not any(start <= link.start < end for start, end in cuts)
    ]
    sentences = [item for place, item in enumerate(paper.sentences) if place not in gone]
    return _moved(replace(paper, links=links, sentences=sentences), text, moved, moved, moved)


def with_passage(paper: Paper, passage: str, after: int | None) -> Paper:
    """The paper with a passage put after the sentence that ends at the offset ``after``; None: after its last words.

    The passage belongs to the section of that sentence, or to the last one of the body.
    """
    place = _place_before(paper, after)
    at = paper.sentences[place].end if place >= 0 else len(paper.text)
    size = len(passage) + 1

    def from_here(offset: int) -> int:
        return offset + size if offset >= at else offset

    def beyond(offset: int) -> int:
        return offset + size if offset > at else offset

    changed = _moved(paper, f"{paper.text[:at]} {passage}{paper.text[at:]}", from_here, beyond, from_here)
    page = paper.sentences[place].page if place >= 0 else None
    section = paper.sentences[place].section if place >= 0 else -1
    added = [Sentence(start, end, page, section) for start, end in split_sentences(changed.text, at + 1, at + size)]
    changed.sentences[place + 1 : place + 1] = added
    return changed


def _place_before(paper: Paper, after: int | None) -> int:
    """The index of the sentence that ends at this offset, or of the last one of the body; -1 if there is none."""
    ends = [item.end for item in paper.sentences]
    if after is not None:
        return bisect_right(ends, after) - 1
    body = [place for place, item in enumerate(paper.sentences) if paper.part_at(item.start) == "body"]
    return body[-1] if body else -1


def _moved(paper: Paper, text: str, start: Move, end: Move, around: Move) -> Paper:
    """The paper with another text. ``start`` and ``end`` move the spans in it; ``around`` the ends of pages and sections."""
    links = [
        link if link.start is None or link.end is None else replace(link, start=start(link.start), end=end(link.end))
        for link in paper.links
    ]
    return replace(
        paper,
        text=text,
        pages=[replace(item, start=start(item.start), end=around(item.end)) for item in paper.pages],
        sections=[replace(item, start=start(item.start), end=around(item.end)) for item in paper.sections],
        sentences=[replace(item, start=start(item.start), end=end(item.end)) for item in paper.sentences],
        links=links,
        runs=[],
    )


MOST: Final = 30
"""An answer that still stands after so many sentences were removed is not followed further."""
WEIGHED: Final = 16
"""So many sentences, those that bear most on an answer, are tried alone and in pairs."""
BESIDE: Final = 4
"""The neighbours of so many of them are tried too: an assessor may read a sentence by what stands beside it."""
BORDER: Final = 0.65
"""A set is tried where the assessor's own weights leave a probability of yes below this."""


@dataclass(frozen=True, slots=True)
class Ground:
    """A sentence that an answer rests on."""

    text: str
    page: int | None
    section: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Counterfactual:
    """What flips one answer.

    ``rests_on``: for a yes, the sentences whose removal turns it to no; empty if ``MOST`` were not enough. ``smallest``:
    no smaller set of the sentences that the assessor weighs most does so. ``confidence`` is how sure the assessor is of its answer, and
    ``chance_without`` the probability of yes that is left without those sentences. ``draft``: for a no, a sentence that turns
    it to yes after the sentence ``after``, with the probability of yes ``chance_with`` it; None if no draft does.
    """

    variable: str
    result: str
    confidence: float | None
    rests_on: tuple[Ground, ...] = ()
    smallest: bool = False
    chance_without: float | None = None
    draft: str | None = None
    filled: str | None = None
    section: str | None = None
    after: str | None = None
    chance_with: float | None = None


def find_counterfactuals(
    record: Record, paper: Paper, assessor: Assessor, variables: Iterable[str] = SCORED
) -> list[Counterfactual]:
    """The counterfactuals of these answers of the seven, in the order of the variables.

    Answers that are unread or that a person corrected have none. Raises OpenbookError if the paper could not be read, the
    assessor is not one that works offline, or the record is another assessor's.
    """
    if paper.problem is not None:
        raise OpenbookError(f"{paper.source} could not be read ({paper.problem}), so there is nothing to explain")
    if not isinstance(assessor, PortableAssessor):
        raise OpenbookError(
            f"counterfactuals assess a paper hundreds of times; the assessor {assessor.name} would ask a model each time; "
            "use the linear assessor"
        )
    if not same_run(record.run, run_of(assessor)):
        raise OpenbookError(
            f"the record was made by {record.run.assessor} {record.run.model or ''} {record.run.version}, which is not the "
            "assessor at hand; assess the paper again"
        )
    wanted = set(variables)
    trial = _Trial(paper, assessor)
    advice = {item.variable: item for item in proven_advice(record, paper, assessor)}
    found = []
    for variable in SCORED:
        answer = record.answers.get(variable)
        if variable not in wanted or answer is None or answer.correction is not None:
            continue
        if answer.result == "yes":
            found.append(trial.of_yes(variable, answer))
        elif variable in advice:
            found.append(_of_no(advice[variable], answer))
    return found


def proven_advice(record: Record, paper: Paper, assessor: Assessor) -> list[Advice]:
    """Advice on a paper, with drafts that turn the assessor's answer to yes; ``draft`` is empty if none does.

    The record is this assessor's of this paper.
    """
    checked = []
    for item in advise(record, paper):
        probability = _probability_with(paper, assessor, item)
        checked.append(replace(item, draft=item.draft if probability is not None else "", chance_with=probability))
    return checked


def tested_advice(record: Record, paper: Paper) -> list[Advice]:
    """Advice on a paper. The drafts are tried out if the record was made by the current offline assessor."""
    from openbook.assessors.linear.assessor import LinearAssessor

    if paper.problem is None and record.run.assessor == LinearAssessor.name:
        assessor = LinearAssessor()
        if same_run(record.run, run_of(assessor)):
            return proven_advice(record, paper, assessor)
    return advise(record, paper)


def _probability_with(paper: Paper, assessor: Assessor, item: Advice) -> float | None:
    """The probability of yes with the draft, filled in, where the advice puts it; None if the answer stays no."""
    changed = with_passage(paper, filled_in(item.variable, item.draft), item.place.end if item.place else None)
    answer = check_answers(changed, assessor.assess(changed))[item.variable]
    return _probability(answer) if answer.result == "yes" else None


def _of_no(item: Advice, answer: Answer) -> Counterfactual:
    return Counterfactual(
        variable=item.variable,
        result=answer.result,
        confidence=answer.confidence,
        draft=item.draft or None,
        filled=filled_in(item.variable, item.draft) if item.draft else None,
        section=item.place.section if item.place else None,
        after=item.place.after if item.place else None,
        chance_with=item.chance_with,
    )


def _probability(answer: Answer) -> float:
    """The probability of yes, as the assessor gives it; 1 or 0 if it gives none."""
    sure = 1.0 if answer.confidence is None else answer.confidence
    return sure if answer.result == "yes" else 1 - sure


class _Trial:
    """One paper, assessed again and again without some of its sentences; each set of sentences once."""

    def __init__(self, paper: Paper, assessor: Assessor) -> None:
        self._paper = paper
        self._assessor = assessor
        self._known: dict[frozenset[int], dict[str, Answer]] = {}
        self._weighing = assessor.weigh(paper) if isinstance(assessor, WeighingAssessor) else None

    def without(self, places: Iterable[int]) -> dict[str, Answer]:
        """The checked answers for the paper without these sentences. Offsets in them are those of the shorter paper."""
        gone = frozenset(places)
        if gone not in self._known:
            shorter = without_sentences(self._paper, gone)
            self._known[gone] = check_answers(shorter, self._assessor.assess(shorter))
        return self._known[gone]

    def stands(self, variable: str, places: Iterable[int]) -> bool:
        """Whether the answer is still yes without these sentences."""
        return self.without(places)[variable].result == "yes"

    def of_yes(self, variable: str, answer: Answer) -> Counterfactual:
        """The counterfactual of a yes."""
        found = self._grounds(variable, answer)
        return Counterfactual(
            variable=variable,
            result="yes",
            confidence=answer.confidence,
            rests_on=tuple(self._ground(place) for place in found),
            smallest=0 < len(found) <= 3,
            chance_without=_probability(self.without(found)[variable]) if found else None,
        )

    def _grounds(self, variable: str, answer: Answer) -> list[int]:
        """The sentences that a yes rests on, in the order of reading; none where ``MOST`` were not enough."""
        chain = self._chain(variable)
        weighed = list(dict.fromkeys([*_places(self._paper.sentences, answer), *chain]))
        if self._weighing is not None:
            weighed = [*weighed[:BESIDE], *self._weighing.heaviest(variable)[:WEIGHED]]
        count = len(self._paper.sentences)
        beside = [near for place in weighed[:BESIDE] for near in (place - 1, place + 1) if 0 <= near < count]
        tried = list(dict.fromkeys([*weighed[:WEIGHED], *beside]))
        for size in (1, 2):
            for places in self._likeliest(variable, combinations(tried, size)):
                if not self.stands(variable, places):
                    return sorted(places)
        if self.stands(variable, chain):
            return []
        return sorted(self._pruned(variable, chain))

    def _likeliest(self, variable: str, sets: Iterable[tuple[int, ...]]) -> list[tuple[int, ...]]:
        """The sets worth a trial: all, or those that the assessor's own weights bring near a no, the nearest first."""
        weighing = self._weighing
        if weighing is None:
            return list(sets)
        probabilities = {places: weighing.probability_without(variable, places) for places in sets}
        near = [places for places, probability in probabilities.items() if probability < BORDER]
        return sorted(near, key=lambda places: probabilities[places])

    def _chain(self, variable: str) -> list[int]:
        """Sentences without which the answer is no: the best evidence, then the best without it, and so on.

        ``MOST`` at most, which may not be enough.
        """
        gone: list[int] = []
        if self._weighing is not None:
            for place in self._weighing.heaviest(variable)[:MOST]:
                if self._weighing.probability_without(variable, gone) < 0.5:
                    break
                gone.append(place)
        while len(gone) < MOST:
            answer = self.without(gone)[variable]
            if answer.result != "yes":
                break
            left = [place for place in range(len(self._paper.sentences)) if place not in gone]
            shorter = without_sentences(self._paper, gone)
            new = [left[place] for place in _places(shorter.sentences, answer)]
            if not new:
                break
            gone.append(new[0])
        return gone

    def _pruned(self, variable: str, chain: Sequence[int]) -> list[int]:
        """The chain without the sentences that can be put back, the weakest tried first."""
        needed = list(chain)
        for place in reversed(chain):
            fewer = [other for other in needed if other != place]
            sure = self._weighing is not None and self._weighing.probability_without(variable, fewer) >= BORDER
            if not sure and not self.stands(variable, fewer):
                needed = fewer
        return needed

    def _ground(self, place: int) -> Ground:
        sentence = self._paper.sentences[place]
        section = self._paper.section_at(sentence.start)
        return Ground(
            text=one_line(self._paper.words(sentence)),
            page=sentence.page,
            section=one_line(section.title) if section else "",
            start=sentence.start,
            end=sentence.end,
        )


def _places(sentences: Sequence[Sentence], answer: Answer) -> list[int]:
    """The indices of the sentences in which the evidence of an answer stands, best first."""
    starts = [item.start for item in sentences]
    found: dict[int, None] = {}
    for item in answer.evidence:
        if item.start is None or item.end is None:
            continue
        first = max(bisect_right(starts, item.start) - 1, 0)
        for place in range(first, len(sentences)):
            if sentences[place].start >= item.end:
                break
            if sentences[place].end > item.start:
                found.setdefault(place)
    return list(found)
