"""One paper's page."""

from __future__ import annotations

from openbook.record.model import Answer, CodeFinding, CodeReport, PaperInfo, Record, Run, score_answers
from openbook.variables import VARIABLES
from openbook.web.site.frame import Site
from openbook.web.site.paper_page import paper_page


def test_a_papers_page_shows_its_code_as_text() -> None:
    answers = {name: Answer(result="no") for name in VARIABLES}
    answers |= {"research_type": Answer(result="unknown"), "affiliation": Answer(result="unknown")}
    evil = CodeFinding(kind="secret", severity="high", file="<img src=x>.py", message="m" * 9000)
    record = Record(paper=PaperInfo(id="p"), answers=answers, scores=score_answers(answers), run=Run(assessor="t"))
    without, _ = paper_page(record, "p", Site())
    code = CodeReport(source="https://github.com/ada/pebbles", findings=[evil] * 99)
    page, _ = paper_page(record.model_copy(update={"code": code}), "p", Site())
    assert "The paper’s code" not in without
    assert '<a href="https://github.com/ada/pebbles"' in page
    assert "<img src=x>" not in page
    assert "59 more findings" in page
    assert len(page) - len(without) < 30_000
    failed = CodeReport(source="https://github.com/ada/pebbles", problem="It is an empty repository")
    page, _ = paper_page(record.model_copy(update={"code": failed}), "p", Site())
    assert "Not inspected.</strong> It is an empty repository" in page
