"""The record: what a paper documents, how we know, and its two scores. One JSON object per paper.

The Documentation Score and the Reproducibility Score count ``yes`` only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import sqrt
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from openbook.papers.paper import Part
from openbook.variables import SCORED

ScoredResult = Literal["yes", "no", "unverified", "unread"]
ResearchType = Literal["experimental", "theoretical", "unknown"]
Affiliation = Literal["academia", "industry", "collaboration", "unknown"]
Match = Literal["exact", "normalised", "fuzzy", "absent"]
#: A rectangle on a page: the page's number from 1, then x0, y0, x1, y1 in points.
Box = tuple[int, float, float, float, float]

NOTICE = (
    "These scores are estimates made by a program from the text of the paper. They say what the paper documents, not "
    "whether its results are right. How accurate they are is reported in the accuracy section of openbook's README."
)


class Model(BaseModel):
    """Base of all parts: unknown fields are refused, so that a record means what it says."""

    model_config = ConfigDict(extra="forbid")


class Evidence(Model):
    """A quote and where it stands in the paper. Offsets are into the text that ``openbook read --json`` returns."""

    quote: str
    page: int | None = Field(
        default=None, description="From 1; null if the source has no pages or the quote is absent."
    )
    start: int | None = None
    end: int | None = None
    match: Match
    part: Part | None = None
    score: float | None = Field(default=None, description="Similarity 0..100 of a fuzzy match.")
    boxes: list[Box] = Field(
        default=[], description="Where the quote stands on the page, a box a line: page from 1, then x0, y0, x1, y1."
    )
    links: list[str] = Field(
        default=[], description="Addresses that its words do not show: behind a word, or in the footnote that it calls."
    )


class NearMiss(Model):
    """The passage that came closest to proving an answer, and why it does not."""

    quote: str
    page: int | None = None
    start: int | None = None
    end: int | None = None
    kind: str = Field(description='Why it does not count, in a few words, such as "promised for later".')


class Correction(Model):
    """What a person put right, which wins over any machine. Kept with the answer it replaced."""

    result: str
    replaced: str = Field(description="The assessor's own result.")
    who: str
    when: str = Field(description="UTC, ISO 8601.")
    why: str


class LinkCheck(Model):
    """What came back when an address that the paper gives for code or data was asked."""

    url: str
    page: int | None = Field(default=None, description="The page of the paper that gives it, from 1.")
    status: Literal["answered", "moved", "gone", "archived", "unknown"] = Field(
        description="archived: it is at a known archive and answered; unknown: no answer came that says either."
    )
    code: int | None = Field(default=None, description="The last HTTP status; null if there was no answer.")
    target: str | None = Field(default=None, description="Where it leads now, where it moved.")
    checked: str = Field(description="When it was asked, UTC, ISO 8601.")


class Answer(Model):
    """The answer to one variable. Every ``yes`` carries evidence that is not absent."""

    result: ScoredResult | ResearchType | Affiliation
    confidence: Annotated[float, Field(ge=0, le=1)] | None = Field(
        default=None, description="Calibrated probability that the result is right; null if the assessor gives none."
    )
    response: str = ""
    evidence: list[Evidence] = []
    near_miss: NearMiss | None = Field(default=None, description="For a no: what came closest; null if nothing did.")
    correction: Correction | None = Field(default=None, description="Set when a person corrected the result.")
    rests_on: int | None = Field(
        default=None,
        description="For a yes: how many sentences must be removed to turn it to no; null if nobody asked.",
    )
    links: list[LinkCheck] | None = Field(
        default=None,
        description="The addresses given for code or data, and whether they answer; null if nobody asked.",
    )


class PaperInfo(Model):
    """The paper a record is about."""

    id: str
    title: str = ""
    authors: list[str] = []
    venue: str | None = None
    year: int | None = None
    url: str | None = None
    pages: int | None = None
    sha256: str | None = None
    source: str | None = None
    problem: str | None = Field(default=None, description="Why the paper could not be read; null when it was.")


class Scores(Model):
    """Documentation Score 0..7 and Reproducibility Score, counted from ``yes`` only; null when everything is unread."""

    documentation: int | None
    reproducibility: float | None
    reproducibility_interval: tuple[float, float] | None = None
    unverified: int = 0


class Run(Model):
    """How the answers were made. The same inputs give the same cache key."""

    assessor: str
    model: str | None = None
    prompt_hash: str | None = None
    parameters: dict[str, Any] = {}
    text_hash: str | None = None
    input_tokens: int = 0
    output_tokens: int = 0
    cost: float = Field(default=0.0, description="US dollars.")
    seconds: float = 0.0
    version: str = ""
    created: str | None = Field(default=None, description="UTC, ISO 8601.")


class CodeFinding(Model):
    """One thing that a look at a code repository found."""

    kind: str = Field(description="What was found, such as missing_licence; openbook code --kinds lists them.")
    severity: Literal["high", "medium", "low"]
    file: str | None = Field(default=None, description="Path within the repository.")
    line: int | None = Field(default=None, description="Line from 1.")
    message: str


class CodeReport(Model):
    """What a code repository holds of what reviewers ask for. Nothing in it was run."""

    source: str = Field(description="The folder's name or the address that was looked at.")
    commit: str | None = None
    last_change: str | None = Field(default=None, description="Date of the newest commit, ISO 8601.")
    tags: list[str] = []
    files: int = 0
    size: int = Field(default=0, description="Bytes of all files, without the version history.")
    licence: str | None = None
    covers: dict[str, bool] = Field(default={}, description="What the README covers: install, data, training ...")
    findings: list[CodeFinding] = []
    problem: str | None = Field(default=None, description="Why it could not be looked at.")


class Record(Model):
    """What one paper documents: answers to nine variables, their evidence, the scores, and the run that made them."""

    paper: PaperInfo
    answers: dict[str, Answer]
    scores: Scores
    run: Run
    code: CodeReport | None = Field(
        default=None, description="A look at the code that the paper links to as its own; null if none was taken."
    )
    notice: str = NOTICE


#: Papers re-run and papers reproduced in the replication study that the Reproducibility Score rests on (22 papers).
CODE_AND_DATA: Final = (6, 7)
DATA_ONLY: Final = (5, 15)
#: The rounded rates that the published score uses.
RATE_CODE_AND_DATA: Final = 0.86
RATE_DATA_ONLY: Final = 0.33
#: Answers that are less sure than this are shown as Unclear. Their result still counts.
CLEAR_FROM: Final = 0.6
#: Two-sided 95 % of the normal distribution.
Z95: Final = 1.959963984540054


def wilson(successes: float, trials: float, z: float = Z95) -> tuple[float, float]:
    """Wilson's score interval of a proportion (Wilson 1927), as fractions. Raises ValueError without trials."""
    if trials <= 0 or not 0 <= successes <= trials:
        raise ValueError(f"no interval for {successes} of {trials}")
    share = successes / trials
    denominator = 1 + z * z / trials
    centre = (share + z * z / (2 * trials)) / denominator
    half = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials)) / denominator
    return max(0.0, centre - half), min(1.0, centre + half)


def documentation(yes: Iterable[str]) -> int:
    """Documentation Score: how many of the seven scored variables are among ``yes``, 0..7."""
    return len(set(yes) & set(SCORED))


def reproducibility(yes: Iterable[str]) -> tuple[float, tuple[float, float]]:
    """Reproducibility Score from which variables are ``yes``: 0.86 with code and data, 0.33 with data only, else 0.

    Returned with the Wilson interval (95 %) of the rate it stands for, 6 of 7 or 5 of 15 replications. A paper without
    open data scores 0 by definition, so its interval is (0, 0).
    """
    found = set(yes)
    if "open_datasets" not in found:
        return 0.0, (0.0, 0.0)
    if "open_source_code" in found:
        return RATE_CODE_AND_DATA, wilson(*CODE_AND_DATA)
    return RATE_DATA_ONLY, wilson(*DATA_ONLY)


def score_answers(answers: Mapping[str, Answer]) -> Scores:
    """The scores of one paper. Both are null when every scored answer is ``unread``."""
    results = {variable: answers[variable].result for variable in SCORED if variable in answers}
    unverified = sum(result == "unverified" for result in results.values())
    if all(result == "unread" for result in results.values()):
        return Scores(documentation=None, reproducibility=None, unverified=unverified)
    yes = [variable for variable, result in results.items() if result == "yes"]
    score, interval = reproducibility(yes)
    return Scores(
        documentation=documentation(yes),
        reproducibility=score,
        reproducibility_interval=interval,
        unverified=unverified,
    )


def is_unclear(answer: Answer) -> bool:
    """Whether an answer is shown as Unclear: a machine gave it, and is less sure of it than ``CLEAR_FROM``."""
    return (
        answer.correction is None
        and answer.confidence is not None
        and answer.confidence < CLEAR_FROM
        and answer.result not in ("unverified", "unread", "unknown")
    )


def count_unclear(answers: Mapping[str, Answer]) -> int:
    """How many of the seven scored answers are shown as Unclear."""
    return sum(is_unclear(answers[variable]) for variable in SCORED if variable in answers)
