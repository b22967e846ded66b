"""Papers made up on the spot, and assessors that are easy to see through."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from openbook.assessors.base import StopAssessing, Usage, sentence_evidence
from openbook.benchmarks.stages import make_pdf, make_text
from openbook.errors import OpenbookError
from openbook.papers.paper import Paper
from openbook.record.model import Answer, Evidence
from openbook.variables import SCORED

_WORDS = {
    "pseudocode": r"^Algorithm \d+:",
    "open_source_code": r"code of this paper",
    "hardware_specification": r"processors of the model",
}


class Keyword:
    """Says yes where a word stands, and to software always, with a quote that is in no paper."""

    name = "keyword"
    model = None
    prompt_hash = None

    def __init__(self, version: str = "1") -> None:
        self.version = version
        self.parameters: dict[str, object] = {"words": len(_WORDS)}
        self.asked: list[str] = []

    def assess(self, paper: Paper) -> dict[str, Answer]:
        self.asked.append(paper.source)
        answers = {variable: Answer(result="no") for variable in SCORED}
        for variable, pattern in _WORDS.items():
            hits = [sentence for sentence in paper.sentences if re.search(pattern, paper.words(sentence))][:2]
            if hits:
                answers[variable] = Answer(
                    result="yes", confidence=0.9, evidence=[sentence_evidence(paper, sentence) for sentence in hits]
                )
        invented = Evidence(quote="We used the library Phantasm 9.9 for all experiments.", match="absent")
        answers["software_dependencies"] = Answer(result="yes", evidence=[invented])
        answers["research_type"] = Answer(result="experimental")
        answers["affiliation"] = Answer(result="academia")
        return answers


class Failing(Keyword):
    """Fails on every second paper, once with the project's own error and once with a bug."""

    def assess(self, paper: Paper) -> dict[str, Answer]:
        answers = super().assess(paper)
        if len(self.asked) == 2:
            raise OpenbookError("the model is asleep")
        if len(self.asked) == 4:
            raise ZeroDivisionError("a bug")
        return answers


class Metered(Keyword):
    """Takes many papers at once, counts tokens, and stops when the budget is spent."""

    def __init__(self, papers: int = 1000) -> None:
        super().__init__()
        self.left = papers

    def assess_many(self, papers: Iterable[Paper]) -> Iterator[dict[str, Answer] | OpenbookError]:
        for paper in papers:
            if not self.left:
                yield StopAssessing("the budget is spent")
                return
            self.left -= 1
            yield self.assess(paper)

    def take_usage(self) -> Usage:
        return Usage(input_tokens=100, output_tokens=10, cost=0.5)


@pytest.fixture
def keyword() -> Keyword:
    return Keyword()


@pytest.fixture
def failing() -> Failing:
    return Failing()


@pytest.fixture
def metered() -> Callable[..., Metered]:
    return Metered


@pytest.fixture(scope="session")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with five papers: three PDFs, two texts."""
    folder = tmp_path_factory.mktemp("shelf")
    for index in range(5):
        text = make_text(index, pages=3)
        if index < 3:
            (folder / f"paper_{index}.pdf").write_bytes(make_pdf(text))
        else:
            (folder / f"paper_{index}.txt").write_text(text, encoding="utf-8")
    return folder


class Portable(Keyword):
    """Is made again in the processes that read."""

    name = "portable"

    @property
    def recipe(self) -> tuple[str, dict[str, object]]:
        return "portable_assessor:make", {"fail_on": "paper_1"}


@pytest.fixture
def portable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Portable:
    """An assessor whose module only the workers' path knows; it fails on paper_1."""
    (tmp_path / "portable_assessor.py").write_text(PORTABLE, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    return Portable()


PORTABLE = """
from openbook.record.model import Answer, Evidence
from openbook.variables import SCORED

class Made:
    name, model, version, prompt_hash, parameters = "portable", None, "1", None, {"words": 3}
    def __init__(self, fail_on):
        self.fail_on = fail_on
    def assess(self, paper):
        if self.fail_on in paper.source:
            raise ZeroDivisionError("a bug")
        answers = {variable: Answer(result="no") for variable in SCORED}
        lie = Evidence(quote="We own a machine on the moon for this.", start=0, end=38, page=1, match="exact")
        answers["hardware_specification"] = Answer(result="yes", evidence=[lie])
        return answers | {"research_type": Answer(result="experimental"), "affiliation": Answer(result="unknown")}

def make(fail_on):
    return Made(fail_on)
"""
