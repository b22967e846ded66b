"""Evidence is enforced for every assessor alike."""

import pytest

from openbook.errors import OpenbookError
from openbook.evidence import Finder, check_answers, locate
from openbook.papers.paper import Link, Page, Paper
from openbook.record.model import Answer, Evidence
from openbook.variables import SCORED, VARIABLES

TEXT = "We used two cores. The code is at https://example.org/code for all to see."
PAPER = Paper(text=TEXT, source="t", format="text", sha256="0", pages=[Page(1, 0, len(TEXT))])


def answers(**given: Answer) -> dict[str, Answer]:
    base = {v: Answer(result="no") for v in SCORED}
    base |= {"research_type": Answer(result="unknown"), "affiliation": Answer(result="unknown")}
    return base | given


def test_a_lying_span_is_not_believed() -> None:
    lie = Evidence(quote="We trained on the moon for years.", page=9, start=0, end=18, match="exact", part="body")
    checked = check_answers(PAPER, answers(pseudocode=Answer(result="yes", evidence=[lie])))
    assert checked["pseudocode"].result == "unverified"
    assert checked["pseudocode"].evidence == [Evidence(quote=lie.quote, match="absent")]


def test_a_wrong_page_is_put_right() -> None:
    quote = "We used two cores."
    item = Evidence(quote=quote, page=7, start=0, end=len(quote), match="exact", part="checklist")
    found = check_answers(PAPER, answers(pseudocode=Answer(result="yes", evidence=[item])))["pseudocode"]
    assert found.result == "yes"
    assert (found.evidence[0].page, found.evidence[0].part) == (1, "body")


def test_a_yes_without_evidence_is_unverified_and_an_unverified_one_with_it_is_yes() -> None:
    quote = Evidence(quote="The code is at https://example.org/code for all to see.", match="absent")
    checked = check_answers(
        PAPER, answers(pseudocode=Answer(result="yes"), open_source_code=Answer(result="unverified", evidence=[quote]))
    )
    assert checked["pseudocode"].result == "unverified"
    assert checked["open_source_code"].result == "yes"


def test_mostly_invented_quotes_prove_nothing() -> None:
    quote = Evidence(
        quote="We used two cores. And then a very long tale that nobody wrote follows here.", match="absent"
    )
    checked = check_answers(PAPER, answers(pseudocode=Answer(result="yes", evidence=[quote])))
    assert checked["pseudocode"].result == "unverified"
    assert [item.match for item in checked["pseudocode"].evidence] == ["exact", "absent"]


def test_order_and_completeness() -> None:
    shuffled = dict(reversed(answers().items()))
    assert tuple(check_answers(PAPER, shuffled)) == VARIABLES
    del shuffled["affiliation"]
    with pytest.raises(OpenbookError, match="affiliation"):
        check_answers(PAPER, shuffled)


def test_a_result_of_another_variable_is_refused() -> None:
    with pytest.raises(OpenbookError, match="pseudocode"):
        check_answers(PAPER, answers(pseudocode=Answer(result="industry")))


def test_a_quote_the_assessor_located_is_not_searched_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    located = Finder.of(PAPER).evidence("the CODE is at https://example.org/code for all to see")
    searches: list[str] = []
    monkeypatch.setattr(Finder, "locate", lambda self, quote: searches.append(quote))
    checked = check_answers(PAPER, answers(open_source_code=Answer(result="yes", evidence=located)))
    assert checked["open_source_code"].evidence[0].match == "normalised"
    assert searches == []


def test_locate_gives_one_place() -> None:
    found = locate("We used two cores.", PAPER)
    assert (found.match, found.page, found.start, found.end) == ("exact", 1, 0, 18)
    assert locate("“We used two cores ... for all to see.”", PAPER).quote == "We used two cores"
    absent = locate("We used 64 cores of a big machine.", PAPER)
    assert (absent.match, absent.start) == ("absent", None)


def test_addresses_behind_words_come_from_the_paper_only() -> None:
    shown, hidden, noted = "https://example.org/code", "https://github.com/ada/pebbles", "https://zenodo.org/record/1"
    links = [Link(shown, 1, 34, 58), Link(hidden, 1, 12, 17), Link(noted, 1)]
    paper = Paper(text=TEXT, source="t", format="text", sha256="0", pages=[Page(1, 0, len(TEXT))], links=links)
    named = Evidence(quote=TEXT, match="exact", links=[noted, "https://example.org/invented"])
    found = check_answers(paper, answers(open_source_code=Answer(result="yes", evidence=[named])))["open_source_code"]
    assert found.evidence[0].links == [hidden, noted]
    first = Evidence(quote="We used two cores.", match="exact")
    found = check_answers(paper, answers(pseudocode=Answer(result="yes", evidence=[first])))["pseudocode"]
    assert found.evidence[0].links == [hidden], "the others stand elsewhere"
